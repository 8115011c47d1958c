//! Devices against a validator of our own, written after the fleet's: what it finds must be what the truth says.

use super::super::Settings;
use super::super::fault::FaultCounts;
use super::super::truth::{DeviceTruth, Totals};
use super::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

const NOW: Wall = Wall(1_790_000_000_000_000);

/// What the validator found on one device's topic.
#[derive(Default)]
struct Found {
    sent: u64,
    valid: u64,
    errors: BTreeMap<&'static str, u64>,
    sequences: Vec<u64>,
    /// Last value and how often it was repeated.
    repeats: HashMap<String, (f64, u64)>,
}

/// The reasons for which a payload is invalid; `None` when it cannot be read.
fn reasons(payload: &[u8], found: &mut Found) -> BTreeSet<&'static str> {
    let unreadable = |reason| BTreeSet::from([reason]);
    let Ok(text) = std::str::from_utf8(payload) else { return unreadable("encoding") };
    if text.starts_with("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[") {
        return unreadable("depth");
    }
    let Ok(data) = serde_json::from_str::<serde_json::Value>(text) else { return unreadable("json") };
    let mut bad = BTreeSet::new();
    match data["timestamp"].as_str().and_then(watchkeeper_core::time::parse_rfc3339) {
        None => drop(bad.insert("bad_timestamp")),
        Some(at) if NOW.0 - at.0 > 60_000_000 => drop(bad.insert("stale_timestamp")),
        Some(_) => {}
    }
    let points = data["points"].as_object().unwrap();
    if points.len() < 45 {
        bad.insert("too_few_points");
    }
    for (name, point) in points {
        let temp = point["temp"].as_f64().unwrap();
        if !(-50.0..=200.0).contains(&temp) {
            bad.insert("range");
        }
        if !["OK", "ERROR", "DISCONNECTED"].contains(&point["status"].as_str().unwrap()) {
            bad.insert("status");
        }
        let (last, repeats) = found.repeats.entry(name.clone()).or_insert((f64::NAN, 0));
        *repeats = if last.to_bits() == temp.to_bits() { *repeats + 1 } else { 0 };
        *last = temp;
    }
    let ok = points.values().filter(|point| point["status"] == "OK").count() as u64;
    if data["summary"]["active_points"] != ok {
        bad.insert("cross_check");
    }
    found.sequences.push(data["sequence"].as_u64().unwrap());
    bad
}

/// Runs a fleet without a network: what was found, and what the truth says.
fn run(settings: &Settings) -> Vec<(Found, DeviceTruth)> {
    let play = |mut device: Device| {
        let mut found = Found::default();
        while let Some(due) = device.due() {
            for payload in device.speak(due, NOW) {
                let bad = reasons(&payload, &mut found);
                found.sent += 1;
                found.valid += u64::from(bad.is_empty());
                assert!(bad.len() <= 1, "one fault a message, not {bad:?}");
                for reason in bad {
                    *found.errors.entry(reason).or_default() += 1;
                }
            }
        }
        (found, device.into_truth())
    };
    settings.fleet().unwrap().into_iter().map(play).collect()
}

fn settings(devices: usize, rounds: u64, faults: FaultCounts) -> Settings {
    let interval = Duration::from_secs(10);
    Settings { devices, messages: Some(rounds), interval, jitter: 0.03, faults, ..Settings::default() }
}

#[test]
fn a_fleet_without_faults_passes_the_validator_and_never_stands_still() {
    for (found, truth) in run(&settings(8, 50, FaultCounts::default())) {
        assert_eq!((found.sent, found.valid, truth.sent, truth.valid), (50, 50, 50, 50));
        assert!(found.repeats.len() >= 45 && found.repeats.values().all(|(_, repeats)| *repeats == 0));
        let first = truth.first_sequence.unwrap();
        assert_eq!(found.sequences, (first..first + 50).collect::<Vec<_>>());
        assert_eq!((truth.intervals_late, truth.intervals_early), (0, 0));
    }
}

#[test]
fn the_validator_finds_exactly_what_the_truth_says() {
    let faults = FaultCounts { pausing_devices: 2, ..FaultCounts::mix(40, 60) };
    let counts = faults.clone();
    let fleet = run(&settings(40, 60, faults));
    for (found, truth) in &fleet {
        assert_eq!((found.sent, found.valid, &found.errors), (truth.sent, truth.valid, &truth.errors));
        let stuck = found.repeats.values().filter(|(_, repeats)| *repeats > 10).count();
        assert_eq!(stuck as u64, truth.stuck_at_end, "{}", truth.device);
        for point in truth.stuck.iter().filter(|point| point.at_end) {
            let (value, repeats) = found.repeats[&point.point];
            assert!((value, repeats + 1) == (point.value, point.samples), "{point:?}");
        }
    }
    let devices: Vec<_> = fleet.into_iter().map(|(_, truth)| truth).collect();
    let totals = Totals::of(&devices);
    assert_eq!(totals.errors.values().sum::<u64>() + totals.valid, totals.sent);
    assert_eq!(totals.malformed.values().sum::<u64>(), counts.malformed);
    assert_eq!(
        (totals.gaps, totals.duplicated, totals.reordered),
        (counts.gaps, counts.duplicates, counts.reorders)
    );
    assert_eq!((totals.resets, totals.silent_devices), (counts.restarts, counts.silent_devices));
    assert_eq!((totals.stuck_points, totals.late_injected), (counts.stuck_points, counts.late));
    assert_eq!(totals.errors["range"], counts.out_of_range);
    assert_eq!(totals.errors["depth"], totals.malformed[&Malformation::Deep]);
}

/// Gaps, lost, duplicated, reordered and resets, found by looking at the sequence numbers alone.
fn account(sequences: &[u64]) -> (u64, u64, u64, u64, u64) {
    let (mut gaps, mut lost, mut duplicated, mut reordered, mut resets) = (0, 0, 0, 0, 0);
    let mut expected = sequences[0];
    let mut at = 0;
    while at < sequences.len() {
        let sequence = sequences[at];
        let next = sequences.get(at + 1).copied();
        if sequence == expected {
            expected += 1;
        } else if sequence == expected + 1 && next == Some(expected) {
            reordered += 1;
            expected += 2;
            at += 1;
        } else if sequence > expected {
            gaps += 1;
            lost += sequence - expected;
            expected = sequence + 1;
        } else if sequence + 1 == expected {
            duplicated += 1;
        } else {
            resets += 1;
            expected = sequence + 1;
        }
        at += 1;
    }
    (gaps, lost, duplicated, reordered, resets)
}

#[test]
fn the_sequence_numbers_tell_the_same_story_as_the_truth() {
    for seed in 0..10 {
        for (found, truth) in run(&Settings { seed, ..settings(12, 200, FaultCounts::mix(120, 200)) }) {
            let told = (truth.gap_count, truth.lost, truth.duplicated, truth.reordered, truth.resets);
            assert_eq!(account(&found.sequences), told, "seed {seed}, {}", truth.device);
            let missing: u64 = truth.gaps.iter().map(|gap| gap.last_missing - gap.first_missing + 1).sum();
            assert_eq!((truth.gaps.len() as u64, missing), (truth.gap_count, truth.lost));
        }
    }
}

#[test]
fn a_late_message_is_one_late_interval_and_a_pair_is_an_early_one() {
    let faults = FaultCounts {
        late: 20,
        early: 10,
        duplicates: 5,
        reorders: 4,
        malformed: 9,
        ..FaultCounts::default()
    };
    let devices: Vec<_> = run(&settings(10, 60, faults)).into_iter().map(|(_, truth)| truth).collect();
    let totals = Totals::of(&devices);
    assert_eq!((totals.intervals_late, totals.late_injected), (20, 20));
    assert_eq!((totals.intervals_early, totals.early_injected), (10 + 5 + 4, 10));
}

#[test]
fn a_silent_device_says_when_and_a_pausing_one_comes_back() {
    let faults = FaultCounts { silent_devices: 1, pausing_devices: 1, ..FaultCounts::default() };
    let fleet = run(&settings(2, 40, faults));
    let silent = fleet.iter().find_map(|(found, truth)| truth.silent_after.map(|k| (found.sent, k))).unwrap();
    assert!(silent.0 == silent.1 && silent.0 < 21);
    let (found, truth) = fleet.iter().find(|(_, truth)| !truth.pauses.is_empty()).unwrap();
    assert_eq!((found.sent, truth.pauses[0].rounds, truth.intervals_late), (35, 5, 1));
}

#[test]
fn early_messages_stay_early_however_long_the_run() {
    let faults = FaultCounts { early: 40, late: 10, ..FaultCounts::default() };
    let devices: Vec<_> = run(&settings(1, 500, faults)).into_iter().map(|(_, truth)| truth).collect();
    assert_eq!((devices[0].intervals_early, devices[0].intervals_late), (40, 10));
}
