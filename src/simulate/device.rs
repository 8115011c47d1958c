//! One simulated device: what it sends in which round, and the account of it. Pure: it is told the time and
//! hands over payloads; it must never wait or send.

use super::fault::{Fault, Malformation};
use super::payload::{self, Message, Reading, corrupt, render};
use super::plan::DevicePlan;
use super::point::Point;
use super::rng::Rng;
use super::truth::{DeviceTruth, Gap, Pause, Stuck, list};
use watchkeeper_core::time::{Micros, SECOND, Wall};

/// Fewer points than this are too few for the fleet's validator.
pub(crate) const POINTS_MIN: usize = 45;
/// What a message with too few points has.
const TOO_FEW: usize = 30;
/// How old a stale timestamp is.
const STALE: Micros = 120 * SECOND;
/// A late or early message is off by so many hundredths of the interval, well outside the tolerance of 10.
const SHIFT_PERCENT: u64 = 30;
const BAD_TIMESTAMPS: [&str; 4] = ["yesterday", "2026-13-45T99:99:99Z", "", "12:30"];

/// What all devices of a fleet have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// Between two messages; 0: as fast as it goes.
    pub(crate) interval: Micros,
    /// Share of the interval by which a message may be off at random.
    pub(crate) jitter: f64,
    /// Messages per device; none: no end.
    pub(crate) rounds: Option<u64>,
    /// Points that each device has.
    pub(crate) points: usize,
}

/// A simulated device.
#[derive(Debug)]
pub(crate) struct Device {
    habits: Habits,
    plan: DevicePlan,
    rng: Rng,
    points: Vec<Point>,
    sequence: u64,
    round: u64,
    /// When round 0 was due, moved by every late and early message; in a long run the early ones may move it
    /// before the beginning.
    origin: i64,
    /// When the last message was due.
    last_due: Option<Micros>,
    truth: DeviceTruth,
}

impl Device {
    /// A device that sends first at `origin`.
    pub(crate) fn new(
        name: String,
        topic: String,
        plan: DevicePlan,
        habits: Habits,
        origin: Micros,
        mut rng: Rng,
    ) -> Self {
        let mut left_out = habits.points.saturating_sub(POINTS_MIN);
        let mut points = Vec::with_capacity(habits.points);
        for number in 0..habits.points {
            // One point in ten reports nothing, as in the fleet that this is modelled on.
            if left_out > 0 && rng.one_in(10) {
                left_out -= 1;
            } else {
                points.push(Point::new(number, &mut rng));
            }
        }
        let origin = i64::try_from(origin).unwrap_or(0);
        let sequence = 1000 + rng.below(9000);
        let truth = DeviceTruth { device: name, topic, ..DeviceTruth::default() };
        Self { habits, plan, rng, points, sequence, round: 0, origin, last_due: None, truth }
    }

    /// The topic it publishes to.
    pub(crate) fn topic(&self) -> &str {
        &self.truth.topic
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.truth.device
    }

    /// The round it is in.
    pub(crate) fn round(&self) -> u64 {
        self.round
    }

    /// When it sends next; none when it has nothing more to say.
    pub(crate) fn due(&mut self) -> Option<Micros> {
        let quiet_from = self.round;
        while self.plan.is_quiet(self.round) {
            if self.plan.silent_from.is_some_and(|from| self.round >= from) {
                self.truth.silent_after = Some(self.truth.sent);
                return None;
            }
            self.round += 1;
        }
        if self.habits.rounds.is_some_and(|rounds| self.round >= rounds) {
            return None;
        }
        if self.round > quiet_from {
            let rounds = self.round - quiet_from;
            list(&mut self.truth.pauses, Pause { after_message: self.truth.sent, rounds });
        }
        let shift = i64::try_from(self.habits.interval * SHIFT_PERCENT / 100).unwrap_or(0);
        match self.plan.fault(self.round) {
            Some(Fault::Late) => self.origin += shift,
            Some(Fault::Early) => self.origin -= shift,
            _ => {}
        }
        let due = self.round.saturating_mul(self.habits.interval).saturating_add_signed(self.origin);
        Some(due.saturating_add_signed(self.wobble()))
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a share of an interval; the fraction does not matter"
    )]
    fn wobble(&mut self) -> i64 {
        if self.habits.jitter == 0.0 {
            return 0;
        }
        (self.rng.signed_unit() * self.habits.jitter * self.habits.interval as f64) as i64
    }

    /// Sends the message or messages of this round, planned for `due`, and goes on to the next.
    pub(crate) fn speak(&mut self, due: Micros, now: Wall) -> Vec<Vec<u8>> {
        let fault = self.plan.fault(self.round);
        let payloads = match fault {
            Some(Fault::Malformed(how)) => vec![self.broken(how, now)],
            Some(Fault::Reorder) => {
                self.sequence += 1;
                let second = self.message(None, now);
                self.sequence -= 2;
                let first = self.message(None, now);
                self.sequence += 1;
                self.truth.reordered += 1;
                vec![second, first]
            }
            Some(Fault::Duplicate) => {
                let payload = self.message(None, now);
                self.truth.duplicated += 1;
                self.truth.sent += 1;
                self.truth.valid += 1;
                vec![payload.clone(), payload]
            }
            _ => vec![self.message(fault, now)],
        };
        self.truth.last_sequence = self.sequence.checked_sub(1);
        for _ in &payloads {
            self.note_interval(due);
        }
        self.round += 1;
        payloads
    }

    fn note_interval(&mut self, due: Micros) {
        if let Some(last) = self.last_due.replace(due) {
            let (interval, tolerance) = (self.habits.interval, self.habits.interval / 10);
            let since = due.saturating_sub(last);
            self.truth.intervals_late += u64::from(interval > 0 && since > interval + tolerance);
            self.truth.intervals_early += u64::from(since < interval - tolerance);
        }
    }

    /// A message that cannot be read; it uses up no sequence number and moves no temperature.
    fn broken(&mut self, how: Malformation, now: Wall) -> Vec<u8> {
        self.truth.sent += 1;
        *self.truth.errors.entry(how.reason()).or_default() += 1;
        *self.truth.malformed.entry(how).or_default() += 1;
        let readings: Vec<_> =
            self.points.iter().map(|p| Reading { point: p.number, tenths: p.tenths, status: "OK" }).collect();
        let timestamp = payload::timestamp(now);
        corrupt(&render(&self.words(&timestamp, &readings, 0)), how)
    }

    fn message(&mut self, fault: Option<Fault>, now: Wall) -> Vec<u8> {
        self.before(fault);
        self.truth.sent += 1;
        self.truth.first_sequence.get_or_insert(self.sequence);
        match fault.and_then(Fault::reason) {
            Some(reason) => *self.truth.errors.entry(reason).or_default() += 1,
            None => self.truth.valid += 1,
        }
        self.move_points();
        let mut readings = self.readings();
        let mut timestamp = payload::timestamp(now);
        let mut off = 0;
        // Only a point that moves is made wrong: one that stands still must keep its value and its status.
        let victim = self.points.iter().position(|p| p.stuck.is_none()).map_or(0, |first| {
            let n = self.rng.index(readings.len());
            if self.points[n].stuck.is_none() { n } else { first }
        });
        match fault {
            Some(Fault::OutOfRange) => readings[victim].tenths = if self.rng.one_in(2) { 2505 } else { -755 },
            Some(Fault::BadStatus) => readings[victim].status = "FAULTY",
            Some(Fault::TooFewPoints) => readings.truncate(TOO_FEW),
            Some(Fault::StaleTimestamp) => timestamp = payload::timestamp(now.minus(STALE)),
            Some(Fault::BadTimestamp) => {
                BAD_TIMESTAMPS[self.rng.index(BAD_TIMESTAMPS.len())].clone_into(&mut timestamp);
            }
            Some(Fault::SummaryMismatch) => off = 1 + self.rng.index(3),
            _ => {}
        }
        let payload = render(&self.words(&timestamp, &readings, off));
        self.sequence += 1;
        payload
    }

    /// What a fault does to the sequence and the account before its message.
    fn before(&mut self, fault: Option<Fault>) {
        match fault {
            Some(Fault::Gap(missing)) => {
                let (first_missing, last_missing) = (self.sequence, self.sequence + missing - 1);
                list(&mut self.truth.gaps, Gap { first_missing, last_missing });
                self.truth.gap_count += 1;
                self.truth.lost += missing;
                self.sequence += missing;
            }
            Some(Fault::Restart(first)) => {
                self.truth.resets += 1;
                self.sequence = first;
            }
            Some(Fault::Late) => self.truth.late_injected += 1,
            Some(Fault::Early) => self.truth.early_injected += 1,
            _ => {}
        }
    }

    /// Every temperature moves by 0.1 to 0.5 degrees, but for those that stand still.
    fn move_points(&mut self) {
        for nth in 0..self.points.len() {
            let is_stuck = self.plan.is_stuck(nth, self.round);
            let point = &mut self.points[nth];
            match (is_stuck, point.stuck) {
                (true, Some(listed)) => self.truth.stuck[listed].samples += 1,
                (stuck, listed) => {
                    point.step(&mut self.rng);
                    point.stuck = None;
                    if let Some(listed) = listed {
                        self.truth.stuck[listed].at_end = false;
                    }
                    if stuck {
                        point.stuck = list(
                            &mut self.truth.stuck,
                            Stuck {
                                point: point.number.to_string(),
                                value: f64::from(point.tenths) / 10.0,
                                from_message: self.truth.sent,
                                from_sequence: self.sequence,
                                samples: 1,
                                enough: false,
                                at_end: true,
                            },
                        );
                    }
                }
            }
        }
    }

    fn readings(&mut self) -> Vec<Reading> {
        let rng = &mut self.rng;
        let reading = |p: &Point| {
            let status = match (p.stuck, rng.below(100)) {
                (None, 0..4) => "ERROR",
                (None, 4) => "DISCONNECTED",
                _ => "OK",
            };
            Reading { point: p.number, tenths: p.tenths, status }
        };
        self.points.iter().map(reading).collect()
    }

    fn words<'a>(&'a self, timestamp: &'a str, readings: &'a [Reading], summary_off: usize) -> Message<'a> {
        let (device, sequence, points) = (self.truth.device.as_str(), self.sequence, self.habits.points);
        Message { timestamp, device, sequence, points, readings, summary_off }
    }

    /// The account of what was sent.
    pub(crate) fn into_truth(mut self) -> DeviceTruth {
        self.truth.close();
        self.truth
    }
}

#[cfg(test)]
mod tests;
