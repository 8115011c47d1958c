//! What others say of a device: its status topic, kept or as it is said, the broker, and the device through which it
//! speaks. Nothing here may count as heard what only was kept.

use super::{Departure, Presence, State};
use crate::rules::Statement;
use crate::time::{Micros, Mono};
use crate::tracker::Edges;

/// What the broker tells of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It was let in.
    Came,
    /// It is gone.
    Went(Departure),
}

impl Presence {
    /// A live statement that it is there.
    pub(super) fn vouch(&mut self, statement: Statement) {
        self.vouched = true;
        self.asleep = statement == Statement::Asleep;
    }

    /// It is said to be gone, which is true when the hold-off is over and it was not heard.
    pub fn leave(&mut self, why: Departure, hold_off: Micros, now: Mono) {
        let says_more = |known: Option<Departure>| known.is_none_or(|known| why.rank() > known.rank());
        match self.state {
            // It was never there for us, so that nothing becomes true but what is known.
            State::Unknown => {
                (self.state, self.since, self.reason) = (State::Offline, now, Some(why));
            }
            State::Offline if says_more(self.reason) => self.reason = Some(why),
            State::Offline => {}
            State::Online => {
                if says_more(self.stated) {
                    self.stated = Some(why);
                }
                let gone = now.plus(hold_off);
                let before = self.suspect.filter(|(suspect, before)| *suspect <= now && *before <= gone);
                self.suspect = before.or(Some((now, gone)));
            }
        }
    }

    /// A kept statement, which was made before we watched. Whoever was heard since is there.
    pub fn kept(
        &mut self,
        statement: Statement,
        (watched_since, hold_off): (Mono, Micros),
        now: Mono,
        edges: &mut Edges,
    ) {
        match (statement, self.state) {
            (Statement::Gone(_), State::Online) if self.heard.is_some_and(|at| at >= watched_since) => {}
            (Statement::Gone(why), _) => self.leave(why, hold_off, now),
            // What fell silent does not come back by a statement that it could not take back.
            (_, State::Offline) if self.reason == Some(Departure::Silence) || self.since >= watched_since => {
            }
            (_, State::Online) => self.asleep = statement == Statement::Asleep,
            (_, State::Unknown | State::Offline) => {
                self.turn_online(now, edges);
                self.asleep = statement == Statement::Asleep;
            }
        }
    }

    /// The broker tells of its client.
    pub fn told(&mut self, told: Told, hold_off: Micros, now: Mono, edges: &mut Edges) {
        match told {
            Told::Came => {
                self.admitted = Some(now);
                self.vouch(Statement::Online);
                self.come(now, edges);
                self.wait(now);
            }
            // Some brokers tell of the new connection before they tell of the old one.
            Told::Went(Departure::TakenOver) if self.admitted.is_some_and(|at| now.since(at) <= hold_off) => {
            }
            Told::Went(why) => self.leave(why, hold_off, now),
        }
    }
}
