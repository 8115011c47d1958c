//! Takes what the pieces of a search gave, in their order: gives the lines on, knows when it is enough or too late, and
//! where to go on then.

use super::problem::{Problem, Problems};
use super::query::{Order, Query};
use super::run::{Continue, End};
use super::scan::Found;
use super::shelf::Segment;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Why it ended before the end of the log.
pub(super) enum Ended {
    /// As many as were wanted, or whoever gets them has enough.
    Enough,
    /// The deadline or the stop.
    Late,
}

/// Takes what the pieces gave, in their order.
pub(super) struct Taking<'a> {
    query: &'a Query,
    bounds: (Option<u64>, Option<u64>),
    end: &'a End,
    each: &'a mut dyn FnMut(u64, &str) -> Continue,
    pub(super) given: u64,
    pub(super) scanned: u64,
    /// The last record given.
    last: Option<u64>,
    /// Everything up to here was looked at.
    pub(super) reached: Option<u64>,
    pub(super) ended: Option<Ended>,
    /// Lines that are no records, and records that belong elsewhere, by file.
    odd: BTreeMap<Arc<str>, (u64, u64)>,
    holes: Vec<Problem>,
}

impl<'a> Taking<'a> {
    pub(super) fn new(
        query: &'a Query,
        bounds: (Option<u64>, Option<u64>),
        end: &'a End,
        each: &'a mut dyn FnMut(u64, &str) -> Continue,
    ) -> Self {
        Self {
            query,
            bounds,
            end,
            each,
            given: 0,
            scanned: 0,
            last: None,
            reached: None,
            ended: None,
            odd: BTreeMap::new(),
            holes: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, mut found: Found) -> ControlFlow<()> {
        self.scanned += found.scanned;
        self.note(&mut found);
        let enough = match self.query.order {
            Order::Asc => self.give(&mut found.lines()),
            Order::Desc => self.give(&mut found.lines().rev()),
        };
        if enough {
            self.ended = Some(Ended::Enough);
            return ControlFlow::Break(());
        }
        let edge = found.span.map(|(low, high)| if self.query.order == Order::Asc { high } else { low });
        self.reached = edge.or(self.reached);
        // Each page moves on, however short the deadline: else a walk would never end.
        if self.end.stopped() || (self.moved_on() && self.end.late()) {
            self.ended = Some(Ended::Late);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn moved_on(&self) -> bool {
        let (above, below) = self.bounds;
        self.reached.is_some_and(|reached| match self.query.order {
            Order::Asc => above.is_none_or(|above| reached > above),
            Order::Desc => below.is_none_or(|below| reached < below),
        })
    }

    fn give(&mut self, lines: &mut dyn Iterator<Item = (u64, &str)>) -> bool {
        for (seq, line) in lines {
            self.given += 1;
            self.last = Some(seq);
            let full = self.query.limit.is_some_and(|limit| self.given >= limit);
            if (self.each)(seq, line).is_break() || full {
                return true;
            }
        }
        false
    }

    fn note(&mut self, found: &mut Found) {
        let Some(file) = found.file.take() else { return };
        let holes = std::mem::take(&mut found.holes).into_iter();
        self.holes.extend(holes.map(|(from, to, why)| Problem::Damaged {
            file: file.to_string(),
            from,
            to,
            why,
        }));
        if found.damaged > 0 || found.strays > 0 {
            let odd = self.odd.entry(file).or_default();
            *odd = (odd.0 + found.damaged, odd.1 + found.strays);
        }
    }

    pub(super) fn say_problems(&mut self, problems: &mut Problems) {
        self.holes.drain(..).for_each(|hole| problems.say(hole));
        for (file, (damaged, strays)) in std::mem::take(&mut self.odd) {
            let file = file.to_string();
            if damaged > 0 {
                problems.say(Problem::Lines { file: file.clone(), count: damaged });
            }
            if strays > 0 {
                problems.say(Problem::Strays { file, count: strays });
            }
        }
    }

    /// Where to go on, when it ended before the end of the log.
    pub(super) fn place(&self, cut: Option<&Segment>) -> Option<u64> {
        match (&self.ended, self.query.order) {
            (Some(Ended::Enough), _) => self.last,
            (Some(Ended::Late), _) => self.reached,
            (None, Order::Asc) => cut?.first.checked_sub(1),
            (None, Order::Desc) => cut?.next,
        }
    }
}
