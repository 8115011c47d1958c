//! Every byte of every file of a log of some 200 records is altered, one at a time: each time it is found, and where
//! it is a record's, that record is named. Left out are caches and what leads nowhere: the index, the hashes of the
//! lines, the lock and the link.

use crate::sealed::{TestLog, options};
use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use watchkeeper_audit::folder::{self, packed_name, segment_name};
use watchkeeper_audit::verify::{Report, verify};

/// Some 200 records: a pruned segment, a compressed one, a raw one, and one that is being written; two keys; minutes
/// in which nothing happened; a stop.
pub(crate) fn corpus() -> TestLog {
    let mut log = TestLog::new();
    log.add(10);
    log.rotate(true);
    log.add(50);
    log.seal();
    log.add(60);
    log.rotate(true);
    log.prune(0);
    log.add(15);
    log.rotate_key();
    log.add(15);
    log.rotate(false);
    log.add(30);
    log.seal();
    log.idle();
    log.add(19);
    log.stop();
    let report = log.verify();
    assert_eq!(report.exit(), 0, "{}", report.to_text());
    assert_eq!(report.segments.iter().map(|segment| segment.first).collect::<Vec<_>>(), [0, 10, 120, 151]);
    log
}

/// Verifies with each byte of a file altered.
fn flip(dir: &Path, name: &str, mut check: impl FnMut(usize, &Report)) {
    let path = dir.join(name);
    let whole = fs::read(&path).unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    for (at, byte) in whole.iter().enumerate() {
        // Another bit each time, so that all come about.
        file.write_all_at(&[byte ^ 1 << (at % 8)], at as u64).unwrap();
        check(at, &verify(dir, &options()));
        file.write_all_at(&[*byte], at as u64).unwrap();
    }
    assert_eq!(fs::read(&path).unwrap(), whole);
}

fn raw(first: u64) {
    let log = corpus();
    let name = segment_name(first);
    let text = fs::read(log.path(&name)).unwrap();
    let lines = text.split_inclusive(|byte| *byte == b'\n').zip(first..);
    let records: Vec<u64> = lines.flat_map(|(line, seq)| std::iter::repeat_n(seq, line.len())).collect();
    flip(&log.dir(), &name, |at, report| {
        assert_eq!(report.exit(), 1, "byte {at}");
        assert_eq!(report.first_bad(), Some(records[at]), "byte {at}\n{}", report.to_text());
    });
}

#[test]
fn an_altered_byte_of_a_closed_segment_is_found_and_its_record_named() {
    raw(120);
}

#[test]
fn an_altered_byte_of_the_segment_that_is_written_is_found_and_its_record_named() {
    raw(151);
}

/// What can be unpacked of a file, up to where it cannot.
fn unpacked(path: &Path) -> (Vec<u8>, bool) {
    let mut decoder = zstd::stream::read::Decoder::new(fs::File::open(path).unwrap()).unwrap();
    let mut text = Vec::new();
    let mut byte = [0];
    loop {
        match decoder.read(&mut byte) {
            Ok(0) => return (text, true),
            Ok(_) => text.push(byte[0]),
            Err(_) => return (text, false),
        }
    }
}

#[test]
fn an_altered_byte_of_a_compressed_segment_is_found_and_the_first_record_that_is_not_there_named() {
    let log = corpus();
    let path = log.path(&packed_name(10));
    let (before, _) = unpacked(&path);
    let ends: Vec<usize> = memchr::memchr_iter(b'\n', &before).collect();
    flip(&log.dir(), &packed_name(10), |at, report| {
        let (text, whole) = unpacked(&path);
        assert_eq!(report.exit(), 1, "byte {at}");
        if whole && text == before {
            // Another file with the same records: no record is bad.
            assert_eq!(report.first_bad(), None, "byte {at}");
            return;
        }
        let same = text.iter().zip(&before).take_while(|(is, was)| is == was).count();
        let first_bad = 10 + ends.iter().take_while(|end| **end < same).count() as u64;
        assert_eq!(report.first_bad(), Some(first_bad), "byte {at}\n{}", report.to_text());
    });
}

#[test]
fn an_altered_byte_of_the_evidence_is_found() {
    let log = corpus();
    for name in [folder::KEYS, folder::MANIFEST, folder::CHECKPOINTS] {
        flip(&log.dir(), name, |at, report| {
            let around = || {
                String::from_utf8_lossy(&fs::read(log.path(name)).unwrap()[at.saturating_sub(40)..])
                    .into_owned()
            };
            assert_eq!(report.exit(), 1, "byte {at} of {name}\n{}\n{}", around(), report.to_text());
        });
    }
}

#[test]
fn an_altered_byte_of_the_verifier_key_makes_it_none() {
    let log = corpus();
    let parent = log.dir().parent().unwrap().to_owned();
    let path = parent.join("audit.vkey");
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bad = whole.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(&path, &bad).unwrap();
        let exit = log.verify().exit();
        // The line end is none of the key.
        let expected = if bad.trim_ascii() == whole.trim_ascii() { 0 } else { 3 };
        assert_eq!(exit, expected, "byte {at}");
    }
}
