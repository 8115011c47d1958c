//! How busy the engine's thread is, as seen from its idle moments. Two things follow from it.
//!
//! In a flood it rests for a moment before it waits for more. Without that whoever is faster than the broker is woken for
//! every message or two, which costs more than dealing with them; so the socket fills a little meanwhile, and one turn
//! takes what would have been ten.
//!
//! And when for a while it had nothing but messages to deal with, more comes than can be dealt with. Nothing here may rest
//! while somebody waits, nor for a fleet that speaks now and then.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use watchkeeper_core::time::{Micros, Mono};

/// That long. At the 500 MB/s that one Mosquitto delivers it is 50 KB, which the socket's buffer holds.
const REST: Duration = Duration::from_micros(100);

/// More messages a second than this are a flood: with fewer, a rest would seldom bring two together.
const FLOOD: u64 = 10_000;

/// Looked at over this time at least.
const WINDOW: Micros = 2_000;

/// Without an idle moment for so long since a turn brought many messages, and with many again, more comes than can be dealt
/// with. Until then the buffers of the sockets, some 4 MB at either end, and what a broker keeps for a slow client must do; with
/// 100 ms a machine that was short of processors for a moment shed what it could have dealt with.
const BEHIND: Micros = 250_000;

/// Of one thread, which alone changes it; atomic because its runtime wants what could be shared.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Messages since the window began.
    came: AtomicU64,
    /// When it began.
    since: AtomicU64,
    is_flood: AtomicBool,
    /// The first turn with many messages after the last idle moment, and a microsecond; 0: there was none.
    crowded: AtomicU64,
}

impl Pace {
    /// A message came.
    pub(crate) fn came(&self) {
        self.came.store(self.came.load(Relaxed) + 1, Relaxed);
    }

    /// The thread has nothing to do. Gives how long it may rest before it waits.
    pub(crate) fn idle(&self, now: Mono) -> Option<Duration> {
        self.crowded.store(0, Relaxed);
        let took = now.0.saturating_sub(self.since.load(Relaxed));
        if took >= WINDOW {
            let came = self.came.swap(0, Relaxed);
            self.since.store(now.0, Relaxed);
            self.is_flood.store(came.saturating_mul(1_000_000) / took >= FLOOD, Relaxed);
        }
        self.is_flood.load(Relaxed).then_some(REST)
    }

    /// Whether more comes than can be dealt with; `many` says whether the last turn brought so much that there is probably
    /// more. A scrape or a save alone, however long, does not make it so.
    pub(crate) fn is_behind(&self, many: bool, now: Mono) -> bool {
        if !many {
            return false;
        }
        let since = match self.crowded.load(Relaxed) {
            0 => now.0 + 1,
            since => since,
        };
        self.crowded.store(since, Relaxed);
        (now.0 + 1).saturating_sub(since) >= BEHIND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_flood_is_a_reason_to_rest_and_only_while_it_lasts() {
        let pace = Pace::default();
        assert_eq!(pace.idle(Mono(10_000)), None, "nothing came");
        for _ in 0..30 {
            pace.came();
        }
        assert_eq!(pace.idle(Mono(11_000)), None, "too early to say");
        assert_eq!(pace.idle(Mono(12_000)), Some(REST), "30 in 2 ms");
        assert_eq!(pace.idle(Mono(12_500)), Some(REST));
        pace.came();
        assert_eq!(pace.idle(Mono(14_000)), None, "1 in 2 ms");
        for _ in 0..30 {
            pace.came();
        }
        assert_eq!(pace.idle(Mono(1_014_000)), None, "30 in a second");
    }

    #[test]
    fn whoever_is_never_idle_and_finds_many_in_each_turn_is_behind() {
        let pace = Pace::default();
        assert!(!pace.is_behind(true, Mono(0)));
        assert!(!pace.is_behind(true, Mono(BEHIND - 1)));
        assert!(pace.is_behind(true, Mono(BEHIND)));
        assert!(!pace.is_behind(false, Mono(BEHIND + 1)), "a turn that brought little");
        assert!(pace.is_behind(true, Mono(BEHIND + 2)), "there was no idle moment");
        pace.idle(Mono(BEHIND + 3));
        assert!(!pace.is_behind(true, Mono(BEHIND + 4)));
        assert!(!pace.is_behind(false, Mono(900_000)), "something else took long");
    }
}
