//! What was found of our own messages there and back, as records.

use crate::record::{Draft, Key, Kind, Level};
use watchkeeper_core::finding::Probing;
use watchkeeper_core::time::seconds;

/// The type and the level.
pub(super) fn class(probing: &Probing) -> (Kind, Level) {
    match probing {
        Probing::Failed { .. } => (Kind::Connection, Level::Warn),
        Probing::Restored { .. } => (Kind::Connection, Level::Info),
        Probing::Lost { .. } | Probing::SessionFailed { .. } | Probing::RetainedFailed { .. } => {
            (Kind::Delivery, Level::Warn)
        }
        Probing::Delivers | Probing::SessionSound | Probing::RetainedSound | Probing::RetainedNone => {
            (Kind::Delivery, Level::Info)
        }
    }
}

/// Why, and how much.
pub(super) fn fields(draft: Draft, probing: &Probing) -> Draft {
    match probing {
        Probing::Failed { reason, rounds, .. } | Probing::RetainedFailed { reason, rounds, .. } => {
            draft.text(Key::Reason, reason).int(Key::Count, *rounds)
        }
        Probing::Restored { after } => draft.float(Key::Seconds, seconds(*after)),
        Probing::Lost { count, .. } => draft.int(Key::Count, *count),
        Probing::SessionFailed { reason, lost, .. } => draft.text(Key::Reason, reason).int(Key::Count, *lost),
        Probing::Delivers | Probing::SessionSound | Probing::RetainedSound | Probing::RetainedNone => draft,
    }
}
