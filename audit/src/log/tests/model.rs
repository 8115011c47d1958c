//! Long random lives: appends, ticks, faults of every sort, room that comes and goes, kills and power cuts, other
//! hands in the folder. After each life the log is read by somebody who knows nothing of it.

use super::mem::{Fault, MemDisk, Op};
use super::{DIR, MIB, Rig, config};
use crate::log::config::Durability;
use proptest::prelude::*;
use rustix::io::Errno;
use std::path::Path;

#[derive(Clone, Debug)]
enum Step {
    Append(u8),
    Idle,
    Tick(u16),
    Close,
    /// From now on, one of so many operations of any sort fails.
    Faults(u8, u8),
    Heal,
    Capacity(u32),
    Kill,
    Unplug(u64),
    /// Somebody takes the live segment away.
    Unlink,
    /// Somebody writes into it.
    Scribble(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (1..20_u8).prop_map(Step::Append),
        8 => Just(Step::Idle),
        6 => (1..2_000_u16).prop_map(Step::Tick),
        3 => Just(Step::Close),
        2 => (2..20_u8, 0..5_u8).prop_map(|(one, sort)| Step::Faults(one, sort)),
        3 => Just(Step::Heal),
        1 => (1_000..60_000_u32).prop_map(Step::Capacity),
        1 => Just(Step::Kill),
        1 => any::<u64>().prop_map(Step::Unplug),
        1 => Just(Step::Unlink),
        1 => (1..90_u8).prop_map(Step::Scribble),
    ]
}

fn faults(disk: &MemDisk, one: u8, sort: u8) {
    let mut seen = 0_u64;
    disk.plan(move |op, _| {
        if matches!(op, Op::Read | Op::Stat | Op::List) {
            return None;
        }
        seen = seen.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let hit = (seen >> 33).is_multiple_of(u64::from(one));
        let fault = match sort {
            0 => Fault::Fail(Errno::IO),
            1 => Fault::Fail(Errno::NOSPC),
            2 if op == Op::Write => Fault::Torn(40, Errno::IO),
            3 if op == Op::Write => Fault::Short(60),
            4 if op == Op::Sync => Fault::Fail(Errno::IO),
            _ => return None,
        };
        hit.then_some(fault)
    });
}

/// The log after a crash. A disk that still refuses does not let it be opened; then it is healed.
fn reopen(rig: Rig, disk: MemDisk) -> Rig {
    rig.again(disk).expect("a disk without faults lets it be opened")
}

fn live(rig: &Rig) -> Option<std::path::PathBuf> {
    let path = rig.writer.live.as_ref().map(|live| live.path.clone())?;
    rig.disk.bytes(&path).is_some().then_some(path)
}

fn apply(mut rig: Rig, step: &Step) -> Rig {
    match step {
        Step::Append(count) => (0..*count).for_each(|_| _ = rig.append()),
        Step::Idle => rig.writer.idle(),
        Step::Tick(millis) => rig.tick(u64::from(*millis)),
        Step::Close => rig.close(),
        Step::Faults(one, sort) => faults(&rig.disk, *one, *sort),
        Step::Heal => rig.disk.heal(),
        Step::Capacity(bytes) => rig.disk.set_capacity(u64::from(*bytes)),
        Step::Kill | Step::Unplug(_) => {
            let after = match step {
                Step::Unplug(seed) => {
                    let mut state = *seed | 1;
                    rig.disk.unplugged(move |below| {
                        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        (state >> 33) % below.max(1)
                    })
                }
                _ => rig.disk.killed(),
            };
            after.set_capacity(MIB);
            rig = reopen(rig, after);
        }
        Step::Unlink => {
            if let Some(path) = live(&rig) {
                use crate::log::disk::Disk;
                rig.disk.heal();
                rig.disk.remove(&path).unwrap();
                // Whoever takes it away and pulls the plug at once takes the records with it.
                rig.disk.set_capacity(MIB);
                rig.tick(2_000);
                rig.tick(2_000);
            }
        }
        Step::Scribble(bytes) => {
            if let Some(path) = live(&rig) {
                rig.disk.meddle(&path, |text| text.extend(std::iter::repeat_n(b'x', usize::from(*bytes))));
                rig.disk.heal();
                rig.disk.set_capacity(MIB);
                rig.tick(2_000);
                rig.tick(2_000);
            }
        }
    }
    rig
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if super::long() { 4_000 } else { 40 }))]

    #[test]
    fn whatever_happens_what_was_reported_is_there_once_and_without_gaps(
        steps in prop::collection::vec(step(), 1..120),
        each in any::<bool>(),
        small in any::<bool>(),
    ) {
        let mut config = config();
        config.durability = if each { Durability::Each } else { Durability::Group };
        if small {
            // Each segment is told twice, when it is closed and when it goes: it must have room for more than that.
            (config.rotate_bytes, config.keep_bytes) = (2_000, 8_000);
        }
        let mut rig = Rig::new(config);
        for step in &steps {
            rig = apply(rig, step);
        }
        rig.disk.heal();
        rig.disk.set_capacity(MIB);
        for _ in 0..12 {
            rig.tick(1_000);
            rig.close();
        }
        prop_assert!(!rig.blocked(), "{:?}", rig.status().state);
        rig.check();
        prop_assert_eq!(rig.status().waiting, 0);
        let names = rig.disk.names(Path::new(DIR));
        prop_assert!(!names.iter().any(|name| crate::folder::is_leftover(name)), "{:?}", names);
    }
}
