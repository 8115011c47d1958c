//! One counter of one device: where it stands, and what a number says about it. Numbers that wrap are laid out on a
//! line without an end, so that a gap over the wrap is a gap like any other; `wire` turns a place back into a number.

use super::gaps::{Gaps, Hole};
use super::low::Low;
use super::odd::{Due, Odd};
use super::out::Out;
use super::spell::Spell;
use crate::finding::What;
use crate::route::StreamId;
use crate::time::{Micros, Mono};
use serde::{Deserialize, Serialize};

mod judge;

/// So many numbers in no order, without one that is: this is no sequence.
const FALLS_MAX: u8 = 5;

/// A number that is further than this before the first one that was heard does not come late.
const EARLY_MAX: u64 = 32;

/// A number that came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub(super) number: u64,
    /// The broker says that it may have sent this before.
    pub(super) dup: bool,
    /// How often we were away until now.
    pub(super) breaks: u32,
    pub(super) now: Mono,
    /// How long a missing number may still arrive.
    pub(super) window: Micros,
    /// The interval that is expected.
    pub(super) expected: Option<Micros>,
}

/// Where a counter stands: 64 bytes while nothing is odd.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Counter {
    pub(super) stream: StreamId,
    /// The topic that it counts, or all topics of its stream.
    pub(super) topic: u32,
    /// Numbers wrap to 0 at this one; 0: they do not.
    modulus: u64,
    /// Numbers before this one came before we did.
    first: u64,
    /// The number that is expected.
    next: u64,
    /// When a number came last.
    last: Mono,
    /// How often we had been away when `next` was set.
    breaks: u32,
    /// The last restart of the device in which it took part.
    restart: u32,
    /// Each topic of its stream is known to have a counter of its own.
    pub(super) own: bool,
    /// The last number of its stream was its own; kept up to date until `own` is known.
    pub(super) latest: bool,
    /// How often its number followed another topic's.
    pub(super) followed: u8,
    falls: u8,
    silent: bool,
    odd: Option<Box<Odd>>,
}

impl Counter {
    /// A counter that is heard for the first time.
    pub(super) fn new(stream: StreamId, topic: u32, modulus: u64, restart: u32, heard: &Heard) -> Self {
        let first = modulus + heard.number;
        Self {
            stream,
            topic,
            modulus,
            first,
            next: first.saturating_add(1),
            last: heard.now,
            breaks: heard.breaks,
            restart,
            own: false,
            latest: true,
            followed: 0,
            falls: 0,
            silent: false,
            odd: None,
        }
    }

    pub(super) fn modulus(&self) -> u64 {
        self.modulus
    }

    /// The number that is expected.
    pub(super) fn next(&self) -> u64 {
        self.wire(self.next)
    }

    /// Whether its numbers are in an order that can be judged.
    pub(super) fn is_judged(&self) -> bool {
        !self.silent
    }

    /// How many numbers are still waited for.
    pub(super) fn awaited(&self) -> u64 {
        self.odd.as_ref().map_or(0, |odd| odd.gaps.awaited())
    }

    /// An operator knows better: whatever is missing until here is not.
    pub(super) fn set_next(&mut self, next: u64, breaks: u32) {
        self.first = self.modulus + if self.modulus == 0 { next } else { next % self.modulus };
        self.next = self.first;
        self.breaks = breaks;
        (self.falls, self.silent) = (0, false);
        let odd = self.odd();
        (odd.gaps, odd.low) = (Gaps::default(), None);
        self.tidy();
    }

    /// A number came now.
    pub(super) fn note(&mut self, now: Mono) {
        self.last = now;
    }

    /// Goes along without judging.
    pub(super) fn follow(&mut self, heard: &Heard) {
        let at = self.place(heard.number);
        self.next = self.next.max(at.saturating_add(1));
        (self.last, self.breaks) = (heard.now, heard.breaks);
    }

    /// Stands where another counter does.
    pub(super) fn stand_with(&mut self, other: &Self) {
        self.next = self.place(other.next());
        (self.last, self.breaks) = (other.last, other.breaks);
    }

    /// Numbers that were seen before, that came before we did, or that were lost.
    fn count_again(&mut self, low: Low, now: Mono, quiet: Micros, out: &mut Out) {
        if self.odd().gaps.fill(low.start).is_some() {
            self.count_reordered((low.start, low.seen), (low.at, now), quiet, out);
        } else if low.start < self.first {
            let (first, before) = (low.start.saturating_add(low.seen), self.first);
            // One from far before the first that was heard is no late one: the device may have begun anew, and what
            // follows must not fill a hole.
            if before - low.start <= EARLY_MAX {
                self.odd().gaps.never_heard(first, before, now);
                self.first = low.start;
            }
            self.count_reordered((low.start, low.seen), (low.at, now), quiet, out);
        } else {
            out.counts.duplicated += low.seen;
            Spell::add(&mut self.odd().duplicated, low.start, low.seen, (low.at, now), quiet);
        }
    }

    fn count_reordered(
        &mut self,
        (first, count): (u64, u64),
        (at, now): (Mono, Mono),
        quiet: Micros,
        out: &mut Out,
    ) {
        out.counts.reordered += count;
        Spell::add(&mut self.odd().reordered, first, count, (at, now), quiet);
    }

    /// Numbers were left out.
    fn jump(&mut self, at: u64, due: Mono, breaks: u32, now: Mono, out: &mut Out) {
        let ours = breaks != self.breaks;
        let hole = Hole { first: self.next, last: at - 1, before: at, due, ours };
        self.odd().gaps.open(hole);
        (self.next, self.breaks) = (at.saturating_add(1), breaks);
        self.make_room(now, out);
    }

    /// The oldest gaps are given up before their time where there are too many.
    fn make_room(&mut self, now: Mono, out: &mut Out) {
        while self.odd().gaps.overflow() {
            self.declare(now, out);
        }
    }

    /// The oldest gap is one for good; false when there is none.
    fn declare(&mut self, now: Mono, out: &mut Out) -> bool {
        let gap = self.odd.as_mut().and_then(|odd| odd.gaps.declare());
        gap.inspect(|gap| out.gap(gap, self.wire(gap.first), self.wire(gap.last), now)).is_some()
    }

    /// The device has begun anew: numbers went on from `start`, and `next` is expected.
    fn reset(&mut self, start: u64, next: u64, breaks: u32, now: Mono, out: &mut Out) {
        while self.declare(now, out) {}
        self.say_spells(now, out);
        self.odd = None;
        let (from, to) = (self.wire(self.next.saturating_sub(1)), self.wire(start));
        out.reset(from, to, &mut self.restart, now);
        self.first = self.modulus + to;
        self.next = self.first.saturating_add(next - start);
        self.breaks = breaks;
    }

    /// A number that is in no order. After a few of them without one that is, nothing more is made of them.
    fn fall(&mut self, now: Mono, out: &mut Out) {
        self.falls += 1;
        if self.falls >= FALLS_MAX {
            self.say_spells(now, out);
            (self.silent, self.odd) = (true, None);
            out.edges.push((now, What::NoSequence { stream: out.stream.into() }));
        }
    }

    fn say_spells(&mut self, now: Mono, out: &mut Out) {
        for due in [Due::Duplicated, Due::Reordered] {
            self.say_spell(due, now, out);
        }
    }

    fn say_spell(&mut self, due: Due, now: Mono, out: &mut Out) {
        let duplicated = due == Due::Duplicated;
        let Some(odd) = self.odd.as_mut() else { return };
        let spell = if duplicated { odd.duplicated.take() } else { odd.reordered.take() };
        let Some(Spell { first, last, count, at, .. }) = spell else { return };
        let (stream, first, last) = (out.stream.into(), self.wire(first), self.wire(last));
        out.edges.push((
            now,
            if duplicated {
                What::Duplicate { stream, first, last, count, at }
            } else {
                What::Reordered { stream, first, last, count, at }
            },
        ));
    }

    /// Says what became true by `now`, in the order in which it did.
    pub(super) fn tick(&mut self, now: Mono, out: &mut Out) {
        while let Some((at, due)) = self.first_due().filter(|(at, _)| now > *at) {
            match due {
                Due::Gap => drop(self.declare(at, out)),
                Due::Low => {
                    if let Some(low) = self.odd().low.take() {
                        self.expire(low, out);
                    }
                }
                Due::Duplicated | Due::Reordered => self.say_spell(due, at, out),
            }
        }
        self.tidy();
    }

    /// The next moment at which time alone makes something true.
    pub(super) fn due(&self) -> Mono {
        self.first_due().map_or(Mono::NEVER, |(at, _)| at.plus(1))
    }

    fn first_due(&self) -> Option<(Mono, Due)> {
        self.odd.as_ref().and_then(|odd| odd.due())
    }

    fn tidy(&mut self) {
        if self.odd.as_deref().is_some_and(Odd::is_empty) {
            self.odd = None;
        }
    }

    fn odd(&mut self) -> &mut Odd {
        self.odd.get_or_insert_default()
    }

    /// Where a number belongs: nearest to what is expected, and of two that are equally near the lower.
    fn place(&self, number: u64) -> u64 {
        if self.modulus == 0 {
            return number;
        }
        let ahead = (number + self.modulus - self.next()) % self.modulus;
        if ahead < self.modulus.div_ceil(2) {
            self.next.saturating_add(ahead)
        } else {
            self.next.saturating_sub(self.modulus - ahead)
        }
    }

    /// What a place looks like in a message.
    fn wire(&self, place: u64) -> u64 {
        if self.modulus == 0 { place } else { place % self.modulus }
    }
}
