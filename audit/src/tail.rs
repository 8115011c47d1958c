//! The last records of a log, for those who go on from it after a restart. It only reads; what cannot be read is left
//! out, for whoever verifies the log says so better.

use crate::folder::{self, SegmentFile};
use crate::line::LINE_BYTES_MAX;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Tells the lines of the last so many records, and perhaps more, oldest first and without their ends.
pub fn each(dir: &Path, records: u64, mut tell: impl FnMut(&str)) -> io::Result<()> {
    let segments = match folder::list(dir) {
        Ok(segments) => segments,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let Some(last) = segments.last() else { return Ok(()) };
    // How many records the last segment has is not known before it is read.
    let from = last.first.saturating_sub(records);
    let begin = segments.partition_point(|segment| segment.first <= from).saturating_sub(1);
    let mut failed = None;
    for segment in &segments[begin..] {
        let read = open(dir, segment).and_then(|from| from.map_or(Ok(()), |from| lines(from, &mut tell)));
        failed = read.err().or(failed);
    }
    failed.map_or(Ok(()), Err)
}

/// A segment as it is now: it may have been compressed since the folder was read. None when it was pruned.
fn open(dir: &Path, segment: &SegmentFile) -> io::Result<Option<Box<dyn Read>>> {
    let raw = File::open(dir.join(folder::segment_name(segment.first)));
    match raw {
        Ok(file) => return Ok(Some(Box::new(file))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    match File::open(dir.join(folder::packed_name(segment.first))) {
        Ok(file) => Ok(Some(Box::new(zstd::Decoder::new(file)?))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn lines(from: Box<dyn Read>, tell: &mut impl FnMut(&str)) -> io::Result<()> {
    let mut from = BufReader::with_capacity(64 << 10, from);
    let mut line = Vec::new();
    loop {
        line.clear();
        // What is longer than a line may be comes in parts, none of which is a record.
        if from.by_ref().take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if let Some(text) = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok()) {
            tell(text);
        }
    }
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
        each(dir, records, |line| found.extend(crate::line::seq(line.as_bytes()))).unwrap();
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
        assert_eq!(numbers(dir.path(), 1), (10..23).collect::<Vec<_>>());
        assert_eq!(numbers(dir.path(), 10), (10..23).collect::<Vec<_>>());
        assert_eq!(numbers(dir.path(), 11), (0..23).collect::<Vec<_>>());
        assert!(numbers(&dir.path().join("missing"), 11).is_empty());
    }

    #[test]
    fn a_segment_that_is_compressed_or_pruned_meanwhile_costs_no_record() {
        let dir = tempfile::tempdir().unwrap();
        for first in [0, 10, 20] {
            fs::write(dir.path().join(segment_name(first)), texts(first, 10)).unwrap();
        }
        let mut found = Vec::new();
        each(dir.path(), 100, |line| {
            let number = crate::line::seq(line.as_bytes()).unwrap();
            found.push(number);
            if number == 0 {
                let packed = zstd::encode_all(texts(10, 10).as_bytes(), 3).unwrap();
                fs::write(dir.path().join(packed_name(10)), packed).unwrap();
                fs::remove_file(dir.path().join(segment_name(10))).unwrap();
            }
        })
        .unwrap();
        assert_eq!(found, (0..30).collect::<Vec<_>>());
        fs::remove_file(dir.path().join(segment_name(0))).unwrap();
        found.clear();
        each(dir.path(), 100, |line| {
            found.extend(crate::line::seq(line.as_bytes()));
            let _ = fs::remove_file(dir.path().join(segment_name(20)));
        })
        .unwrap();
        assert_eq!(found, (10..20).collect::<Vec<_>>(), "one that was pruned is no failure");
    }

    #[test]
    fn a_damaged_segment_costs_no_other() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(packed_name(0)), b"no zstd").unwrap();
        fs::write(dir.path().join(segment_name(10)), texts(10, 2)).unwrap();
        let mut found = 0;
        assert!(each(dir.path(), 100, |_| found += 1).is_err());
        assert_eq!(found, 2);
    }
}
