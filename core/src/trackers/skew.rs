//! How far the clock of a device is off, by the timestamps of its messages. A message is never younger on arrival than
//! the time it took, so the least age of many is the best that can be known: what remains in it is the shortest way.
//! The median of three goes in, so that a lone wrong timestamp moves nothing.

use crate::event::Event;
use crate::time::Mono;
use crate::tracker::{Context, Edges, Tracker};
use serde::{Deserialize, Serialize};

/// Ages of which the least is taken; it is that of the last one to two times so many.
const BLOCK: u8 = 32;

/// The clock of one device: 20 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Skew {
    /// The last two ages, in seconds; not a number while there are fewer.
    recent: [f32; 2],
    /// The least of this block.
    least: f32,
    /// The least of the block before.
    before: f32,
    /// Ages in this block.
    ages: u8,
}

impl Default for Skew {
    fn default() -> Self {
        Self { recent: [f32::INFINITY; 2], least: f32::INFINITY, before: f32::INFINITY, ages: 0 }
    }
}

impl Skew {
    /// Seconds by which the clock of the device is ahead of ours, to the millisecond; negative: behind. None before
    /// the third timestamp.
    pub fn seconds(&self) -> Option<f64> {
        let least = f64::from(self.least.min(self.before));
        least.is_finite().then(|| 0.0 - (least * 1e3).round() / 1e3)
    }

    fn note(&mut self, age: f32) {
        let [first, second] = self.recent;
        self.recent = [second, age];
        let mut three = [first, second, age];
        three.sort_unstable_by(f32::total_cmp);
        if three[2] == f32::INFINITY {
            return;
        }
        if self.ages == BLOCK {
            self.before = self.least;
            (self.least, self.ages) = (f32::INFINITY, 0);
        }
        self.least = self.least.min(three[1]);
        self.ages += 1;
    }
}

impl Tracker for Skew {
    fn observe(&mut self, _: &Context, event: &Event, _: Mono, _: &mut Edges) {
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds are enough")]
        if let Some(age) = event.age {
            self.note(age as f32);
        }
    }

    fn tick(&mut self, _: &Context, _: Mono, _: &mut Edges) {}

    fn due(&self, _: &Context) -> Mono {
        Mono::NEVER
    }

    fn resume(&mut self, _: &Context, _: Mono) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skew(ages: impl IntoIterator<Item = f32>) -> Option<f64> {
        let mut skew = Skew::default();
        ages.into_iter().for_each(|age| skew.note(age));
        skew.seconds()
    }

    #[test]
    fn the_clock_is_as_far_off_as_the_quickest_messages_say() {
        assert_eq!(skew([0.3, 0.2]), None);
        assert_eq!(skew([0.3, 0.05, 0.2, 0.05, 0.06, 0.05, 9.0]), Some(-0.05));
        assert_eq!(skew([-7.0, -6.9, -6.8]), Some(6.9));
        assert_eq!(skew([0.0; 9]).map(f64::to_bits), Some(0));
    }

    #[test]
    fn a_lone_wrong_timestamp_moves_nothing() {
        let with = |wrong: f32| skew((0..100).map(|n| if n % 10 == 5 { wrong } else { 0.1 }));
        assert_eq!((with(-3600.0), with(1e9)), (Some(-0.1), Some(-0.1)));
    }

    #[test]
    fn a_clock_that_was_set_is_believed_after_two_blocks() {
        let ages = |right: usize| std::iter::repeat_n(-50.0, 100).chain(std::iter::repeat_n(0.5, right));
        assert_eq!(skew(ages(10)), Some(50.0));
        assert_eq!(skew(ages(2 * usize::from(BLOCK) + 1)), Some(-0.5));
    }
}
