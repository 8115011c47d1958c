//! What tests share: chance that is the same on every machine (splitmix64), and a fleet with a clock of its own.
//! Never part of the program.

use crate::arrival::Arrival;
use crate::finding::Finding;
use crate::fleet::{Device, Fleet};
use crate::names::Pattern;
use crate::rules::{FleetRules, Format, StreamRules};
use crate::save::Saved;
use crate::time::{Mono, Now, Wall};
use crate::trackers::Roster;

/// A sequence that its seed decides.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not zero.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// A fleet with a clock of its own, for tables of what is said and what must be found.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) fleet: Fleet,
    /// Seconds since the beginning.
    pub(crate) at: f64,
}

impl Bench {
    pub(crate) fn new(rules: FleetRules) -> Self {
        let mut bench = Self { fleet: Fleet::new(rules), at: 0.0 };
        bench.fleet.link_up(now(0.0));
        bench
    }

    /// One device, `d`, that speaks on `d/t`: numbers as text, with these settings.
    pub(crate) fn stream(settings: impl FnOnce(&mut StreamRules)) -> Self {
        let mut rules = StreamRules {
            format: Format::Number,
            ..StreamRules::new("t", Pattern::parse("{device}/t").unwrap())
        };
        settings(&mut rules);
        Self::new(FleetRules { streams: vec![rules], ..FleetRules::default() })
    }

    /// A message at this second.
    pub(crate) fn say(&mut self, at: f64, topic: &str, payload: &str) {
        self.hear(at, &Arrival::live(topic, payload.as_bytes()));
    }

    /// A message at this second, with everything that came with it.
    pub(crate) fn hear(&mut self, at: f64, arrival: &Arrival) {
        self.at = at;
        self.fleet.arrival(arrival, now(at));
    }

    /// The broker is there at this second, and we look.
    pub(crate) fn look(&mut self, at: f64) {
        self.at = at;
        self.fleet.alive(now(at).mono);
        self.fleet.tick(now(at));
    }

    /// We are away between these seconds.
    pub(crate) fn outage(&mut self, from: f64, to: f64) {
        self.fleet.alive(now(from).mono);
        self.fleet.link_down(now(from));
        self.fleet.link_up(now(to));
        self.at = to;
    }

    /// What was found of devices since the last call: second, device, event. What is found of the fleet as a whole is
    /// left out.
    pub(crate) fn log(&mut self) -> Vec<String> {
        let mut found = self.fleet.take_findings();
        found.retain(|found| !found.device.is_empty());
        let text = |found: Finding| {
            let second = (found.wall.0 - now(0.0).wall.0) as f64 / 1e6;
            format!("{second} {} {}", found.device, found.what.event())
        };
        found.into_iter().map(text).collect()
    }

    /// The same, with the details of those events that begin so.
    pub(crate) fn details(&mut self, of: &str) -> Vec<String> {
        let mut found = self.fleet.take_findings();
        found.retain(|found| found.what.event().starts_with(of));
        let text = |found: Finding| {
            let second = (found.wall.0 - now(0.0).wall.0) as f64 / 1e6;
            format!("{second} {}: {}", found.what.event(), found.what.details())
        };
        found.into_iter().map(text).collect()
    }

    /// As if the program had been ended and started again, without being watched from then on.
    pub(crate) fn restart(self) -> Self {
        let bytes = postcard::to_stdvec(&self.fleet.save()).unwrap();
        let saved: Saved<Device> = postcard::from_bytes(&bytes).unwrap();
        let mut fleet = Fleet::new(self.fleet.rules().clone());
        fleet.restore(saved);
        Self { fleet, at: self.at }
    }

    pub(crate) fn roster(&self, device: &str) -> &Roster {
        &self.fleet.device(device).unwrap().roster
    }
}

/// Both clocks, so many seconds after the beginning.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tests use small, whole microseconds"
)]
pub(crate) fn now(seconds: f64) -> Now {
    let micros = (seconds * 1e6).round();
    Now { mono: Mono(7_000_000 + micros as u64), wall: Wall(1_777_622_400_000_000 + micros as i64) }
}
