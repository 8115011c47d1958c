//! How long to wait before the next attempt: full jitter, so that a fleet of sidecars that lost its broker
//! in the same second does not come back in the same second. Pure; nothing here may read a clock or sleep.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Pauses that double up to a longest one.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    /// Pauses since the last one that ended in a connection that stood.
    step: u32,
    /// State of the generator.
    seed: u64,
}

impl Backoff {
    /// Starts at `min`. A longest pause below the first one is the first one.
    pub(super) fn new(min: Duration, max: Duration, seed: u64) -> Self {
        Self { min, max: max.max(min), step: 0, seed }
    }

    /// The pause before the next round of attempts.
    pub(super) fn next(&mut self) -> Duration {
        let ceiling = self.min.saturating_mul(2_u32.saturating_pow(self.step)).min(self.max);
        self.step = self.step.saturating_add(1);
        self.jitter(ceiling)
    }

    /// As `next`, for an error that will not go away by itself: at least `floor`, at most the longest pause.
    pub(super) fn next_patient(&mut self, floor: Duration) -> Duration {
        let pause = self.next();
        // The jitter comes on top, so that clients with the same wrong password do not knock in step.
        floor.saturating_add(pause).min(self.max)
    }

    /// A pause within a round of attempts: at most the first pause, and the round is not counted.
    pub(super) fn short(&mut self) -> Duration {
        self.jitter(self.min)
    }

    /// The connection stood: start over.
    pub(super) fn reset(&mut self) {
        self.step = 0;
    }

    fn jitter(&mut self, ceiling: Duration) -> Duration {
        let nanos = u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX);
        // Modulo bias is below one in a million for every ceiling that occurs.
        Duration::from_nanos(self.random() % nanos.saturating_add(1))
    }

    /// `SplitMix64`: jitter needs spread, not secrecy.
    fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// A seed that differs between processes; the standard library draws it from the system.
pub(super) fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: Duration = Duration::from_secs(1);
    const MAX: Duration = Duration::from_secs(300);

    #[test]
    fn each_pause_stays_below_its_doubling_ceiling() {
        for seed in 0..200 {
            let mut backoff = Backoff::new(MIN, MAX, seed);
            for ceiling in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300] {
                assert!(backoff.next() <= Duration::from_secs(ceiling), "seed {seed}");
            }
        }
    }

    #[test]
    fn the_jitter_fills_the_whole_span() {
        let mut backoff = Backoff::new(MIN, MIN, 7);
        let pauses: Vec<_> = (0..1000).map(|_| backoff.next()).collect();
        let low = pauses.iter().filter(|pause| **pause < MIN / 10).count();
        let high = pauses.iter().filter(|pause| **pause > MIN * 9 / 10).count();
        assert!((50..200).contains(&low) && (50..200).contains(&high), "{low} {high}");
    }

    #[test]
    fn a_reset_starts_over_and_a_short_pause_does_not_count() {
        let mut backoff = Backoff::new(MIN, MAX, 1);
        for _ in 0..100 {
            backoff.next();
        }
        backoff.reset();
        assert!(backoff.short() <= MIN);
        assert!(backoff.next() <= MIN);
    }

    #[test]
    fn a_patient_pause_has_a_floor_and_never_exceeds_the_longest() {
        let floor = Duration::from_secs(30);
        for seed in 0..200 {
            let mut backoff = Backoff::new(MIN, MAX, seed);
            for _ in 0..40 {
                let pause = backoff.next_patient(floor);
                assert!((floor..=MAX).contains(&pause), "{pause:?}");
            }
            assert_eq!(Backoff::new(MIN, MIN, seed).next_patient(floor), MIN);
        }
    }
}
