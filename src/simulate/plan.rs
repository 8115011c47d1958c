//! Which device has which fault at which of its messages. Pure and seeded: the same settings give the same plan.
//! It never puts two faults on one message or on neighbours, and none so late that its consequence goes unseen.

use super::fault::{Fault, FaultCounts};
use super::rng::Rng;
use std::collections::BTreeMap;

/// Equal samples from which a point counts as stuck: its value was repeated more than 10 times.
pub(crate) const STUCK_SAMPLES: u64 = 12;
/// Rounds at the start without a fault, so that a watcher has something to compare with.
const FIRST: u64 = 2;
/// Rounds at the end without a fault, so that every consequence is still sent.
const LAST: u64 = 3;
/// A sequence that starts again must have come far enough for that to be seen.
const BETWEEN_RESTARTS: u64 = 8;

/// The faults of a whole fleet.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// One entry a device.
    pub(crate) devices: Vec<DevicePlan>,
}

/// The faults of one device. Rounds count from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DevicePlan {
    /// By round; in an endless run they come again every `period` rounds.
    pub(crate) faults: BTreeMap<u64, Fault>,
    /// Points that stand still.
    pub(crate) stuck: Vec<StuckPlan>,
    /// From this round on it says nothing.
    pub(crate) silent_from: Option<u64>,
    /// It says nothing in these rounds: the first of them, and the first after them.
    pub(crate) pause: Option<(u64, u64)>,
    /// Rounds after which the plan starts again.
    pub(crate) period: Option<u64>,
}

/// A point that stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StuckPlan {
    /// Which of the device's points that report; an index, not a name.
    pub(crate) nth: usize,
    /// The first round with the value.
    pub(crate) from: u64,
    /// The first round with another value; none: to the end.
    pub(crate) to: Option<u64>,
}

/// The frame within which faults are placed.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// Devices.
    pub(crate) devices: usize,
    /// Points that each device reports; at least so many.
    pub(crate) points: usize,
    /// Rounds, or the period of an endless run.
    pub(crate) rounds: u64,
    /// Whether the plan starts again after `rounds`.
    pub(crate) endless: bool,
    /// Rounds of a pause.
    pub(crate) pause_rounds: u64,
}

/// The faults do not fit into the run.
#[derive(Debug, thiserror::Error)]
#[error(
    "{wanted} x {what} do not fit into {devices} devices x {rounds} messages: have more of either, or fewer faults"
)]
pub(crate) struct DoesNotFit {
    what: &'static str,
    wanted: u64,
    devices: usize,
    rounds: u64,
}

impl DevicePlan {
    /// Where in the plan a round is.
    fn place(&self, round: u64) -> u64 {
        self.period.map_or(round, |period| round % period)
    }

    /// The fault of a round.
    pub(crate) fn fault(&self, round: u64) -> Option<Fault> {
        self.faults.get(&self.place(round)).copied()
    }

    /// Whether nothing is sent in a round.
    pub(crate) fn is_quiet(&self, round: u64) -> bool {
        let place = self.place(round);
        self.silent_from.is_some_and(|from| round >= from)
            || self.pause.is_some_and(|(from, to)| (from..to).contains(&place))
    }

    /// Whether a point stands still in a round.
    pub(crate) fn is_stuck(&self, nth: usize, round: u64) -> bool {
        let place = self.place(round);
        self.stuck.iter().any(|stuck| {
            stuck.nth == nth && stuck.to.map_or(round >= stuck.from, |to| (stuck.from..to).contains(&place))
        })
    }

    fn may_take(&self, fault: Fault, round: u64) -> bool {
        let apart = if matches!(fault, Fault::Restart(_)) { BETWEEN_RESTARTS } else { 1 };
        let near = |restart_only: bool, apart: u64| {
            self.faults
                .range(round.saturating_sub(apart)..=round + apart)
                .any(|(_, other)| !restart_only || matches!(other, Fault::Restart(_)))
        };
        // Where the plan starts again, «to the end» covers the early rounds of the next time as well.
        let in_stuck = self.stuck.iter().any(|stuck| match stuck.to {
            Some(to) => (stuck.from..=to).contains(&(round + 1)) || round == to,
            None => self.period.is_some() || round + 1 >= stuck.from,
        });
        let in_pause = self.pause.is_some_and(|(from, to)| round + 2 >= from && round <= to + 1);
        !(near(false, 1)
            || near(true, apart)
            || (fault.changes_samples() && in_stuck)
            || in_pause
            || self.silent_from.is_some_and(|from| round + LAST > from))
    }
}

impl Plan {
    /// Places every fault, or says which kind has no room.
    pub(crate) fn new(counts: &FaultCounts, frame: &Frame, seed: u64) -> Result<Self, DoesNotFit> {
        let period = frame.endless.then_some(frame.rounds);
        let mut plan = Self { devices: vec![DevicePlan { period, ..DevicePlan::default() }; frame.devices] };
        let mut rng = Rng::new(seed, u64::MAX);
        plan.place_silence(counts, frame, &mut rng)?;
        plan.place_stuck(counts, frame, &mut rng)?;
        let faults = counts.by_kind(|below| rng.below(below));
        for fault in faults {
            plan.place(fault, frame, &mut rng)?;
        }
        Ok(plan)
    }

    fn place_silence(
        &mut self,
        counts: &FaultCounts,
        frame: &Frame,
        rng: &mut Rng,
    ) -> Result<(), DoesNotFit> {
        let quiet = counts.silent_devices + counts.pausing_devices;
        let room = frame.devices as u64;
        if quiet > room || (counts.silent_devices > 0 && frame.rounds < 8) {
            return Err(frame.lacks("silent devices", counts.silent_devices));
        }
        if counts.pausing_devices > 0 && frame.rounds < frame.pause_rounds + FIRST + 2 * LAST {
            return Err(frame.lacks("pausing devices", counts.pausing_devices));
        }
        for n in 0..quiet {
            let device = self.draw_free(rng);
            if n < counts.silent_devices {
                let from = frame.rounds / 4 + rng.below(frame.rounds / 4);
                self.devices[device].silent_from = Some(from.max(FIRST + 1));
            } else {
                let latest = frame.rounds - frame.pause_rounds - LAST;
                let from = FIRST + LAST + rng.below((latest - FIRST - LAST).max(1));
                self.devices[device].pause = Some((from, from + frame.pause_rounds));
            }
        }
        Ok(())
    }

    /// A device that is neither silent nor pausing; there must be one.
    fn draw_free(&self, rng: &mut Rng) -> usize {
        let start = rng.index(self.devices.len());
        let free = |at: &usize| self.devices[*at].silent_from.is_none() && self.devices[*at].pause.is_none();
        (0..self.devices.len()).map(|step| (start + step) % self.devices.len()).find(free).unwrap_or(start)
    }

    fn place_stuck(&mut self, counts: &FaultCounts, frame: &Frame, rng: &mut Rng) -> Result<(), DoesNotFit> {
        let least = FIRST + STUCK_SAMPLES + LAST;
        let lacks = frame.lacks("stuck points", counts.stuck_points);
        let talking = self.devices.iter().filter(|d| d.silent_from.is_none() && d.pause.is_none()).count();
        let room = (talking * frame.points) as u64;
        if counts.stuck_points > 0 && (frame.rounds < least || counts.stuck_points > room / 2) {
            return Err(lacks);
        }
        for n in 0..counts.stuck_points {
            let to_the_end = n % 2 == 0;
            let spare = frame.rounds - least;
            let from = FIRST + rng.below(spare / 2 + 1);
            let samples = STUCK_SAMPLES + rng.below((frame.rounds - LAST - from - STUCK_SAMPLES).min(20) + 1);
            let stuck = StuckPlan { nth: 0, from, to: (!to_the_end).then_some(from + samples) };
            // At most half of the points are ever stuck, so that a free one is soon found.
            let (device, nth) = loop {
                let device = self.draw_free(rng);
                let nth = rng.index(frame.points);
                if self.devices[device].stuck.iter().all(|other| other.nth != nth) {
                    break (device, nth);
                }
            };
            self.devices[device].stuck.push(StuckPlan { nth, ..stuck });
        }
        Ok(())
    }

    fn place(&mut self, fault: Fault, frame: &Frame, rng: &mut Rng) -> Result<(), DoesNotFit> {
        let span = frame.rounds.saturating_sub(FIRST + LAST);
        let cells = span * frame.devices as u64;
        let start = rng.below(cells);
        // Chance first; where that fails often the run is crowded, and a walk over all cells finds what is left.
        for attempt in 0..cells + 64 {
            let cell = if attempt < 64 { rng.below(cells) } else { (start + attempt) % cells };
            let (device, round) = (usize::try_from(cell / span).unwrap_or(0), FIRST + cell % span);
            if self.devices[device].may_take(fault, round) {
                self.devices[device].faults.insert(round, fault);
                return Ok(());
            }
        }
        Err(frame.lacks(name(fault), 1))
    }
}

impl Frame {
    fn lacks(&self, what: &'static str, wanted: u64) -> DoesNotFit {
        DoesNotFit { what, wanted, devices: self.devices, rounds: self.rounds }
    }
}

fn name(fault: Fault) -> &'static str {
    match fault {
        Fault::Gap(_) => "another gap",
        Fault::Duplicate => "another duplicate",
        Fault::Reorder => "another reordering",
        Fault::Restart(_) => "another restart",
        Fault::Late => "another late message",
        Fault::Early => "another early message",
        Fault::Malformed(_) => "another malformed message",
        _ => "another invalid message",
    }
}

#[cfg(test)]
mod tests;
