//! How busy the engine's thread is, as seen from its idle moments. Two things follow from it.
//!
//! In a flood it rests for a moment before it waits for more. Without that whoever is faster than the broker is woken for
//! every message or two, which costs more than dealing with them; so the socket fills a little meanwhile, and one turn
//! takes what would have been ten.
//!
//! And when for a while it had nothing but messages to deal with, more comes than can be dealt with. Nothing here may rest
//! while somebody waits, nor for a fleet that speaks now and then.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use watchkeeper_core::time::{Micros, Mono};

/// At most so much may lie in the socket after a rest; its buffer holds more. At the 500 MB/s that one Mosquitto delivers it
/// comes in a tenth of a millisecond.
const REST_BYTES: u64 = 50_000;

/// And for so long at least and at most, in microseconds: small messages make no more of a longer one, and whoever waits for
/// an acknowledgement waits for it as well.
const REST: (u64, u64) = (100, 300);

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
    /// Messages and their bytes since the window began.
    came: AtomicU64,
    bytes: AtomicU64,
    /// When it began.
    since: AtomicU64,
    /// For how long to rest, in microseconds; 0: it is no flood.
    rest: AtomicU64,
    /// The first turn with many messages after the last idle moment, and a microsecond; 0: there was none.
    crowded: AtomicU64,
}

impl Pace {
    /// A message of so many bytes came.
    pub(crate) fn came(&self, bytes: usize) {
        self.came.store(self.came.load(Relaxed) + 1, Relaxed);
        self.bytes.store(self.bytes.load(Relaxed) + bytes as u64, Relaxed);
    }

    /// The thread has nothing to do. Gives how long it may rest before it waits.
    pub(crate) fn idle(&self, now: Mono) -> Option<Duration> {
        self.crowded.store(0, Relaxed);
        let took = now.0.saturating_sub(self.since.load(Relaxed));
        if took >= WINDOW {
            let (came, bytes) = (self.came.swap(0, Relaxed), self.bytes.swap(0, Relaxed));
            self.since.store(now.0, Relaxed);
            let is_flood = came.saturating_mul(1_000_000) / took >= FLOOD;
            let rest = (REST_BYTES.saturating_mul(took) / bytes.max(1)).clamp(REST.0, REST.1);
            self.rest.store(if is_flood { rest } else { 0 }, Relaxed);
        }
        Some(self.rest.load(Relaxed)).filter(|rest| *rest > 0).map(Duration::from_micros)
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

    fn came(pace: &Pace, messages: u64, bytes: usize) {
        for _ in 0..messages {
            pace.came(bytes);
        }
    }

    #[test]
    fn only_a_flood_is_a_reason_to_rest_and_only_while_it_lasts() {
        let pace = Pace::default();
        assert_eq!(pace.idle(Mono(10_000)), None, "nothing came");
        came(&pace, 30, 5_000);
        assert_eq!(pace.idle(Mono(11_000)), None, "too early to say");
        assert!(pace.idle(Mono(12_000)).is_some(), "30 in 2 ms");
        assert!(pace.idle(Mono(12_500)).is_some());
        came(&pace, 1, 5_000);
        assert_eq!(pace.idle(Mono(14_000)), None, "1 in 2 ms");
        came(&pace, 30, 5_000);
        assert_eq!(pace.idle(Mono(1_014_000)), None, "30 in a second");
    }

    #[test]
    fn a_rest_is_as_long_as_the_socket_has_room_within_bounds() {
        for (messages, bytes, micros) in [(200, 5_000, 100), (30, 20_000, 166), (300, 70, 300), (30, 0, 300)]
        {
            let pace = Pace::default();
            pace.idle(Mono(10_000));
            came(&pace, messages, bytes);
            assert_eq!(pace.idle(Mono(12_000)), Some(Duration::from_micros(micros)), "{messages} {bytes}");
        }
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
