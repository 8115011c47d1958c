//! The deadlines of one connection: what must have been heard by when, and what to ask when nothing is heard.
//! Pure: told the time, it says what is due. Nothing here may send or read.
//!
//! A broker that is stopped keeps its sockets open, so silence proves nothing by itself; we ask. The first
//! question is UNSUBSCRIBE from a filter that nobody has, which needs no permission and changes nothing. The
//! specification demands an answer, but rumqttd gives none, so half-way to the time-out we ask again by the
//! SUBSCRIBE that was granted before. A broker that only answers that one is asked so from then on, more rarely,
//! since with 3.1.1 each SUBSCRIBE brings the retained messages once more.

use std::time::Duration;
use watchkeeper_core::time::{Micros, Mono, SECOND, micros};

/// So long without a packet is too quiet.
const QUIET: Micros = 2 * SECOND;
/// So long may an answer take, and twice the first round trip on top; after that the broker stood still.
const ANSWER: Micros = SECOND / 2;
/// So long may a farewell take.
const FAREWELL: Micros = SECOND;

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Send the UNSUBSCRIBE that changes nothing.
    Ask,
    /// Send the SUBSCRIBE once more and require its SUBACK.
    Verify,
    /// Give the connection up.
    Over(Silence),
}

/// What did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// CONNACK.
    Connack,
    /// The first SUBACK.
    Suback,
    /// Anything at all.
    Frozen,
    /// The SUBACK of a verification, though other packets came.
    Idle,
    /// The end of a farewell.
    Farewell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    Subscribing,
    Up,
    Leaving,
}

/// See the head of this file.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    limit: Micros,
    quiet: Micros,
    idle_after: Micros,
    stage: Stage,
    /// When the stage began.
    since: Mono,
    /// The last packet of the broker.
    heard: Mono,
    /// The last message, or proof that the subscription stands.
    fresh: Mono,
    /// A question without an answer.
    asked: Option<Mono>,
    /// A SUBSCRIBE without its SUBACK.
    verifying: Option<Mono>,
    /// The broker does not answer UNSUBSCRIBE.
    deaf: bool,
    /// From SUBSCRIBE to the first SUBACK.
    round_trip: Micros,
}

impl Watch {
    /// The attempt begins.
    pub(super) fn new(limit: Duration, idle_after: Duration, now: Mono) -> Self {
        let limit = micros(limit);
        Self {
            limit,
            // Nobody who wants to know within a second waits two before asking.
            quiet: QUIET.min(limit),
            idle_after: micros(idle_after),
            stage: Stage::Connecting,
            since: now,
            heard: now,
            fresh: now,
            asked: None,
            verifying: None,
            deaf: false,
            round_trip: 0,
        }
    }

    /// No CONNACK yet.
    pub(super) fn is_connecting(&self) -> bool {
        self.stage == Stage::Connecting
    }

    /// The last packet of the broker.
    pub(super) fn last_heard(&self) -> Mono {
        self.heard
    }

    /// A packet of the broker, of whatever kind. If our question waited for it for so long that the broker must
    /// have stood still: since when.
    pub(super) fn heard(&mut self, now: Mono) -> Option<Mono> {
        let before = std::mem::replace(&mut self.heard, now);
        let asked = self.asked.take();
        // Two questions are open and the second woke it: the first is not understood here.
        if asked.is_some() && self.verifying.is_some() {
            self.deaf = true;
        }
        let question = asked.or(self.verifying.filter(|at| *at >= before))?;
        let stood_still = now.since(question) > ANSWER + 2 * self.round_trip;
        (self.stage == Stage::Up && stood_still).then_some(before)
    }

    /// UNSUBACK: it does answer.
    pub(super) fn answered(&mut self) {
        self.deaf = false;
    }

    /// A message.
    pub(super) fn message(&mut self, now: Mono) {
        self.fresh = now;
    }

    /// CONNACK, and SUBSCRIBE is on its way.
    pub(super) fn subscribing(&mut self, now: Mono) {
        self.enter(Stage::Subscribing, now);
    }

    /// SUBACK, be it the first one or that of a verification.
    pub(super) fn subscribed(&mut self, now: Mono) {
        self.fresh = now;
        self.verifying = None;
        if self.stage == Stage::Subscribing {
            self.round_trip = now.since(self.since);
            self.enter(Stage::Up, now);
        }
    }

    /// DISCONNECT is on its way.
    pub(super) fn leaving(&mut self, now: Mono) {
        self.enter(Stage::Leaving, now);
    }

    /// `Ask` was done.
    pub(super) fn asked(&mut self, now: Mono) {
        self.asked = Some(now);
    }

    /// `Verify` was done.
    pub(super) fn verifying(&mut self, now: Mono) {
        self.verifying = Some(now);
    }

    /// It was us who slept for so long, not the broker: what waited on its answer waits so much longer.
    pub(super) fn forgive(&mut self, late: Micros) {
        self.since = self.since.plus(late);
        self.asked = self.asked.map(|at| at.plus(late));
        self.verifying = self.verifying.map(|at| at.plus(late));
    }

    /// What is due, if anything.
    pub(super) fn check(&self, now: Mono) -> Option<Due> {
        let (at, due) = self.due();
        (at <= now).then_some(due)
    }

    /// When to look again, unless something happens before.
    pub(super) fn next(&self) -> Mono {
        self.due().0
    }

    fn enter(&mut self, stage: Stage, now: Mono) {
        self.stage = stage;
        self.since = now;
    }

    /// The next thing to happen if nothing is heard.
    fn due(&self) -> (Mono, Due) {
        match self.stage {
            Stage::Connecting => (self.since.plus(self.limit), Due::Over(Silence::Connack)),
            Stage::Subscribing => (self.since.plus(self.limit), Due::Over(Silence::Suback)),
            Stage::Leaving => (self.since.plus(FAREWELL), Due::Over(Silence::Farewell)),
            Stage::Up => self.due_up(),
        }
    }

    fn due_up(&self) -> (Mono, Due) {
        let verdict = self.verifying.map(|at| {
            let silence = if self.heard > at { Silence::Idle } else { Silence::Frozen };
            (at.plus(self.limit), Due::Over(silence))
        });
        let frozen = self.asked.map(|at| (at.plus(self.limit), Due::Over(Silence::Frozen)));
        let question = match (self.asked, self.verifying) {
            (_, Some(_)) => None,
            (Some(at), None) => Some((at.plus(self.limit / 2), Due::Verify)),
            (None, None) if self.deaf => Some((self.heard.plus(self.quiet.max(self.limit)), Due::Verify)),
            (None, None) => Some((self.heard.plus(self.quiet), Due::Ask)),
        };
        let idle = self.verifying.is_none().then(|| (self.fresh.plus(self.idle_after), Due::Verify));
        [verdict, frozen, question, idle]
            .into_iter()
            .flatten()
            .min_by_key(|(at, _)| *at)
            .unwrap_or((Mono::NEVER, Due::Over(Silence::Frozen)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_secs(300);

    fn at(seconds: u64) -> Mono {
        Mono(seconds * SECOND)
    }

    fn up() -> Watch {
        let mut watch = Watch::new(LIMIT, IDLE, at(0));
        watch.subscribing(at(0));
        watch.subscribed(at(0));
        watch
    }

    #[test]
    fn connack_and_suback_have_a_deadline_each() {
        let mut watch = Watch::new(LIMIT, IDLE, at(0));
        assert_eq!(watch.check(at(9)), None);
        assert_eq!(watch.check(at(10)), Some(Due::Over(Silence::Connack)));
        watch.subscribing(at(5));
        assert_eq!(watch.check(at(14)), None);
        assert_eq!(watch.check(at(15)), Some(Due::Over(Silence::Suback)));
    }

    #[test]
    fn a_silent_broker_is_asked_twice_and_then_given_up() {
        let mut watch = up();
        assert_eq!(watch.check(at(1)), None);
        assert_eq!(watch.check(at(2)), Some(Due::Ask));
        watch.asked(at(2));
        assert_eq!(watch.check(at(6)), None);
        assert_eq!(watch.check(at(7)), Some(Due::Verify));
        watch.verifying(at(7));
        assert_eq!(watch.check(at(11)), None);
        assert_eq!(watch.check(at(12)), Some(Due::Over(Silence::Frozen)));
    }

    #[test]
    fn any_packet_is_an_answer() {
        let mut watch = up();
        watch.asked(at(2));
        watch.heard(at(3));
        assert_eq!(watch.check(at(4)), None);
        assert_eq!(watch.check(at(5)), Some(Due::Ask));
    }

    #[test]
    fn a_late_answer_tells_since_when_the_broker_stood_still() {
        let mut watch = up();
        watch.heard(at(1));
        watch.asked(at(3));
        assert_eq!(watch.heard(Mono(3 * SECOND + SECOND / 2)), None);
        watch.asked(at(6));
        assert_eq!(watch.heard(at(8)), Some(Mono(3 * SECOND + SECOND / 2)));
        assert_eq!(watch.heard(at(9)), None, "nothing was asked");
    }

    #[test]
    fn a_broker_that_is_deaf_to_unsubscribe_is_asked_by_subscribe_and_more_rarely() {
        let mut watch = up();
        watch.asked(at(2));
        watch.verifying(at(7));
        watch.heard(at(7));
        watch.subscribed(at(7));
        assert_eq!(watch.check(at(16)), None);
        assert_eq!(watch.check(at(17)), Some(Due::Verify));
        watch.verifying(at(17));
        assert_eq!(watch.check(at(27)), Some(Due::Over(Silence::Frozen)));
        watch.subscribed(at(18));
        watch.answered();
        assert_eq!(watch.check(at(18)), Some(Due::Ask));
    }

    #[test]
    fn a_subscription_without_messages_is_verified() {
        let mut watch = up();
        watch.heard(at(299));
        assert_eq!(watch.check(at(300)), Some(Due::Verify));
        watch.verifying(at(300));
        watch.heard(at(309));
        assert_eq!(watch.check(at(309)), None);
        assert_eq!(watch.check(at(310)), Some(Due::Over(Silence::Idle)));
        watch.subscribed(at(310));
        watch.heard(at(310));
        assert_eq!(watch.check(at(311)), None);
    }

    #[test]
    fn our_own_sleep_is_not_held_against_the_broker() {
        let mut watch = up();
        watch.asked(at(2));
        watch.forgive(60 * SECOND);
        assert_eq!(watch.check(at(66)), None);
        assert_eq!(watch.check(at(67)), Some(Due::Verify));
    }

    #[test]
    fn a_farewell_takes_a_second_at_most() {
        let mut watch = up();
        watch.leaving(at(50));
        assert_eq!(watch.check(at(51)), Some(Due::Over(Silence::Farewell)));
    }
}
