//! `rate_limit` of the web config file: a bucket of tokens that fills up with time. It must not read a clock.

use std::sync::Mutex;
use watchkeeper_core::time::{Micros, Mono};

/// The rule: one more request every `interval`, at most `burst` at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Time in which one token comes back; not zero.
    pub(crate) interval: Micros,
    /// The most tokens there are.
    pub(crate) burst: u32,
}

/// When the bucket would be full again: that one moment is all its state.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    full_at: Mutex<Mono>,
}

impl Bucket {
    /// Takes a token, if there is one.
    pub(crate) fn take(&self, rule: Rule, now: Mono) -> bool {
        let Ok(mut full_at) = self.full_at.lock() else { return true };
        let next = (*full_at).max(now).plus(rule.interval);
        let fits = next.since(now) <= rule.interval.saturating_mul(u64::from(rule.burst));
        if fits {
            *full_at = next;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_each_interval() {
        let (bucket, rule) = (Bucket::default(), Rule { interval: 100, burst: 2 });
        let taken: Vec<bool> = [1000, 1000, 1000, 1099, 1100, 1100, 1300, 1300, 1300]
            .map(|at| bucket.take(rule, Mono(at)))
            .to_vec();
        assert_eq!(taken, [true, true, false, false, true, false, true, true, false]);
    }
}
