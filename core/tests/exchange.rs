//! Commands, alarms, settings and health in random worlds, each from a seed: what is found does not depend on how often
//! we look, levels agree with edges, a restart changes nothing, and the counts are those of an oracle that does it all
//! again in another way.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
#[path = "exchange/oracle.rs"]
mod oracle;
#[path = "exchange/world.rs"]
mod world;

use common::now;
use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_core::arrival::Arrival;
use watchkeeper_core::finding::{Command, Finding, Turn, What};
use watchkeeper_core::fleet::{Device, Fleet};
use watchkeeper_core::report::{Walk, Watched};
use watchkeeper_core::sample::{Exposition, Writer};
use watchkeeper_core::save::Saved;
use watchkeeper_core::time::SECOND;
use world::{Happening, World};

const SEEDS: u64 = 30;

struct Run {
    fleet: Fleet,
    log: Vec<Finding>,
}

impl Run {
    fn new(world: &World) -> Self {
        Self { fleet: Fleet::new(world.rules.clone()), log: Vec::new() }
    }

    /// The world from one moment to another, looked at every `period` if there is one.
    fn go(&mut self, world: &World, from: u64, to: u64, period: Option<u64>) {
        let mut look = from;
        for (at, happening) in world.happenings.iter().filter(|(at, _)| (from..to).contains(at)) {
            while let Some(period) = period.filter(|_| look <= *at) {
                self.fleet.tick(now(look));
                look += period;
            }
            self.fleet.alive(now(*at).mono);
            match happening {
                Happening::Message { topic, payload, retain } => {
                    let arrival = Arrival::live(topic, payload.as_bytes());
                    self.fleet.arrival(&Arrival { qos: 1, retain: *retain, ..arrival }, now(*at));
                }
                Happening::Down => self.fleet.link_down(now(*at)),
                Happening::Up => self.fleet.link_up(now(*at)),
                Happening::Alive => {}
            }
            self.log.extend(self.fleet.take_findings());
        }
    }

    fn end(mut self, world: &World) -> Self {
        self.fleet.alive(now(world.end).mono);
        self.fleet.tick(now(world.end));
        self.log.extend(self.fleet.take_findings());
        self
    }
}

fn run(world: &World, period: Option<u64>) -> Run {
    let mut run = Run::new(world);
    run.go(world, 0, world.end, period);
    run.end(world)
}

fn sorted(log: &[Finding]) -> Vec<String> {
    let mut lines: Vec<String> =
        log.iter().map(|found| format!("{:>12} {} {:?}", found.at.0, found.device, found.what)).collect();
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
        for period in [SECOND, 7 * SECOND, 600 * SECOND] {
            assert_eq!(sorted(&run(&world, Some(period)).log), sorted(&never.log), "seed {seed}, {period}");
        }
    }
    // A world in which something never happens proves nothing about it.
    for event in [
        "command_matched",
        "command_answered_late",
        "command_timed_out",
        "command_orphan_response",
        "command_repeated",
        "command_id_reused",
        "command_answered_again",
        "commands_delivered",
        "request_invalid",
        "response_invalid",
        "alarm_raised",
        "alarm_changed",
        "alarm_acknowledged",
        "alarm_cleared",
        "alarm_flapping",
        "alarm_steady",
        "restart",
        "heap_fragmented",
        "heap_sound",
        "config_changed",
    ] {
        assert!(found.get(event).is_some_and(|count| *count >= 20), "{event}: {found:?}");
    }
}

/// What was counted, by the names of the oracle.
fn counted(fleet: &Fleet) -> oracle::Counts {
    let commands = &fleet.stats.tally.commands;
    let mut counts = oracle::Counts::new();
    let mut put = |what: String, count: u64| {
        if count > 0 || what == "pending" {
            counts.insert(what, count);
        }
    };
    for (name, of) in &commands.by_name {
        put(format!("sent {name}"), of.sent);
        put(format!("timeout {name}"), of.timeouts);
        for (status, count) in &of.answers {
            put(format!("answered {name} {status}"), *count);
        }
        put(format!("time {name}"), of.times.histogram().count());
    }
    put("orphan".into(), commands.orphans);
    put("late".into(), commands.late);
    put("repeated".into(), commands.repeated);
    put("reused".into(), commands.ids_reused);
    put("again".into(), commands.answered_again);
    put("device".into(), commands.device.histogram().count());
    put("pending".into(), fleet.pending_commands() as u64);
    counts
}

#[test]
fn the_counts_of_commands_are_those_of_the_oracle() {
    let mut all = oracle::Counts::new();
    for seed in 0..SEEDS {
        let world = World::plain(seed);
        let expected = oracle::counts(&world);
        assert_eq!(counted(&run(&world, Some(30 * SECOND)).fleet), expected, "seed {seed}");
        for (what, count) in expected {
            *all.entry(what).or_default() += count;
        }
    }
    for what in [
        "timeout get",
        "time set",
        "answered set error",
        "orphan",
        "late",
        "repeated",
        "reused",
        "again",
        "pending",
    ] {
        assert!(all.get(what).is_some_and(|count| *count >= 20), "{what}: {all:?}");
    }
}

/// What the log says of one device.
#[derive(Default)]
struct Told {
    alarms: BTreeSet<String>,
    unseen: BTreeSet<String>,
    restarts: u64,
    fragmented: bool,
}

#[test]
fn levels_agree_with_edges() {
    for seed in 0..SEEDS {
        let run = run(&World::new(seed), Some(60 * SECOND));
        let mut devices: BTreeMap<&str, Told> = BTreeMap::new();
        let mut timeouts = 0;
        for found in &run.log {
            let told = devices.entry(&found.device).or_default();
            match &found.what {
                What::FirstSeen | What::Forgotten => *told = Told::default(),
                What::Alarm(alarm) => {
                    let name = format!("{} {}", alarm.kind, alarm.point);
                    let is_active = !matches!(alarm.turn, Turn::Cleared { .. });
                    match &alarm.turn {
                        Turn::Flapping { .. } | Turn::Steady => continue,
                        Turn::Raised { .. } => assert!(told.alarms.insert(name.clone()), "{name}"),
                        Turn::Changed { .. } => assert!(told.alarms.contains(&name)),
                        Turn::Acknowledged => _ = told.alarms.insert(name.clone()),
                        Turn::Cleared { .. } => assert!(told.alarms.remove(&name), "{name}"),
                    }
                    told.unseen.remove(&name);
                    if is_active && alarm.turn != Turn::Acknowledged {
                        told.unseen.insert(name);
                    }
                }
                What::Restart(restart) => told.restarts += restart.boots,
                What::HeapFragmented { .. } => assert!(!std::mem::replace(&mut told.fragmented, true)),
                What::HeapSound { .. } => assert!(std::mem::replace(&mut told.fragmented, false)),
                What::Command(Command::TimedOut { .. }) => timeouts += 1,
                _ => {}
            }
        }
        let mut pending = 0;
        for device in run.fleet.devices() {
            let (told, roster) = (&devices[&*device.id], &device.roster);
            let shown =
                |alarm: &watchkeeper_core::trackers::alarms::Alarm| format!("{} {}", alarm.kind, alarm.point);
            let active: BTreeSet<String> = roster.alarms.active().map(shown).collect();
            let unseen = roster.alarms.active().filter(|alarm| !alarm.is_acknowledged).map(shown);
            assert_eq!((&active, unseen.collect()), (&told.alarms, told.unseen.clone()), "seed {seed}");
            assert_eq!(u64::from(roster.restarts.count), told.restarts, "seed {seed}");
            assert_eq!(roster.system.is_fragmented(), told.fragmented, "seed {seed}");
            pending += roster.commands.pending().unwrap_or(0);
        }
        assert_eq!(run.fleet.pending_commands(), pending, "seed {seed}");
        let counted: u64 = run.fleet.stats.tally.commands.by_name.values().map(|of| of.timeouts).sum();
        assert_eq!(counted, timeouts, "seed {seed}");
    }
}

/// Everything that is exposed, in the order of its lines.
fn exposed(fleet: Fleet, at: u64) -> Vec<String> {
    let mut watched = [Watched::new(fleet)];
    let mut writer = Writer::new(Exposition::Text, 128);
    assert!(!Walk::new().step(&mut watched, now(at), &mut writer, usize::MAX));
    let mut lines: Vec<String> = String::from_utf8(writer.buffer).unwrap().lines().map(Into::into).collect();
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
        let mut two = Run::new(&world);
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
