//! A publisher that knows what it did: it loses, repeats, holds up and begins anew by chance, and writes down what
//! each of that must be counted as. It knows nothing of how the tracker tells; every account must agree to the last
//! message, however often we look, over our outages and over restarts of ours.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Random, now};
use watchkeeper_core::arrival::Arrival;
use watchkeeper_core::finding::What;
use watchkeeper_core::fleet::{Device, Fleet};
use watchkeeper_core::names::Pattern;
use watchkeeper_core::path::Path;
use watchkeeper_core::rules::{FleetRules, Format, StreamRules};
use watchkeeper_core::save::Saved;
use watchkeeper_core::time::SECOND;

/// How long a late number may still arrive.
const WINDOW: u64 = 2 * SECOND;

/// What a run must be counted as, and what it was counted as.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Account {
    gaps: u64,
    lost: u64,
    missed: u64,
    duplicated: u64,
    reordered: u64,
    resets: u64,
}

struct Publisher {
    random: Random,
    fleet: Fleet,
    modulus: u64,
    /// Microseconds since the beginning.
    at: u64,
    /// Between two messages.
    pace: u64,
    /// How often somebody looks; none: never.
    look: Option<u64>,
    next: u64,
    /// What arrived of this beginning, in the order of the numbers.
    arrived: Vec<u64>,
    must: Account,
    found: Account,
}

fn rules(modulus: u64) -> FleetRules {
    let stream = StreamRules {
        format: Format::Json,
        sequence: Path::parse("$.n").ok(),
        sequence_modulus: modulus,
        reorder_window: WINDOW,
        ..StreamRules::new("t", Pattern::parse("{device}/t").unwrap())
    };
    FleetRules { streams: vec![stream], ..FleetRules::default() }
}

impl Publisher {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let modulus = *random.pick(&[0, 0, 0, 256, 1000, 1 << 32]);
        let mut fleet = Fleet::new(rules(modulus));
        fleet.link_up(now(0));
        let pace = *random.pick(&[SECOND / 50, SECOND / 5, SECOND, 30 * SECOND]);
        let look = *random.pick(&[None, Some(SECOND), Some(7 * SECOND)]);
        let next = 1000 + random.below(5000);
        let (must, found) = (Account::default(), Account::default());
        Self { random, fleet, modulus, at: SECOND, pace, look, next, arrived: Vec::new(), must, found }
    }

    fn wire(&self, number: u64) -> u64 {
        if self.modulus == 0 { number } else { number % self.modulus }
    }

    fn pass(&mut self, span: u64) {
        let end = self.at + span;
        while let Some(look) = self.look.filter(|look| self.at + look < end) {
            self.at += look;
            self.fleet.alive(now(self.at).mono);
            self.fleet.tick(now(self.at));
        }
        self.at = end;
    }

    fn say(&mut self, number: u64, dup: bool) {
        let payload = format!(r#"{{"n":{}}}"#, self.wire(number));
        let arrival = Arrival { dup, ..Arrival::live("d/t", payload.as_bytes()) };
        self.fleet.arrival(&arrival, now(self.at));
        if let Err(place) = self.arrived.binary_search(&number) {
            self.arrived.insert(place, number);
        }
    }

    /// So many messages in order.
    fn calm(&mut self, count: u64) {
        for _ in 0..count {
            self.say(self.next, false);
            self.next += 1;
            self.pass(self.pace);
        }
    }

    /// Until nothing can arrive within the window any more.
    fn wait(&mut self) {
        self.calm(1);
        self.pass(WINDOW + 1);
        self.calm(1);
    }

    /// Leaves numbers out, never up to a 0, which looks like a new beginning where numbers wrap.
    fn leave_out(&mut self, count: u64) -> u64 {
        let count = if self.wire(self.next + count) == 0 { count + 1 } else { count };
        self.next += count;
        count
    }

    fn lose(&mut self) {
        let count = 1 + self.random.below(20);
        let count = self.leave_out(count);
        (self.must.gaps, self.must.lost) = (self.must.gaps + 1, self.must.lost + count);
    }

    /// Some of what is left out arrives within the window, or after it, in any order.
    fn hold_up(&mut self, within: bool) {
        let held = self.next..self.next + 1 + self.random.below(9);
        let count = held.end - held.start;
        self.next = held.end;
        let mut late: Vec<u64> = held.filter(|_| !self.random.one_in(3)).collect();
        self.say(self.next, false);
        self.next += 1;
        let pause = if within { self.random.below(WINDOW / 2) } else { WINDOW + 1 };
        self.pass(pause);
        let lost = if within { count - late.len() as u64 } else { count };
        self.must.gaps += u64::from(lost > 0);
        self.must.lost += lost;
        self.must.reordered += late.len() as u64;
        while !late.is_empty() {
            let number = late.remove(usize::try_from(self.random.below(late.len() as u64)).unwrap());
            self.say(number, false);
            if self.random.one_in(4) {
                self.say(self.next, false);
                self.next += 1;
            }
        }
        self.wait();
    }

    fn again(&mut self) {
        let times = 1 + self.random.below(3);
        for _ in 0..times {
            self.say(self.next - 1, false);
        }
        self.must.duplicated += times;
    }

    /// From which on what arrived is no further back than this; further back, where numbers wrap, is ahead.
    fn near(&self, back: u64) -> usize {
        self.arrived.partition_point(|number| number + back < self.next)
    }

    /// One of those that arrived, long ago perhaps.
    fn again_old(&mut self) {
        let number = *self.random.pick(&self.arrived[self.near(100)..]);
        self.say(number, false);
        self.must.duplicated += 1;
    }

    /// The last few, as a client sends them again that was cut off.
    fn in_flight(&mut self) {
        let count = 2 + self.random.below(20);
        let first = self.next.saturating_sub(count);
        if self.wire(first) > 1
            && (first..self.next).all(|number| self.arrived.binary_search(&number).is_ok())
        {
            (first..self.next).for_each(|number| self.say(number, false));
            self.must.duplicated += count;
        }
    }

    /// Many that the broker marks as sent before.
    fn marked(&mut self) {
        for at in self.near(60)..self.arrived.len() {
            self.say(self.arrived[at], true);
            self.must.duplicated += 1;
        }
    }

    fn begin_anew(&mut self) {
        // Within the window of a gap over the wrap, 0 fills it.
        self.wait();
        let last = self.wire(self.next - 1);
        let to = match self.modulus {
            0 => *self.random.pick(&[0, 1, last / 2]),
            _ => 0,
        };
        let far = if self.modulus == 0 {
            self.arrived.len() > 40 && last > 100 && self.wire(self.arrived[0]) > 1
        } else {
            // A beginning just after the wrap is none, and just before it is a second delivery.
            let ahead = self.modulus - 1 - last;
            (40..self.modulus - 40).contains(&ahead)
        };
        let seen = self.arrived.binary_search(&to).is_ok() || self.arrived[0] > to;
        if far && (self.modulus > 0 || seen) {
            self.must.resets += 1;
            self.arrived.clear();
            // On a line of its own, far enough from where the numbers begin.
            self.next = if self.modulus == 0 { to } else { 10 * self.modulus + to };
            self.calm(2);
        }
    }

    /// Messages pass us by, because we are away, begin anew ourselves, or shed them.
    fn miss(&mut self) {
        // An open window would be stopped with us; that is another test's.
        self.wait();
        let count = self.random.below(50);
        match self.random.below(3) {
            0 => {
                self.fleet.alive(now(self.at).mono);
                self.fleet.link_down(now(self.at));
                self.at += 100 * SECOND;
                self.fleet.link_up(now(self.at));
            }
            1 => {
                let bytes = postcard::to_stdvec(&self.fleet.save()).unwrap();
                let saved: Saved<Device> = postcard::from_bytes(&bytes).unwrap();
                self.take_findings();
                self.fleet = Fleet::new(rules(self.modulus));
                self.fleet.restore(saved);
                self.at += 100 * SECOND;
                self.fleet.link_up(now(self.at));
            }
            _ => self.fleet.shed(),
        }
        let count = self.leave_out(count);
        self.must.missed += count;
        self.calm(1);
    }

    fn take_findings(&mut self) {
        for found in self.fleet.take_findings() {
            let all = &mut self.found;
            match found.what {
                What::Gap { lost, .. } => (all.gaps, all.lost) = (all.gaps + 1, all.lost + lost),
                What::Missed { missed, .. } => all.missed += missed,
                What::Duplicate { count, .. } => all.duplicated += count,
                What::Reordered { count, .. } => all.reordered += count,
                What::Reset { .. } => all.resets += 1,
                _ => {}
            }
        }
    }

    fn live(mut self) -> Self {
        self.calm(3);
        for _ in 0..200 {
            match self.random.below(9) {
                0 => self.lose(),
                1 => self.hold_up(true),
                2 => self.hold_up(false),
                3 => self.again(),
                4 => self.again_old(),
                5 => self.in_flight(),
                6 => self.marked(),
                7 => self.begin_anew(),
                _ => self.miss(),
            }
            let calm = 2 + self.random.below(12);
            self.calm(calm);
        }
        self.wait();
        self.look = Some(SECOND);
        self.pass(1000 * SECOND);
        self.take_findings();
        self
    }
}

#[test]
fn every_message_is_counted_as_what_it_was() {
    let mut all = Account::default();
    for seed in 0..200 {
        let run = Publisher::new(seed).live();
        let counts = *run.fleet.device("d").unwrap().roster.sequence.counts().unwrap();
        let counted = Account {
            gaps: counts.gaps,
            lost: counts.lost,
            missed: counts.missed,
            duplicated: counts.duplicated,
            reordered: counts.reordered,
            resets: counts.resets,
        };
        assert_eq!(counted, run.must, "seed {seed}, modulus {}", run.modulus);
        assert_eq!(run.found, run.must, "seed {seed}: what was found is what was counted");
        assert_eq!((run.fleet.stats.lost, run.fleet.stats.missed), (run.must.lost, run.must.missed));
        all.resets += run.must.resets;
        all.missed += run.must.missed;
        all.reordered += run.must.reordered;
    }
    assert!(all.resets > 1000 && all.missed > 10_000 && all.reordered > 10_000, "{all:?}");
}
