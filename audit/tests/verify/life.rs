//! `audit verify` on logs that are as they should be, live, stopped, killed, rotated, pruned, with old keys and new.

use crate::sealed::{TestLog, copy, options};
use std::fs;
use watchkeeper_audit::folder;
use watchkeeper_audit::verify::{Options, State, verify};

fn exit(log: &TestLog) -> u8 {
    log.verify().exit()
}

#[test]
fn a_log_that_begins_is_valid_before_and_after_its_first_record() {
    let mut log = TestLog::new();
    assert_eq!(exit(&log), 0, "{}", log.verify().to_text());
    log.add(1);
    assert_eq!(exit(&log), 2, "{}", log.verify().to_text());
    assert_eq!(log.verify().unsealed(), 1);
    log.seal();
    assert_eq!(exit(&log), 0, "{}", log.verify().to_text());
}

#[test]
fn a_long_life_is_valid_at_every_step() {
    let mut log = TestLog::new();
    for round in 0..12_u64 {
        log.add(5 + round);
        log.seal();
        match round % 4 {
            0 => log.rotate(true),
            1 => log.rotate(false),
            2 => log.rotate_key(),
            _ => log.open(),
        }
        if round % 5 == 4 {
            let first = folder::list(&log.dir()).unwrap()[0].first;
            log.prune(first);
        }
        log.idle();
        let report = log.verify();
        assert_eq!(report.exit(), 0, "round {round}\n{}", report.to_text());
        assert_eq!(report.checkpoints, report.checkpoints_valid);
        assert!(log.told.is_empty(), "round {round}: {:?}", log.told);
    }
    let report = log.verify();
    assert!(
        matches!(report.segments[0].state, State::Pruned { segments: 2, proved: true }),
        "{}",
        report.to_text()
    );
}

#[test]
fn a_copied_folder_is_valid_with_the_key_from_elsewhere_and_without_the_caches() {
    let mut log = TestLog::new();
    log.add(20);
    log.rotate(true);
    log.add(20);
    log.stop();
    let elsewhere = tempfile::tempdir().unwrap();
    let copied = elsewhere.path().join("evidence");
    copy(&log.dir(), &copied);
    for name in [folder::index_name(0), folder::leaves_name(0), folder::leaves_name(20)] {
        fs::remove_file(copied.join(name)).unwrap();
    }
    for key in [log.vkey(), log.beside(".vkey").display().to_string()] {
        let report = verify(&copied, &Options { key: Some(key), ..options() });
        assert_eq!(report.exit(), 0, "{}", report.to_text());
    }
    let report = verify(&copied, &options());
    assert_eq!(report.exit(), 2, "{}", report.to_text());
    assert_eq!(report.checkpoints_valid, 0);
}

#[test]
fn a_checkpoint_that_was_kept_is_found_in_the_log_as_long_as_its_records_are_there() {
    let mut log = TestLog::new();
    let keep = |log: &TestLog, name: &str| {
        let text = log.signed();
        let path = log.beside(name);
        fs::write(&path, text).unwrap();
        path
    };
    log.add(10);
    log.seal();
    let inside = keep(&log, ".1");
    log.add(10);
    log.rotate(true);
    let bound = keep(&log, ".2");
    log.add(10);
    log.seal();
    let since = |log: &TestLog, path: &std::path::Path| {
        verify(&log.dir(), &Options { since: Some(path.to_owned()), ..options() })
    };
    assert_eq!(since(&log, &inside).exit(), 0, "{}", since(&log, &inside).to_text());
    log.rotate(true);
    log.prune(0);
    assert_eq!(since(&log, &bound).exit(), 0, "{}", since(&log, &bound).to_text());
    // Nothing is left to compare it with, and that is said.
    assert_eq!(since(&log, &inside).exit(), 2, "{}", since(&log, &inside).to_text());
    assert_eq!(since(&log, &log.beside(".vkey")).exit(), 3);
    assert_eq!(since(&log, &log.beside(".none")).exit(), 3);
}

#[test]
fn what_is_no_audit_folder_is_said() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("audit");
    assert_eq!(verify(&dir, &options()).exit(), 3);
    fs::create_dir(&dir).unwrap();
    assert_eq!(verify(&dir, &options()).exit(), 3);
    let log = TestLog::new();
    for bad in ["nonsense", "/nowhere/key", "a+b+c"] {
        let report = verify(&log.dir(), &Options { key: Some(bad.into()), ..options() });
        assert_eq!(report.exit(), 3, "{}", report.to_text());
    }
    // All of it was taken away: that is worse than nothing.
    copy(&dir, &log.dir());
    assert_eq!(exit(&log), 1, "{}", log.verify().to_text());
}

#[test]
fn a_stop_between_any_two_writes_is_not_tampering() {
    let mut log = TestLog::new();
    log.add(10);
    log.seal();
    log.add(3);
    assert_eq!(exit(&log), 2);
    log.open();
    assert_eq!(exit(&log), 0);
    // The segment is signed, and the manifest does not have it yet.
    log.add(5);
    log.seal();
    let next = folder::segment_name(log.next);
    fs::write(log.path(&next), b"").unwrap();
    assert_eq!(exit(&log), 2, "{}", log.verify().to_text());
    log.open();
    assert_eq!(exit(&log), 0, "{}", log.verify().to_text());
    assert_eq!(log.verify().segments.len(), 2);
}

#[test]
fn a_torn_end_of_a_file_that_grows_is_not_tampering_and_not_complete() {
    let mut log = TestLog::new();
    log.add(5);
    log.rotate(false);
    log.add(5);
    log.rotate_key();
    let live = folder::segment_name(log.first);
    for (name, torn) in [
        (live.as_str(), "{\"se"),
        ("manifest.jsonl", "{\"orig"),
        ("checkpoints.log", "watch"),
        ("checkpoints.log", "watchkeeper/1234\n12\n"),
        ("keys.log", "watchkeeper key change\nwatch"),
    ] {
        let path = log.path(name);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], torn.as_bytes()].concat()).unwrap();
        assert_eq!(exit(&log), 2, "{name} {torn:?}\n{}", log.verify().to_text());
        if name != live {
            log.open();
            assert_eq!(exit(&log), 0, "{name} {torn:?}\n{}", log.verify().to_text());
            continue;
        }
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(exit(&log), 0);
}

#[test]
fn a_log_that_was_cut_or_altered_while_nobody_wrote_is_told_at_the_start_and_stays_proved_afterwards() {
    let mut log = TestLog::new();
    log.add(10);
    log.rotate(false);
    log.add(10);
    log.stop();
    let live = log.path(&folder::segment_name(log.first));
    let text = fs::read_to_string(&live).unwrap();
    // One word of record 13, as an intruder would change it.
    let third = text.split_inclusive('\n').take(3).map(str::len).sum::<usize>();
    let altered = format!("{}{}", &text[..third], text[third..].replacen("start", "stops", 1));
    fs::write(&live, altered).unwrap();
    log.open();
    let told: Vec<_> = log.told.iter().map(|draft| draft.event.to_string()).collect();
    assert_eq!(told, ["log_altered"]);
    assert!(format!("{:?}", log.told[0]).contains("Int(13)"), "{:?}", log.told[0]);
    log.add(5);
    log.seal();
    let report = log.verify();
    assert_eq!((report.exit(), report.first_bad()), (1, Some(10)), "{}", report.to_text());
}

#[test]
fn a_key_that_is_lost_is_never_passed_over() {
    let mut log = TestLog::new();
    log.add(10);
    log.stop();
    fs::remove_file(log.beside(".key")).unwrap();
    log.open();
    let told: Vec<_> = log.told.iter().map(|draft| draft.event.to_string()).collect();
    assert!(told.contains(&"key_replaced".to_owned()), "{told:?}");
    log.add(10);
    log.seal();
    assert_eq!(exit(&log), 1, "{}", log.verify().to_text());
    let new = fs::read_to_string(log.beside(".vkey.new")).unwrap();
    let report = verify(&log.dir(), &Options { key: Some(new), ..options() });
    assert_eq!(report.exit(), 1, "{}", report.to_text());
}
