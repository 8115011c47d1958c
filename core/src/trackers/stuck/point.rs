//! One point of a device, and how long its value has stood still. Nothing here may know other points.

use crate::interner::NameId;
use crate::rules::{StreamRules, StuckAfter};
use crate::time::Mono;
use serde::{Deserialize, Serialize};

/// One point: 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The last value.
    pub value: f64,
    /// The first value of the run.
    anchor: f64,
    /// When the run began.
    pub(super) since: Mono,
    pub(super) run: Run,
    pub(super) name: NameId,
}

/// How often the value was repeated, and whether that is too often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Run(u32);

impl Run {
    const STUCK: u32 = 1 << 31;

    fn repeats(self) -> u32 {
        self.0 & !Self::STUCK
    }

    pub(super) fn is_stuck(self) -> bool {
        self.0 & Self::STUCK != 0
    }

    fn repeat(&mut self) {
        if self.repeats() < Self::STUCK - 1 {
            self.0 += 1;
        }
    }
}

impl Point {
    pub(super) fn new(name: NameId, value: f64, now: Mono) -> Self {
        Self { value, anchor: value, since: now, run: Run::default(), name }
    }

    /// Since when it has stood still, if it is stuck.
    pub fn stuck_since(self) -> Option<Mono> {
        self.run.is_stuck().then_some(self.since)
    }

    /// How often the value was repeated in a row.
    pub fn repeats(self) -> u32 {
        self.run.repeats()
    }

    /// Takes a sample; true when the point became stuck, false when it came free.
    #[inline]
    pub(super) fn sample(&mut self, value: f64, rules: &StreamRules, now: Mono) -> Option<bool> {
        self.value = value;
        if (value - self.anchor).abs() > rules.stuck_tolerance {
            let was_stuck = self.run.is_stuck();
            self.anchor = value;
            self.since = now;
            self.run = Run::default();
            return was_stuck.then_some(false);
        }
        self.run.repeat();
        if self.run.is_stuck() {
            return None;
        }
        let stuck = match rules.stuck_after {
            StuckAfter::Repeats(most) => self.run.repeats() > most,
            StuckAfter::For(longest) => now.since(self.since) > longest,
        };
        if stuck {
            self.run.0 |= Run::STUCK;
        }
        stuck.then_some(true)
    }

    /// Begins a new run with the next sample, whatever it is; the value may have moved unseen.
    pub(super) fn restart(&mut self) {
        self.run = Run::default();
        self.anchor = f64::INFINITY;
    }
}
