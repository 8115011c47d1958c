//! Random fleets, each from a seed, and what must hold of every one of them. First of all the law of all
//! trackers: what is found does not depend on how often we look.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
#[path = "simulation/numbers.rs"]
mod numbers;
#[path = "simulation/world.rs"]
mod world;

use common::now;
use std::collections::BTreeMap;
use watchkeeper_core::arrival::Arrival;
use watchkeeper_core::finding::{Finding, What};
use watchkeeper_core::fleet::{Device, Fleet};
use watchkeeper_core::report::{Walk, Watched};
use watchkeeper_core::sample::{Exposition, Writer};
use watchkeeper_core::save::Saved;
use watchkeeper_core::time::SECOND;
use watchkeeper_core::trackers::presence::State;
use world::{Happening, World};

const SEEDS: u64 = 60;

/// A fleet on its way through a world.
struct Run {
    fleet: Fleet,
    log: Vec<Finding>,
    arrivals: u64,
}

impl Run {
    fn new(world: &World) -> Self {
        Self { fleet: Fleet::new(world.rules.clone()), log: Vec::new(), arrivals: 0 }
    }

    /// The world from one moment to another, looked at every `period` if there is one.
    fn go(&mut self, world: &World, from: u64, to: u64, period: Option<u64>) {
        let mut look = from;
        for (at, happening) in world.happenings.iter().filter(|(at, _)| (from..to).contains(at)) {
            while let Some(period) = period.filter(|_| look <= *at) {
                self.fleet.tick(now(look));
                look += period;
            }
            self.happen(*at, happening);
            self.log.extend(self.fleet.take_findings());
        }
    }

    fn happen(&mut self, at: u64, happening: &Happening) {
        // The broker is heard at the same moments, however often we look.
        self.fleet.alive(now(at).mono);
        match happening {
            Happening::Message { topic, payload, retain, dup } => {
                self.arrivals += 1;
                let arrival =
                    Arrival { topic, payload, qos: 1, retain: *retain, dup: *dup, ..Arrival::live("", b"") };
                self.fleet.arrival(&arrival, now(at));
            }
            Happening::Down => self.fleet.link_down(now(at)),
            Happening::Up => self.fleet.link_up(now(at)),
            Happening::Alive => {}
        }
    }

    /// The last look of all, when nothing is waited for any more.
    fn end(mut self, world: &World) -> Self {
        for at in [world.end, world.end + 2000 * SECOND] {
            self.fleet.alive(now(at).mono);
            self.fleet.tick(now(at));
        }
        self.log.extend(self.fleet.take_findings());
        self
    }
}

fn run(world: &World, period: Option<u64>) -> Run {
    let mut run = Run::new(world);
    run.go(world, 0, world.end, period);
    run.end(world)
}

fn lines(log: &[Finding]) -> Vec<String> {
    log.iter().map(|found| format!("{:>12} {} {:?}", found.at.0, found.device, found.what)).collect()
}

fn sorted(log: &[Finding]) -> Vec<String> {
    let mut lines = lines(log);
    lines.sort();
    lines
}

#[test]
fn what_is_found_does_not_depend_on_how_often_we_look() {
    let mut found = BTreeMap::new();
    for seed in 0..SEEDS {
        let world = World::new(seed);
        let never = run(&world, None);
        for finding in &never.log {
            *found.entry(finding.what.event()).or_insert(0) += 1;
        }
        for period in [SECOND, 7 * SECOND, 60 * SECOND, 600 * SECOND] {
            assert_eq!(sorted(&run(&world, Some(period)).log), sorted(&never.log), "seed {seed}, {period}");
        }
        if seed % 10 == 0 {
            assert_eq!(sorted(&run(&world, Some(SECOND / 10)).log), sorted(&never.log), "seed {seed}");
        }
    }
    // A world in which something never happens proves nothing about it.
    assert_eq!(found.len(), 20, "{found:?}");
    assert!(found.values().all(|count| *count >= 20), "{found:?}");
}

#[test]
fn the_same_seed_gives_the_same_log_in_the_same_order() {
    for seed in 0..SEEDS {
        let log = || lines(&run(&World::new(seed), Some(SECOND)).log);
        assert_eq!(log(), log(), "seed {seed}");
    }
}

#[test]
fn the_log_of_a_device_is_in_order_and_it_comes_and_goes_in_turn() {
    for seed in 0..SEEDS {
        let mut last: BTreeMap<Box<str>, (u64, Option<bool>)> = BTreeMap::new();
        for found in run(&World::new(seed), Some(7 * SECOND)).log {
            let known = last.entry(found.device.clone()).or_default();
            assert!(found.at.0 >= known.0, "seed {seed}: {found:?} after {known:?}");
            known.0 = found.at.0;
            let there = match found.what {
                What::Online { after } => {
                    assert_eq!(after.is_some(), known.1.is_some(), "seed {seed}: {found:?}");
                    Some(true)
                }
                What::Offline { .. } => Some(false),
                What::FirstSeen | What::Forgotten => {
                    known.1 = None;
                    continue;
                }
                _ => continue,
            };
            assert_ne!(known.1.unwrap_or(false), there.unwrap_or(false), "seed {seed}: {found:?}");
            known.1 = there;
        }
    }
}

/// What the log says of one device that is still there.
#[derive(Default)]
struct Told {
    online: Option<bool>,
    stuck: i64,
    high: bool,
    late: u32,
    flaps: u32,
    gaps: u64,
    lost: u64,
    missed: u64,
    duplicated: u64,
    reordered: u64,
    resets: u64,
}

fn told(log: &[Finding]) -> BTreeMap<&str, Told> {
    let mut devices: BTreeMap<&str, Told> = BTreeMap::new();
    for found in log {
        let told = devices.entry(&found.device).or_default();
        match &found.what {
            What::FirstSeen | What::Forgotten => *told = Told::default(),
            What::Online { .. } => told.online = Some(true),
            What::Offline { .. } => told.online = Some(false),
            What::Stuck { .. } => told.stuck += 1,
            What::Unstuck { .. } => told.stuck -= 1,
            What::ErrorRatioHigh { .. } => told.high = true,
            What::ErrorRatioNormal { .. } => told.high = false,
            What::Late { .. } => told.late += 1,
            What::Flap { .. } => told.flaps += 1,
            What::MuteEnded { .. } => unreachable!("nobody mutes here"),
            What::Gap { lost, .. } => (told.gaps, told.lost) = (told.gaps + 1, told.lost + lost),
            What::Missed { missed, .. } => told.missed += missed,
            What::Duplicate { count, .. } => told.duplicated += count,
            What::Reordered { count, .. } => told.reordered += count,
            What::Reset { .. } => told.resets += 1,
            // What is said of commands and alarms is held to its truth in exchange.rs.
            What::NoSequence { .. }
            | What::Command(_)
            | What::Alarm(_)
            | What::Restart(_)
            | What::HeapFragmented { .. }
            | What::HeapSound { .. }
            | What::ConfigChanged(_)
            | What::Queue(_)
            | What::Probe(_)
            | What::Service(_) => {}
        }
    }
    devices
}

#[test]
fn levels_agree_with_edges() {
    for seed in 0..SEEDS {
        let world = World::new(seed);
        let run = run(&world, Some(60 * SECOND));
        let told = told(&run.log);
        for device in run.fleet.devices() {
            let (told, roster) = (&told[&*device.id], &device.roster);
            let state =
                told.online.map_or(State::Unknown, |on| if on { State::Online } else { State::Offline });
            assert_eq!(roster.presence.state(), state, "seed {seed}");
            assert_eq!(i64::from(roster.stuck.stuck()), told.stuck, "seed {seed}");
            let still = roster.stuck.iter().filter(|(_, point)| point.stuck_since().is_some()).count();
            assert_eq!(still, roster.stuck.stuck() as usize, "seed {seed}");
            assert_eq!(roster.errors.is_high(), told.high, "seed {seed}");
            assert_eq!(roster.presence.flaps, told.flaps, "seed {seed}");
            let late: u32 = roster.cadence.streams().iter().map(|pace| pace.late).sum();
            assert_eq!(late, told.late, "seed {seed}");
            let counts = roster.sequence.counts().copied().unwrap_or_default();
            let missing = (counts.gaps, counts.lost, counts.missed);
            assert_eq!(missing, (told.gaps, told.lost, told.missed), "seed {seed}");
            let again = (counts.duplicated, counts.reordered, counts.resets);
            assert_eq!(again, (told.duplicated, told.reordered, told.resets), "seed {seed}");
        }
        let lost = |found: &Finding| if let What::Gap { lost, .. } = found.what { lost } else { 0 };
        assert_eq!(run.fleet.stats.lost, run.log.iter().map(lost).sum::<u64>(), "seed {seed}");
        let states = run.fleet.count_states();
        assert_eq!(states.online + states.offline + states.unknown, run.fleet.devices().count());
    }
}

#[test]
fn every_arrival_is_in_the_accounts() {
    let mut compared = 0;
    for seed in 0..SEEDS {
        let world = World::new(seed);
        let run = run(&world, Some(60 * SECOND));
        let stats = &run.fleet.stats;
        let messages: u64 = stats.streams.iter().map(|stream| stream.messages).sum();
        assert_eq!(run.arrivals, messages + stats.unmatched + stats.bad_topics, "seed {seed}");
        let forgotten = run.log.iter().any(|found| found.what == What::Forgotten);
        if forgotten || stats.devices_refused > 0 {
            continue;
        }
        compared += 1;
        let mut errors = [0; 16];
        let mut live = 0;
        for device in run.fleet.devices() {
            live += device.roster.cadence.streams().iter().map(|pace| pace.messages).sum::<u64>();
            for (reason, count) in device.roster.errors.reasons() {
                errors[*reason as usize] += count;
            }
        }
        assert_eq!(live + stats.retained_ignored, messages, "seed {seed}");
        for (reason, count) in errors.iter().enumerate() {
            let sum: u64 = stats.streams.iter().map(|stream| stream.errors[reason]).sum();
            assert_eq!(sum, *count, "seed {seed}, reason {reason}");
        }
    }
    assert!(compared >= 10, "only {compared} worlds without a forgotten or refused device");
}

/// Everything that is exposed, with devices in the order of their names.
fn exposed(fleet: Fleet, at: u64) -> Vec<String> {
    let mut watched = [Watched::new(fleet)];
    let mut writer = Writer::new(Exposition::Text, 128);
    assert!(!Walk::new().step(&mut watched, now(at), &mut writer, usize::MAX));
    let mut lines: Vec<String> = String::from_utf8(writer.buffer).unwrap().lines().map(Into::into).collect();
    // Which devices were refused is not remembered over a restart, so that one may be counted again.
    lines.retain(|line| !line.starts_with("watchkeeper_devices_refused_total"));
    lines.sort();
    lines
}

#[test]
fn what_is_restored_goes_on_as_if_we_had_only_been_away() {
    for seed in 0..SEEDS {
        let world = World::new(seed);
        let half = world.end / 2 + 1;
        let mut one = Run::new(&world);
        one.go(&world, 0, half, Some(7 * SECOND));
        let bytes = postcard::to_stdvec(&one.fleet.save()).unwrap();
        let saved: Saved<Device> = postcard::from_bytes(&bytes).unwrap();
        let mut two = Run { fleet: Fleet::new(world.rules.clone()), log: Vec::new(), arrivals: 0 };
        two.fleet.restore(saved);
        one.log.clear();
        one.fleet.link_down(now(half));
        for run in [&mut one, &mut two] {
            run.fleet.link_up(now(half));
            run.log.extend(run.fleet.take_findings());
            run.go(&world, half, world.end, None);
        }
        let (one, two) = (one.end(&world), two.end(&world));
        assert_eq!(sorted(&one.log), sorted(&two.log), "seed {seed}");
        assert_eq!(exposed(one.fleet, world.end), exposed(two.fleet, world.end), "seed {seed}");
    }
}
