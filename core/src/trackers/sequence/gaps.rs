//! The numbers of one counter that are missing: those that are still waited for, and those that were waited for in
//! vain. Both are bounded. Positions here never wrap; nothing here knows what a number looks like on the wire.

use crate::time::{Micros, Mono, SECOND};
use serde::{Deserialize, Serialize};

/// So many ranges are remembered of either kind.
const RANGES_MAX: usize = 32;

/// So long a lost number may come late; after that it counts as seen.
const REMEMBERED: Micros = 3600 * SECOND;

/// Numbers that are missing, all for the same reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hole {
    pub(super) first: u64,
    pub(super) last: u64,
    /// The number behind the gap, which showed that there is one; the pieces of one gap have it in common.
    pub(super) before: u64,
    /// The last moment at which a number may still arrive in time.
    pub(super) due: Mono,
    /// We were away, or shed messages, between its two sides.
    pub(super) ours: bool,
}

/// A gap that was waited for in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) first: u64,
    pub(super) last: u64,
    /// How many of the numbers between are missing; some may have arrived late.
    pub(super) missing: u64,
    pub(super) due: Mono,
    pub(super) ours: bool,
}

/// How a missing number arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// At one end of what was missing.
    AtAnEnd,
    /// In the midst of so many that were missing.
    Amidst(u64),
}

/// Which numbers are missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Gaps {
    /// Still waited for, in ascending order; a later gap is never due before an earlier one.
    open: Vec<Hole>,
    /// Waited for in vain, the oldest first.
    lost: Vec<Hole>,
}

impl Gaps {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.lost.is_empty()
    }

    /// How many numbers are still waited for.
    pub(super) fn awaited(&self) -> u64 {
        self.open.iter().fold(0, |sum, hole| sum.saturating_add(hole.last - hole.first + 1))
    }

    /// Whether a number was waited for in vain.
    pub(super) fn is_lost(&self, number: u64) -> bool {
        self.lost.iter().any(|hole| (hole.first..=hole.last).contains(&number))
    }

    /// When the oldest gap has been open for long enough.
    pub(super) fn due(&self) -> Option<Mono> {
        self.open.first().map(|hole| hole.due)
    }

    /// More is waited for than is remembered.
    pub(super) fn overflow(&self) -> bool {
        self.open.len() > RANGES_MAX
    }

    /// A gap that was not there before.
    pub(super) fn open(&mut self, hole: Hole) {
        self.open.push(hole);
    }

    /// Numbers from before the first that was heard: they are nobody's loss, and late when they arrive.
    pub(super) fn never_heard(&mut self, first: u64, before: u64, now: Mono) {
        if first < before {
            self.lost.push(Hole { first, last: before - 1, before, due: now, ours: true });
            self.forget_some();
        }
    }

    /// Forgets what was lost so long ago that it does not come any more.
    pub(super) fn expire(&mut self, now: Mono) {
        self.lost.retain(|hole| now.since(hole.due) < REMEMBERED);
    }

    /// A number has arrived; none when it was not missing.
    pub(super) fn fill(&mut self, number: u64) -> Option<Filled> {
        let was_lost = fill(&mut self.lost, number);
        self.forget_some();
        was_lost.or_else(|| fill(&mut self.open, number))
    }

    /// Gives up the oldest gap with all its pieces.
    pub(super) fn declare(&mut self) -> Option<Gap> {
        let Hole { before, due, ours, .. } = *self.open.first()?;
        let pieces = self.open.iter().take_while(|hole| hole.before == before).count();
        let mut gap = Gap { first: u64::MAX, last: 0, missing: 0, due, ours };
        for hole in self.open.drain(..pieces) {
            gap.first = gap.first.min(hole.first);
            gap.last = gap.last.max(hole.last);
            gap.missing = gap.missing.saturating_add(hole.last - hole.first + 1);
            self.lost.push(hole);
        }
        self.forget_some();
        Some(gap)
    }

    fn forget_some(&mut self) {
        let too_many = self.lost.len().saturating_sub(RANGES_MAX);
        self.lost.drain(..too_many);
    }
}

/// Takes a number out of the range that holds it, which may leave two.
fn fill(holes: &mut Vec<Hole>, number: u64) -> Option<Filled> {
    let at = holes.iter().position(|hole| (hole.first..=hole.last).contains(&number))?;
    let hole = holes[at];
    match (hole.first == number, hole.last == number) {
        (true, true) => drop(holes.remove(at)),
        (true, false) => holes[at].first = number + 1,
        (false, true) => holes[at].last = number - 1,
        (false, false) => {
            holes[at].last = number - 1;
            holes.insert(at + 1, Hole { first: number + 1, ..hole });
            return Some(Filled::Amidst(hole.last - hole.first));
        }
    }
    Some(Filled::AtAnEnd)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hole(first: u64, last: u64) -> Hole {
        Hole { first, last, before: last + 1, due: Mono(first), ours: false }
    }

    #[test]
    fn a_gap_with_late_arrivals_is_one_gap_and_less_is_lost() {
        let mut gaps = Gaps::default();
        gaps.open(hole(11, 19));
        gaps.open(hole(30, 30));
        let filled = [15, 11, 15, 20].map(|number| gaps.fill(number));
        assert_eq!(filled, [Some(Filled::Amidst(8)), Some(Filled::AtAnEnd), None, None]);
        assert_eq!(gaps.awaited(), 8);
        let gap = gaps.declare().unwrap();
        assert_eq!((gap.first, gap.last, gap.missing, gap.due), (12, 19, 7, Mono(11)));
        assert!(gaps.fill(16).is_some(), "what is lost may still arrive, once");
        assert!(gaps.fill(16).is_none());
        assert!(gaps.fill(30).is_some() && gaps.declare().is_none(), "what arrives in time is no gap");
    }

    #[test]
    fn the_largest_gap_is_counted_exactly() {
        let mut gaps = Gaps::default();
        gaps.open(Hole { before: 0, ..hole(1, u64::MAX - 1) });
        assert_eq!(gaps.declare().unwrap().missing, u64::MAX - 1);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_oldest_goes_first() {
        let mut gaps = Gaps::default();
        for n in 0..100 {
            gaps.open(hole(10 * n, 10 * n + 4));
            gaps.declare();
            assert!(gaps.fill(10 * n + 2).is_some());
        }
        assert_eq!(gaps.lost.len(), RANGES_MAX);
        assert!(gaps.fill(1).is_none() && gaps.fill(991).is_some());
    }
}
