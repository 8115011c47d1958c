//! How many messages there were of late: a ring of sums, one every ten seconds, for the picture on the page. Nothing
//! here is saved, and it is of this run.

use std::collections::VecDeque;
use watchkeeper_core::report::Watched;
use watchkeeper_core::time::{Micros, Mono, Now, SECOND, Wall};

/// Between two sums.
const EVERY: Micros = 10 * SECOND;

/// Half an hour of them.
const SUMS_MAX: usize = 181;

/// What had arrived up to a moment, over all brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sum {
    /// The moment.
    pub(crate) at: Wall,
    /// Messages.
    pub(crate) messages: u64,
    /// Those with an error.
    pub(crate) bad: u64,
}

/// The ring.
#[derive(Debug, Default)]
pub(crate) struct Trend {
    sums: VecDeque<Sum>,
    last: Mono,
}

impl Trend {
    /// Called every second.
    pub(crate) fn tick(&mut self, watched: &[Watched], now: Now) {
        if !self.sums.is_empty() && now.mono.since(self.last) < EVERY {
            return;
        }
        self.last = now.mono;
        if self.sums.len() == SUMS_MAX {
            self.sums.pop_front();
        }
        self.sums.push_back(sum(watched, now.wall));
    }

    /// The sums, oldest first, the one of now being the last.
    pub(crate) fn until(&self, watched: &[Watched], now: Wall) -> Vec<Sum> {
        self.sums.iter().copied().chain([sum(watched, now)]).collect()
    }
}

fn sum(watched: &[Watched], at: Wall) -> Sum {
    let streams = || watched.iter().flat_map(|one| &one.fleet.stats.streams);
    Sum {
        at,
        messages: streams().map(|counts| counts.messages).sum(),
        bad: streams().map(|counts| counts.bad).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_an_hour_is_kept_however_often_it_is_told() {
        let mut trend = Trend::default();
        let now =
            |second: u64| Now { mono: Mono(second * SECOND), wall: Wall(second.cast_signed() * 1_000_000) };
        for second in 0..4000 {
            trend.tick(&[], now(second));
        }
        let sums = trend.until(&[], now(4000).wall);
        assert_eq!(sums.len(), SUMS_MAX + 1);
        let of = |at: usize| sums[at].at;
        assert_eq!((of(0), of(SUMS_MAX - 1), of(SUMS_MAX)), (now(2190).wall, now(3990).wall, now(4000).wall));
    }
}
