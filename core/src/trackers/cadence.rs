//! How regularly a device speaks, per stream: mean, deviation, extremes, and messages that come early or late.
//! The expected interval is configured or learned: the median of the last five intervals, learned again when
//! five in a row deviate. Lateness is noticed by the clock, once per interval, without waiting for the message.
//!
//! A stream may stand for several topics of one device, such as its channels, which then come in a bunch. Each of
//! them has a pace of its own; what is shown of the stream is all of them together.
//!
//! An interval that spans our own outage says nothing about the device and is left out. So are those of the first
//! moments after it, when everything that was queued meanwhile arrives at once.

use crate::event::Event;
use crate::finding::What;
use crate::lean;
use crate::route::StreamId;
use crate::rules::{Expect, StreamRules};
use crate::time::{Micros, Mono, SECOND};
use crate::tracker::{Context, Edges, Tracker};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

#[cfg(test)]
mod tests;

/// So many intervals make a habit.
const HABIT: usize = 5;

/// A habit below this is not judged: what comes early or late then is the network, or a busy machine. A configured
/// interval always is.
const HABIT_MIN: Micros = SECOND / 5;

/// So many topics of one device have a pace of their own; the others are counted and not judged.
const TOPICS_MAX: usize = 32;

/// Stands for the topics beyond that.
const REST: u32 = 0;

/// So long after an outage what was queued may still arrive in a bunch.
const SETTLE: Micros = SECOND;

/// The intervals of one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cadence {
    paces: Vec<Pace>,
    /// The interval that the last message ended.
    #[serde(skip)]
    fresh: Option<Micros>,
}

/// The intervals of one device on one topic, or on all topics of a stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// The stream.
    pub stream: StreamId,
    topic: u32,
    /// Messages, retained ones left out.
    pub messages: u64,
    /// Intervals counted.
    pub intervals: u64,
    /// Their mean, in microseconds.
    pub mean: f64,
    /// Sum of the squared distances from the mean (Welford).
    square: f64,
    /// The shortest.
    pub min: Micros,
    /// The longest.
    pub max: Micros,
    /// Messages that came early.
    pub early: u32,
    /// Messages that were late.
    pub late: u32,
    learned: Option<Micros>,
    recent: [Micros; HABIT],
    /// How many intervals in a row deviated.
    strange: u8,
    last: Mono,
    /// Since when the next message is waited for; later than `last` after an outage of ours.
    waiting: Mono,
    /// An outage of ours lies since `last`.
    interrupted: bool,
    /// When the bunch that follows an outage is over; a restart sets it anew.
    #[serde(skip)]
    settled: Mono,
    late_said: bool,
}

impl Pace {
    fn new(stream: StreamId, topic: u32, now: Mono) -> Self {
        Self {
            stream,
            topic,
            messages: 0,
            intervals: 0,
            mean: 0.0,
            square: 0.0,
            min: Micros::MAX,
            max: 0,
            early: 0,
            late: 0,
            learned: None,
            recent: [0; HABIT],
            strange: 0,
            last: now,
            waiting: now,
            interrupted: true,
            settled: Mono(0),
            late_said: false,
        }
    }

    /// Adds the counts of another topic of the same stream.
    fn join(&mut self, other: &Self) {
        let (ours, theirs) = (self.intervals as f64, other.intervals as f64);
        if other.intervals > 0 {
            let distance = other.mean - self.mean;
            self.square += other.square + distance * distance * ours * theirs / (ours + theirs);
            self.mean += distance * theirs / (ours + theirs);
        }
        self.messages += other.messages;
        self.intervals += other.intervals;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.early += other.early;
        self.late += other.late;
        self.learned = self.learned.into_iter().chain(other.learned).min();
        self.last = self.last.max(other.last);
        self.late_said |= other.late_said;
    }

    /// Standard deviation of the sample, in microseconds; none before the second interval.
    pub fn deviation(&self) -> Option<f64> {
        (self.intervals > 1).then(|| (self.square / (self.intervals - 1) as f64).sqrt())
    }

    /// The expected interval, configured or learned.
    pub fn expected(&self, rules: &StreamRules) -> Option<Micros> {
        match rules.expect {
            Expect::Every(every) => Some(every),
            Expect::Learn => self.learned,
            Expect::Never => None,
        }
    }

    /// The last message.
    pub fn last(&self) -> Mono {
        self.last
    }

    /// Whether the next message is overdue.
    pub fn is_late(&self) -> bool {
        self.late_said
    }

    /// The expected interval, where messages are to be judged by it.
    fn judged(&self, rules: &StreamRules) -> Option<Micros> {
        let is_judged = |every: &Micros| rules.expect != Expect::Learn || *every >= HABIT_MIN;
        self.expected(rules).filter(is_judged).filter(|_| self.topic != REST)
    }

    /// The last moment at which the next message is not late.
    fn late_after(&self, rules: &StreamRules) -> Option<Mono> {
        self.judged(rules).map(|every| self.on_time_until(every, rules))
    }

    fn on_time_until(&self, every: Micros, rules: &StreamRules) -> Mono {
        self.waiting.plus(scaled(every, 1.0 + rules.tolerance))
    }

    fn count(&mut self, interval: Micros, rules: &StreamRules, now: Mono) {
        self.intervals += 1;
        let distance = interval as f64 - self.mean;
        self.mean += distance / self.intervals as f64;
        self.square += distance * (interval as f64 - self.mean);
        self.min = self.min.min(interval);
        self.max = self.max.max(interval);
        let at = usize::try_from((self.intervals - 1) % HABIT as u64).unwrap_or(0);
        self.recent[at] = interval;
        self.judge(interval, rules, now);
    }

    fn judge(&mut self, interval: Micros, rules: &StreamRules, now: Mono) {
        let Some(expected) = self.expected(rules) else {
            if self.intervals >= HABIT as u64 {
                self.learn();
            }
            return;
        };
        let early = interval < scaled(expected, 1.0 - rules.tolerance);
        let late = now > self.on_time_until(expected, rules);
        self.early += u32::from(early && self.judged(rules).is_some());
        // Late messages were counted by the clock when they were due.
        // A configured interval is never learned anew, so there may be any number of them.
        self.strange = if early || late { self.strange.saturating_add(1) } else { 0 };
        if usize::from(self.strange) >= HABIT && rules.expect == Expect::Learn {
            self.learn();
        }
    }

    fn learn(&mut self) {
        let mut sorted = self.recent;
        sorted.sort_unstable();
        self.learned = Some(sorted[HABIT / 2]);
        self.strange = 0;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "intervals times a factor between 0 and 2"
)]
fn scaled(every: Micros, by: f64) -> Micros {
    (every as f64 * by).round() as Micros
}

impl Cadence {
    /// The streams on which the device was heard, each with all its topics together.
    pub fn streams(&self) -> Cow<'_, [Pace]> {
        let is_alone = |at: usize| self.paces[..at].iter().all(|pace| pace.stream != self.paces[at].stream);
        if (1..self.paces.len()).all(is_alone) {
            return Cow::Borrowed(&self.paces);
        }
        let mut joined: Vec<Pace> = Vec::with_capacity(1);
        for pace in &self.paces {
            match joined.iter_mut().find(|known| known.stream == pace.stream) {
                Some(known) => known.join(pace),
                None => joined.push(pace.clone()),
            }
        }
        Cow::Owned(joined)
    }

    /// Live messages on all streams.
    pub fn messages(&self) -> u64 {
        self.paces.iter().map(|pace| pace.messages).sum()
    }

    /// Messages a minute of all topics together, by the last few intervals of each, or by the silence since where
    /// that is longer; none before the first interval.
    pub fn rate_per_minute(&self, now: Mono) -> Option<f64> {
        let rates = self.paces.iter().filter(|pace| pace.intervals > 0).map(|pace| {
            let known = usize::try_from(pace.intervals).map_or(HABIT, |intervals| intervals.min(HABIT));
            let mean = pace.recent[..known].iter().sum::<Micros>() as f64 / known as f64;
            60e6 / mean.max(now.since(pace.last) as f64).max(1.0)
        });
        rates.reduce(|all, rate| all + rate)
    }

    /// The topic by which a message is judged: its own, or one for all beyond the limit.
    pub(super) fn admit(&self, stream: StreamId, topic: u32) -> u32 {
        // Zero is taken, and a topic that hashes to it can have another number.
        let topic = topic.max(1);
        let room = self.paces.len() < TOPICS_MAX;
        if room || self.pace(stream, topic).is_some() { topic } else { REST }
    }

    fn pace(&self, stream: StreamId, topic: u32) -> Option<&Pace> {
        self.paces.iter().find(|pace| pace.stream == stream && pace.topic == topic)
    }

    /// The expected interval of a topic: configured, learned, or what is typical for others.
    pub fn expected(&self, context: &Context, stream: StreamId, topic: u32) -> Option<Micros> {
        let rules = context.stream(stream).filter(|rules| rules.is_periodic() && topic != REST)?;
        let own = self.pace(stream, topic).and_then(|pace| pace.expected(rules));
        own.or_else(|| context.typical.get(usize::from(stream)).copied().flatten())
    }

    /// The interval that the last message ended, for the histogram of the fleet.
    pub fn fresh(&self) -> Option<Micros> {
        self.fresh
    }

    /// The habit of the device on a topic, once it is known.
    pub fn learned(&self, stream: StreamId, topic: u32) -> Option<Micros> {
        self.pace(stream, topic.max(1)).and_then(|pace| pace.learned)
    }
}

impl Cadence {
    /// Takes over the numbers that streams have in a new configuration.
    pub(super) fn renumber(&mut self, new: &dyn Fn(StreamId) -> Option<StreamId>) {
        self.paces.retain_mut(|of| new(of.stream).map(|id| of.stream = id).is_some());
    }
}

impl Tracker for Cadence {
    fn observe(&mut self, _: &Context, event: &Event, now: Mono, _: &mut Edges) {
        let known =
            self.paces.iter().position(|pace| pace.stream == event.stream && pace.topic == event.topic);
        let at = known.unwrap_or_else(|| {
            lean::push(&mut self.paces, Pace::new(event.stream, event.topic, now));
            self.paces.len() - 1
        });
        let pace = &mut self.paces[at];
        pace.messages += 1;
        self.fresh = None;
        if !pace.interrupted && event.rules.is_periodic() {
            let interval = now.since(pace.last);
            pace.count(interval, event.rules, now);
            self.fresh = Some(interval);
        }
        pace.last = now;
        pace.waiting = now;
        pace.interrupted = now < pace.settled || pace.topic == REST;
        pace.late_said = false;
    }

    fn tick(&mut self, context: &Context, now: Mono, edges: &mut Edges) {
        for pace in &mut self.paces {
            let Some(rules) = context.stream(pace.stream).filter(|rules| rules.is_periodic()) else {
                continue;
            };
            let (Some(after), Some(expected)) = (pace.late_after(rules), pace.expected(rules)) else {
                continue;
            };
            if now > after && !pace.late_said {
                pace.late_said = true;
                pace.late += 1;
                edges.push((after, What::Late { stream: rules.name.clone(), expected }));
            }
        }
    }

    fn due(&self, context: &Context) -> Mono {
        let waiting = self.paces.iter().filter(|pace| !pace.late_said).filter_map(|pace| {
            let rules = context.stream(pace.stream).filter(|rules| rules.is_periodic())?;
            pace.late_after(rules).map(|after| after.plus(1))
        });
        waiting.min().unwrap_or(Mono::NEVER)
    }

    fn resume(&mut self, _: &Context, now: Mono) {
        for pace in &mut self.paces {
            pace.interrupted = true;
            pace.waiting = now;
            pace.settled = now.plus(SETTLE);
        }
    }
}
