//! A disk that refuses: whatever step fails, nothing that was reported is lost or written twice, the writer says that
//! it is blocked, and goes on by itself.

use super::mem::{Fault, MemDisk, Op};
use super::{DIR, MIB, Rig, config};
use crate::folder;
use crate::log::config::{Durability, OnFull};
use crate::log::disk::Disk;
use crate::log::status::{Cause, Stage, State};
use rustix::io::Errno;
use std::path::Path;

/// Lets the `nth` operation of a sort, and so many after it, fail.
fn fail(disk: &MemDisk, op: Op, nth: u64, times: u64, fault: Fault) {
    let mut seen = 0;
    disk.plan(move |done, _| {
        seen += u64::from(done == op);
        (done == op && seen > nth && seen <= nth + times).then_some(fault)
    });
}

fn cause(rig: &Rig) -> Option<Cause> {
    match rig.status().state {
        State::Blocked { cause, .. } => Some(cause),
        _ => None,
    }
}

/// Time enough for every pause between attempts.
fn wait(rig: &mut Rig) {
    for _ in 0..12 {
        rig.tick(250);
    }
}

#[test]
fn whatever_operation_fails_at_whatever_moment_it_goes_on_without_loss() {
    let ops = [
        Op::Create,
        Op::Append,
        Op::Write,
        Op::Sync,
        Op::Truncate,
        Op::SyncDir,
        Op::Rename,
        Op::Remove,
        Op::Link,
    ];
    for op in ops.into_iter().chain([Op::Reserve, Op::Read, Op::Stat]) {
        for nth in (0..40).step_by(if super::long() { 1 } else { 3 }) {
            for (times, fault) in [
                (1, Fault::Fail(Errno::IO)),
                (6, Fault::Fail(Errno::IO)),
                (1, Fault::Fail(Errno::NOSPC)),
                (3, Fault::Fail(Errno::ROFS)),
                (2, Fault::Torn(70, Errno::IO)),
                (2, Fault::Torn(70, Errno::NOSPC)),
                (9, Fault::Short(13)),
            ] {
                let mut rig = Rig::new(config());
                fail(&rig.disk, op, nth, times, fault);
                for _ in 0..30 {
                    rig.append();
                    rig.append();
                    rig.writer.idle();
                    rig.tick(250);
                    rig.close();
                }
                rig.disk.heal();
                wait(&mut rig);
                rig.close();
                assert!(!rig.blocked(), "{op:?} {nth} {times} {fault:?}: {:?}", rig.status().state);
                assert_eq!(rig.reported(), rig.mark, "{op:?} {nth} {times} {fault:?}");
                rig.check();
                let after = rig.disk.unplugged(|_| 0);
                rig.again(after).unwrap().check();
            }
        }
    }
}

#[test]
fn a_full_disk_is_told_out_of_the_reserve_and_what_waits_follows_when_there_is_room() {
    let mut rig = Rig::new(config());
    rig.commit(3);
    // So much is used now: the next record finds no room, the reserve aside.
    rig.disk.set_capacity(0);
    rig.append();
    rig.writer.idle();
    assert_eq!(cause(&rig), Some(Cause::NoSpace));
    assert_eq!((rig.status().stage, rig.reported()), (Stage::Full, 3));
    assert_eq!(rig.events(), [""; 0], "there is no room at all");

    rig.disk.set_capacity(20_000);
    wait(&mut rig);
    assert_eq!((cause(&rig), rig.reported()), (None, 4));
    assert_eq!(rig.events(), ["disk_full", "disk_resumed"]);
    rig.check();
}

#[test]
fn a_segment_that_is_removed_while_the_disk_is_full_waits_in_the_open_file_for_room() {
    let mut rig = Rig::new(config());
    rig.commit(6);
    let live = rig.writer.live.as_ref().unwrap().path.clone();
    rig.disk.set_capacity(0);
    rig.disk.remove(&live).unwrap();
    for _ in 0..5 {
        rig.tick(1_000);
        assert_eq!(cause(&rig), Some(Cause::NoSpace));
    }
    rig.disk.set_capacity(MIB);
    wait(&mut rig);
    rig.commit(2);
    assert_eq!(rig.reported(), 8);
    rig.check();
    assert!(rig.events().contains(&"file_replaced".to_owned()), "{:?}", rig.events());
}

#[test]
fn the_reserve_is_given_up_for_the_word_and_taken_again_before_anything_else() {
    let mut config = config();
    config.rotate_bytes = 10_000;
    let mut rig = Rig::new(config);
    rig.commit(3);
    let reserve = Path::new(DIR).join(folder::RESERVE);
    let used = MIB - rig.disk_free();
    rig.disk.set_capacity(used + 10);
    for _ in 0..20 {
        rig.append();
    }
    rig.writer.idle();
    assert_eq!(rig.events(), ["disk_full"], "said at once");
    assert!(rig.disk.bytes(&reserve).is_none());
    wait(&mut rig);
    assert_eq!((rig.reported(), rig.events().len()), (3, 1), "said once, and nothing else takes the room");
    rig.disk.set_capacity(MIB);
    rig.tick(1_000);
    assert_eq!((rig.reported(), rig.blocked()), (23, false), "within a second");
    assert_eq!(rig.events(), ["disk_full", "disk_resumed"]);
    assert!(rig.disk.bytes(&reserve).is_some());
    rig.check();
}

#[test]
fn after_a_failed_sync_the_same_file_is_never_trusted_again() {
    let mut rig = Rig::new(config());
    rig.commit(2);
    fail(&rig.disk, Op::Sync, 0, 1, Fault::Fail(Errno::IO));
    rig.append();
    rig.writer.idle();
    assert_eq!((cause(&rig), rig.reported()), (Some(Cause::Disk), 2));
    wait(&mut rig);
    assert_eq!(rig.reported(), 3);
    let firsts: Vec<_> = super::segments(&rig.disk).into_iter().map(|(path, _)| path).collect();
    assert_eq!(firsts, [0, 2].map(|first| Path::new(DIR).join(folder::segment_name(first))));
    assert_eq!(rig.events(), ["rotated", "write_failed"]);
    // The plug is pulled: what the failed sync lost must not be missed.
    super::check(&rig.disk.unplugged(|_| 0), &rig.promised());
}

#[test]
fn a_sync_that_fails_in_an_empty_segment_leaves_no_second_one_of_its_number() {
    let mut rig = Rig::new(config());
    fail(&rig.disk, Op::Sync, 0, 3, Fault::Fail(Errno::IO));
    rig.append();
    rig.writer.idle();
    wait(&mut rig);
    assert_eq!((rig.reported(), rig.status().segments), (1, 1));
    rig.check();
    assert_eq!(rig.records()[0].seq, 0);
}

#[test]
fn while_it_is_blocked_nothing_is_taken_beyond_the_gate_and_nothing_is_dropped() {
    let mut rig = Rig::new(config());
    fail(&rig.disk, Op::Write, 0, u64::MAX, Fault::Fail(Errno::IO));
    let mut taken = 0;
    while rig.append() {
        rig.writer.idle();
        taken += 1;
        assert!(taken <= 64);
    }
    wait(&mut rig);
    let status = rig.status();
    assert_eq!((taken, status.waiting, status.dropped, rig.reported()), (64, 64, 0, 0));
    assert!(status.write_failures >= 4);
    rig.disk.heal();
    rig.tick(1_000);
    assert_eq!((rig.reported(), rig.status().waiting, rig.status().state), (64, 0, State::Ok));
    rig.check();
}

#[test]
fn dropping_begins_after_a_while_lets_messages_flow_and_is_told_with_count_and_range() {
    let mut config = config();
    config.on_full = OnFull::DropAndCount;
    let mut rig = Rig::new(config);
    fail(&rig.disk, Op::Write, 0, u64::MAX, Fault::Fail(Errno::IO));
    for _ in 0..10 {
        rig.append();
        rig.writer.idle();
    }
    for _ in 0..16 {
        rig.tick(250);
    }
    assert_eq!(
        (rig.reported(), rig.status().dropped),
        (0, 0),
        "a disk that refuses for seconds is waited for"
    );
    for _ in 0..12 {
        rig.tick(250);
    }
    assert_eq!(rig.reported(), 10, "what is in memory is acknowledged, and stays there");
    for _ in 0..500 {
        assert!(rig.append(), "the flow goes on");
    }
    assert_eq!((rig.status().dropped, rig.reported()), (500, 510));
    rig.disk.heal();
    rig.tick(1_000);
    rig.commit(1);
    assert_eq!(rig.events(), ["write_failed", "records_dropped"]);
    let marks: Vec<_> = rig.records().iter().filter_map(super::mark_of).collect();
    assert_eq!(marks, (1..=10).chain([511]).collect::<Vec<_>>());
}

#[test]
fn without_durability_a_sync_comes_before_each_signature_and_a_failing_one_is_told() {
    let mut config = config();
    config.durability = Durability::None;
    let mut rig = Rig::new(config);
    rig.commit(3);
    assert_eq!(rig.reported(), 3);
    assert!(super::read(&rig.disk.unplugged(|_| 0)).is_empty(), "nothing was synced");
    rig.tick(1_000);
    assert_eq!(super::read(&rig.disk.unplugged(|_| 0)).len(), 3, "signed, hence synced");
    rig.commit(1);
    fail(&rig.disk, Op::Sync, 0, 9, Fault::Fail(Errno::IO));
    rig.tick(1_000);
    assert!(rig.status().evidence.is_some());
    rig.disk.heal();
    rig.commit(1);
    wait(&mut rig);
    assert_eq!(rig.status().segments, 2, "the file is not trusted again");
    rig.check();
}

#[test]
fn a_signature_that_fails_holds_up_no_record_and_is_made_up_for() {
    let mut rig = Rig::new(config());
    rig.disk.plan(|op, path| {
        (op == Op::Append && path.ends_with(folder::CHECKPOINTS)).then_some(Fault::Fail(Errno::IO))
    });
    rig.commit(5);
    wait(&mut rig);
    assert_eq!((rig.reported(), rig.blocked()), (5, false));
    assert!(rig.status().evidence.is_some() && rig.status().write_failures > 0);
    let since = rig.status().evidence_since;
    wait(&mut rig);
    assert!(since.is_some() && rig.status().evidence_since == since, "since the first that failed");
    rig.disk.heal();
    wait(&mut rig);
    assert_eq!((rig.status().evidence, rig.status().checkpoint.unwrap().size), (None, 5));
    assert_eq!(rig.status().evidence_since, None);
}

impl Rig {
    fn disk_free(&self) -> u64 {
        use crate::log::disk::Disk;
        self.disk.space(Path::new(DIR)).unwrap().free
    }
}
