//! One sensor point and how its temperature moves. It must never show the same value twice by itself.

use super::rng::Rng;

/// Coldest and hottest that a point shows by itself, in tenths of a degree.
const RANGE: (i32, i32) = (200, 900);

/// A point of a device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    /// Its number, which is also its name.
    pub(super) number: usize,
    /// Tenths of a degree.
    pub(super) tenths: i32,
    /// Where in the truth it is listed, while it stands still.
    pub(super) stuck: Option<usize>,
}

impl Point {
    /// A point somewhere in the range.
    pub(super) fn new(number: usize, rng: &mut Rng) -> Self {
        Self { number, tenths: RANGE.0 + small(rng, 700), stuck: None }
    }

    /// Moves by 0.1 to 0.5 degrees, back where the range ends.
    pub(super) fn step(&mut self, rng: &mut Rng) {
        let step = 1 + small(rng, 5);
        let up = self.tenths + step <= RANGE.1 && (self.tenths - step < RANGE.0 || rng.one_in(2));
        self.tenths += if up { step } else { -step };
    }
}

fn small(rng: &mut Rng, below: u16) -> i32 {
    i32::try_from(rng.below(below.into())).unwrap_or(0)
}
