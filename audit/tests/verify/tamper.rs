//! What an intruder, or a careless hand, may do to a folder: each is found, and the first record that is not what was
//! signed is named.

use crate::flips::corpus;
use crate::sealed::{TestLog, copy, options};
use std::fs;
use std::path::Path;
use watchkeeper_audit::folder::{self, packed_name, segment_name};
use watchkeeper_audit::verify::{Options, Report, State, verify};

/// First records of the compressed, the closed and the written segment of the corpus.
const PACKED: u64 = 10;
const CLOSED: u64 = 120;
const LIVE: u64 = 151;

fn lines(log: &TestLog, first: u64) -> Vec<String> {
    let raw = log.path(&segment_name(first));
    let text = match fs::read(&raw) {
        Ok(text) => text,
        Err(_) => zstd::decode_all(fs::File::open(log.path(&packed_name(first))).unwrap()).unwrap(),
    };
    String::from_utf8(text).unwrap().split_inclusive('\n').map(str::to_owned).collect()
}

/// Writes a segment as the log would have.
fn write(log: &TestLog, first: u64, lines: &[String]) {
    let (raw, packed) = (log.path(&segment_name(first)), log.path(&packed_name(first)));
    fs::write(&raw, lines.concat()).unwrap();
    if packed.exists() {
        watchkeeper_audit::search::index::compress(&raw, &packed).unwrap();
        fs::remove_file(raw).unwrap();
    }
}

fn is_bad(log: &TestLog, first_bad: u64, what: &str) -> Report {
    let report = log.verify();
    assert_eq!(report.exit(), 1, "{what}\n{}", report.to_text());
    assert_eq!(report.first_bad(), Some(first_bad), "{what}\n{}", report.to_text());
    report
}

/// Does something to the lines of each segment, and puts it right again. `deed` says which line is then the first
/// that is wrong.
fn everywhere(what: &str, deed: impl Fn(&mut Vec<String>, usize) -> usize) {
    let log = corpus();
    for first in [PACKED, CLOSED, LIVE] {
        let good = lines(&log, first);
        for at in [0, 1, 2, good.len() / 2, good.len() - 2, good.len() - 1] {
            let mut bad = good.clone();
            let first_bad = deed(&mut bad, at);
            write(&log, first, &bad);
            is_bad(&log, first + first_bad as u64, &format!("{what} line {at} of segment {first}"));
        }
        write(&log, first, &good);
        assert_eq!(log.verify().exit(), 0);
    }
}

#[test]
fn a_line_that_is_cut_out_is_missed() {
    everywhere("without", |lines, at| {
        lines.remove(at);
        at
    });
}

#[test]
fn a_line_that_is_put_in_is_found() {
    everywhere("put in before", |lines, at| {
        let line = lines[at].replace("start", "stop");
        lines.insert(at, line.replace("command_requested", "x"));
        // A line that differs in nothing is its own first copy.
        if lines[at] == lines[at + 1] { at + 1 } else { at }
    });
}

#[test]
fn a_line_that_stands_twice_is_found() {
    everywhere("twice", |lines, at| {
        lines.insert(at, lines[at].clone());
        at + 1
    });
}

#[test]
fn lines_that_changed_places_are_found() {
    everywhere("swapped", |lines, at| {
        let other = if at + 1 < lines.len() { at + 1 } else { 0 };
        lines.swap(at, other);
        at.min(other)
    });
}

#[test]
fn a_word_that_is_another_one_is_found() {
    everywhere("altered", |lines, at| {
        lines[at] = lines[at].replace("2026", "2025");
        at
    });
}

#[test]
fn everything_from_a_line_on_is_missed() {
    everywhere("cut from", |lines, at| {
        lines.truncate(at);
        at
    });
}

#[test]
fn without_the_hashes_of_the_lines_the_stretch_between_two_checkpoints_is_named() {
    let log = corpus();
    for first in [PACKED, CLOSED, LIVE] {
        fs::remove_file(log.path(&folder::leaves_name(first))).unwrap();
    }
    for (first, at, stretch) in [(PACKED, 20, (10, 59)), (PACKED, 70, (60, 119)), (LIVE, 35, (181, 200))] {
        let good = lines(&log, first);
        let mut bad = good.clone();
        bad[at] = bad[at].replace("start", "stops");
        write(&log, first, &bad);
        let report = log.verify();
        let flaw = report.segments.iter().find_map(|segment| match &segment.state {
            State::Invalid(flaw) => Some((flaw.seq, flaw.to.unwrap())),
            _ => None,
        });
        assert_eq!((report.exit(), flaw), (1, Some(stretch)), "{}", report.to_text());
        // What is no record any more names itself.
        bad[at] = good[at].replace("COMMAND", "COMMAMD");
        write(&log, first, &bad);
        is_bad(&log, first + at as u64, "no record");
        write(&log, first, &good);
    }
}

#[test]
fn whoever_alters_the_hashes_too_hides_nothing() {
    let log = corpus();
    let path = log.path(&folder::leaves_name(LIVE));
    let mut leaves = fs::read(&path).unwrap();
    leaves[3] ^= 1;
    fs::write(&path, &leaves).unwrap();
    assert_eq!(log.verify().exit(), 0, "it proves nothing, and nothing is wrong");
    let mut bad = lines(&log, LIVE);
    bad[7] = bad[7].replace("start", "stops");
    write(&log, LIVE, &bad);
    assert_eq!(log.verify().exit(), 1);
}

#[test]
fn a_file_that_is_cut_at_any_byte_is_never_complete() {
    let log = corpus();
    let names = [segment_name(CLOSED), segment_name(LIVE), packed_name(PACKED)];
    for name in
        names.into_iter().chain([folder::CHECKPOINTS, folder::MANIFEST, folder::KEYS].map(str::to_owned))
    {
        let path = log.path(&name);
        let whole = fs::read(&path).unwrap();
        let step = if name.starts_with("audit-") { 17 } else { 5 };
        for cut in (0..whole.len()).rev().step_by(step).chain([0, 1]) {
            fs::write(&path, &whole[..cut]).unwrap();
            let report = log.verify();
            assert!(matches!(report.exit(), 1 | 2), "{name} cut at {cut}\n{}", report.to_text());
            if name.starts_with("audit-") {
                // Behind the last frame there are no records.
                let said = report.first_bad().map_or(2, |_| 1);
                assert_eq!(report.exit(), said, "{name} cut at {cut}\n{}", report.to_text());
                assert!(said == 1 || name.ends_with("zst"), "{name} cut at {cut}\n{}", report.to_text());
            }
        }
        fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn every_file_that_is_taken_away_is_missed_but_the_caches() {
    let log = corpus();
    for entry in fs::read_dir(log.dir()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let whole = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let report = log.verify();
        let cache = folder::parse_leaves(&name).is_some() || folder::parse_index(&name).is_some();
        assert_eq!(report.exit(), u8::from(!cache), "without {name}\n{}", report.to_text());
        if let Some((first, _)) = folder::parse(&name) {
            // The record that says what was pruned is the first of the closed segment.
            let first = if first == CLOSED { 0 } else { first };
            assert_eq!(report.first_bad(), Some(first), "without {name}\n{}", report.to_text());
        }
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(log.verify().exit(), 0);
}

#[test]
fn what_is_put_at_the_end_of_a_file_is_found() {
    let log = corpus();
    let names =
        [segment_name(CLOSED), packed_name(PACKED), folder::CHECKPOINTS.into(), folder::MANIFEST.into()];
    for name in names.into_iter().chain([folder::KEYS.to_owned()]) {
        for junk in ["junk", "junk\n", "\n", "{\"seq\":151,", "\0\0\0\0"] {
            let path = log.path(&name);
            let whole = fs::read(&path).unwrap();
            fs::write(&path, [&whole[..], junk.as_bytes()].concat()).unwrap();
            let report = log.verify();
            assert_eq!(report.exit(), 1, "{junk:?} behind {name}\n{}", report.to_text());
            fs::write(&path, whole).unwrap();
        }
    }
    let mut live = lines(&log, LIVE);
    live.push("junk\n".into());
    write(&log, LIVE, &live);
    is_bad(&log, 201, "junk");
    // A record that nobody signed yet may be one; it is not passed.
    live[50] = live[0].replace("seq=151", "seq=201").replace("\"seq\":151", "\"seq\":201");
    write(&log, LIVE, &live);
    assert_eq!((log.verify().exit(), log.verify().unsealed()), (2, 1), "{}", log.verify().to_text());
}

#[test]
fn files_that_changed_names_are_found() {
    let log = corpus();
    let (closed, live) = (log.path(&segment_name(CLOSED)), log.path(&segment_name(LIVE)));
    let (a, b) = (fs::read(&closed).unwrap(), fs::read(&live).unwrap());
    fs::write(&closed, &b).unwrap();
    fs::write(&live, &a).unwrap();
    is_bad(&log, CLOSED, "swapped");
    fs::write(&closed, &a).unwrap();
    fs::write(&live, &b).unwrap();
    fs::rename(&closed, log.path(&segment_name(CLOSED + 3))).unwrap();
    is_bad(&log, CLOSED, "renamed");
}

#[test]
fn a_segment_without_a_record_that_says_it_was_pruned_is_missing() {
    let mut log = TestLog::new();
    for _ in 0..4 {
        log.add(10);
        log.rotate(true);
    }
    log.add(5);
    log.seal();
    fs::remove_file(log.path(&packed_name(0))).unwrap();
    is_bad(&log, 0, "the first one");
    log.prune(10);
    // The record says that all up to 19 was pruned: that covers both.
    assert_eq!(log.verify().exit(), 0, "{}", log.verify().to_text());
    fs::remove_file(log.path(&packed_name(20))).unwrap();
    let report = is_bad(&log, 20, "one more than was pruned");
    assert!(
        matches!(report.segments[0].state, State::Pruned { segments: 2, proved: true }),
        "{}",
        report.to_text()
    );
    assert_eq!(report.segments[1].state, State::Missing);
}

#[test]
fn a_folder_without_evidence_never_passes() {
    let log = corpus();
    let vkey = log.vkey();
    for name in [folder::CHECKPOINTS, folder::MANIFEST, folder::KEYS] {
        fs::remove_file(log.path(name)).unwrap();
    }
    assert_eq!(log.verify().exit(), 1, "{}", log.verify().to_text());
    fs::remove_file(log.beside(".vkey")).unwrap();
    assert_eq!(log.verify().exit(), 2, "{}", log.verify().to_text());
    let with = |key: String| verify(&log.dir(), &Options { key: Some(key), ..options() }).exit();
    assert_eq!(with(vkey), 1);
    let other = corpus();
    assert_eq!(with(other.vkey()), 1);
    assert_eq!(verify(&other.dir(), &Options { key: Some(corpus().vkey()), ..options() }).exit(), 1);
}

#[test]
fn an_older_state_of_the_whole_folder_is_found_with_a_checkpoint_that_was_kept() {
    let mut log = TestLog::new();
    log.add(10);
    log.rotate(true);
    log.add(10);
    log.seal();
    let older = tempfile::tempdir().unwrap();
    let kept = older.path().join("kept");
    copy(&log.dir(), &older.path().join("audit"));
    log.idle();
    fs::write(&kept, log.signed()).unwrap();
    copy(&older.path().join("audit"), &log.dir());
    // Nothing in the folder can tell: it was like this once.
    assert_eq!(log.verify().exit(), 0, "{}", log.verify().to_text());
    let since = |path: &Path| verify(&log.dir(), &Options { since: Some(path.to_owned()), ..options() });
    assert_eq!(since(&kept).exit(), 1, "{}", since(&kept).to_text());
    let text = fs::read_to_string(&kept).unwrap();
    fs::write(&kept, text.replace("cause idle", "cause records")).unwrap();
    assert_eq!(since(&kept).exit(), 1, "a checkpoint that was not kept as it was");
}
