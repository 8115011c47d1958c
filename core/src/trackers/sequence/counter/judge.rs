//! What a number says about its counter: it is the next one, it leaves a gap or fills one, it was seen before, or it
//! may be the first of a new beginning, which the number after it decides.

use super::super::gaps::Filled;
use super::super::low::{IN_FLIGHT, Low, Stage};
use super::super::odd::Odd;
use super::super::out::Out;
use super::{Counter, FALLS_MAX, Heard};
use crate::time::{Micros, Mono, SECOND};
use std::cmp::Ordering;

/// More missing than this just before 0, where numbers wrap, is rather a device that began anew.
const BIRTH: u64 = 16;

/// A number amidst more missing ones than this came in no order: a field of random numbers has nothing else.
const SPARSE: u64 = 1000;

impl Counter {
    /// Judges a number. What became true before has been said.
    pub(in super::super) fn take(&mut self, heard: &Heard, out: &mut Out) {
        let since = heard.now.since(self.last);
        self.last = heard.now;
        if self.silent {
            self.listen(heard);
        } else {
            if let Some(odd) = &mut self.odd {
                odd.gaps.expire(heard.now);
            }
            self.judge(heard, patience(since, heard), out);
            self.tidy();
        }
    }

    fn judge(&mut self, heard: &Heard, patience: Micros, out: &mut Out) {
        if let Some(low) = self.odd.as_mut().and_then(|odd| odd.low.take()) {
            if heard.number == self.wire(low.next) {
                return self.go_on(low, heard, out);
            }
            self.settle(low, heard, out);
        }
        let at = self.place(heard.number);
        match at.cmp(&self.next) {
            Ordering::Equal => {
                (self.next, self.breaks) = (at.saturating_add(1), heard.breaks);
                self.falls = 0;
            }
            Ordering::Greater if self.may_be_birth(at) => self.doubt(at, Stage::Birth, heard, patience),
            Ordering::Greater => {
                self.jump(at, heard.now.plus(heard.window), heard.breaks, heard.now, out);
            }
            Ordering::Less => self.behind(at, heard, patience, out),
        }
    }

    /// The number that follows a low one.
    fn go_on(&mut self, low: Low, heard: &Heard, out: &mut Out) {
        self.falls = 0;
        let again = matches!(low.stage, Stage::Alone | Stage::Run) && heard.now <= low.window;
        if !(again && self.may_be_in_flight(low.start)) {
            return self.reset(low.start, low.next.saturating_add(1), heard.breaks, heard.now, out);
        }
        let late = self.odd().gaps.fill(low.next).is_some();
        if late {
            self.count_reordered((low.next, 1), (heard.now, heard.now), heard.window, out);
            self.make_room(heard.now, out);
        }
        let next = low.next + 1;
        let (seen, at) = if late { (low.seen, low.at) } else { (low.seen + 1, heard.now) };
        let low = Low { next, seen, at, stage: Stage::Run, due: low.window, ..low };
        if next == self.next {
            self.count_again(low, heard.now, heard.window, out);
        } else {
            self.odd().low = Some(low);
        }
    }

    /// Something else follows a low number.
    fn settle(&mut self, low: Low, heard: &Heard, out: &mut Out) {
        match low.stage {
            Stage::Birth => self.jump(low.start, low.window.max(heard.now), low.breaks, heard.now, out),
            Stage::Counted => {}
            Stage::Alone => self.count_again(low, heard.now, heard.window, out),
            // The old numbers go on, so that these were no new beginning.
            Stage::Run if self.place(heard.number).saturating_add(1) >= self.next => {
                self.count_again(low, heard.now, heard.window, out);
            }
            Stage::Run => self.reset(low.start, low.next, low.breaks, heard.now, out),
        }
    }

    /// Nothing followed a low number for so long that this is said.
    pub(super) fn expire(&mut self, low: Low, out: &mut Out) {
        let at = low.due;
        match low.stage {
            Stage::Birth => self.jump(low.start, at, low.breaks, at, out),
            Stage::Alone => {
                self.count_again(low, at, 0, out);
                self.odd().low = Some(Low { stage: Stage::Counted, due: Mono::NEVER, ..low });
            }
            Stage::Run => self.reset(low.start, low.next, low.breaks, at, out),
            Stage::Counted => {}
        }
    }

    /// A number that is not higher than those before.
    fn behind(&mut self, at: u64, heard: &Heard, patience: Micros, out: &mut Out) {
        if self.may_begin_in_a_gap(at) {
            self.doubt(at, Stage::Alone, heard, patience);
        } else if let Some(filled) = self.odd.as_mut().and_then(|odd| odd.gaps.fill(at)) {
            self.count_reordered((at, 1), (heard.now, heard.now), heard.window, out);
            self.make_room(heard.now, out);
            match filled {
                Filled::Amidst(missing) if missing >= SPARSE => self.fall(heard.now, out),
                Filled::Amidst(_) => {}
                Filled::AtAnEnd => self.falls = 0,
            }
        } else if at + 1 == self.next || heard.dup {
            self.count_again(Low::new(at, Stage::Alone, heard, 0), heard.now, heard.window, out);
        } else {
            self.doubt(at, Stage::Alone, heard, patience);
        }
    }

    fn doubt(&mut self, at: u64, stage: Stage, heard: &Heard, patience: Micros) {
        self.odd().low = Some(Low::new(at, stage, heard, patience));
    }

    /// As many numbers in order as were in none are judged again.
    fn listen(&mut self, heard: &Heard) {
        let in_order = heard.number == self.next();
        self.falls = if in_order { self.falls.saturating_sub(1) } else { FALLS_MAX };
        self.silent = self.falls > 0;
        self.first = self.modulus + heard.number;
        (self.next, self.breaks) = (self.first.saturating_add(1), heard.breaks);
    }

    fn may_be_birth(&self, at: u64) -> bool {
        self.modulus > 0 && self.wire(at) == 0 && at - self.next > BIRTH
    }

    /// Where numbers wrap, 0 may be lost and be a new beginning all the same; not when others have just come late.
    fn may_begin_in_a_gap(&self, at: u64) -> bool {
        let lost = |odd: &Odd| odd.reordered.is_none() && odd.gaps.is_lost(at);
        self.modulus > 0 && self.wire(at) == 0 && self.odd.as_deref().is_some_and(lost)
    }

    /// Whether a run of numbers that begins here may be a second delivery. Counters begin at 0 or 1.
    fn may_be_in_flight(&self, start: u64) -> bool {
        self.wire(start) > 1 && self.next.saturating_sub(start) <= IN_FLIGHT
    }
}

/// How long a low number may wait for its successor: devices that speak slowly begin anew slowly.
fn patience(since: Micros, heard: &Heard) -> Micros {
    const LONGEST: Micros = 600 * SECOND;
    let habit = heard.expected.map_or(0, |every| every.saturating_mul(2));
    heard.window.max(habit).max(since.saturating_mul(3).min(LONGEST))
}
