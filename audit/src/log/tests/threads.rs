//! The log with its threads: whoever appends is never held up, a stop ends in time whatever the disk does, and two
//! never write into one folder.

use super::ledger::Ledger;
use super::mem::{Fault, MemDisk, Op};
use super::{DIR, MIB, check, compress, config, draft};
use crate::log::config::{Config, Parts};
use crate::log::gate::Full;
use crate::log::handle::LogHandle;
use crate::log::open::{Log, OpenError};
use crate::log::status::{Cause, State};
use crate::log::{clock, seal::Unsealed};
use rustix::io::Errno;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use watchkeeper_core::time::Wall;

const LONG: Duration = Duration::from_secs(30);

fn open(disk: &MemDisk, config: Config) -> Result<(Log, LogHandle, Arc<AtomicU64>), OpenError> {
    let packer = disk.clone();
    let parts = Parts {
        disk: Arc::new(disk.clone()),
        clock: clock::real(),
        seal: Box::new(Ledger::new(Path::new(DIR))),
        compress: Arc::new(move |raw, to| compress(&packer, raw, to)),
        reindex: Arc::new(|_| Ok(false)),
        records_max: 8_192,
        bytes_max: 16 << 20,
    };
    let reported = Arc::new(AtomicU64::new(0));
    let report = Arc::clone(&reported);
    let on_durable = Box::new(move |mark| report.store(mark, Ordering::Release));
    let (log, handle) = Log::open_with(config, parts, on_durable)?;
    Ok((log, handle, reported))
}

fn large() -> Config {
    let mut config = config();
    config.rotate_bytes = MIB;
    config
}

/// Waits until something holds that no event tells of.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_stop_writes_and_signs_all_that_waits_and_frees_the_folder() {
    let disk = MemDisk::new(64 * MIB);
    for life in 0..3 {
        let (log, handle, reported) = open(&disk, large()).unwrap();
        for mark in 1..=5_000 {
            let draft = draft(life * 5_000 + mark, Wall(0));
            while handle.append_marked(&draft, mark) == Err(Full::NoRoom) {
                std::thread::yield_now();
            }
        }
        assert!(log.stop(LONG));
        assert_eq!(reported.load(Ordering::Acquire), 5_000);
        assert_eq!(handle.append(&draft(1, Wall(0))), Err(Full::Stopped));
        let status = handle.status();
        assert_eq!((status.state, status.waiting), (State::Stopped, 0));
        assert_eq!(status.checkpoint.map(|signed| signed.size), Some(status.next));
    }
    check(&disk, &[(1, 15_000)]);
}

#[test]
fn threads_that_append_at_once_lose_nothing_and_double_nothing() {
    let disk = MemDisk::new(64 * MIB);
    let (log, handle, _) = open(&disk, large()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let handle = handle.clone();
            scope.spawn(move || {
                for mark in 1..=2_000 {
                    handle.append_within(&draft(thread * 2_000 + mark, Wall(0)), LONG).unwrap();
                }
            });
        }
    });
    assert!(log.stop(LONG));
    check(&disk, &[(1, 8_000)]);
    assert_eq!(handle.status().append.count(), handle.status().next);
}

/// A disk whose syncs hang until the sender is dropped.
fn hang(disk: &MemDisk) -> mpsc::Sender<()> {
    let (release, hung) = mpsc::channel::<()>();
    disk.plan(move |op, _| {
        if op == Op::Sync {
            let _ = hung.recv();
        }
        None
    });
    release
}

#[test]
fn a_disk_that_hangs_holds_up_nobody_who_appends_and_is_told() {
    let disk = MemDisk::new(64 * MIB);
    let (log, handle, reported) = open(&disk, large()).unwrap();
    let release = hang(&disk);
    let began = Instant::now();
    let taken =
        (1..9_000).take_while(|mark| handle.append_marked(&draft(*mark, Wall(0)), *mark).is_ok()).count();
    assert_eq!((taken, handle.room()), (8_192, false));
    assert!(began.elapsed() < Duration::from_secs(20));
    let waited = Instant::now();
    assert_eq!(handle.append_within(&draft(1, Wall(0)), Duration::from_millis(20)), Err(Full::NoRoom));
    assert!(waited.elapsed() >= Duration::from_millis(20));
    until("a stalled disk is told", || {
        matches!(handle.status().state, State::Blocked { cause: Cause::Stalled, .. })
    });
    assert_eq!(reported.load(Ordering::Acquire), 0);
    drop(release);
    handle.append_within(&draft(8_193, Wall(0)), LONG).unwrap();
    assert!(log.stop(LONG));
    check(&disk, &[(1, 8_193)]);
}

#[test]
fn a_stop_gives_up_in_time_when_the_disk_hangs_or_refuses() {
    for refuses in [false, true] {
        let disk = MemDisk::new(64 * MIB);
        let (log, handle, _) = open(&disk, large()).unwrap();
        let release = if refuses {
            disk.plan(|op, _| (op == Op::Write).then_some(Fault::Fail(Errno::IO)));
            None
        } else {
            Some(hang(&disk))
        };
        handle.append(&draft(1, Wall(0))).unwrap();
        let began = Instant::now();
        assert!(!log.stop(Duration::from_millis(300)), "it is not on the disk, and that is said");
        assert!(began.elapsed() < Duration::from_millis(1_300), "{:?}", began.elapsed());
        drop(release);
    }
}

#[test]
fn a_disk_that_refused_for_a_while_has_it_all_at_the_stop() {
    let disk = MemDisk::new(64 * MIB);
    let (log, handle, reported) = open(&disk, large()).unwrap();
    disk.plan(|op, _| (op == Op::Write).then_some(Fault::Fail(Errno::ROFS)));
    handle.append_marked(&draft(1, Wall(0)), 1).unwrap();
    until("it is told", || matches!(handle.status().state, State::Blocked { cause: Cause::ReadOnly, .. }));
    assert_eq!(reported.load(Ordering::Acquire), 0);
    disk.heal();
    assert!(log.stop(LONG));
    check(&disk, &[(1, 1)]);
}

#[test]
fn a_second_log_in_the_same_folder_is_refused_and_says_who_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let config = Config::new(dir.path().join("audit"));
        let mut parts = Parts::real(&config);
        parts.seal = Box::<Unsealed>::default();
        Log::open_with(config, parts, Box::new(|_| ()))
    };
    let (log, _) = open().unwrap();
    let refused = open().err().unwrap();
    let text = refused.to_string();
    assert!(matches!(refused, OpenError::InUse { .. }));
    assert!(text.contains(&format!("process {}", std::process::id())) && text.contains("audit"), "{text}");
    assert!(log.stop(LONG));
    assert!(open().is_ok_and(|(log, _)| log.stop(LONG)));
}
