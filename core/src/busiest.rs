//! Who is flooding: the busiest topics, in bounded memory. As long as there are no more topics than places every
//! figure is exact; beyond that a new topic takes the place of a quiet one and inherits its count as a doubt, so
//! that a flooder cannot hide behind a flood of names. It must cost no more than a look-up a message.

use crate::time::{Micros, Mono, SECOND};
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Places.
pub const TOPICS_MAX: usize = 4096;
/// Longer topics are kept up to here.
const TOPIC_BYTES_MAX: usize = 256;
/// How many places are looked at to find a quiet one.
const LOOKED_AT: usize = 16;
/// Rates are over the last whole window and the running one.
const WINDOW: Micros = 60 * SECOND;

/// What is known of one topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Busy {
    /// The topic, not checked to be text.
    pub topic: Box<[u8]>,
    /// Messages since it has its place.
    pub messages: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Messages with an error.
    pub errors: u64,
    /// The figures of the topic before, which may have been this one's: so many messages may be too much.
    pub doubt: u64,
    since: Mono,
    /// Index of the running window, counted from `since`.
    window: u64,
    running: u64,
    before: u64,
}

/// What to sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Messages per second of late.
    Rate,
    /// Bytes in all.
    Bytes,
    /// Messages with an error.
    Errors,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Busiest {
    places: Vec<Busy>,
    by_topic: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
    hand: usize,
}

impl Busy {
    /// Messages per second over the last minute or so; over its whole life where that is shorter.
    pub fn rate(&self, now: Mono) -> f64 {
        let age = now.since(self.since);
        let window = age / WINDOW;
        let into = (age % WINDOW) as f64 / WINDOW as f64;
        let (before, running) = match window - self.window.min(window) {
            0 => (self.before, self.running),
            1 => (self.running, 0),
            _ => (0, 0),
        };
        if window == 0 {
            // At least a second, or the first message would count as a flood.
            return self.running as f64 / (age.max(SECOND) as f64 / SECOND as f64);
        }
        (before as f64 * (1.0 - into) + running as f64) / (WINDOW / SECOND) as f64
    }

    fn count(&mut self, bytes: usize, is_bad: bool, now: Mono) {
        let window = now.since(self.since) / WINDOW;
        if window != self.window {
            self.before = if window == self.window + 1 { self.running } else { 0 };
            self.running = 0;
            self.window = window;
        }
        self.running += 1;
        self.messages += 1;
        self.bytes += bytes as u64;
        self.errors += u64::from(is_bad);
    }
}

impl Busiest {
    /// Counts a message.
    pub fn count(&mut self, topic: &[u8], bytes: usize, is_bad: bool, now: Mono) {
        let topic = &topic[..topic.len().min(TOPIC_BYTES_MAX)];
        let hash = self.hasher.hash_one(topic);
        let places = &self.places;
        let found = self.by_topic.find(hash, |at| *places[*at as usize].topic == *topic).copied();
        let at = found.unwrap_or_else(|| self.place(topic, hash, now));
        self.places[at as usize].count(bytes, is_bad, now);
    }

    fn place(&mut self, topic: &[u8], hash: u64, now: Mono) -> u32 {
        let fresh = |doubt| Busy {
            topic: topic.into(),
            messages: 0,
            bytes: 0,
            errors: 0,
            doubt,
            since: now,
            window: 0,
            running: 0,
            before: 0,
        };
        let at = if self.places.len() < TOPICS_MAX {
            self.places.push(fresh(0));
            self.places.len() - 1
        } else {
            let at = self.quiet(now);
            let doubt = self.places[at].messages.saturating_add(self.places[at].doubt);
            let gone = std::mem::replace(&mut self.places[at], fresh(doubt));
            let gone_hash = self.hasher.hash_one(&*gone.topic);
            if let Ok(entry) = self.by_topic.find_entry(gone_hash, |found| *found as usize == at) {
                entry.remove();
            }
            at
        };
        let at = u32::try_from(at).expect("there are few places");
        let (places, hasher) = (&self.places, &self.hasher);
        self.by_topic.insert_unique(hash, at, |at| hasher.hash_one(&*places[*at as usize].topic));
        at
    }

    /// The quietest of the next few places of a hand that goes round.
    fn quiet(&mut self, now: Mono) -> usize {
        let begin = self.hand;
        self.hand = (begin + LOOKED_AT) % TOPICS_MAX;
        let looked_at = (begin..begin + LOOKED_AT).map(|at| at % TOPICS_MAX);
        let weight = |at: &usize| {
            let busy = &self.places[*at];
            // Errors keep a place, too: few topics have any, and they are asked for.
            busy.rate(now) + busy.errors as f64
        };
        looked_at.min_by(|a, b| weight(a).total_cmp(&weight(b))).unwrap_or(begin)
    }

    /// How many topics have a place.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// True before the first message.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// True as long as no topic had to give way, so that every figure is exact.
    pub fn is_exact(&self) -> bool {
        self.places.iter().all(|busy| busy.doubt == 0)
    }

    /// The first `top` topics; those that are equal in it stand by their name.
    pub fn top(&self, by: By, top: usize, now: Mono) -> Vec<&Busy> {
        let mut all: Vec<(f64, &Busy)> = self
            .places
            .iter()
            .map(|busy| match by {
                By::Rate => (busy.rate(now), busy),
                By::Bytes => (busy.bytes as f64, busy),
                By::Errors => (busy.errors as f64, busy),
            })
            .filter(|(value, _)| by != By::Errors || *value > 0.0)
            .collect();
        all.sort_unstable_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.topic.cmp(&y.topic)));
        all.into_iter().take(top).map(|(_, busy)| busy).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Mono {
        Mono(second * SECOND)
    }

    #[test]
    fn as_long_as_there_is_room_every_figure_is_exact() {
        let mut busiest = Busiest::default();
        for second in 0..100 {
            busiest.count(b"a", 10, false, at(second));
            busiest.count(b"b", 1000, second % 10 == 0, at(second));
            busiest.count(b"a", 10, false, at(second));
        }
        let a = busiest.top(By::Rate, 1, at(99))[0];
        assert_eq!((&*a.topic, a.messages, a.bytes, a.errors, a.doubt), (&b"a"[..], 200, 2000, 0, 0));
        assert_eq!(&*busiest.top(By::Bytes, 9, at(99))[0].topic, b"b");
        let bad = busiest.top(By::Errors, 9, at(99));
        assert_eq!((bad.len(), bad[0].errors), (1, 10));
        assert!(busiest.is_exact());
    }

    #[test]
    fn the_rate_is_that_of_the_last_minute_and_falls_when_it_is_quiet() {
        let mut busiest = Busiest::default();
        for second in 0..600 {
            for _ in 0..5 {
                busiest.count(b"a", 1, false, at(second));
            }
        }
        let rate = |second| busiest.top(By::Rate, 1, at(second))[0].rate(at(second));
        assert!((rate(600) - 5.0).abs() < 0.1, "{}", rate(600));
        assert!((rate(630) - 2.5).abs() < 0.1, "{}", rate(630));
        assert!(rate(720) == 0.0, "{}", rate(720));
    }

    #[test]
    fn one_message_is_no_flood() {
        let mut busiest = Busiest::default();
        busiest.count(b"a", 1, false, at(7));
        assert!(busiest.top(By::Rate, 1, at(7))[0].rate(at(7)) <= 1.0);
    }

    #[test]
    fn a_flooder_is_seen_through_a_flood_of_names_and_the_memory_is_bounded() {
        let mut busiest = Busiest::default();
        for n in 0..200_000_u64 {
            let now = Mono(n * 1000);
            busiest.count(format!("noise/{n}").as_bytes(), 1, false, now);
            if n % 20 == 0 {
                busiest.count(b"flooder", 1, false, now);
            }
            if n % 4000 == 0 {
                busiest.count(b"faulty", 1, true, now);
            }
        }
        assert_eq!((busiest.len(), busiest.by_topic.len()), (TOPICS_MAX, TOPICS_MAX));
        assert!(!busiest.is_exact());
        let now = Mono(200_000 * 1000);
        assert_eq!(&*busiest.top(By::Rate, 1, now)[0].topic, b"flooder");
        assert_eq!(&*busiest.top(By::Errors, 1, now)[0].topic, b"faulty");
    }

    #[test]
    fn a_very_long_topic_is_kept_in_part() {
        let mut busiest = Busiest::default();
        busiest.count(&vec![b'x'; 65_535], 1, false, at(0));
        assert_eq!(busiest.top(By::Rate, 1, at(0))[0].topic.len(), TOPIC_BYTES_MAX);
    }
}
