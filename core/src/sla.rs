//! Promises about response times: the p-th percentile over a sliding window must not exceed a limit. Exact, not
//! estimated: the window holds its values in order. What becomes true is dated by the value that came or left, so
//! that it does not depend on how often we look.

use crate::time::{Micros, Mono};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Values that a window holds; beyond them the oldest leave early.
pub const VALUES_MAX: usize = 10_000;
/// A promise that was broken is kept again at this share of its limit, so that it does not flicker around it.
const KEPT_AT: f64 = 0.9;

/// One promise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Promise {
    /// Which percentile, 0 to 1: 0.95.
    pub quantile: f64,
    /// It must not exceed this.
    pub limit: Micros,
}

impl Promise {
    /// `p95`, `p99`, `p999`.
    pub fn name(&self) -> String {
        let text = format!("{:.4}", self.quantile);
        let digits = text.trim_start_matches("0.").trim_end_matches('0');
        format!("p{digits:0<2}")
    }
}

/// How a promise is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Since when it is broken; none while it is kept.
    pub broken_since: Option<Mono>,
    /// How often it was broken.
    pub violations: u64,
}

/// A promise was broken or is kept again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    /// When.
    pub at: Mono,
    /// Which promise.
    pub index: usize,
    /// Broken, or kept again.
    pub is_broken: bool,
    /// The percentile then.
    pub value: Micros,
}

/// A sliding window and the promises about it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sla {
    arrived: VecDeque<(Mono, Micros)>,
    sorted: Vec<Micros>,
    standings: Vec<Standing>,
}

/// What does not change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SlaRules {
    /// The promises.
    pub promises: Vec<Promise>,
    /// Length of the window.
    pub window: Micros,
    /// Fewer values say nothing.
    pub minimum: usize,
}

impl Sla {
    /// A value.
    pub fn observe(&mut self, rules: &SlaRules, value: Micros, now: Mono, turns: &mut Vec<Turn>) {
        if rules.promises.is_empty() {
            return;
        }
        self.tick(rules, now, turns);
        if self.arrived.len() >= VALUES_MAX {
            self.leave();
        }
        self.arrived.push_back((now, value));
        let at = self.sorted.partition_point(|known| *known <= value);
        self.sorted.insert(at, value);
        self.judge(rules, now, turns);
    }

    /// Time passed: old values leave.
    pub fn tick(&mut self, rules: &SlaRules, now: Mono, turns: &mut Vec<Turn>) {
        while let Some((at, _)) = self.arrived.front() {
            let end = at.plus(rules.window);
            if end > now {
                break;
            }
            // All that came in one moment leave in one, or the order among them would matter.
            while self.arrived.front().is_some_and(|(at, _)| at.plus(rules.window) == end) {
                self.leave();
            }
            self.judge(rules, end, turns);
        }
    }

    /// The percentile of the window; none while it is empty.
    pub fn quantile(&self, quantile: f64) -> Option<Micros> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place in a short list"
        )]
        let rank = (quantile * self.sorted.len() as f64).ceil() as usize;
        self.sorted.get(rank.saturating_sub(1).min(self.sorted.len().saturating_sub(1))).copied()
    }

    /// How many values it holds.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// True when it holds none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// How each promise is doing, in the order of the rules.
    pub fn standing(&self, index: usize) -> Standing {
        self.standings.get(index).copied().unwrap_or_default()
    }

    fn leave(&mut self) {
        let Some((_, value)) = self.arrived.pop_front() else { return };
        let at = self.sorted.partition_point(|known| *known < value);
        self.sorted.remove(at);
    }

    fn judge(&mut self, rules: &SlaRules, at: Mono, turns: &mut Vec<Turn>) {
        self.standings.resize(rules.promises.len(), Standing::default());
        for (index, promise) in rules.promises.iter().enumerate() {
            let value = self.quantile(promise.quantile).unwrap_or(0);
            let is_enough = self.sorted.len() >= rules.minimum.max(1);
            let standing = &mut self.standings[index];
            let is_broken = match standing.broken_since {
                None => is_enough && value > promise.limit,
                Some(_) => is_enough && value as f64 > promise.limit as f64 * KEPT_AT,
            };
            if is_broken == standing.broken_since.is_some() {
                continue;
            }
            standing.broken_since = is_broken.then_some(at);
            standing.violations += u64::from(is_broken);
            turns.push(Turn { at, index, is_broken, value });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;
    use crate::time::SECOND;

    const MS: Micros = 1000;

    fn rules() -> SlaRules {
        SlaRules {
            promises: vec![
                Promise { quantile: 0.95, limit: 500 * MS },
                Promise { quantile: 0.99, limit: 1000 * MS },
            ],
            window: 300 * SECOND,
            minimum: 20,
        }
    }

    #[test]
    fn a_promise_is_broken_by_one_value_too_many_and_kept_again_when_they_have_left() {
        let (rules, mut sla, mut turns) = (rules(), Sla::default(), Vec::new());
        for n in 0..98_u64 {
            let slow = n >= 93;
            sla.observe(&rules, if slow { 600 * MS } else { 100 * MS }, Mono(n * SECOND), &mut turns);
        }
        // 5 of 98 are slow: the 95th percentile is the 94th value, the first slow one.
        let broken = Turn { at: Mono(97 * SECOND), index: 0, is_broken: true, value: 600 * MS };
        assert_eq!(turns, [broken]);
        assert_eq!(sla.quantile(0.95), Some(600 * MS));
        turns.clear();
        sla.tick(&rules, Mono(1000 * SECOND), &mut turns);
        // With fewer than twenty values nothing is said any more: that is when the 79th has left.
        assert_eq!(turns, [Turn { at: Mono(378 * SECOND), index: 0, is_broken: false, value: 600 * MS }]);
        assert_eq!(sla.standing(0), Standing { broken_since: None, violations: 1 });
        assert!(sla.is_empty());
    }

    #[test]
    fn the_percentile_is_that_of_a_sorted_list_and_the_turns_do_not_depend_on_how_often_we_look() {
        for seed in 0..30 {
            let mut random = Random(seed);
            let (rules, mut seldom, mut often) = (rules(), Sla::default(), Sla::default());
            let (mut few, mut many, mut now, mut values) = (Vec::new(), Vec::new(), 0, Vec::new());
            for _ in 0..600 {
                now += random.next() % (2 * SECOND);
                let value = random.next() % (560 * MS);
                seldom.observe(&rules, value, Mono(now), &mut few);
                values.push((now, value));
                often.observe(&rules, value, Mono(now), &mut many);
                often.tick(&rules, Mono(now + SECOND / 7), &mut many);
                now += SECOND / 7;
                let mut window: Vec<u64> = values
                    .iter()
                    .filter(|(at, _)| at + rules.window > now)
                    .map(|(_, value)| *value)
                    .collect();
                window.sort_unstable();
                assert_eq!(window, often.sorted);
                let rank = (window.len() * 95).div_ceil(100);
                assert_eq!(often.quantile(0.95), rank.checked_sub(1).map(|at| window[at]));
            }
            seldom.tick(&rules, Mono(now + 2 * rules.window), &mut few);
            often.tick(&rules, Mono(now + 2 * rules.window), &mut many);
            assert_eq!(few, many, "seed {seed}");
            assert!(!few.is_empty(), "seed {seed} shows nothing");
        }
    }

    #[test]
    fn the_window_is_bounded() {
        let (rules, mut sla, mut turns) = (rules(), Sla::default(), Vec::new());
        for n in 0..VALUES_MAX as u64 + 50 {
            sla.observe(&rules, n, Mono(n), &mut turns);
        }
        assert_eq!((sla.len(), sla.arrived.len(), sla.quantile(0.0)), (VALUES_MAX, VALUES_MAX, Some(50)));
    }

    #[test]
    fn a_promise_is_named_as_in_the_configuration() {
        for (quantile, name) in
            [(0.95, "p95"), (0.99, "p99"), (0.999, "p999"), (0.5, "p50"), (0.9999, "p9999")]
        {
            assert_eq!(Promise { quantile, limit: 1 }.name(), name);
        }
    }
}
