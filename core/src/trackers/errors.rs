//! Bad messages of one device: by reason since the beginning, and their share over a sliding window, whose
//! crossing of the threshold is a finding. The window moves in ten steps; a message leaves it at a step, and
//! that moment is the date of what it makes true.

use crate::event::Event;
use crate::finding::What;
use crate::lean;
use crate::reason::{Reason, Reasons};
use crate::rules::ErrorRules;
use crate::time::{Micros, Mono};
use crate::tracker::{Context, Edges, Tracker};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

const STEPS: usize = 10;

/// The errors of one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Errors {
    reasons: Vec<(Reason, u64)>,
    /// Messages that had an error.
    pub bad: u64,
    window: [Slot; STEPS],
    /// Number of the step that is being filled.
    step: u64,
    high: bool,
    /// When that became so.
    since: Mono,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Slot {
    messages: u32,
    bad: u32,
}

impl Errors {
    /// How often each reason occurred.
    pub fn reasons(&self) -> &[(Reason, u64)] {
        &self.reasons
    }

    /// Whether the share of bad messages is above the threshold.
    pub fn is_high(&self) -> bool {
        self.high
    }

    /// Since when it is; none while it is not.
    pub fn high_since(&self) -> Option<Mono> {
        self.high.then_some(self.since)
    }

    /// The share of bad messages in the window; none while it is empty.
    pub fn ratio(&self) -> Option<f64> {
        let Slot { messages, bad } = self.sum();
        (messages > 0).then(|| f64::from(bad) / f64::from(messages))
    }

    fn sum(&self) -> Slot {
        self.window.iter().fold(Slot::default(), |sum, slot| Slot {
            messages: sum.messages.saturating_add(slot.messages),
            bad: sum.bad.saturating_add(slot.bad),
        })
    }

    fn count(&mut self, reasons: Reasons) {
        for reason in reasons.iter() {
            match self.reasons.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, count)) => *count += 1,
                None => lean::push(&mut self.reasons, (reason, 1)),
            }
        }
        let bad = !reasons.is_empty();
        self.bad += u64::from(bad);
        let slot = &mut self.window[at(self.step)];
        slot.messages = slot.messages.saturating_add(1);
        slot.bad = slot.bad.saturating_add(u32::from(bad));
    }

    /// Says what the window says now, if that is new.
    fn judge(&mut self, rules: ErrorRules, now: Mono, edges: &mut Edges) {
        let Slot { messages, bad } = self.sum();
        let ratio = if messages > 0 { f64::from(bad) / f64::from(messages) } else { 0.0 };
        let high = messages >= rules.minimum && ratio > rules.threshold;
        if high != self.high {
            (self.high, self.since) = (high, now);
            edges.push((
                now,
                if high { What::ErrorRatioHigh { ratio } } else { What::ErrorRatioNormal { ratio } },
            ));
        }
    }

    fn is_empty(&self) -> bool {
        self.window.iter().all(|slot| slot.messages == 0)
    }
}

fn at(step: u64) -> usize {
    usize::try_from(step % STEPS as u64).unwrap_or(0)
}

fn step_length(rules: ErrorRules) -> Micros {
    (rules.window / STEPS as u64).max(1)
}

impl Tracker for Errors {
    fn observe(&mut self, context: &Context, event: &Event, now: Mono, edges: &mut Edges) {
        self.count(event.reasons);
        // Without a bad message in the window there is nothing to say; a good one can still complete the minimum.
        if self.high || self.window.iter().any(|slot| slot.bad > 0) {
            self.judge(context.rules.errors, now, edges);
        }
    }

    fn tick(&mut self, context: &Context, now: Mono, edges: &mut Edges) {
        let rules = context.rules.errors;
        let length = step_length(rules);
        let current = now.0 / length;
        if self.step > current {
            // The steps were shorter when this was saved; what is in them cannot be dated any more.
            self.window = [Slot::default(); STEPS];
            self.step = current;
            self.judge(rules, now, edges);
        }
        while self.step < current {
            if self.is_empty() {
                self.step = current;
                break;
            }
            self.step += 1;
            self.window[at(self.step)] = Slot::default();
            self.judge(rules, Mono(self.step * length), edges);
        }
    }

    fn due(&self, context: &Context) -> Mono {
        if self.is_empty() {
            return Mono::NEVER;
        }
        Mono((self.step + 1).saturating_mul(step_length(context.rules.errors)))
    }

    fn resume(&mut self, _: &Context, _: Mono) {}
}
