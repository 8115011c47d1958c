//! What was taken as missed, though the devices' connection may bring it after all, a moment later. Bounded in count and
//! time. Nothing here may hold up a message.

use super::ahead::AHEAD_MAX;
use std::collections::{HashMap, VecDeque};
use watchkeeper_core::time::{Micros, Mono, SECOND};

/// It may come within this time.
const LATE: Micros = 60 * SECOND;

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Given {
    order: VecDeque<(Mono, u64)>,
    counts: HashMap<u64, u32>,
}

impl Given {
    /// A message was taken as missed.
    pub(super) fn note(&mut self, print: u64, now: Mono) {
        self.order.push_back((now, print));
        *self.counts.entry(print).or_default() += 1;
    }

    /// True once for each message that was taken as missed.
    pub(super) fn take(&mut self, print: u64) -> bool {
        let Some(count) = self.counts.get_mut(&print) else { return false };
        *count -= 1;
        if *count == 0 {
            self.counts.remove(&print);
        }
        true
    }

    /// What is too old, or too much, is no longer expected.
    pub(super) fn expire(&mut self, now: Mono) {
        while self.order.len() > AHEAD_MAX || self.order.front().is_some_and(|(at, _)| now.since(*at) >= LATE)
        {
            let Some((_, print)) = self.order.pop_front() else { return };
            // One that came is out of the count already.
            self.take(print);
        }
    }
}
