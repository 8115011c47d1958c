//! While the real writer appends, rotates, compresses and prunes: every record that was there at the start of a
//! search and was not pruned is given exactly once, in order; and whoever follows is told each record once.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

mod search_support;

use search_support::{plain_fields, query, seq_of};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;
use watchkeeper_audit::folder;
use watchkeeper_audit::log::{Config, Log, LogHandle, Thresholds};
use watchkeeper_audit::record::{Draft, Key, Kind, Level};
use watchkeeper_audit::search::{
    Continue, Error, Limits, Said, Search, Summary, Wait, Words, follow, newest, tail,
};
use watchkeeper_core::time::Wall;

/// Records that a follower is told.
const TOTAL: i64 = 900;
const DEVICES: i64 = 7;
/// Records written while one round of searches goes on: some segments.
const BATCH: i64 = 300;

fn config(dir: &Path, keep_bytes: u64) -> Config {
    let mut config = Config::new(dir);
    config.rotate_bytes = 16 * 1024;
    config.keep_files = 0;
    config.keep_for = Duration::ZERO;
    config.keep_bytes = keep_bytes;
    config.space = Thresholds { space_left: 0, admin_space_left: 0, reserve: 0 };
    config
}

fn draft(n: i64) -> Draft {
    Draft::new(Wall(1_795_242_600_000_000 + n), Level::Info, Kind::Device, "online")
        .text(Key::Device, &format!("tc-{}", n % DEVICES))
        .text(Key::Details, &format!("the {n}th, \"{}\"", "x".repeat(usize::try_from(n % 60).unwrap())))
        .int(Key::Mid, n)
}

fn write(handle: &LogHandle, from: i64, to: i64) {
    for n in from..to {
        handle.append_within(&draft(n), Duration::from_secs(60)).unwrap();
    }
}

fn run(dir: &Path, words: &Words, limits: &Limits) -> Result<(Vec<String>, Summary), Error> {
    let mut lines = Vec::new();
    let mut keep = |line: &str| {
        lines.push(line.to_owned());
        Continue::Continue(())
    };
    let summary = Search::run(dir, &query(words), limits, &mut keep)?;
    Ok((lines, summary))
}

fn oldest(dir: &Path) -> u64 {
    folder::list(dir).unwrap().first().map_or(0, |segment| segment.first)
}

/// Everything in order, and all of it that was there before and is still there.
fn check(lines: &[String], there_before: Option<u64>, oldest_after: u64, what: &str) {
    let seqs: Vec<u64> = lines.iter().map(|line| seq_of(line)).collect();
    assert!(seqs.is_sorted_by(|a, b| a < b), "{what}: not in order, or twice");
    let wanted = there_before.map_or(0..0, |last| oldest_after..last + 1);
    let missing = wanted.clone().find(|seq| seqs.binary_search(seq).is_err());
    assert_eq!(missing, None, "{what}: {wanted:?} were there and not pruned");
}

/// Page by page; what was pruned under the cursor is passed over.
fn walk(dir: &Path, page: u64) -> Vec<String> {
    let mut words = Words { limit: Some(page.to_string()), ..Words::default() };
    let mut all = Vec::new();
    loop {
        match run(dir, &words, &Limits::default()) {
            Ok((lines, summary)) => {
                all.extend(lines);
                words.cursor = summary.next_cursor;
                if words.cursor.is_none() {
                    return all;
                }
            }
            Err(Error::Pruned { first_seq }) => {
                words.cursor = None;
                words.after = Some((first_seq - 1).to_string());
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn searches_while_the_log_is_written_rotated_compressed_and_pruned_miss_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (log, handle) = Log::open(config(dir.path(), 64 * 1024), Box::new(|_| {})).unwrap();
    let (go, more) = channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in more {
                write(&handle, n, n + BATCH);
            }
        });
        let (mut pruned, mut packed) = (false, false);
        let mut rounds = 0_i32;
        while rounds < 25 || !pruned || !packed {
            rounds += 1;
            assert!(rounds < 3_000, "pruned: {pruned}, compressed: {packed}");
            // Compressing so small segments takes longer than writing them; it must not fall behind without end.
            while folder::list(dir.path()).unwrap().len() > 30 {
                thread::yield_now();
            }
            go.send(i64::from(rounds) * BATCH).unwrap();
            let before = newest(dir.path()).unwrap();
            let order = if rounds % 2 == 0 { "asc" } else { "desc" };
            let threads = Limits { threads: if rounds % 2 == 0 { 1 } else { 2 }, ..Limits::default() };
            let all = Words { order: Some(order.into()), ..Words::default() };
            let (mut lines, summary) = run(dir.path(), &all, &threads).unwrap();
            let after = oldest(dir.path());
            if order == "desc" {
                lines.reverse();
            }
            check(&lines, before, after, order);
            assert!(summary.complete && summary.problems.is_empty(), "{:?}", summary.problems);
            let one = Words { device: vec!["tc-3".into()], ..Words::default() };
            let (have, _) = run(dir.path(), &one, &threads).unwrap();
            let after = oldest(dir.path());
            let is_one = |line: &&String| plain_fields(line).contains(&("device".into(), "tc-3".into()));
            for line in lines.iter().filter(is_one).filter(|line| seq_of(line) >= after) {
                assert!(have.contains(line), "{line} is not among the {} of its device", have.len());
            }
            assert!(have.iter().all(|line| is_one(&line)));
            if rounds % 10 == 0 {
                let before = newest(dir.path()).unwrap();
                check(&walk(dir.path(), 37), before, oldest(dir.path()), "page by page");
            }
            let segments = folder::list(dir.path()).unwrap();
            pruned |= segments[0].first > 0;
            packed |= segments.iter().any(|segment| segment.closed);
        }
        drop(go);
    });
    assert!(log.stop(Duration::from_secs(60)));
}

/// Looks again at once, and ends when it is told to.
struct AtOnce(Arc<AtomicBool>);

impl Wait for AtOnce {
    fn wait(&mut self, _: Duration) -> Continue {
        thread::yield_now();
        if self.0.load(Relaxed) { Continue::Break(()) } else { Continue::Continue(()) }
    }
}

#[test]
fn whoever_follows_is_told_each_record_once_over_rotation_and_compression() {
    let dir = tempfile::tempdir().unwrap();
    let (log, handle) = Log::open(config(dir.path(), 1 << 30), Box::new(|_| {})).unwrap();
    write(&handle, 0, 100);
    let mut mids = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| write(&handle, 100, TOTAL));
        let words = Words { event: vec!["online".into()], ..Words::default() };
        let mut each = |said: Said<'_>| {
            match said {
                Said::Line(line) => {
                    let (_, mid) = plain_fields(line).into_iter().find(|(key, _)| key == "mid").unwrap();
                    mids.push(mid.parse::<i64>().unwrap());
                }
                Said::Idle => {}
                said => panic!("{said:?}"),
            }
            if i64::try_from(mids.len()) == Ok(TOTAL) { Continue::Break(()) } else { Continue::Continue(()) }
        };
        let mut wait = AtOnce(Arc::default());
        tail(dir.path(), &query(&words), 10_000, &mut wait, &mut each).unwrap();
    });
    assert_eq!(mids, (0..TOTAL).collect::<Vec<_>>());
    assert!(folder::list(dir.path()).unwrap().len() > 5);
    assert!(log.stop(Duration::from_secs(60)));
}

#[test]
fn what_a_failed_write_left_behind_does_not_hide_the_records_that_have_its_numbers_now() {
    let dir = tempfile::tempdir().unwrap();
    let all = search_support::lines(&mut search_support::Dice(3), 0..12);
    // The records from 5 on were refused by the disk, stand in the first segment all the same, and are written anew.
    search_support::segment(dir.path(), 0, &all[..9]);
    let next = dir.path().join(folder::segment_name(5));
    std::fs::write(&next, "").unwrap();
    let rest = all[5..].join("\n") + "\n";
    let mut have = Vec::new();
    let mut each = |said: Said<'_>| {
        match said {
            Said::Line(line) => have.push(seq_of(line)),
            Said::Idle => std::fs::write(&next, &rest).unwrap(),
            said => assert!(matches!(said, Said::Problem(_)), "{said:?}"),
        }
        if have.last() == Some(&11) { Continue::Break(()) } else { Continue::Continue(()) }
    };
    follow(dir.path(), &query(&Words::default()), Some(1), &mut AtOnce(Arc::default()), &mut each).unwrap();
    assert_eq!(have, (2..12).collect::<Vec<_>>());
}

#[test]
fn a_follower_begins_where_it_is_told_and_hears_of_what_was_pruned_before_its_turn() {
    let dir = tempfile::tempdir().unwrap();
    let all = search_support::lines(&mut search_support::Dice(3), 0..30);
    for first in [0, 10, 20] {
        search_support::segment(dir.path(), first as u64, &all[first..first + 10]);
    }
    let told = |after: Option<u64>, enough: usize| {
        let mut told = Vec::new();
        let mut each = |said: Said<'_>| {
            match said {
                Said::Line(line) => told.push(seq_of(line).to_string()),
                Said::Pruned { first_seq } => told.push(format!("pruned to {first_seq}")),
                said => told.push(format!("{said:?}")),
            }
            if told.len() == enough { Continue::Break(()) } else { Continue::Continue(()) }
        };
        follow(dir.path(), &query(&Words::default()), after, &mut AtOnce(Arc::default()), &mut each).unwrap();
        told
    };
    assert_eq!(told(Some(27), 3), ["28", "29", "Idle"]);
    assert_eq!(told(None, 1), ["Idle"]);
    std::fs::remove_file(dir.path().join(folder::segment_name(0))).unwrap();
    assert_eq!(told(Some(3), 3), ["pruned to 10", "10", "11"]);
    // A line counts when its end is there.
    let last = dir.path().join(folder::segment_name(20));
    let text = std::fs::read_to_string(&last).unwrap();
    let (whole, torn) = text.split_at(text.len() - 30);
    std::fs::write(&last, whole).unwrap();
    let mut have = Vec::new();
    let mut each = |said: Said<'_>| match said {
        Said::Line(line) => {
            have.push(seq_of(line));
            if have.last() == Some(&29) { Continue::Break(()) } else { Continue::Continue(()) }
        }
        Said::Idle => {
            std::fs::write(&last, format!("{whole}{torn}")).unwrap();
            Continue::Continue(())
        }
        said => panic!("{said:?}"),
    };
    follow(dir.path(), &query(&Words::default()), Some(26), &mut AtOnce(Arc::default()), &mut each).unwrap();
    assert_eq!(have, [27, 28, 29]);
}
