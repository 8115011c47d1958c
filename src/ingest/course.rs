//! What to try next and when: the turn of the URLs, the version of the protocol and the back-off, decided from
//! how the last attempt went. Pure; nothing here may sleep or connect.

use super::backoff::Backoff;
use super::dialect::{Dialect, Protocol};
use super::outcome::Reached;
use super::reasons::Cause;
use super::stranger::Stranger;
use crate::config::Broker;
use std::time::Duration;

/// The least pause after an error that somebody must repair.
const PATIENCE: Duration = Duration::from_secs(30);

/// See the head of this file.
#[derive(Clone, Debug)]
pub(super) struct Course {
    urls: usize,
    /// Which URL is next.
    turn: usize,
    dialect: Dialect,
    backoff: Backoff,
    /// What may be at each URL.
    strangers: Vec<Stranger>,
}

impl Course {
    /// Begins with the first URL.
    pub(super) fn new(broker: &Broker, seed: u64) -> Self {
        Self {
            urls: broker.urls.len(),
            turn: 0,
            dialect: Dialect::new(broker.version),
            backoff: Backoff::new(broker.reconnect_min, broker.reconnect_max, seed),
            strangers: vec![Stranger::default(); broker.urls.len()],
        }
    }

    /// Index of the URL to try.
    pub(super) fn turn(&self) -> usize {
        self.turn
    }

    /// What may be at this URL.
    pub(super) fn stranger(&mut self, turn: usize) -> &mut Stranger {
        &mut self.strangers[turn]
    }

    /// Version to speak.
    pub(super) fn protocol(&self) -> Protocol {
        self.dialect.current()
    }

    /// How an attempt ended. Gives the pause before the next one; none: at once, in the other version.
    pub(super) fn after(&mut self, reached: Reached, cause: &Cause) -> Option<Duration> {
        if reached > Reached::Nothing {
            self.dialect.worked();
            self.strangers[self.turn].let_in();
        } else if self.dialect.failed(cause) {
            return None;
        }
        if reached >= Reached::Stood {
            self.backoff.reset();
        }
        if reached == Reached::Held {
            self.turn = 0;
            return Some(self.backoff.next());
        }
        self.turn += 1;
        if self.turn < self.urls {
            return Some(self.backoff.short());
        }
        self.turn = 0;
        Some(if cause.is_permanent() { self.backoff.next_patient(PATIENCE) } else { self.backoff.next() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Version;
    use crate::ingest::fake::broker;
    use watchkeeper_core::time::{Mono, SECOND};

    const MIN: Duration = Duration::from_secs(1);
    const MAX: Duration = Duration::from_secs(300);

    fn course(urls: u16, version: Version) -> Course {
        let mut broker = broker(1);
        let url = broker.urls[0].clone();
        broker.urls = (0..urls).map(|_| url.clone()).collect();
        (broker.version, broker.reconnect_min, broker.reconnect_max) = (version, MIN, MAX);
        Course::new(&broker, 42)
    }

    #[test]
    fn the_urls_are_tried_in_turn_and_the_round_begins_with_the_first() {
        let mut course = course(3, Version::V5);
        for turn in [1, 2, 0, 1, 2, 0] {
            let pause = course.after(Reached::Nothing, &Cause::ConnectTimeout);
            assert!(turn == 0 || pause <= Some(MIN), "within a round the fail-over is quick");
            assert_eq!(course.turn(), turn);
        }
        course.after(Reached::Up, &Cause::Closed);
        assert_eq!(course.turn(), 1, "up but not held is a failed attempt");
        course.after(Reached::Stood, &Cause::Closed);
        assert_eq!(course.turn(), 2, "a broker that falls over again and again is not better than the next");
        course.after(Reached::Held, &Cause::Closed);
        assert_eq!(course.turn(), 0);
    }

    #[test]
    fn the_pause_starts_over_only_after_a_connection_that_stood() {
        let mut course = course(1, Version::V5);
        let longest = |course: &mut Course, reached| {
            (0..50).filter_map(|_| course.after(reached, &Cause::Closed)).max().unwrap_or_default()
        };
        assert!(longest(&mut course, Reached::Up) > MIN * 100);
        assert!(longest(&mut course, Reached::Stood) <= MIN);
        assert!(longest(&mut course, Reached::Up) > MIN * 100);
        assert!(longest(&mut course, Reached::Held) <= MIN);
    }

    #[test]
    fn whoever_let_us_in_is_no_stranger_whatever_came_after() {
        let mut course = course(2, Version::V5);
        course.after(Reached::Accepted, &Cause::Closed);
        let at = |seconds| Mono(seconds * SECOND);
        assert!(!course.stranger(0).failed(true, at(1)));
        assert!(course.stranger(1).failed(true, at(1)), "the other URL never did");
    }

    #[test]
    fn what_somebody_must_repair_is_not_asked_for_often() {
        let mut course = course(1, Version::V5);
        let pause = course.after(Reached::Nothing, &Cause::Credentials);
        assert!(pause >= Some(PATIENCE) && pause <= Some(MAX), "{pause:?}");
    }

    #[test]
    fn the_other_version_is_tried_at_once_and_at_the_same_url() {
        let mut course = course(2, Version::Auto);
        assert_eq!(course.after(Reached::Nothing, &Cause::Version), None);
        assert_eq!((course.turn(), course.protocol()), (0, Protocol::V311));
        assert!(course.after(Reached::Nothing, &Cause::Version).is_some());
        assert_eq!((course.turn(), course.protocol()), (1, Protocol::V5));
    }
}
