//! The log on a real file system that is full, under load. It takes a mount of its own: root may make one, and so
//! may anybody where user namespaces are allowed. Where neither is, this fails and says so: a promise that was not
//! tried is not kept.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use watchkeeper_audit::folder;
use watchkeeper_audit::log::{Cause, Config, Full, Log, LogHandle, OpenError, State};
use watchkeeper_audit::record::{Draft, Key, Kind, Level, Value};
use watchkeeper_core::time::Wall;

const INSIDE: &str = "WATCHKEEPER_TEST_MOUNT";

/// Runs this test once more where a small tmpfs is mounted for it alone; true there.
fn mounted(test: &str) -> Option<PathBuf> {
    if let Some(dir) = std::env::var_os(INSIDE) {
        return Some(dir.into());
    }
    let root = tempfile::tempdir().unwrap();
    let own = std::env::current_exe().unwrap();
    let script =
        "mount -t tmpfs -o size=12m,mode=0700 tmpfs \"$1\" && exec \"$2\" --exact \"$3\" --nocapture";
    let arguments = |user: bool| {
        let mut command = Command::new("unshare");
        command.arg("--mount").args(user.then_some("--map-root-user"));
        command.args(["sh", "-c", script, "sh"]).arg(root.path()).arg(&own).arg(test);
        command.env(INSIDE, root.path());
        command
    };
    let may = |user: bool| {
        let mut probe = Command::new("unshare");
        probe.arg("--mount").args(user.then_some("--map-root-user")).args(["mount", "-t", "tmpfs", "tmpfs"]);
        probe.arg(root.path()).output().is_ok_and(|output| output.status.success())
    };
    let user = match (may(false), may(true)) {
        (true, _) => false,
        (_, true) => true,
        _ => panic!("{test} needs to mount a tmpfs: run it as root, or allow user namespaces (unshare -rm)"),
    };
    let status = arguments(user).status().unwrap();
    assert!(status.success(), "{test} failed where it was mounted");
    None
}

fn open(dir: &Path) -> Result<(Log, LogHandle, Arc<AtomicU64>), OpenError> {
    let mut config = Config::new(dir.join("audit"));
    config.compress = false;
    config.space.reserve = 256 << 10;
    let reported = Arc::new(AtomicU64::new(0));
    let report = Arc::clone(&reported);
    let (log, handle) = Log::open(config, Box::new(move |mark| report.store(mark, Ordering::Release)))?;
    Ok((log, handle, reported))
}

fn draft(mark: u64) -> Draft {
    let payload = "x".repeat(300);
    Draft::new(Wall(0), Level::Info, Kind::Command, "test").int(Key::Mid, mark).text(Key::Payload, &payload)
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Appends until the log has no room any more; the last mark.
fn fill(handle: &LogHandle, mut mark: u64) -> u64 {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < end, "a disk of 12 MiB is full by now");
        match handle.append_marked(&draft(mark + 1), mark + 1) {
            Ok(()) => mark += 1,
            Err(Full::NoRoom) if matches!(handle.status().state, State::Blocked { .. }) => return mark,
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn lines(dir: &Path) -> Vec<String> {
    let segments = folder::list(&dir.join("audit")).unwrap();
    let text: String =
        segments.iter().map(|segment| std::fs::read_to_string(&segment.path).unwrap()).collect();
    text.lines().map(str::to_owned).collect()
}

fn events(dir: &Path, event: &str) -> usize {
    let wanted = format!("\"event\":\"{event}\"");
    lines(dir).iter().filter(|line| line.contains(&wanted)).count()
}

/// Every number in its place, no line torn; each mark is there, and those that were never reported before the
/// restart at most once more.
fn check(dir: &Path, marks: u64) {
    let mut seen = std::collections::BTreeMap::<i64, u64>::new();
    for (at, line) in lines(dir).iter().enumerate() {
        let record = watchkeeper_audit::line::parse(line).unwrap();
        assert_eq!(record.seq, at as u64);
        if let Some(Value::Int(mark)) = record.draft.get(Key::Mid) {
            *seen.entry(*mark).or_default() += 1;
        }
    }
    assert_eq!(seen.len() as u64, marks);
    assert!(seen.values().all(|count| *count <= 2), "{seen:?}");
}

#[test]
fn a_disk_that_is_full_is_told_costs_nothing_and_is_left_within_a_second() {
    let Some(dir) = mounted("a_disk_that_is_full_is_told_costs_nothing_and_is_left_within_a_second") else {
        return;
    };
    let ballast = dir.join("ballast");
    std::fs::write(&ballast, vec![0; 10 << 20]).unwrap();
    let (log, handle, reported) = open(&dir).unwrap();
    let marks = fill(&handle, 0);
    assert!(matches!(handle.status().state, State::Blocked { cause: Cause::NoSpace, .. }));
    assert!(reported.load(Ordering::Acquire) < marks, "what waits is not reported");
    until("told in the log although the disk is full", || events(&dir, "disk_full") == 1);
    // The process ends and begins while the disk is full.
    assert!(!log.stop(Duration::from_millis(200)), "what waits is not on the disk");
    let kept = reported.load(Ordering::Acquire);
    let mut again = None;
    until("the folder is free, and a full disk does not keep the log from being open", || {
        again = open(&dir).ok();
        again.is_some()
    });
    let (log, handle, reported) = again.unwrap();
    let marks = fill(&handle, kept);
    std::fs::remove_file(&ballast).unwrap();
    let freed = Instant::now();
    until("it goes on", || reported.load(Ordering::Acquire) == marks);
    assert!(freed.elapsed() < Duration::from_millis(1_500), "{:?}", freed.elapsed());
    assert!(log.stop(Duration::from_secs(10)));
    check(&dir, marks);
}
