//! What happens while nothing goes wrong: numbering, rotation, checkpoints, retention, the disk's stages.

use super::{DIR, MIB, Rig, config};
use crate::folder;
use crate::log::config::{Config, Durability};
use crate::log::status::Stage;
use crate::record::{Key, Value};
use std::path::Path;
use std::time::Duration;

#[test]
fn what_is_appended_is_there_after_a_restart_and_the_numbers_go_on() {
    let mut rig = Rig::new(config());
    rig.commit(3);
    assert_eq!(rig.reported(), 3);
    let disk = rig.disk.clone();
    let mut rig = rig.again(disk).unwrap();
    rig.commit(2);
    rig.check();
    let numbers: Vec<_> = rig.records().iter().map(|record| record.seq).collect();
    // One says that the first three were not signed yet when it ended.
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
    assert_eq!((rig.status().next, rig.status().tree_size), (6, 6));
    let kept = rig.records().remove(3);
    assert_eq!(kept.draft.event, "unsigned_kept");
    assert_eq!(
        [kept.draft.get(Key::First), kept.draft.get(Key::Last)],
        [Some(&Value::Int(0)), Some(&Value::Int(2))]
    );
}

#[test]
fn nothing_is_reported_before_it_is_synced_and_one_sync_serves_all_that_wait() {
    use super::mem::Op;
    use std::sync::atomic::{AtomicU64, Ordering};
    for (durability, syncs) in [(Durability::Group, 1), (Durability::Each, 10), (Durability::None, 0)] {
        let mut config = config();
        config.durability = durability;
        let mut rig = Rig::new(config);
        let counted = std::sync::Arc::new(AtomicU64::new(0));
        let seen = std::sync::Arc::clone(&counted);
        rig.disk.plan(move |op, _| {
            seen.fetch_add(u64::from(op == Op::Sync), Ordering::Relaxed);
            None
        });
        for _ in 0..10 {
            rig.append();
        }
        assert_eq!(rig.reported(), 0);
        rig.writer.idle();
        assert_eq!((rig.reported(), counted.load(Ordering::Relaxed)), (10, syncs), "{durability:?}");
    }
}

#[test]
fn a_queue_that_is_never_empty_is_committed_by_size_and_by_time() {
    let mut rig = Rig::new(config());
    for _ in 0..63 {
        rig.append();
    }
    rig.time.fetch_add(5_000, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(rig.reported(), 0);
    rig.append();
    assert_eq!(rig.reported(), 64, "the oldest has waited for 5 ms");
}

#[test]
fn a_segment_ends_before_a_record_would_exceed_it_and_the_next_says_so() {
    let mut rig = Rig::new(config());
    rig.commit(80);
    rig.check();
    let segments = super::segments(&rig.disk);
    assert!(segments.len() > 3);
    for (path, _) in &segments {
        assert!(rig.disk.bytes(path).unwrap().len() <= 2_000);
    }
    let rotated = rig.events().iter().filter(|event| *event == "rotated").count();
    assert_eq!(rotated, segments.len() - 1);
    let first = rig.records().into_iter().find(|record| record.draft.event == "rotated").unwrap();
    assert_eq!(first.draft.get(Key::File), Some(&Value::Text(folder::segment_name(0).into())));
    assert_eq!(first.draft.get(Key::Last), Some(&Value::Int(first.seq.cast_signed() - 1)));
}

#[test]
fn a_segment_ends_by_age_counted_from_its_first_record_and_an_empty_one_never() {
    let mut config = config();
    config.rotate_every = Duration::from_secs(60);
    let mut rig = Rig::new(config);
    rig.tick(600_000);
    assert_eq!(rig.status().segments, 1, "an empty one is not rotated");
    rig.commit(1);
    rig.tick(59_999);
    assert_eq!(rig.events(), [""; 0]);
    rig.tick(1);
    assert_eq!(rig.events(), ["rotated"]);
    let disk = rig.disk.clone();
    let mut rig = rig.again(disk).unwrap();
    rig.tick(700_000);
    assert_eq!(rig.events(), ["rotated", "unsigned_kept", "rotated"], "the age goes on over a restart");
}

#[test]
fn checkpoints_follow_new_records_within_a_second_and_come_each_minute_without() {
    let mut rig = Rig::new(Config { rotate_bytes: 1 << 20, ..config() });
    let signed = |rig: &Rig| {
        let text = rig.disk.bytes(&Path::new(DIR).join(folder::CHECKPOINTS)).unwrap();
        String::from_utf8(text).unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(signed(&rig), ["0;"], "one at the start");
    rig.commit(2);
    for _ in 0..4 {
        rig.tick(250);
    }
    assert_eq!(signed(&rig), ["0;", "2;"]);
    for _ in 0..4 * 59 {
        rig.tick(250);
    }
    assert_eq!(signed(&rig).len(), 2);
    for _ in 0..4 * 2 {
        rig.tick(250);
    }
    assert_eq!(signed(&rig), ["0;", "2;", "2;"]);
    // A trickle that never ends has one a second: each of them is kept as long as its records.
    for _ in 0..4 * 20 {
        rig.commit(1);
        rig.tick(250);
    }
    assert!((22..=24).contains(&signed(&rig).len()), "{}", signed(&rig).len());
}

#[test]
fn closed_segments_are_compressed_and_the_oldest_go_after_the_log_has_said_so() {
    let mut config = config();
    config.keep_bytes = 6_000;
    let mut rig = Rig::new(config);
    for _ in 0..30 {
        rig.commit(10);
        rig.tick(250);
        rig.close();
    }
    rig.check();
    let segments = super::segments(&rig.disk);
    let packed = segments.iter().filter(|(_, packed)| *packed).count();
    assert!(packed > 0 && packed >= segments.len() - 2, "{segments:?}");
    assert!(rig.status().bytes <= 6_000, "{:?}", rig.status());
    let records = rig.records();
    let pruned: Vec<_> = records.iter().filter(|record| record.draft.event == "pruned").collect();
    let through = pruned.last().unwrap().draft.get(Key::Last).unwrap();
    assert_eq!(through, &Value::Int(records[0].seq.cast_signed() - 1), "what is gone was announced");
    assert!(pruned[0].draft.get(Key::Sha256).is_some());
    assert_eq!(rig.status().oldest, Some(records[0].draft.ts));
}

#[test]
fn however_many_segments_go_at_once_each_is_announced_before() {
    let mut config = config();
    (config.rotate_bytes, config.compress) = (1_000, false);
    let mut rig = Rig::new(config);
    rig.commit(1_800);
    let before = super::segments(&rig.disk).len();
    assert!(before > 280, "{before}");
    let (disk, mut config) = (rig.disk.killed(), rig.writer.config.clone());
    config.keep_bytes = 3_000;
    rig.writer.config = config;
    let mut rig = rig.again(disk).unwrap();
    for _ in 0..20 {
        rig.tick(1_000);
        rig.close();
    }
    let records = rig.records();
    assert!(super::segments(&rig.disk).len() < 20, "{}", super::segments(&rig.disk).len());
    let through: Vec<_> = records
        .iter()
        .filter(|record| record.draft.event == "pruned")
        .filter_map(|record| record.draft.get(Key::Last))
        .collect();
    assert_eq!(
        through.last(),
        Some(&&Value::Int(records[0].seq.cast_signed() - 1)),
        "what is gone was announced"
    );
    assert!(!rig.blocked());
}

#[test]
fn the_stages_of_the_disk_are_told_when_they_are_crossed() {
    let mut config = config();
    (config.space.space_left, config.space.admin_space_left) = (400_000, 200_000);
    let mut rig = Rig::new(config);
    let mut since = Vec::new();
    for (capacity, stage) in
        [(MIB, Stage::Ample), (300_000, Stage::Low), (150_000, Stage::Scarce), (MIB, Stage::Ample)]
    {
        rig.disk.set_capacity(capacity);
        rig.tick(1_000);
        assert_eq!(rig.status().stage, stage);
        since.push(rig.status().low_since);
    }
    assert!(since[1].is_some() && since[1] == since[2], "since it was low first: {since:?}");
    assert_eq!((since[0], since[3]), (None, None));
    assert_eq!(rig.events(), ["disk_low"; 3]);
    rig.check();
}
