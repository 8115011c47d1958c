//! How one connection went, as those who decide about the next one need it. Pure; nothing here may read a clock.

use super::reasons::Cause;
use watchkeeper_core::time::{Micros, Mono, SECOND};

/// A connection that lived so long is trusted again.
const HELD_AFTER: Micros = 60 * SECOND;
/// So is one that delivered messages for so long.
const DELIVERED_FOR: Micros = 10 * SECOND;
/// One that was up for so long was no failed attempt, whatever `reconnect_min` says.
const STOOD_LEAST: Micros = SECOND;
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
    /// Up for longer than the first pause: trying again at once is no knocking without a pause.
    Stood,
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
    /// The way stood, with TLS where the URL says so: what failed was MQTT.
    pub(super) dialed: bool,
}

impl Outcome {
    /// Of an attempt that did not get to where MQTT is spoken.
    pub(super) fn astray(ended: Ended, now: Mono) -> Self {
        Self { ended, reached: Reached::Nothing, last_alive: now, swatted: false, dialed: false }
    }
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
    pub(super) fn outcome(
        &self,
        ended: Ended,
        reached: Reached,
        (last_alive, now): (Mono, Mono),
        first_pause: Micros,
    ) -> Outcome {
        let hung_up = matches!(&ended, Ended::Lost(cause) if cause.is_hang_up());
        let up_for = |until: Mono| self.up_at.map_or(0, |up| until.since(up));
        let delivered = self.delivered.is_some_and(|(first, last)| last.since(first) >= DELIVERED_FOR);
        // A quiet broker says nothing for as long as the keep-alive lasts; its farewell is a sign of life.
        let farewell = hung_up || matches!(&ended, Ended::Lost(Cause::Unavailable(_)));
        // Two clients with one id would evict each other once a second, and for ever.
        let evicted = matches!(&ended, Ended::Lost(Cause::TakenOver));
        let until = if farewell { now } else { last_alive };
        let stood = up_for(until) >= first_pause.max(STOOD_LEAST) && !evicted;
        let reached = match reached {
            Reached::Up if up_for(last_alive) >= HELD_AFTER || delivered => Reached::Held,
            Reached::Up if stood => Reached::Stood,
            other => other,
        };
        let soon = self.subscribed_at.is_some_and(|at| now.since(at) <= HANG_UP_WITHIN);
        Outcome {
            reached,
            last_alive,
            // Messages prove that the broker did not mind.
            swatted: hung_up && soon && self.delivered.is_none(),
            ended,
            dialed: true,
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
        marks.outcome(Ended::Stopped, Reached::Up, (at(last_alive), at(1000)), 3600 * SECOND).reached
    }

    #[test]
    fn a_connection_stood_when_it_was_up_for_longer_than_the_first_pause() {
        let marks = Marks { up_at: Some(at(10)), ..Marks::default() };
        let reached = |cause: Cause, reached, now, first_pause| {
            marks.outcome(Ended::Lost(cause), reached, (at(10), at(now)), first_pause).reached
        };
        assert_eq!(reached(Cause::Closed, Reached::Up, 15, SECOND), Reached::Stood);
        assert_eq!(reached(Cause::Closed, Reached::Up, 15, 6 * SECOND), Reached::Up);
        assert_eq!(reached(Cause::Closed, Reached::Up, 10, 0), Reached::Up, "dropped at once");
        assert_eq!(reached(Cause::Closed, Reached::Accepted, 15, SECOND), Reached::Accepted);
        assert_eq!(reached(Cause::Unavailable("stop".into()), Reached::Up, 15, SECOND), Reached::Stood);
        let heard = marks.outcome(Ended::Lost(Cause::TakenOver), Reached::Up, (at(15), at(15)), SECOND);
        assert_eq!(heard.reached, Reached::Up, "another with our id is not to be fought once a second");
        assert_eq!(
            reached(Cause::Frozen, Reached::Up, 15, SECOND),
            Reached::Up,
            "it said nothing after SUBACK"
        );
    }

    #[test]
    fn a_connection_held_when_it_lived_a_minute_or_delivered_for_ten_seconds() {
        let mut marks = Marks { up_at: Some(at(10)), ..Marks::default() };
        assert_eq!(reached(&marks, 69), Reached::Up, "the first pause is an hour here");
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
            marks.outcome(Ended::Lost(cause), Reached::Accepted, (at(10), at(now)), SECOND).swatted
        };
        assert!(swatted(&marks, Cause::Closed, 15));
        assert!(!swatted(&marks, Cause::Closed, 16));
        assert!(!swatted(&marks, Cause::Frozen, 15));
        marks.message(at(11));
        assert!(!swatted(&marks, Cause::Closed, 15));
    }
}
