//! A log that is being written, by the writer itself: whatever moment it is verified at, and whatever moment it ends
//! at, nothing is called tampered.

use crate::sealed::{copy, options};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use watchkeeper_audit::evidence::Sealer;
use watchkeeper_audit::line::Format;
use watchkeeper_audit::log::{Config, Log, LogHandle, Parts};
use watchkeeper_audit::record::{Draft, Key, Kind, Level};
use watchkeeper_audit::verify::{Options, Report, State, verify};
use watchkeeper_core::time::Wall;

fn folder() -> (TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("audit");
    (parent, dir)
}

/// Small segments, few of them, a new key every second.
fn open(dir: &Path) -> (Log, LogHandle) {
    let config = Config {
        rotate_bytes: 40_000,
        keep_bytes: 50_000,
        format: Format::Json,
        key_every: Some(Duration::from_secs(1)),
        ..Config::new(dir)
    };
    let seal = Box::new(Sealer::new(dir, "watchkeeper", config.key_every));
    let parts = Parts { seal, ..Parts::real(&config) };
    Log::open_with(config, parts, Box::new(|_| {})).unwrap()
}

fn draft(number: u64) -> Draft {
    Draft::new(Wall(1_795_242_660_000_000), Level::Info, Kind::Command, "command_requested")
        .text(Key::Device, "plant/a/b")
        .int(Key::Count, number)
}

fn patient(dir: &Path) -> Report {
    verify(dir, &Options { patience: Duration::from_secs(10), threads: 2, ..options() })
}

#[test]
fn a_log_that_is_written_rotated_compressed_and_pruned_meanwhile_is_valid_at_every_moment() {
    let (_parent, dir) = folder();
    let (log, handle) = open(&dir);
    let going = Arc::new(AtomicBool::new(true));
    let writing = std::thread::spawn({
        let (handle, going) = (handle.clone(), Arc::clone(&going));
        move || {
            let mut number = 0;
            while going.load(Ordering::Relaxed) {
                handle.append_within(&draft(number), Duration::from_secs(10)).unwrap();
                number += 1;
                if number % 20 == 0 {
                    // A pace at which segments come and go once or twice a second.
                    std::thread::sleep(Duration::from_millis(25));
                }
            }
        }
    });
    let (mut looks, mut complete, until) = (0, 0, Instant::now() + Duration::from_secs(4));
    while Instant::now() < until {
        // The first checkpoint comes with the verifier key.
        let report = patient(&dir);
        looks += 1;
        assert!(matches!(report.exit(), 0 | 2), "{}", report.to_text());
        complete += u32::from(report.exit() == 0);
        let impatient = verify(&dir, &options());
        assert!(matches!(impatient.exit(), 0 | 2), "{}", impatient.to_text());
    }
    going.store(false, Ordering::Relaxed);
    writing.join().unwrap();
    assert!(log.stop(Duration::from_secs(30)));
    let report = patient(&dir);
    assert_eq!(report.exit(), 0, "{}", report.to_text());
    assert!(matches!(report.segments[0].state, State::Pruned { proved: true, .. }), "{}", report.to_text());
    assert!(complete > 0, "{complete} of {looks}");
}

#[test]
fn a_log_that_ends_at_any_moment_is_incomplete_at_worst_and_valid_after_the_next_start() {
    let (parent, dir) = folder();
    let copied = parent.path().join("copied");
    for round in 0..6_u64 {
        let (log, handle) = open(&dir);
        for number in 0..400 * round {
            handle.append_within(&draft(number), Duration::from_secs(10)).unwrap();
        }
        assert!(log.stop(Duration::from_secs(30)));
        let report = verify(&dir, &options());
        assert_eq!(report.exit(), 0, "round {round}\n{}", report.to_text());
        copy(&dir, &copied);
        let key = parent.path().join("audit.vkey").display().to_string();
        let report = verify(&copied, &Options { key: Some(key), ..options() });
        assert_eq!(report.exit(), 0, "round {round}\n{}", report.to_text());
    }
}
