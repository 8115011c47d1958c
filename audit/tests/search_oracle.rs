//! Whatever is asked of whatever log: the answers are those of the plainest search, in the same order, whether the
//! segments are raw or compressed and whether the index is there, absent, damaged or about another file.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

mod search_support;

use search_support::plain::matches;
use search_support::{Dice, START, TEXTS, ask, lines, plain_fields, segment, seq_of, walk};
use std::collections::BTreeMap;
use std::path::Path;
use watchkeeper_audit::folder;
use watchkeeper_audit::search::{Problem, Words, index};
use watchkeeper_core::time::{Wall, parse_rfc3339};

/// Segments by chance: raw, or compressed with every kind of index.
fn shelve(dir: &Path, dice: &mut Dice, all: &[String], each: usize) {
    let mut other_index = None;
    for (n, part) in all.chunks(each).enumerate() {
        let first = (n * each) as u64;
        let raw = segment(dir, first, part);
        if dice.odds(3) {
            continue;
        }
        index::compress(&raw, &dir.join(folder::packed_name(first))).unwrap();
        if dice.odds(2) {
            // Both are there while a segment is being compressed; the raw one counts.
            std::fs::remove_file(&raw).unwrap();
        }
        let own = dir.join(folder::index_name(first));
        let bytes = std::fs::read(&own).unwrap();
        match dice.below(6) {
            0 => std::fs::remove_file(&own).unwrap(),
            1 => {
                let mut bytes = bytes.clone();
                let at = dice.below(bytes.len());
                bytes[at] ^= 1 << dice.below(8);
                std::fs::write(&own, bytes).unwrap();
            }
            2 => std::fs::write(&own, &bytes[..dice.below(bytes.len())]).unwrap(),
            3 if other_index.is_some() => std::fs::write(&own, other_index.as_ref().unwrap()).unwrap(),
            _ => {}
        }
        other_index = Some(bytes);
    }
}

/// A question by chance.
fn words(dice: &mut Dice, records: usize) -> Words {
    let mut words = Words::default();
    let text = |dice: &mut Dice| {
        let text: Vec<char> = dice.one(&TEXTS).chars().collect();
        let from = dice.below(text.len().max(1));
        let to = from + dice.below(text.len() - from + 1);
        text[from.min(text.len())..to].iter().collect::<String>()
    };
    let when =
        |dice: &mut Dice| Wall(START + i64::try_from(dice.below(records)).unwrap() * 1_000_000).rfc3339();
    for _ in 0..=dice.below(3) {
        match dice.below(14) {
            0..=2 => words.text.push(text(dice)),
            3 => words.not.push(text(dice)),
            4 => words.kind.push(dice.one(&["COMMAND", "device,SECURITY", "system"]).into()),
            5 => words.device.push(dice.one(&TEXTS[..4]).into()),
            6 => words.event.push(dice.one(&["online", "refused", "nothing"]).into()),
            7 => words.level.push(dice.one(&["WARN", "error"]).into()),
            8 => words.since = Some(when(dice)),
            9 => words.until = Some(when(dice)),
            10 => {
                words.regex = Some(
                    dice.one(&[
                        "tc-1.*tc-17",
                        "^\\{",
                        "[a-z]{9}$",
                        "\\\\u[0-9a-f]{4}",
                        "\\A2026",
                        "seq.*7\\b",
                        "(?i)GRÖ",
                        "[^a-z]{12}",
                    ])
                    .into(),
                );
            }
            11 => words.ignore_case = true,
            12 => words.any = true,
            _ => words.field.push(
                dice.one(&[
                    "qos=1",
                    "qos!=1",
                    "latency_ms>1",
                    "latency_ms<=0.5",
                    "reason=7",
                    "reason>7",
                    "reason!=",
                    "code=",
                    "device~7$",
                    "device!~7$",
                    "seq>90",
                    "payload_bytes=5e2",
                    "retain=true",
                    "old<b",
                    "level=WARN",
                    "observed_at>2026-11-21T06:31:40Z",
                    "ts<2026-11-21T06:31:40Z",
                    "client_id=tc-1tc-1",
                    "type!=COMMAND",
                ])
                .into(),
            ),
        }
    }
    if let (Some(since), Some(until)) = (&words.since, &words.until)
        && since >= until
    {
        words.until = None;
    }
    words.order = dice.one(&[None, Some("asc"), Some("desc")]).map(Into::into);
    words
}

fn expected(words: &Words, all: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = all.iter().filter(|line| matches(words, line)).cloned().collect();
    if words.order.as_deref() == Some("desc") {
        lines.reverse();
    }
    lines
}

/// As `assert_eq`, but says only where they part.
fn same(have: &[String], wanted: &[String], what: &str) {
    let part = have.iter().zip(wanted).position(|(have, wanted)| have != wanted);
    let at = part.unwrap_or(have.len().min(wanted.len()));
    let both = (have.get(at), wanted.get(at));
    assert!(have == wanted, "{what}: {} instead of {}, from {at} on {both:#?}", have.len(), wanted.len());
}

#[test]
fn whatever_is_asked_the_answers_are_those_of_the_plainest_search() {
    let mut found = 0;
    for seed in 1..=20 {
        let mut dice = Dice(seed * 0x9E37_79B9);
        let dir = tempfile::tempdir().unwrap();
        let records = 40 + dice.below(160);
        let all = lines(&mut dice, 0..records as u64);
        let each = 1 + dice.below(60);
        shelve(dir.path(), &mut dice, &all, each);
        for _ in 0..25 {
            let words = words(&mut dice, records);
            let wanted = expected(&words, &all);
            let (lines, summary) = ask(dir.path(), &words);
            same(&lines, &wanted, &format!("seed {seed}: {words:?}"));
            assert!(summary.complete && summary.next_cursor.is_none());
            assert!(
                summary.problems.iter().all(|problem| matches!(problem, Problem::Index { .. })),
                "{summary:?}"
            );
            if dice.odds(3) {
                let page = 3 + dice.below(40) as u64;
                same(
                    &walk(dir.path(), &words, page),
                    &wanted,
                    &format!("seed {seed}, {page} a page: {words:?}"),
                );
            }
            found += wanted.len();
        }
    }
    assert!(found > 3_000, "only {found} answers: the questions are too narrow to show anything");
}

#[test]
fn counts_are_those_of_the_plainest_search_with_and_without_counters() {
    for seed in 1..=20 {
        let mut dice = Dice(seed * 0x0DD_B1A5);
        let dir = tempfile::tempdir().unwrap();
        let all = lines(&mut dice, 0..200);
        shelve(dir.path(), &mut dice, &all, 45);
        for _ in 0..15 {
            let mut words = words(&mut dice, 200);
            if dice.odds(2) {
                // What counters may answer.
                words = Words { kind: words.kind, level: words.level, ..Words::default() };
                if dice.odds(2) {
                    words.since = Some("2026-11-21T06:31:00Z".into());
                }
            }
            let by = dice.one(&["type", "level", "device", "qos", "reason"]);
            let step = dice.one(&["1m", "10s", "2m", "1h"]);
            words.by = Some(by.into());
            words.histogram = Some(step.into());
            let wanted = expected(&words, &all);
            let (mut values, mut columns, mut without) = (BTreeMap::new(), BTreeMap::new(), 0);
            let micros = match step {
                "1m" => 60,
                "10s" => 10,
                "2m" => 120,
                _ => 3600,
            } * 1_000_000;
            for line in &wanted {
                let fields = plain_fields(line);
                match fields.iter().find(|(key, _)| key == by) {
                    Some((_, value)) => *values.entry(value.clone()).or_insert(0_u64) += 1,
                    None => without += 1,
                }
                let ts = parse_rfc3339(&fields.iter().find(|(key, _)| key == "ts").unwrap().1).unwrap().0;
                *columns.entry(ts - ts.rem_euclid(micros)).or_insert(0_u64) += 1;
            }
            let (lines, summary) = ask(dir.path(), &words);
            let tally = summary.tally.unwrap();
            assert!(lines.is_empty());
            assert_eq!(summary.matches, wanted.len() as u64, "seed {seed}: {words:?}");
            assert_eq!(
                tally.by.iter().cloned().collect::<BTreeMap<_, _>>(),
                values,
                "seed {seed}: {words:?}"
            );
            assert!(tally.by.windows(2).all(|pair| pair[0].1 >= pair[1].1));
            assert_eq!(tally.without, without);
            let have: Vec<(i64, u64)> = tally.histogram.iter().map(|(at, count)| (at.0, *count)).collect();
            assert_eq!(have, columns.into_iter().collect::<Vec<_>>(), "seed {seed}: {words:?}");
        }
    }
}

#[test]
fn segments_of_many_frames_and_blocks_give_every_record_once() {
    let mut dice = Dice(7);
    let dir = tempfile::tempdir().unwrap();
    let all = lines(&mut dice, 0..18_000);
    let bytes: usize = all.iter().map(|line| line.len() + 1).sum();
    assert!(bytes > 3 * 1024 * 1024, "{bytes}");
    let first = segment(dir.path(), 0, &all[..8_000]);
    index::compress(&first, &dir.path().join(folder::packed_name(0))).unwrap();
    std::fs::remove_file(first).unwrap();
    segment(dir.path(), 8_000, &all[8_000..]);
    for (text, order) in [("", "asc"), ("", "desc"), ("tc-17", "asc"), ("😀", "desc")] {
        let words = Words { text: vec![text.into()], order: Some(order.into()), ..Words::default() };
        let wanted = expected(&words, &all);
        same(&ask(dir.path(), &words).0, &wanted, &format!("{text} {order}"));
        same(&walk(dir.path(), &words, 1_000), &wanted, &format!("{text} {order}, page by page"));
    }
    let words = Words { after: Some("7990".into()), limit: Some("20".into()), ..Words::default() };
    let (lines, summary) = ask(dir.path(), &words);
    assert_eq!(lines.iter().map(|line| seq_of(line)).collect::<Vec<_>>(), (7_991..8_011).collect::<Vec<_>>());
    assert!(summary.scanned_bytes < bytes as u64 / 3, "{summary:?}");
    for absent in [
        Words { device: vec!["tc-2".into()], ..Words::default() },
        Words { text: vec!["plant/a/tc-18/telemetry".into()], ..Words::default() },
        Words { text: vec!["he did not say".into(), "nor write".into()], any: true, ..Words::default() },
        Words { regex: Some("tc-[0-9].*nobody said this".into()), ..Words::default() },
        Words { field: vec!["details=he never said \"yes\"".into()], ..Words::default() },
    ] {
        let (lines, summary) = ask(dir.path(), &absent);
        assert!(lines.is_empty());
        assert!(summary.skipped_bytes > bytes as u64 / 3, "{absent:?}: {summary:?}");
    }
}
