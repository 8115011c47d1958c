//! The process is killed, or the plug pulled, before every single operation of a run with rotation, compression and
//! pruning. Whatever is found afterwards, what was reported is there once, and the log goes on.

use super::mem::{Fault, MemDisk, Op};
use super::{MIB, Rig, config};
use crate::log::config::Config;
use rustix::io::Errno;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn storm() -> Config {
    let mut config = config();
    (config.rotate_bytes, config.keep_bytes) = (1_200, 3_000);
    config
}

/// A run in which everything happens; true when it came to its end.
fn run(rig: &mut Rig, rounds: u64) {
    for _ in 0..rounds {
        for _ in 0..3 {
            rig.append();
            rig.append();
            rig.writer.idle();
        }
        rig.tick(500);
        rig.close();
    }
}

/// From operation `nth` on nothing happens any more, as if the process were gone.
fn stop_at(disk: &MemDisk, nth: u64) -> Arc<AtomicU64> {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    disk.plan(move |op, _| {
        let changes = !matches!(op, Op::Read | Op::Stat | Op::List);
        let at = counted.fetch_add(u64::from(changes), Ordering::Relaxed);
        (changes && at >= nth).then_some(Fault::Fail(Errno::IO))
    });
    count
}

/// A little generator: what is random is the same at every run.
fn chance(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below.max(1)
    }
}

#[test]
fn a_crash_before_any_operation_loses_nothing_that_was_reported() {
    let disk = MemDisk::new(MIB);
    let operations = {
        let mut rig = Rig::open(disk.clone(), storm(), 0).unwrap();
        let count = stop_at(&disk, u64::MAX);
        run(&mut rig, 12);
        assert!(rig.events().contains(&"pruned".to_owned()), "everything happens in it");
        rig.check();
        count.load(Ordering::Relaxed)
    };
    assert!(operations > 200, "{operations}");
    for nth in 0..operations {
        let seeds = if super::long() { 8 } else { 1 };
        for pulled in std::iter::once(None).chain((0..seeds).map(|seed| Some(nth + seed * operations))) {
            let disk = MemDisk::new(MIB);
            let mut rig = Rig::open(disk.clone(), storm(), 0).unwrap();
            stop_at(&disk, nth);
            run(&mut rig, 12);
            let after = match pulled {
                None => disk.killed(),
                Some(seed) => disk.unplugged(chance(seed)),
            };
            let mut rig = rig.again(after).unwrap_or_else(|error| panic!("{nth} {pulled:?}: {error}"));
            rig.check();
            run(&mut rig, 6);
            assert!(!rig.blocked(), "{nth} {pulled:?}: {:?}", rig.status().state);
            rig.check();
        }
    }
}

#[test]
fn a_crash_while_it_recovers_from_one_loses_nothing_either() {
    let disk = MemDisk::new(MIB);
    let mut rig = Rig::open(disk.clone(), storm(), 0).unwrap();
    stop_at(&disk, 150);
    run(&mut rig, 12);
    let promised = rig.promised();
    for seed in 0..if super::long() { 200 } else { 10 } {
        let torn = disk.unplugged(chance(seed));
        for nth in 0..60 {
            let disk = torn.killed();
            stop_at(&disk, nth);
            let opened = Rig::open(disk.clone(), storm(), rig.mark);
            drop(opened);
            let after = disk.unplugged(chance(seed + nth));
            let mut rig = Rig::open(after, storm(), rig.mark).unwrap();
            super::check(&rig.disk, &promised);
            run(&mut rig, 2);
            super::check(&rig.disk, &[&promised[..], &rig.promised()].concat());
        }
    }
}
