//! One signed line a closed segment, kept when the segment itself is gone: what it held, and the tree before and
//! after it, so that the rest is proved without it. A line names the hash of the line before, so that none can be
//! taken out. Nothing here is written; what is read is checked by whoever reads it.

use super::note::{self, NoteError, Signer, VerifierKey};
use super::tree::{Hash, Range};
use super::{from_hex, to_hex};
use crate::folder::segment_name;
use crate::line::parse_moment;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::{self, BufRead, BufReader, Read};
use watchkeeper_core::time::Wall;

/// What stands before the signature, which is the last member of the object.
const SIGNATURE: &str = ",\"signature\":\"";
/// A longer line is none of ours.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// What the manifest says of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which log: the name of its keys.
    pub origin: String,
    /// Number of its first record.
    pub first_seq: u64,
    /// Number of its last record.
    pub last_seq: u64,
    /// The earliest `ts` in it.
    pub first_ts: Wall,
    /// The latest `ts` in it.
    pub last_ts: Wall,
    /// Length of its lines, uncompressed.
    pub bytes: u64,
    /// SHA-256 of its lines, uncompressed.
    pub sha256: Hash,
    /// SHA-256 of its `.leaves`.
    pub leaves_sha256: Hash,
    /// The tree of all records before it.
    pub range_before: Range,
    /// The tree of all records up to its last one.
    pub range_after: Range,
    /// Number of the checkpoint that was the newest when this was signed, which says who may have signed it.
    pub checkpoint: u64,
    /// SHA-256 of the line before this one, with its `\n`; zeros in the first line.
    pub previous: Hash,
}

#[derive(Serialize, Deserialize)]
struct Raw {
    origin: String,
    segment: String,
    first_seq: u64,
    last_seq: u64,
    first_ts: String,
    last_ts: String,
    bytes: u64,
    sha256: String,
    leaves_sha256: String,
    range_before: Vec<String>,
    range_after: Vec<String>,
    checkpoint: u64,
    previous: String,
}

impl Entry {
    /// What is signed: the line without its signature, an object of JSON like it.
    pub fn text(&self) -> String {
        let hashes = |range: &Range| range.to_hashes().iter().map(|hash| STANDARD.encode(hash)).collect();
        let raw = Raw {
            origin: self.origin.clone(),
            segment: segment_name(self.first_seq),
            first_seq: self.first_seq,
            last_seq: self.last_seq,
            first_ts: self.first_ts.rfc3339(),
            last_ts: self.last_ts.rfc3339(),
            bytes: self.bytes,
            sha256: to_hex(&self.sha256),
            leaves_sha256: to_hex(&self.leaves_sha256),
            range_before: hashes(&self.range_before),
            range_after: hashes(&self.range_after),
            checkpoint: self.checkpoint,
            previous: to_hex(&self.previous),
        };
        // Strings and numbers always have a form in JSON.
        serde_json::to_string(&raw).unwrap_or_default() + "\n"
    }

    /// The line, with its `\n`.
    pub fn line(&self, signer: &Signer) -> Result<String, NoteError> {
        let text = self.text();
        let open = text.trim_end_matches("}\n");
        Ok(format!("{open}{SIGNATURE}{}\"}}\n", signer.signature(&text)?))
    }

    fn from_text(text: &str) -> Option<Self> {
        let raw: Raw = serde_json::from_str(text).ok()?;
        let range = |size: u64, hashes: &[String]| {
            let hash = |text: &String| STANDARD.decode(text).ok()?.try_into().ok();
            Range::from_hashes(size, hashes.iter().map(hash).collect::<Option<Vec<Hash>>>()?)
        };
        let entry = Self {
            first_seq: raw.first_seq,
            last_seq: raw.last_seq,
            first_ts: parse_moment(&raw.first_ts)?,
            last_ts: parse_moment(&raw.last_ts)?,
            bytes: raw.bytes,
            sha256: from_hex(&raw.sha256)?,
            leaves_sha256: from_hex(&raw.leaves_sha256)?,
            range_before: range(raw.first_seq, &raw.range_before)?,
            range_after: range(raw.last_seq.checked_add(1)?, &raw.range_after)?,
            checkpoint: raw.checkpoint,
            previous: from_hex(&raw.previous)?,
            origin: raw.origin,
        };
        (raw.segment == segment_name(entry.first_seq) && entry.first_seq <= entry.last_seq).then_some(entry)
    }
}

/// A line that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub entry: Entry,
    /// SHA-256 of it, with its `\n`.
    pub sha256: Hash,
    text: String,
    signature: String,
}

impl Line {
    /// Reads a line, with its `\n`. Members that this version does not know are passed over; they are signed too.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let whole = std::str::from_utf8(line).ok()?;
        let (open, signature) = whole.rsplit_once(SIGNATURE)?;
        let signature = signature.strip_suffix("\"}\n")?.to_owned();
        let text = format!("{open}}}\n");
        Some(Self { entry: Entry::from_text(&text)?, sha256: hash(line), text, signature })
    }

    /// Which of the keys signed it.
    pub fn check(&self, keys: &[VerifierKey]) -> Result<usize, NoteError> {
        note::check(&self.text, &self.signature, keys)
    }
}

/// SHA-256 of a line, with its `\n`.
pub fn hash(line: &[u8]) -> Hash {
    Sha256::digest(line).into()
}

/// Reads the lines of a manifest, and never holds more than one.
#[derive(Debug)]
pub struct Lines<R> {
    input: BufReader<R>,
}

impl<R: Read> Lines<R> {
    /// Begins at the start of `input`.
    pub fn new(input: R) -> Self {
        Self { input: BufReader::with_capacity(64 * 1024, input) }
    }

    /// The next one, with its `\n` if that is there; one that is longer than any of ours is cut.
    pub fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        (&mut self.input).take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line)?;
        Ok((!line.is_empty()).then_some(line))
    }
}

/// Where the last whole line of a file ends.
pub fn whole_end(input: impl Read) -> io::Result<u64> {
    let (mut lines, mut at, mut end) = (Lines::new(input), 0, 0);
    while let Some(line) = lines.read()? {
        at += line.len() as u64;
        if line.ends_with(b"\n") {
            end = at;
        }
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::tree::leaf;

    fn signer() -> Signer {
        Signer::generate(|_| "watchkeeper/t".to_owned()).unwrap()
    }

    fn entry() -> Entry {
        let mut range_after = Range::new();
        (0..7).for_each(|_| range_after.push(leaf(b"line\n")));
        let range_before = Range::from_hashes(4, vec![range_after.to_hashes()[0]]).unwrap();
        Entry {
            origin: "watchkeeper/t".into(),
            first_seq: 4,
            last_seq: 6,
            first_ts: Wall(1_756_117_800_000_123),
            last_ts: Wall(1_756_117_801_000_000),
            bytes: 15,
            sha256: [1; 32],
            leaves_sha256: [2; 32],
            range_before,
            range_after,
            checkpoint: 9,
            previous: [0; 32],
        }
    }

    #[test]
    fn a_line_is_read_as_it_was_written_and_its_key_is_known() {
        let (a, b) = (signer(), signer());
        let line = entry().line(&b).unwrap();
        assert!(
            line.starts_with("{\"origin\":\"watchkeeper/t\",\"segment\":\"audit-00000000000000000004.log\","),
            "{line}"
        );
        let read = Line::parse(line.as_bytes()).unwrap();
        assert_eq!(read.entry, entry());
        assert_eq!(read.check(&[a.verifier().clone(), b.verifier().clone()]), Ok(1));
        assert_eq!(read.check(&[a.verifier().clone()]), Err(NoteError::UnknownKey));
        assert_eq!(read.sha256, hash(line.as_bytes()));
        serde_json::from_str::<serde_json::Value>(&line).unwrap();
    }

    #[test]
    fn every_byte_of_a_line_matters() {
        let signer = signer();
        let keys = [signer.verifier().clone()];
        let line = entry().line(&signer).unwrap().into_bytes();
        let good = |line: &[u8]| Line::parse(line).is_some_and(|line| line.check(&keys).is_ok());
        assert!(good(&line));
        for at in 0..line.len() {
            let mut bad = line.clone();
            bad[at] ^= 1 << (at % 8);
            assert!(!good(&bad), "byte {at}");
            assert!(!good(&line[..at]), "cut at {at}");
        }
    }

    #[test]
    fn a_member_of_a_later_version_is_signed_and_passed_over() {
        let signer = signer();
        let text = entry().text().replace(",\"previous\"", ",\"later\":[1],\"previous\"");
        let signature = signer.signature(&text).unwrap();
        let line = text.replace("}\n", &format!("{SIGNATURE}{signature}\"}}\n"));
        let read = Line::parse(line.as_bytes()).unwrap();
        assert_eq!((read.check(&[signer.verifier().clone()]), read.entry), (Ok(0), entry()));
    }

    #[test]
    fn what_cannot_be_of_a_segment_is_not_read() {
        let signer = signer();
        for (from, to) in [
            ("\"first_seq\":4", "\"first_seq\":5"),
            ("\"last_seq\":6", "\"last_seq\":3"),
            ("\"last_seq\":6", "\"last_seq\":18446744073709551615"),
            ("audit-00000000000000000004.log", "../audit.log"),
            ("\"bytes\":15", "\"bytes\":-15"),
        ] {
            let text = entry().text().replace(from, to);
            let signature = signer.signature(&text).unwrap();
            let line = text.replace("}\n", &format!("{SIGNATURE}{signature}\"}}\n"));
            assert_eq!(Line::parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn a_line_that_is_not_whole_does_not_count() {
        assert_eq!(whole_end(&b"one\ntwo\nthr"[..]).unwrap(), 8);
        assert_eq!(whole_end(&b""[..]).unwrap(), 0);
        let long = vec![b'x'; 3 * LINE_BYTES_MAX];
        assert_eq!(whole_end(&long[..]).unwrap(), 0);
        assert_eq!(Lines::new(&long[..]).read().unwrap().unwrap().len(), LINE_BYTES_MAX);
    }
}
