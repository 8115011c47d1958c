//! How one connection went, as those who decide about the next one need it. Pure; nothing here may read a clock.

use super::reasons::Cause;
use watchkeeper_core::time::{Micros, Mono, SECOND};

/// A connection that lived so long is trusted again.
const HELD_AFTER: Micros = 60 * SECOND;
/// So is one that delivered messages for so long.
const DELIVERED_FOR: Micros = 10 * SECOND;
/// A hang-up so soon after SUBSCRIBE is an answer to it.
const HANG_UP_WITHIN: Micros = 5 * SECOND;

/// How far an attempt came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reached {
    /// No CONNACK that let us in.
    Nothing,
    /// CONNACK.
    Accepted,
    /// Every SUBACK.
    Up,
    /// Long enough to trust it.
    Held,
}

/// Why a session is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// We were asked to stop.
    Stopped,
    /// Every filter was refused, and there is no point in staying.
    Refused,
    /// It failed or broke.
    Lost(Cause),
}

/// How a session went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Why it is over.
    pub(super) ended: Ended,
    /// How far it came.
    pub(super) reached: Reached,
    /// The last packet of the broker.
    pub(super) last_alive: Mono,
    /// The broker hung up on our SUBSCRIBE.
    pub(super) swatted: bool,
}

/// Moments of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    /// The first SUBSCRIBE was sent.
    pub(super) subscribed_at: Option<Mono>,
    /// Every SUBACK was in.
    pub(super) up_at: Option<Mono>,
    /// First and last message.
    delivered: Option<(Mono, Mono)>,
}

impl Marks {
    /// A message arrived.
    pub(super) fn message(&mut self, now: Mono) {
        self.delivered = Some((self.delivered.map_or(now, |(first, _)| first), now));
    }

    /// The sum of it.
    pub(super) fn outcome(&self, ended: Ended, reached: Reached, last_alive: Mono, now: Mono) -> Outcome {
        let lived = self.up_at.is_some_and(|up| last_alive.since(up) >= HELD_AFTER);
        let delivered = self.delivered.is_some_and(|(first, last)| last.since(first) >= DELIVERED_FOR);
        let held = reached == Reached::Up && (lived || delivered);
        let soon = self.subscribed_at.is_some_and(|at| now.since(at) <= HANG_UP_WITHIN);
        let hung_up = matches!(&ended, Ended::Lost(cause) if cause.is_hang_up());
        Outcome {
            reached: if held { Reached::Held } else { reached },
            last_alive,
            // Messages prove that the broker did not mind.
            swatted: hung_up && soon && self.delivered.is_none(),
            ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Mono {
        Mono(seconds * SECOND)
    }

    fn reached(marks: &Marks, last_alive: u64) -> Reached {
        marks.outcome(Ended::Stopped, Reached::Up, at(last_alive), at(1000)).reached
    }

    #[test]
    fn a_connection_held_when_it_lived_a_minute_or_delivered_for_ten_seconds() {
        let mut marks = Marks { up_at: Some(at(10)), ..Marks::default() };
        assert_eq!(reached(&marks, 69), Reached::Up);
        assert_eq!(reached(&marks, 70), Reached::Held);
        marks.message(at(11));
        marks.message(at(20));
        assert_eq!(reached(&marks, 20), Reached::Up);
        marks.message(at(21));
        assert_eq!(reached(&marks, 21), Reached::Held);
    }

    #[test]
    fn a_hang_up_soon_after_subscribe_is_an_answer_unless_messages_came() {
        let mut marks = Marks { subscribed_at: Some(at(10)), ..Marks::default() };
        let swatted = |marks: &Marks, cause: Cause, now| {
            marks.outcome(Ended::Lost(cause), Reached::Accepted, at(10), at(now)).swatted
        };
        assert!(swatted(&marks, Cause::Closed, 15));
        assert!(!swatted(&marks, Cause::Closed, 16));
        assert!(!swatted(&marks, Cause::Frozen, 15));
        marks.message(at(11));
        assert!(!swatted(&marks, Cause::Closed, 15));
    }
}
