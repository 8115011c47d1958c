//! The last records of a log, for those who go on from it after a restart. It only reads; what cannot be read is left
//! out, for whoever verifies the log says so better.

use crate::folder::{self, SegmentFile};
use crate::log::disk::RealDisk;
use crate::log::lines;
use std::io::{self, Read};
use std::path::Path;

/// So many lines are told at most, and those of one more segment.
const LINES_MAX: u64 = 4_000_000;

/// Tells the lines of the last segments, oldest first and without their ends: of so many segments that they have
/// `records` lines that count, and no more than are needed for it. False: there are more segments, and they would have
/// been needed.
pub fn each(
    dir: &Path,
    records: u64,
    mut counts: impl FnMut(&str) -> bool,
    mut tell: impl FnMut(&str),
) -> io::Result<bool> {
    let segments = match folder::list(dir) {
        Ok(segments) => segments,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    let (mut begin, mut counted, mut all) = (segments.len(), 0, 0);
    while begin > 0 && counted < records && all < LINES_MAX {
        begin -= 1;
        // What cannot be read is said below.
        drop(texts(dir, &segments[begin], |line| {
            all += 1;
            counted += u64::from(counts(line));
        }));
    }
    let mut failed = None;
    for segment in &segments[begin..] {
        failed = texts(dir, segment, &mut tell).err().or(failed);
    }
    failed.map_or(Ok(begin == 0 || counted >= records), Err)
}

/// Tells the lines of the records from this number on, oldest first and without their ends.
pub fn from(dir: &Path, first: u64, mut tell: impl FnMut(u64, &str)) -> io::Result<()> {
    let segments = match folder::list(dir) {
        Ok(segments) => segments,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let begin = segments.partition_point(|segment| segment.first <= first).saturating_sub(1);
    let mut failed = None;
    for segment in &segments[begin..] {
        let read = texts(dir, segment, |line| match crate::line::seq(line.as_bytes()) {
            Some(seq) if seq >= first => tell(seq, line),
            _ => {}
        });
        failed = read.err().or(failed);
    }
    failed.map_or(Ok(()), Err)
}

/// The whole lines of a segment that are text.
fn texts(dir: &Path, segment: &SegmentFile, mut tell: impl FnMut(&str)) -> io::Result<()> {
    let Some(from) = open(dir, segment)? else { return Ok(()) };
    lines::each(from, |line| {
        if let Some(text) = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok()) {
            tell(text);
        }
    })
}

/// A segment as it is now: it may have been compressed since the folder was read. None when it was pruned.
fn open(dir: &Path, segment: &SegmentFile) -> io::Result<Option<Box<dyn Read>>> {
    let names = [(folder::segment_name(segment.first), false), (folder::packed_name(segment.first), true)];
    for (name, packed) in names {
        match lines::open(&RealDisk, &dir.join(name), packed) {
            Ok(from) => return Ok(Some(from)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::{packed_name, segment_name};
    use std::fs;

    fn texts(first: u64, count: u64) -> String {
        (first..first + count).fold(String::new(), |text, seq| text + &format!("{{\"seq\":{seq}}}\n"))
    }

    fn numbers(dir: &Path, records: u64) -> Vec<u64> {
        let mut found = Vec::new();
        each(dir, records, |_| true, |line| found.extend(crate::line::seq(line.as_bytes()))).unwrap();
        found
    }

    #[test]
    fn the_last_records_are_told_from_raw_and_compressed_segments() {
        let dir = tempfile::tempdir().unwrap();
        assert!(numbers(dir.path(), 5).is_empty());
        fs::write(dir.path().join(segment_name(0)), texts(0, 10)).unwrap();
        let packed = zstd::encode_all(texts(10, 10).as_bytes(), 3).unwrap();
        fs::write(dir.path().join(packed_name(10)), packed).unwrap();
        fs::write(dir.path().join(segment_name(20)), texts(20, 3) + "{\"seq\":23,").unwrap();
        assert_eq!(numbers(dir.path(), 1), (20..23).collect::<Vec<_>>());
        assert_eq!(numbers(dir.path(), 13), (10..23).collect::<Vec<_>>());
        assert_eq!(numbers(dir.path(), 14), (0..23).collect::<Vec<_>>());
        let mut found = 0;
        each(dir.path(), 3, |line| !line.contains("\"seq\":2"), |_| found += 1).unwrap();
        assert_eq!(found, 13, "those of the last segment do not count");
        assert!(numbers(&dir.path().join("missing"), 11).is_empty());
        let mut later = Vec::new();
        from(dir.path(), 19, |seq, _| later.push(seq)).unwrap();
        assert_eq!(later, [19, 20, 21, 22]);
    }

    #[test]
    fn a_segment_that_is_compressed_or_pruned_meanwhile_costs_no_record() {
        let dir = tempfile::tempdir().unwrap();
        for first in [0, 10, 20] {
            fs::write(dir.path().join(segment_name(first)), texts(first, 10)).unwrap();
        }
        let mut found = Vec::new();
        each(
            dir.path(),
            100,
            |_| true,
            |line| {
                let number = crate::line::seq(line.as_bytes()).unwrap();
                found.push(number);
                if number == 0 {
                    let packed = zstd::encode_all(texts(10, 10).as_bytes(), 3).unwrap();
                    fs::write(dir.path().join(packed_name(10)), packed).unwrap();
                    fs::remove_file(dir.path().join(segment_name(10))).unwrap();
                }
            },
        )
        .unwrap();
        assert_eq!(found, (0..30).collect::<Vec<_>>());
        fs::remove_file(dir.path().join(segment_name(0))).unwrap();
        found.clear();
        each(
            dir.path(),
            100,
            |_| true,
            |line| {
                found.extend(crate::line::seq(line.as_bytes()));
                let _ = fs::remove_file(dir.path().join(segment_name(20)));
            },
        )
        .unwrap();
        assert_eq!(found, (10..20).collect::<Vec<_>>(), "one that was pruned is no failure");
    }

    #[test]
    fn a_damaged_segment_costs_no_other() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(packed_name(0)), b"no zstd").unwrap();
        fs::write(dir.path().join(segment_name(10)), texts(10, 2)).unwrap();
        let mut found = 0;
        assert!(each(dir.path(), 100, |_| true, |_| found += 1).is_err());
        assert_eq!(found, 2);
        assert!(from(dir.path(), 5, |_, _| found += 1).is_err());
        assert_eq!(found, 4);
    }
}
