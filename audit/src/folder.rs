//! The names in the folder: which files are segments, and where each begins. Nothing here opens, writes or removes a
//! file, and a name that is not ours is never mentioned.

use std::io;
use std::path::{Path, PathBuf};

/// The link to the segment that is being written.
pub const LINK: &str = "audit.log";
/// The lock that one process holds.
pub const LOCK: &str = ".lock";
/// Room that is set aside for saying that the disk is full.
pub const RESERVE: &str = ".reserve";
/// The signed checkpoints.
pub const CHECKPOINTS: &str = "checkpoints.log";
/// One signed line a closed segment.
pub const MANIFEST: &str = "manifest.jsonl";
/// The signed changes of the signing key.
pub const KEYS: &str = "keys.log";

const PREFIX: &str = "audit-";
const RAW: &str = ".log";
const PACKED: &str = ".log.zst";
/// `u64::MAX` has twenty digits.
const DIGITS: usize = 20;

/// A segment in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFile {
    /// Number of its first record.
    pub first: u64,
    /// Where it is.
    pub path: PathBuf,
    /// It is compressed. One that is not may be closed, too.
    pub closed: bool,
    /// Length of the file as it is.
    pub bytes: u64,
}

/// Name of the segment that begins with this record.
pub fn segment_name(first: u64) -> String {
    format!("{PREFIX}{first:020}{RAW}")
}

/// Its name once it is compressed.
pub fn packed_name(first: u64) -> String {
    format!("{PREFIX}{first:020}{PACKED}")
}

/// Name of its index, which is a cache.
pub fn index_name(first: u64) -> String {
    format!("{PREFIX}{first:020}.idx")
}

/// Name of the file with the hashes of its lines, which is a cache.
pub fn leaves_name(first: u64) -> String {
    format!("{PREFIX}{first:020}.leaves")
}

/// Which segment such a file of this name belongs to.
pub fn parse_leaves(name: &str) -> Option<u64> {
    numbered(name).filter(|(_, rest)| *rest == ".leaves").map(|(first, _)| first)
}

/// Which record a segment of this name begins with, and whether it is compressed; nothing when it is none.
pub fn parse(name: &str) -> Option<(u64, bool)> {
    let (first, rest) = numbered(name)?;
    match rest {
        RAW => Some((first, false)),
        PACKED => Some((first, true)),
        _ => None,
    }
}

/// What is kept beside a segment, can be made again and goes with it.
pub fn cache_names(first: u64) -> [String; 2] {
    [index_name(first), leaves_name(first)]
}

/// Names of what is written for a segment and renamed when it is whole.
pub fn draft_names(first: u64) -> [String; 2] {
    [format!("{}.tmp", packed_name(first)), format!("{}.tmp", index_name(first))]
}

/// Which segment an index of this name belongs to.
pub fn parse_index(name: &str) -> Option<u64> {
    numbered(name).filter(|(_, rest)| *rest == ".idx").map(|(first, _)| first)
}

/// Whether a file of this name was left behind half done: it is made anew from what is there.
pub fn is_leftover(name: &str) -> bool {
    name == link_draft()
        || name.strip_suffix(".tmp").is_some_and(|name| [CHECKPOINTS, MANIFEST, KEYS].contains(&name))
        || numbered(name).is_some_and(|(first, _)| draft_names(first).iter().any(|draft| draft == name))
}

/// The name that the link has before it is renamed into its place.
pub fn link_draft() -> String {
    format!(".{LINK}.tmp")
}

/// The number in a name of ours, and what follows it.
fn numbered(name: &str) -> Option<(u64, &str)> {
    let (digits, rest) = name.strip_prefix(PREFIX)?.split_at_checked(DIGITS)?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((digits.parse().ok().filter(|_| plain)?, rest))
}

/// The segments of a folder in their order, each once: while one is being compressed it is there twice, and the raw
/// one is the whole one.
pub fn list(dir: &Path) -> io::Result<Vec<SegmentFile>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some((first, closed)) = name.to_str().and_then(parse) else { continue };
        // It may have been compressed or pruned since its name was read.
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_file() {
            found.push(SegmentFile { first, path: entry.path(), closed, bytes: meta.len() });
        }
    }
    Ok(in_order(found))
}

/// Sorted by the first record, raw before compressed, and of two with one number the first.
pub fn in_order(mut found: Vec<SegmentFile>) -> Vec<SegmentFile> {
    found.sort_unstable_by_key(|segment| (segment.first, segment.closed));
    found.dedup_by_key(|segment| segment.first);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_and_no_other_name_is_ours() {
        for first in [0, 7, 412_345, u64::MAX] {
            assert_eq!(parse(&segment_name(first)), Some((first, false)));
            assert_eq!(parse(&packed_name(first)), Some((first, true)));
            assert_eq!(parse_index(&index_name(first)), Some(first));
        }
        for foreign in [
            "audit.log",
            ".lock",
            "audit-checkpoints-1.log",
            "audit-0.log",
            "audit-0000000000000000000x.log",
            "audit-+0000000000000000000.log",
            "audit-99999999999999999999.log",
            "audit-00000000000000000000.log.zst.tmp",
            "audit-00000000000000000000.log.bak",
            "audit-0000000000000000000é.log",
            "manifest.jsonl",
        ] {
            assert_eq!(parse(foreign), None, "{foreign}");
        }
        assert!(is_leftover("audit-00000000000000000000.log.zst.tmp") && is_leftover(".audit.log.tmp"));
        assert!(is_leftover("checkpoints.log.tmp") && !is_leftover("checkpoints.log"));
        assert!(!is_leftover("audit-00000000000000000000.log") && !is_leftover("notes.tmp"));
    }

    #[test]
    fn segments_are_listed_in_order_each_once_and_foreign_files_are_not() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            segment_name(30),
            segment_name(9),
            packed_name(9),
            packed_name(2),
            "audit-1.log".into(),
            index_name(2),
        ] {
            std::fs::write(dir.path().join(name), b"x").unwrap();
        }
        std::os::unix::fs::symlink(segment_name(30), dir.path().join(LINK)).unwrap();
        std::os::unix::fs::symlink(segment_name(30), dir.path().join(segment_name(4))).unwrap();
        let listed: Vec<_> = list(dir.path()).unwrap().iter().map(|s| (s.first, s.closed)).collect();
        assert_eq!(listed, [(2, true), (9, false), (30, false)]);
    }
}
