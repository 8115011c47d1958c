//! What a consumer has of a stream of numbers that a producer counts up: which are missing, which came twice or late. Of a
//! broker that promises to deliver, a number that stays missing is a loss. Nothing here may know how they travelled.

use serde::{Deserialize, Serialize};

/// Ranges that are told apart; what is missing beyond that is only counted.
const RANGES_MAX: usize = 1_000;

/// Numbers, the last one included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

impl Range {
    /// How many there are.
    pub fn count(self) -> u64 {
        self.last - self.first + 1
    }
}

/// What a number was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// The next one.
    Next,
    /// One further on: these are missing in between.
    Gap(Range),
    /// One that was missing.
    Late,
    /// One that was there before.
    Again,
    /// One from before the beginning.
    Old,
}

/// See the head of this file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    first: u64,
    next: u64,
    missing: Vec<Range>,
    /// Missing numbers that are in no range.
    untold: u64,
    /// Numbers that came, each counted once.
    pub received: u64,
    /// How often one came that was there before.
    pub again: u64,
    /// How many came after a higher one.
    pub late: u64,
    /// How many came from before the beginning.
    pub old: u64,
}

impl Received {
    /// The first number that counts.
    pub fn from(first: u64) -> Self {
        Self { first, next: first, missing: Vec::new(), untold: 0, received: 0, again: 0, late: 0, old: 0 }
    }

    /// The number that is expected next.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// A number came.
    pub fn hear(&mut self, number: u64) -> Number {
        if number < self.first {
            self.old += 1;
            return Number::Old;
        }
        if number < self.next {
            return self.hear_earlier(number);
        }
        self.received += 1;
        let before = self.next;
        self.next = number.saturating_add(1);
        if number == before {
            return Number::Next;
        }
        let gap = Range { first: before, last: number - 1 };
        self.miss(gap);
        Number::Gap(gap)
    }

    /// So many were sent: what did not come is missing.
    pub fn sent(&mut self, up_to: u64) {
        if self.next < up_to {
            self.miss(Range { first: self.next, last: up_to - 1 });
            self.next = up_to;
        }
    }

    /// What is missing, in order.
    pub fn missing(&self) -> &[Range] {
        &self.missing
    }

    /// How many are missing.
    pub fn lost(&self) -> u64 {
        self.missing.iter().map(|range| range.count()).sum::<u64>() + self.untold
    }

    fn miss(&mut self, range: Range) {
        if self.missing.len() < RANGES_MAX {
            self.missing.push(range);
        } else {
            self.untold += range.count();
        }
    }

    fn hear_earlier(&mut self, number: u64) -> Number {
        let at = self.missing.partition_point(|range| range.last < number);
        let Some(range) = self.missing.get(at).copied().filter(|range| range.first <= number) else {
            self.again += 1;
            return Number::Again;
        };
        let before = (range.first < number).then(|| Range { first: range.first, last: number - 1 });
        let after = (number < range.last).then(|| Range { first: number + 1, last: range.last });
        self.missing.splice(at..=at, before.into_iter().chain(after));
        self.received += 1;
        self.late += 1;
        Number::Late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u64, last: u64) -> Range {
        Range { first, last }
    }

    #[test]
    fn a_gap_is_told_with_its_range_and_repaired_by_what_comes_late() {
        let mut received = Received::from(100);
        assert_eq!(received.hear(100), Number::Next);
        assert_eq!(received.hear(115), Number::Gap(range(101, 114)));
        assert_eq!((received.lost(), received.next()), (14, 116));
        assert_eq!([received.hear(107), received.hear(101), received.hear(114)], [Number::Late; 3]);
        assert_eq!(received.missing(), [range(102, 106), range(108, 113)]);
        assert_eq!([received.hear(107), received.hear(115)], [Number::Again; 2]);
        assert_eq!(received.hear(99), Number::Old);
        assert_eq!((received.received, received.late, received.again, received.old), (5, 3, 2, 1));
        assert_eq!(received.lost(), 11);
    }

    #[test]
    fn what_was_sent_last_and_did_not_come_is_missing() {
        let mut received = Received::from(0);
        received.hear(0);
        received.sent(1);
        assert_eq!(received.lost(), 0);
        received.sent(6);
        assert_eq!((received.missing(), received.next()), (&[range(1, 5)][..], 6));
        received.hear(5);
        assert_eq!(received.missing(), [range(1, 4)]);
    }

    #[test]
    fn whatever_comes_every_number_is_accounted_for_once() {
        let mut seed = 3_u64;
        for _ in 0..200 {
            let mut received = Received::from(0);
            let mut came = std::collections::BTreeSet::new();
            for _ in 0..300 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let number = (seed >> 33) % 150;
                received.hear(number);
                came.insert(number);
            }
            received.sent(150);
            assert_eq!(received.received + received.lost(), 150);
            assert_eq!(received.received, came.len() as u64);
            let missing = received.missing().iter().flat_map(|range| range.first..=range.last);
            assert_eq!(
                missing.collect::<Vec<_>>(),
                (0..150).filter(|n| !came.contains(n)).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn what_is_missing_is_told_up_to_a_bound_and_counted_beyond() {
        let mut received = Received::from(0);
        for number in 0..3_000 {
            received.hear(2 * number + 1);
        }
        assert_eq!((received.missing().len(), received.lost()), (RANGES_MAX, 3_000));
    }
}
