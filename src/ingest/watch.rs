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
/// A session that is resumed may bring what was queued for it before SUBACK. While messages come, the broker is given so
/// many times as long: whoever left then would begin a long queue anew, over and over.
const BACKLOG_TIMES: Micros = 30;
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
            Stage::Subscribing => {
                let longest = self.since.plus(self.limit.saturating_mul(BACKLOG_TIMES));
                (self.since.max(self.fresh).plus(self.limit).min(longest), Due::Over(Silence::Suback))
            }
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
mod tests;
