//! What the tests of the whole core share: chance that is the same on every machine, and both clocks.
#![allow(dead_code, reason = "each test uses its part")]

use watchkeeper_core::time::{Mono, Now, Wall};

/// Chance from a seed: splitmix64.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not zero.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// True once in so many times.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

/// 2026-05-01T08:00:00Z.
pub(crate) const START: i64 = 1_777_622_400_000_000;

/// Both clocks, so many microseconds after the beginning.
pub(crate) fn now(micros: u64) -> Now {
    Now { mono: Mono(micros + 5_000_000), wall: Wall(START.saturating_add_unsigned(micros)) }
}
