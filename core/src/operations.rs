//! Operations of the whole fleet by type, and the share of them that failed over a sliding window of ten steps. A step
//! is judged when it is over, so that what is found does not depend on how often we look; that moment is the date of what
//! it makes true.

use crate::rules::ErrorRules;
use crate::time::{Micros, Mono};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Steps of a window.
const STEPS: u64 = 10;

/// What can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// A message that has a sequence number: it arrives, or it is lost.
    Publish,
    /// A command: it is answered, or it is refused or times out.
    Command,
    /// A message that is looked at: it keeps the rules of its stream, or it does not.
    Validation,
    /// A connection that is tried.
    Connection,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Publish, Self::Command, Self::Validation, Self::Connection];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Command => "command",
            Self::Validation => "validation",
            Self::Connection => "connection",
        }
    }
}

/// How many there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All of them.
    pub all: u64,
    /// Those that failed.
    pub failed: u64,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.all = self.all.saturating_add(other.all);
        self.failed = self.failed.saturating_add(other.failed);
    }

    fn ratio(self) -> f64 {
        // What failed in this window may have begun before it.
        if self.all > 0 { (self.failed as f64 / self.all as f64).min(1.0) } else { 0.0 }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Step {
    number: u64,
    counts: [Counts; Operation::ALL.len()],
}

/// Too many failed, or few enough again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    /// When.
    pub at: Mono,
    /// Of what.
    pub operation: Operation,
    /// Too many.
    pub is_high: bool,
    /// The share of the window then.
    pub ratio: f64,
}

/// The operations of one fleet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Operations {
    totals: [Counts; Operation::ALL.len()],
    /// Those of the window and those that are not judged yet, oldest first.
    steps: VecDeque<Step>,
    /// The first that is not judged yet.
    open: u64,
    /// Length of a step when these were made.
    length: Micros,
    is_high: [bool; Operation::ALL.len()],
    /// When that became so.
    since: [Mono; Operation::ALL.len()],
}

impl Operations {
    /// Counts what came to its end at a moment.
    pub fn note(&mut self, rules: ErrorRules, operation: Operation, counts: Counts, at: Mono) {
        self.begin(rules, at);
        let number = (at.0 / self.length).max(self.open);
        self.totals[operation as usize].add(counts);
        let place = self.steps.iter().rposition(|step| step.number <= number);
        let place = match place {
            Some(place) if self.steps[place].number == number => place,
            before => {
                let place = before.map_or(0, |before| before + 1);
                self.steps.insert(place, Step { number, ..Step::default() });
                place
            }
        };
        self.steps[place].counts[operation as usize].add(counts);
    }

    /// Counts what came to its end, and judges nobody by it.
    pub fn count(&mut self, operation: Operation, counts: Counts) {
        self.totals[operation as usize].add(counts);
    }

    /// Says what the steps that are over make true. Everything up to `known` must have been noted.
    pub fn judge(&mut self, rules: ErrorRules, known: Mono, turns: &mut Vec<Turn>) {
        self.begin(rules, known);
        let current = known.0 / self.length;
        while self.open < current {
            if self.steps.is_empty() && !self.is_high.contains(&true) {
                self.open = current;
                return;
            }
            self.judge_step(rules, turns);
            self.open += 1;
            let gone = (self.open + 1).saturating_sub(STEPS);
            while self.steps.front().is_some_and(|step| step.number < gone) {
                self.steps.pop_front();
            }
        }
    }

    /// Since the beginning.
    pub fn totals(&self, operation: Operation) -> Counts {
        self.totals[operation as usize]
    }

    /// Whether too many fail.
    pub fn is_high(&self, operation: Operation) -> bool {
        self.is_high[operation as usize]
    }

    /// Since when too many fail; none while few enough do.
    pub fn high_since(&self, operation: Operation) -> Option<Mono> {
        self.is_high(operation).then_some(self.since[operation as usize])
    }

    /// The share that failed in the window; none while it is empty.
    pub fn ratio(&self, operation: Operation) -> Option<f64> {
        let sum = self.sum(operation, u64::MAX);
        (sum.all > 0).then(|| sum.ratio())
    }

    fn begin(&mut self, rules: ErrorRules, at: Mono) {
        let length = (rules.window / STEPS).max(1);
        if self.length != length {
            // The steps were others when this was saved; what is in them cannot be dated any more.
            let totals = self.totals;
            *self = Self { totals, length, open: at.0 / length, ..Self::default() };
        }
    }

    fn sum(&self, operation: Operation, last: u64) -> Counts {
        let mut sum = Counts::default();
        for step in self.steps.iter().filter(|step| step.number <= last) {
            sum.add(step.counts[operation as usize]);
        }
        sum
    }

    fn judge_step(&mut self, rules: ErrorRules, turns: &mut Vec<Turn>) {
        let at = Mono((self.open + 1).saturating_mul(self.length));
        for operation in Operation::ALL {
            let sum = self.sum(operation, self.open);
            let (is_enough, ratio) = (sum.all >= u64::from(rules.minimum), sum.ratio());
            let is_high = is_enough && ratio > rules.threshold;
            if is_high != self.is_high[operation as usize] {
                self.is_high[operation as usize] = is_high;
                self.since[operation as usize] = at;
                turns.push(Turn { at, operation, is_high, ratio });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;
    use crate::time::SECOND;

    const RULES: ErrorRules = ErrorRules { window: 100 * SECOND, threshold: 0.1, minimum: 10 };

    fn one(is_failed: bool) -> Counts {
        Counts { all: 1, failed: u64::from(is_failed) }
    }

    #[test]
    fn too_many_is_said_at_the_end_of_a_step_and_taken_back_when_they_have_left() {
        let (mut operations, mut turns) = (Operations::default(), Vec::new());
        for n in 0..20_u64 {
            operations.note(RULES, Operation::Command, one(n < 3), Mono(n * SECOND));
        }
        assert_eq!(operations.ratio(Operation::Command), Some(0.15));
        operations.judge(RULES, Mono(1000 * SECOND), &mut turns);
        let turn = |at, is_high, ratio| {
            let (at, operation) = (Mono(at * SECOND), Operation::Command);
            Turn { at, operation, is_high, ratio }
        };
        // The first step has ten, three of them bad, and leaves after 110 s.
        assert_eq!(turns, [turn(10, true, 0.3), turn(110, false, 0.0)]);
        assert_eq!((operations.ratio(Operation::Command), operations.steps.len()), (None, 0));
        assert_eq!(operations.totals(Operation::Command), Counts { all: 20, failed: 3 });
    }

    #[test]
    fn what_is_said_does_not_depend_on_how_often_we_look() {
        for seed in 0..50 {
            let mut random = Random(seed);
            let (mut seldom, mut often) = (Operations::default(), Operations::default());
            let (mut few, mut many, mut now) = (Vec::new(), Vec::new(), 0);
            for n in 0..600 {
                now += random.next() % (if n % 100 == 0 { 300 } else { 2 } * SECOND);
                let bad = one(random.below(if (n / 60) % 2 == 0 { 5 } else { 50 }) == 0);
                let operation = *random.pick(&Operation::ALL);
                seldom.note(RULES, operation, bad, Mono(now));
                often.note(RULES, operation, bad, Mono(now));
                often.judge(RULES, Mono(now), &mut many);
                assert!(often.steps.len() <= 11, "seed {seed}");
            }
            for (operations, turns) in [(&mut seldom, &mut few), (&mut often, &mut many)] {
                operations.judge(RULES, Mono(now + 1000 * SECOND), turns);
                assert!(operations.steps.is_empty() && operations.is_high == [false; 4]);
            }
            assert_eq!(few, many, "seed {seed}");
            assert!(!few.is_empty(), "seed {seed} shows nothing");
        }
    }

    #[test]
    fn steps_of_another_length_are_left_behind_and_the_totals_stay() {
        let mut operations = Operations::default();
        operations.note(RULES, Operation::Publish, one(true), Mono(5 * SECOND));
        operations.judge(ErrorRules { window: SECOND, ..RULES }, Mono(9 * SECOND), &mut Vec::new());
        assert_eq!((operations.steps.len(), operations.totals(Operation::Publish).all), (0, 1));
    }
}
