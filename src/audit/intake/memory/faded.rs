//! What is left of messages that were forgotten and that a broker may still deliver again: a fingerprint each, a tenth of
//! what is remembered of the others. Bounded; beyond that it no longer knows what it has not seen, and says so. Nothing
//! here may answer for a message without the broker's mark of a repetition.

use std::collections::{HashMap, VecDeque};

/// So many fingerprints, at some 40 bytes each. A broker that sends more than this before it reads an acknowledgement
/// has a queue of more than a million messages for us.
pub(super) const FADED_MAX: usize = 1_048_576;

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Faded {
    /// Fingerprint and number, by number.
    order: VecDeque<(u64, u64)>,
    /// The highest number that has the fingerprint.
    numbers: HashMap<u64, u64>,
    /// What has a lower number may have been dropped without being settled.
    dropped: u64,
    /// Those with a lower number cannot come again.
    settled: u64,
}

impl Faded {
    /// A message is forgotten; their numbers ascend.
    pub(super) fn push(&mut self, fingerprint: u64, number: u64) {
        if self.order.len() == FADED_MAX {
            self.drop_oldest();
            self.dropped = self.order.front().map_or(number, |(_, first)| *first);
        }
        self.order.push_back((fingerprint, number));
        self.numbers.insert(fingerprint, number);
    }

    /// Whether what the broker calls a repetition was there before, or may have been.
    pub(super) fn has(&self, fingerprint: u64) -> bool {
        self.dropped > self.settled || self.numbers.contains_key(&fingerprint)
    }

    /// The number of a message that was there before, where it is known.
    pub(super) fn number(&self, fingerprint: u64) -> Option<u64> {
        self.numbers.get(&fingerprint).copied()
    }

    /// What has a lower number, and is not here, may have been there before.
    pub(super) fn lose(&mut self, number: u64) {
        self.dropped = self.dropped.max(number);
    }

    /// What has a lower number cannot come again.
    pub(super) fn settle(&mut self, number: u64) {
        self.settled = number;
        while self.order.front().is_some_and(|(_, first)| *first < number) {
            self.drop_oldest();
        }
        if self.order.is_empty() {
            // After a flood the room is given back.
            *self = Self { settled: self.settled, dropped: self.dropped, ..Self::default() };
        }
    }

    fn drop_oldest(&mut self) {
        let Some((fingerprint, number)) = self.order.pop_front() else { return };
        if self.numbers.get(&fingerprint) == Some(&number) {
            self.numbers.remove(&fingerprint);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forgotten_is_known_until_it_is_settled() {
        let mut faded = Faded::default();
        for number in 0..10 {
            faded.push(number % 5, number);
        }
        faded.settle(7);
        assert_eq!((faded.number(4), faded.number(0)), (Some(9), None));
        assert_eq!(
            (0..5).map(|print| faded.has(print)).collect::<Vec<_>>(),
            [false, false, true, true, true]
        );
        faded.settle(10);
        assert!(!faded.has(4));
        assert_eq!((faded.order.capacity(), faded.numbers.capacity()), (0, 0));
    }

    #[test]
    fn beyond_its_bound_it_says_that_it_does_not_know_until_that_is_settled() {
        let mut faded = Faded::default();
        let most = FADED_MAX as u64;
        for number in 0..=most {
            faded.push(number, number);
        }
        assert_eq!(faded.order.len(), FADED_MAX);
        assert!(faded.has(0) && faded.has(most + 7));
        faded.settle(1);
        assert!(!faded.has(0) && faded.has(1) && !faded.has(most + 7));
    }
}
