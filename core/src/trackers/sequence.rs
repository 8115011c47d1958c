//! What the sequence numbers of one device say: which messages are missing, came twice, came late, or belong to a new
//! beginning. The rules are those of the interface, section 5; `judge.rs` has them.
//!
//! A stream may stand for several topics of one device. They may count together or each for itself, which the numbers
//! tell: a number that follows its own topic's and not the one before it on another counts for itself, and two that follow
//! another's and not their own count together. Until that is known nothing is judged, and no gap is invented.
//!
//! Memory: 64 bytes for each counter in good order; one in which something is odd has at most 5.4 KB more. A late number
//! is told from a second one for an hour and the last 32 ranges that were lost; beyond that it counts as a duplicate.

mod counter;
mod gaps;
mod low;
mod odd;
mod out;
mod spell;
#[cfg(test)]
mod tests;

use crate::classify::sequence;
use crate::event::Event;
use crate::lean;
use crate::route::StreamId;
use crate::rules::StreamRules;
use crate::time::Mono;
use crate::tracker::{Context, Edges, Tracker};
use counter::{Counter, Heard};
pub use out::Counts;
use out::Out;
use serde::{Deserialize, Serialize};

/// Stands for all topics of a stream that count together. Topics that have no pace of their own are heard as this
/// one, too.
const ALL: u32 = 0;

/// The sequences of one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sequence {
    counters: Vec<Counter>,
    counts: Counts,
}

/// Where one counter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Its stream.
    pub stream: StreamId,
    /// The number that is expected.
    pub next: u64,
    /// Missing numbers that may still arrive.
    pub awaited: u64,
    /// False: its numbers are in no order and not judged.
    pub judged: bool,
}

impl Sequence {
    /// What was counted; none while no number was seen.
    pub fn counts(&self) -> Option<&Counts> {
        (!self.counters.is_empty()).then_some(&self.counts)
    }

    /// Restarts of the device that its numbers show.
    pub(super) fn restarts(&self) -> u32 {
        self.counts.restarts
    }

    /// When the last of them was seen.
    pub(super) fn restarted(&self) -> Mono {
        self.counts.restarted
    }

    /// Where the counters stand.
    pub fn positions(&self) -> impl Iterator<Item = Position> {
        self.counters.iter().map(|counter| Position {
            stream: counter.stream,
            next: counter.next(),
            awaited: counter.awaited(),
            judged: counter.is_judged(),
        })
    }

    /// Sets the number that is expected next on a stream, so that a known break is no loss; false when it has none.
    pub fn set_next(&mut self, stream: StreamId, next: u64, breaks: u32) -> bool {
        let counters = self.counters.iter_mut().filter(|counter| counter.stream == stream);
        counters.map(|counter| counter.set_next(next, breaks)).count() > 0
    }

    /// Takes over the numbers that streams have in a new configuration.
    pub(super) fn renumber(&mut self, new: &dyn Fn(StreamId) -> Option<StreamId>) {
        self.counters.retain_mut(|of| new(of.stream).map(|id| of.stream = id).is_some());
    }

    /// A number that counts together with all others of its stream, whatever their topics.
    pub fn join(&mut self, context: &Context, event: &Event, now: Mono, edges: &mut Edges) {
        match self.joined(event) {
            Some(_) => self.observe(context, event, now, edges),
            None => self.begin_anew(event, now),
        }
    }

    /// The same for a number that is the first of new ones: it is expected, and nothing is missing before it.
    pub fn begin_anew(&mut self, event: &Event, now: Mono) {
        let modulus = modulus(event.rules);
        let number = sequence(event.payload, event.decoded);
        let Some(number) = number.filter(|number| modulus == 0 || *number < modulus) else { return };
        if let Some(at) = self.joined(event) {
            self.counters[at].set_next(number.saturating_add(1), event.breaks);
            self.counters[at].note(now);
            return;
        }
        self.counters.retain(|of| of.stream != event.stream);
        let (window, expected) = (event.rules.reorder_window, event.expected);
        let heard = Heard { number, dup: event.dup, breaks: event.breaks, now, window, expected };
        let restarts = self.counts.restarts;
        self.counters.push(Counter::new(event.stream, ALL, modulus, restarts, &heard));
    }

    /// The counter of all topics of a stream.
    fn joined(&self, event: &Event) -> Option<usize> {
        let modulus = modulus(event.rules);
        let is = |of: &Counter| of.stream == event.stream && of.topic == ALL && of.modulus() == modulus;
        self.counters.iter().position(is)
    }

    /// The counter to which a number belongs, and whether it may be judged.
    fn whose(&mut self, event: &Event, heard: &Heard) -> Option<(usize, bool)> {
        let of = |topic: u32| move |of: &Counter| of.stream == event.stream && of.topic == topic;
        if let Some(at) = self.counters.iter().position(of(ALL)) {
            return Some((at, true));
        }
        if event.topic == ALL {
            return None;
        }
        let Some(at) = self.counters.iter().position(of(event.topic)) else {
            self.begin(event, heard);
            return None;
        };
        if self.counters[at].own || self.others(at).next().is_none() {
            return Some((at, true));
        }
        Some(self.compare(at, heard.number))
    }

    /// A topic on which a number is heard for the first time.
    fn begin(&mut self, event: &Event, heard: &Heard) {
        let mut new =
            Counter::new(event.stream, event.topic, modulus(event.rules), self.counts.restarts, heard);
        for other in self.counters.iter_mut().filter(|other| other.stream == event.stream) {
            new.own = other.own;
            other.latest = false;
        }
        lean::push(&mut self.counters, new);
    }

    fn others(&self, at: usize) -> impl Iterator<Item = &Counter> {
        let stream = self.counters[at].stream;
        let all = self.counters.iter().enumerate();
        all.filter(move |(n, of)| *n != at && of.stream == stream).map(|(_, of)| of)
    }

    /// Whether a number follows its own topic or the one that was heard before it. Gives its counter, and whether it
    /// may be judged.
    fn compare(&mut self, at: usize, number: u64) -> (usize, bool) {
        let stream = self.counters[at].stream;
        let follows_own = self.counters[at].next() == number;
        // While one topic speaks alone it makes no difference.
        let Some(before) = self.others(at).find(|of| of.latest) else { return (at, true) };
        let follows_other = before.next() == number;
        if follows_other && !follows_own {
            // Once may be chance.
            if self.counters[at].followed > 0 {
                return (self.unite(stream, &before.clone()), true);
            }
            self.counters[at].followed = 1;
        }
        let own = follows_own && !follows_other;
        for of in self.counters.iter_mut().filter(|of| of.stream == stream) {
            (of.own, of.latest) = (own, false);
        }
        self.counters[at].latest = true;
        (at, own)
    }
}

/// One that is larger is none: nobody lives to see it wrap.
fn modulus(rules: &StreamRules) -> u64 {
    const LARGEST: u64 = 1 << 62;
    Some(rules.sequence_modulus).filter(|modulus| *modulus <= LARGEST).unwrap_or(0)
}

impl Sequence {
    /// The topics of a stream count together, and stand where one of them does.
    fn unite(&mut self, stream: StreamId, stands: &Counter) -> usize {
        // The oldest was judged while it was alone, and may still wait for something.
        let kept = self.counters.iter().position(|of| of.stream == stream).unwrap_or(0);
        self.counters[kept].stand_with(stands);
        self.counters[kept].topic = ALL;
        self.counters.retain(|of| of.stream != stream || of.topic == ALL);
        kept
    }
}

impl Tracker for Sequence {
    fn observe(&mut self, _: &Context, event: &Event, now: Mono, edges: &mut Edges) {
        let Some(number) = sequence(event.payload, event.decoded) else { return };
        let modulus = modulus(event.rules);
        if modulus > 0 && number >= modulus {
            return;
        }
        let heard = Heard {
            number,
            dup: event.dup,
            breaks: event.breaks,
            now,
            window: event.rules.reorder_window,
            expected: event.expected,
        };
        let Some((at, judged)) = self.whose(event, &heard) else { return };
        let counter = &mut self.counters[at];
        if counter.modulus() != modulus {
            // It was saved under other rules.
            *counter = Counter::new(counter.stream, counter.topic, modulus, self.counts.restarts, &heard);
        } else if judged {
            let mut out = Out { stream: &event.rules.name, counts: &mut self.counts, edges };
            counter.take(&heard, &mut out);
        } else {
            counter.follow(&heard);
        }
    }

    fn tick(&mut self, context: &Context, now: Mono, edges: &mut Edges) {
        for counter in self.counters.iter_mut().filter(|counter| counter.due() <= now) {
            if let Some(rules) = context.stream(counter.stream) {
                let mut out = Out { stream: &rules.name, counts: &mut self.counts, edges };
                counter.tick(now, &mut out);
            }
        }
    }

    fn due(&self, _: &Context) -> Mono {
        self.counters.iter().map(Counter::due).min().unwrap_or(Mono::NEVER)
    }

    fn resume(&mut self, _: &Context, _: Mono) {}
}
