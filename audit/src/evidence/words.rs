//! What the keys and the manifest have to say, as records and as the writer wants it.

use super::keys::Notice;
use super::manifest::Entry;
use super::tree::Hash;
use crate::folder::KEYS;
use crate::log::seal::{ManifestFacts, SegmentFacts};
use crate::record::Draft;
use crate::sources::life;
use watchkeeper_core::time::Wall;

/// A record for what should be told of the keys.
pub(super) fn said_of(notice: &Notice, now: Wall) -> Draft {
    match notice {
        Notice::Created(key) => life::key_created(now, &key.to_string()),
        Notice::Exposed(mode) => life::key_at_risk(
            now,
            &format!("others could read the signing key (mode {mode:o}); it is shut now"),
        ),
        Notice::Replaced { key, why } => life::key_replaced(now, &key.to_string(), why),
        Notice::BadChange(error) => life::evidence_damaged(now, KEYS, &error.to_string()),
        Notice::BadVkey(error) => {
            life::evidence_damaged(now, "vkey", &format!("the verifier key beside the folder: {error}"))
        }
        Notice::Harmed(how) => life::file_replaced(now, KEYS, how),
    }
}

/// What the manifest says of a segment, as the writer wants it.
pub(super) fn facts_of(entry: &Entry, entry_sha256: Hash) -> ManifestFacts {
    let segment = SegmentFacts {
        first: entry.first_seq,
        last: entry.last_seq,
        first_ts: entry.first_ts,
        last_ts: entry.last_ts,
        bytes: entry.bytes,
    };
    ManifestFacts { segment, sha256: entry.sha256, entry_sha256 }
}
