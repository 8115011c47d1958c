//! Files that are not as we write them: emptied, cut, edited elsewhere, shut. Each is said by its name, and whatever
//! can still be read is searched.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

mod search_support;

use search_support::{Dice, ask, lines, segment, seq_of};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use watchkeeper_audit::folder;
use watchkeeper_audit::log::{Config, Log};
use watchkeeper_audit::search::{Words, index};

/// Three segments of a thousand records, of which the middle one is closed.
fn log(dir: &Path) -> (Vec<String>, PathBuf) {
    let all = lines(&mut Dice(7), 0..3_000);
    for (n, part) in all.chunks(1_000).enumerate() {
        segment(dir, n as u64 * 1_000, part);
    }
    let (raw, packed) = (dir.join(folder::segment_name(1_000)), dir.join(folder::packed_name(1_000)));
    index::compress(&raw, &packed).unwrap();
    std::fs::remove_file(raw).unwrap();
    (all, packed)
}

fn both_ways(dir: &Path, mut check: impl FnMut(Vec<u64>, Vec<String>)) {
    for order in ["asc", "desc"] {
        let (lines, summary) = ask(dir, &Words { order: Some(order.into()), ..Words::default() });
        let mut seqs: Vec<u64> = lines.iter().map(|line| seq_of(line)).collect();
        seqs.sort_unstable();
        check(seqs, summary.problems.iter().map(ToString::to_string).collect());
    }
}

#[test]
fn an_index_that_is_empty_or_cut_anywhere_costs_no_answer_and_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (all, packed) = log(dir.path());
    let idx = index::path_of(&packed);
    let whole = std::fs::read(&idx).unwrap();
    for bytes in [0, 7, 12, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&idx, &whole[..bytes]).unwrap();
        for text in ["tc-1", "a text that nobody ever wrote"] {
            let wanted = all.iter().filter(|line| line.contains(text)).count();
            let (lines, summary) = ask(dir.path(), &Words { text: vec![text.into()], ..Words::default() });
            assert_eq!(lines.len(), wanted, "{bytes} bytes, {text}");
            let told = summary.problems.iter().map(ToString::to_string).collect::<Vec<_>>();
            assert!(told.len() <= 1 && told.iter().all(|told| told.contains(".idx")), "{bytes}: {told:?}");
        }
    }
    std::fs::write(&idx, b"").unwrap();
    both_ways(dir.path(), |seqs, told| {
        assert_eq!(seqs.len(), 3_000);
        assert!(told.len() == 1 && told[0].contains(".idx"), "{told:?}");
    });
}

#[test]
fn a_closed_segment_that_is_empty_or_cut_is_said_and_the_others_are_searched() {
    let dir = tempfile::tempdir().unwrap();
    let (_, packed) = log(dir.path());
    let whole = std::fs::read(&packed).unwrap();
    for with_index in [true, false] {
        if !with_index {
            std::fs::remove_file(index::path_of(&packed)).unwrap();
        }
        for bytes in [0, 1, whole.len() / 2, whole.len() - 100] {
            std::fs::write(&packed, &whole[..bytes]).unwrap();
            both_ways(dir.path(), |seqs, told| {
                let others = seqs.iter().filter(|seq| !(1_000..2_000).contains(*seq)).count();
                assert_eq!(others, 2_000, "{bytes} bytes");
                assert!(seqs.len() == 3_000 || !told.is_empty(), "{bytes} bytes: {}", seqs.len());
            });
        }
    }
}

#[test]
fn a_segment_that_an_editor_gave_other_line_ends_is_searched_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    log(dir.path());
    let question = Words { field: vec!["device=tc-1".into()], ..Words::default() };
    let (before, _) = ask(dir.path(), &question);
    assert!(before.len() > 100, "{}", before.len());
    let path = dir.path().join(folder::segment_name(0));
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace('\n', "\r\n")).unwrap();
    both_ways(dir.path(), |seqs, _| assert_eq!(seqs, (0..3_000).collect::<Vec<_>>()));
    assert_eq!(ask(dir.path(), &question).0, before);
    let (raw, packed) = (path, dir.path().join(folder::packed_name(0)));
    index::compress(&raw, &packed).unwrap();
    std::fs::remove_file(raw).unwrap();
    assert_eq!(ask(dir.path(), &question).0, before);
}

#[test]
fn a_folder_in_the_place_of_a_segment_is_said_or_passed_over_and_never_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let (_, packed) = log(dir.path());
    std::fs::remove_file(index::path_of(&packed)).unwrap();
    std::fs::remove_file(&packed).unwrap();
    std::fs::create_dir(&packed).unwrap();
    both_ways(dir.path(), |seqs, told| {
        assert_eq!(seqs.len(), 2_000);
        assert!(!told.is_empty());
    });
}

#[test]
fn an_open_log_gives_an_index_to_every_compressed_segment_that_has_none() {
    let dir = tempfile::tempdir().unwrap();
    let (all, packed) = log(dir.path());
    let idx = index::path_of(&packed);
    std::fs::write(&idx, b"of another version").unwrap();
    let (log, _handle) = Log::open(Config::new(dir.path()), Box::new(|_| {})).unwrap();
    // The thread that does it tells nobody, so that the file is what is waited for.
    let end = Instant::now() + Duration::from_secs(30);
    while std::fs::read(&idx).unwrap() == b"of another version" {
        assert!(Instant::now() < end, "no index was made");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(log.stop(Duration::from_secs(30)));
    let (lines, summary) = ask(dir.path(), &Words { text: vec!["tc-1".into()], ..Words::default() });
    assert_eq!(lines.len(), all.iter().filter(|line| line.contains("tc-1")).count());
    assert!(summary.problems.is_empty(), "{:?}", summary.problems);
}
