//! The plan on fleets of many sizes.

use super::super::fault::{Fault, FaultCounts};
use super::*;

fn frame(devices: usize, rounds: u64) -> Frame {
    Frame { devices, points: 45, rounds, endless: false, pause_rounds: 5 }
}

/// Every fault that was placed, with its device and round.
fn all(plan: &Plan) -> Vec<(usize, u64, Fault)> {
    let of = |(n, device): (usize, &DevicePlan)| -> Vec<_> {
        device.faults.iter().map(|(round, fault)| (n, *round, *fault)).collect()
    };
    plan.devices.iter().enumerate().flat_map(of).collect()
}

fn count(plan: &Plan, which: impl Fn(&Fault) -> bool) -> u64 {
    all(plan).iter().filter(|(_, _, fault)| which(fault)).count() as u64
}

#[test]
fn the_mix_fits_every_fleet_and_its_totals_add_up() {
    for devices in [1_u16, 2, 3, 4, 10, 77, 500] {
        for rounds in [1, 6, 12, 20, 30, 100, 1000] {
            let counts = FaultCounts::mix(devices.into(), rounds);
            for seed in 0..5 {
                let plan = Plan::new(&counts, &frame(devices.into(), rounds), seed)
                    .unwrap_or_else(|e| panic!("{devices} x {rounds}, seed {seed}: {e}"));
                assert_eq!(count(&plan, |f| matches!(f, Fault::Malformed(_))), counts.malformed);
                assert_eq!(count(&plan, |f| matches!(f, Fault::Gap(_))), counts.gaps);
                assert_eq!(count(&plan, |f| *f == Fault::Late), counts.late);
                assert_eq!(count(&plan, |_| true), counts.by_kind(|_| 0).len() as u64);
                let stuck: usize = plan.devices.iter().map(|d| d.stuck.len()).sum();
                assert_eq!(stuck as u64, counts.stuck_points);
                let silent = plan.devices.iter().filter(|d| d.silent_from.is_some()).count();
                assert_eq!(silent as u64, counts.silent_devices);
            }
        }
    }
}

#[test]
fn no_fault_touches_another_and_none_is_first_or_last() {
    let counts = FaultCounts { pausing_devices: 5, ..FaultCounts::mix(50, 60) };
    for seed in 0..20 {
        let plan = Plan::new(&counts, &frame(50, 60), seed).unwrap();
        for (n, round, fault) in all(&plan) {
            let device = &plan.devices[n];
            assert!((FIRST..60 - LAST).contains(&round), "{fault:?} in {round}");
            assert_eq!(device.fault(round + 1), None);
            assert!(!device.is_quiet(round) && !device.is_quiet(round + 1), "{fault:?} is never sent");
            if fault.changes_samples() {
                assert!((0..45).all(|nth| !device.is_stuck(nth, round)));
            }
        }
        for stuck in plan.devices.iter().flat_map(|d| &d.stuck) {
            assert!(stuck.to.unwrap_or(60 - LAST) - stuck.from >= STUCK_SAMPLES);
        }
    }
}

#[test]
fn one_seed_gives_one_plan() {
    let counts = FaultCounts::mix(20, 40);
    let plan = |seed| Plan::new(&counts, &frame(20, 40), seed).unwrap().devices;
    assert_eq!(plan(7), plan(7));
    assert_ne!(plan(7), plan(8));
}

#[test]
fn what_does_not_fit_is_refused_with_its_name() {
    let refused = |counts: FaultCounts| Plan::new(&counts, &frame(3, 10), 1).unwrap_err().to_string();
    assert!(refused(FaultCounts { gaps: 30, ..FaultCounts::default() }).contains("gap"));
    assert!(refused(FaultCounts { stuck_points: 1, ..FaultCounts::default() }).contains("stuck"));
    assert!(refused(FaultCounts { silent_devices: 4, ..FaultCounts::default() }).contains("silent"));
    assert!(refused(FaultCounts { pausing_devices: 1, ..FaultCounts::default() }).contains("paus"));
}

#[test]
fn an_endless_plan_comes_again_but_silence_and_the_stuck_stay() {
    let counts = FaultCounts { gaps: 10, stuck_points: 4, silent_devices: 1, ..FaultCounts::default() };
    let plan = Plan::new(&counts, &Frame { endless: true, ..frame(5, 30) }, 3).unwrap();
    for device in &plan.devices {
        for round in 0..30 {
            assert_eq!(device.fault(round), device.fault(round + 300));
        }
        if let Some(from) = device.silent_from {
            assert!(!device.is_quiet(from - 1) && device.is_quiet(from) && device.is_quiet(from + 31));
        }
        for stuck in &device.stuck {
            assert_eq!(
                device.is_stuck(stuck.nth, stuck.from + 31),
                stuck.to.is_none_or(|to| to > stuck.from + 1)
            );
        }
    }
}
