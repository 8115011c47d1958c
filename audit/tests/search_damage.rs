//! What is not as it should be is said, and the rest is searched. Nothing in the folder is touched.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

mod search_support;

use search_support::{Dice, START, ask, lines, query, segment, seq_of, walk};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use watchkeeper_audit::folder;
use watchkeeper_audit::search::{Continue, Error, Limits, Problem, Search, Words, index, stats};
use watchkeeper_core::time::Wall;

fn log(dir: &Path, records: u64, each: usize) -> Vec<String> {
    let all = lines(&mut Dice(42), 0..records);
    for (n, part) in all.chunks(each).enumerate() {
        segment(dir, (n * each) as u64, part);
    }
    all
}

fn pack(dir: &Path, first: u64) -> std::path::PathBuf {
    let (raw, packed) = (dir.join(folder::segment_name(first)), dir.join(folder::packed_name(first)));
    index::compress(&raw, &packed).unwrap();
    std::fs::remove_file(raw).unwrap();
    packed
}

fn seqs(lines: &[String]) -> Vec<u64> {
    lines.iter().map(|line| seq_of(line)).collect()
}

#[test]
fn a_missing_segment_is_named_by_its_numbers_and_the_others_are_searched() {
    let dir = tempfile::tempdir().unwrap();
    log(dir.path(), 50, 10);
    pack(dir.path(), 10);
    std::fs::remove_file(dir.path().join(folder::segment_name(20))).unwrap();
    for order in ["asc", "desc"] {
        let (lines, summary) = ask(dir.path(), &Words { order: Some(order.into()), ..Words::default() });
        let mut have = seqs(&lines);
        have.sort_unstable();
        assert_eq!(have, (0..20).chain(30..50).collect::<Vec<_>>());
        assert_eq!(summary.problems, [Problem::Missing { from: 20, to: 29 }], "{order}");
    }
    // What was pruned at the start is not missing.
    std::fs::remove_file(dir.path().join(folder::segment_name(0))).unwrap();
    let (_, summary) = ask(dir.path(), &Words::default());
    assert_eq!(summary.problems, [Problem::Missing { from: 20, to: 29 }]);
}

#[test]
fn strangers_are_named_and_left_alone_and_our_own_files_are_no_strangers() {
    let dir = tempfile::tempdir().unwrap();
    log(dir.path(), 20, 10);
    pack(dir.path(), 0);
    let ours = ["audit.log", ".lock", ".reserve", "checkpoints.log", "manifest.jsonl", "keys.log"];
    let beside = [folder::leaves_name(0), folder::leaves_name(10), "checkpoints.log.tmp".to_owned()];
    let names = ours.into_iter().chain(beside.iter().map(String::as_str));
    for name in names.chain(["notes.txt", "audit-5.log"]) {
        std::fs::write(dir.path().join(name), "tc-17 was here\n").unwrap();
    }
    let (lines, summary) = ask(dir.path(), &Words::default());
    assert_eq!(lines.len(), 20);
    let foreign = |file: &str| Problem::Foreign { file: file.into() };
    assert_eq!(summary.problems, [foreign("audit-5.log"), foreign("notes.txt")]);
    assert_eq!(std::fs::read_to_string(dir.path().join("notes.txt")).unwrap(), "tc-17 was here\n");
}

#[test]
fn a_folder_that_is_none_of_the_log_is_an_error_and_an_empty_one_of_the_log_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let run = |dir: &Path| {
        Search::run(dir, &query(&Words::default()), &Limits::default(), &mut |_| Continue::Continue(()))
    };
    std::fs::write(dir.path().join("notes.txt"), "hello").unwrap();
    let error = run(dir.path()).unwrap_err();
    assert!(matches!(&error, Error::NoFolder { .. }) && error.to_string().contains("no segment"), "{error}");
    let error = run(&dir.path().join("nowhere")).unwrap_err();
    assert!(matches!(error, Error::NoFolder { .. }), "{error}");
    std::fs::write(dir.path().join(folder::LOCK), "").unwrap();
    assert_eq!(run(dir.path()).unwrap().matches, 0);
}

#[test]
fn damage_in_a_compressed_segment_costs_the_frames_it_is_in_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let all = log(dir.path(), 6_000, 6_000);
    let packed = pack(dir.path(), 0);
    let whole = std::fs::read(&packed).unwrap();
    let idx = index::path_of(&packed);
    // In the middle of a frame; in the head of the first; the table cut off; nothing but the table left.
    for (n, damage) in [whole.len() / 2, 1, whole.len() - 20].into_iter().enumerate() {
        let mut bytes = whole.clone();
        if n == 2 {
            bytes.truncate(damage);
        } else {
            bytes[damage] ^= 0xFF;
        }
        std::fs::write(&packed, bytes).unwrap();
        for with_index in [true, false] {
            if !with_index {
                std::fs::rename(&idx, dir.path().join("aside")).unwrap();
            }
            let (lines, summary) = ask(dir.path(), &Words { text: vec!["tc-1".into()], ..Words::default() });
            let wanted = all.iter().filter(|line| line.contains("tc-1")).count();
            assert!(lines.len() < wanted || n == 2, "case {n}: {} of {wanted}", lines.len());
            assert!(lines.len() > wanted / 2, "case {n}: {} of {wanted}", lines.len());
            assert!(lines.iter().all(|line| all.contains(line)));
            assert!(!summary.problems.is_empty());
            assert!(
                n == 2 || summary.problems.iter().any(|problem| matches!(problem, Problem::Damaged { .. }))
            );
            if !with_index {
                std::fs::rename(dir.path().join("aside"), &idx).unwrap();
            }
        }
        // A segment with a damaged frame gets no index that would hide it.
        std::fs::remove_file(&idx).unwrap();
        assert_eq!(index::rebuild(dir.path()).unwrap(), 0, "case {n}");
        std::fs::write(&packed, &whole).unwrap();
        assert_eq!(index::rebuild(dir.path()).unwrap(), 1);
        assert_eq!(index::rebuild(dir.path()).unwrap(), 0);
        assert_eq!(ask(dir.path(), &Words::default()).0, all);
    }
}

#[test]
fn what_another_zstd_has_packed_is_searched_too() {
    let dir = tempfile::tempdir().unwrap();
    let all = log(dir.path(), 3_000, 3_000);
    let raw = dir.path().join(folder::segment_name(0));
    let text = std::fs::read(&raw).unwrap();
    std::fs::remove_file(raw).unwrap();
    let streamed = zstd::stream::encode_all(&text[..], 1).unwrap();
    std::fs::write(dir.path().join(folder::packed_name(0)), streamed).unwrap();
    for order in ["asc", "desc"] {
        let (lines, summary) = ask(dir.path(), &Words { order: Some(order.into()), ..Words::default() });
        assert_eq!(lines.len(), all.len());
        assert!(summary.problems.is_empty(), "{:?}", summary.problems);
    }
}

#[test]
fn a_torn_last_line_is_no_record_until_its_end_is_there() {
    let dir = tempfile::tempdir().unwrap();
    log(dir.path(), 10, 10);
    let path = dir.path().join(folder::segment_name(0));
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let (lines, summary) = ask(dir.path(), &Words::default());
    assert_eq!((lines.len(), summary.problems.len()), (9, 0));
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(ask(dir.path(), &Words::default()).0.len(), 10);
}

#[test]
fn lines_that_are_no_records_and_records_of_other_segments_are_counted_and_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let all = log(dir.path(), 20, 10);
    let path = dir.path().join(folder::segment_name(0));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend(b"no record\n\xFF\xFE{\n");
    bytes.extend(vec![b'x'; 300_000]);
    bytes.extend(format!("\n{}\n", all[15]).bytes());
    std::fs::write(&path, bytes).unwrap();
    let (lines, summary) = ask(dir.path(), &Words::default());
    assert_eq!(seqs(&lines), (0..20).collect::<Vec<_>>());
    let file = folder::segment_name(0);
    assert_eq!(
        summary.problems,
        [Problem::Lines { file: file.clone(), count: 3 }, Problem::Strays { file, count: 1 }]
    );
    assert_eq!(stats(dir.path()).unwrap().problems.len(), 1);
}

#[test]
fn what_was_pruned_under_a_cursor_is_said_with_the_first_number_that_is_left() {
    let dir = tempfile::tempdir().unwrap();
    log(dir.path(), 40, 10);
    let page = |order: &str, limit: u64| Words {
        order: Some(order.into()),
        limit: Some(limit.to_string()),
        ..Words::default()
    };
    let next = |words: Words| Words { cursor: ask(dir.path(), &words).1.next_cursor, ..words };
    let (early, edge, late) = (next(page("asc", 5)), next(page("asc", 20)), next(page("desc", 25)));
    let before = next(page("desc", 15));
    for first in [0, 10] {
        std::fs::remove_file(dir.path().join(folder::segment_name(first))).unwrap();
    }
    let run = |words: &Words| {
        Search::run(dir.path(), &query(words), &Limits::default(), &mut |_| Continue::Continue(()))
    };
    for words in [early, late, Words { after: Some("3".into()), ..Words::default() }] {
        let error = run(&words).unwrap_err();
        assert!(matches!(error, Error::Pruned { first_seq: 20 }), "{words:?}: {error}");
    }
    for (words, matches) in
        [(edge, 20), (before, 5), (Words { after: Some("19".into()), ..Words::default() }, 20)]
    {
        assert_eq!(run(&words).unwrap().matches, matches, "{words:?}");
    }
}

#[test]
fn a_search_that_ran_out_of_time_says_so_and_its_cursor_goes_on_without_loss() {
    let dir = tempfile::tempdir().unwrap();
    let all = log(dir.path(), 5_000, 700);
    pack(dir.path(), 700);
    pack(dir.path(), 1_400);
    let limits = Limits { deadline: Some(Duration::ZERO), ..Limits::default() };
    for order in ["asc", "desc"] {
        let mut words = Words { order: Some(order.into()), text: vec!["tc-17".into()], ..Words::default() };
        let mut have = Vec::new();
        let mut pages = 0;
        loop {
            let mut keep = |line: &str| {
                have.push(line.to_owned());
                Continue::Continue(())
            };
            let summary = Search::run(dir.path(), &query(&words), &limits, &mut keep).unwrap();
            pages += 1;
            words.cursor = summary.next_cursor;
            if words.cursor.is_none() {
                break;
            }
            assert!(!summary.complete);
        }
        let mut wanted: Vec<_> = all.iter().filter(|line| line.contains("tc-17")).cloned().collect();
        if order == "desc" {
            wanted.reverse();
        }
        assert!(pages > 3 && have == wanted, "{order}: {pages} pages, {} of {}", have.len(), wanted.len());
    }
    let stopped = Limits { stop: Some(Arc::new(AtomicBool::new(true))), ..Limits::default() };
    let summary =
        Search::run(dir.path(), &query(&Words::default()), &stopped, &mut |_| panic!("a line")).unwrap();
    assert!(!summary.complete);
}

#[test]
fn whoever_has_enough_is_given_no_more_and_little_is_read_for_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let all = log(dir.path(), 12_000, 4_000);
    pack(dir.path(), 0);
    let words = Words { order: Some("desc".into()), limit: Some("3".into()), ..Words::default() };
    let (lines, summary) = ask(dir.path(), &words);
    assert_eq!(seqs(&lines), [11_999, 11_998, 11_997]);
    assert!(
        summary.scanned_bytes < 512 * 1024 && summary.complete && summary.next_cursor.is_some(),
        "{summary:?}"
    );
    let mut given = 0;
    let mut two = |_: &str| {
        given += 1;
        if given == 2 { Continue::Break(()) } else { Continue::Continue(()) }
    };
    let summary = Search::run(dir.path(), &query(&Words::default()), &Limits::default(), &mut two).unwrap();
    assert_eq!((given, summary.matches), (2, 2));
    let rest = Words { cursor: summary.next_cursor, ..Words::default() };
    assert_eq!(ask(dir.path(), &rest).0, all[2..]);
    assert_eq!(walk(dir.path(), &Words { after: Some("11990".into()), ..words }, 2).len(), 9);
}

#[test]
fn statistics_are_the_same_from_the_index_and_from_the_text() {
    let dir = tempfile::tempdir().unwrap();
    let all = log(dir.path(), 3_000, 1_000);
    let raw = stats(dir.path()).unwrap();
    for first in [0, 1_000] {
        pack(dir.path(), first);
    }
    let indexed = stats(dir.path()).unwrap();
    for first in [0, 1_000] {
        std::fs::remove_file(dir.path().join(folder::index_name(first))).unwrap();
    }
    let unpacked = stats(dir.path()).unwrap();
    for stats in [&raw, &indexed, &unpacked] {
        assert_eq!((stats.records, stats.seq, stats.segments), (3_000, Some((0, 2_999)), 3));
        assert_eq!((&stats.types, &stats.levels), (&raw.types, &raw.levels));
        assert_eq!((&stats.events, &stats.days, stats.ts), (&raw.events, &raw.days, raw.ts));
        assert_eq!(stats.text_bytes, raw.text_bytes);
    }
    assert_eq!(raw.types.values().sum::<u64>(), 3_000);
    assert_eq!(raw.days.keys().collect::<Vec<_>>(), ["2026-11-21"]);
    assert!(raw.ts.unwrap().0 < Wall(START) && raw.ratio.is_none());
    assert!(indexed.ratio.unwrap() > 2.0 && indexed.bytes < raw.bytes && indexed.compressed == 2);
    assert_eq!(all.iter().map(|line| line.len() as u64 + 1).sum::<u64>(), raw.text_bytes);
}
