//! The look at every device of a broker with which a walk begins: what is counted over all of them, and which of them have
//! series. It is taken in steps, between which messages arrive: a device that changes meanwhile is counted once, as it was
//! when it was its turn. Nothing here may write a line.

use crate::fleet::{Device, Fleet, States};
use crate::series::Choice;
use crate::tally::Pair;
use crate::time::Mono;
use std::collections::BTreeMap;

/// What is counted over all devices.
#[derive(Debug, Default)]
pub(super) struct Totals {
    /// Devices without series of their own.
    pub(super) suppressed: usize,
    /// Devices by state, and those that must exist and were never heard of.
    pub(super) states: States,
    /// Points that are tracked.
    pub(super) points: usize,
    /// Points whose value stands still.
    pub(super) stuck: u64,
    /// Alarms by type and priority: active, and those of them that nobody has acknowledged.
    pub(super) alarms: BTreeMap<Pair, (u64, u64)>,
}

impl Totals {
    /// Devices that are tracked.
    pub(super) fn devices(&self) -> usize {
        self.states.online + self.states.offline + self.states.unknown
    }

    /// Counts a device; gives how much of it there was to look at besides.
    fn note(&mut self, fleet: &Fleet, device: &Device) -> usize {
        let roster = &device.roster;
        self.states.note(roster.presence.state());
        self.points += roster.stuck.points();
        self.stuck += u64::from(roster.stuck.stuck());
        let mut alarms = 0;
        for alarm in roster.alarms.active() {
            alarms += 1;
            let counts =
                self.alarms.entry(fleet.stats.tally.alarm(&alarm.kind, &alarm.priority)).or_default();
            counts.0 += 1;
            counts.1 += u64::from(!alarm.is_acknowledged);
        }
        alarms
    }
}

/// A look that is being taken.
#[derive(Debug)]
pub(super) struct Look {
    totals: Totals,
    choice: Option<Choice>,
    /// The next number, and as many as there were at the beginning: who comes later is nowhere in this look.
    slot: u32,
    end: usize,
    /// The next of those that must exist.
    expected: usize,
}

impl Look {
    /// Begins one.
    pub(super) fn new(fleet: &mut Fleet, now: Mono) -> Self {
        let max = fleet.rules.limits.device_series_max;
        let choice = fleet.series.begin(fleet.population(), max, now);
        Self { totals: Totals::default(), choice, slot: 0, end: fleet.devices.len(), expected: 0 }
    }

    /// Goes on for so many visits at most, which are taken off; true when everybody was seen.
    pub(super) fn step(&mut self, fleet: &Fleet, visits: &mut usize) -> bool {
        while (self.slot as usize) < self.end {
            if !spend(visits, 1) {
                return false;
            }
            if let Some(device) = &fleet.devices[self.slot as usize] {
                spend(visits, self.totals.note(fleet, device));
                if let Some(choice) = &mut self.choice {
                    choice.visit(&fleet.series, fleet.devices.guess(self.slot), device);
                }
            }
            self.slot += 1;
        }
        while let Some(id) = fleet.rules.expected.get(self.expected) {
            if !spend(visits, 1) {
                return false;
            }
            self.totals.states.never_seen += usize::from(fleet.find(id).is_none());
            self.expected += 1;
        }
        true
    }

    /// What was seen. The choice holds from now on.
    pub(super) fn end(mut self, fleet: &mut Fleet) -> Totals {
        if let Some(choice) = self.choice {
            fleet.series.settle(choice, |guess| fleet.devices.still(guess).is_some());
        }
        self.totals.suppressed = self.totals.devices().saturating_sub(fleet.series.count());
        // What was active once and is no more is zero.
        for pair in fleet.stats.tally.alarms.keys() {
            self.totals.alarms.entry(pair.clone()).or_default();
        }
        self.totals
    }
}

fn spend(visits: &mut usize, count: usize) -> bool {
    let some = *visits > 0;
    *visits = visits.saturating_sub(count);
    some
}
