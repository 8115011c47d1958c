//! Says what becomes of a connection: to the status that others read, to the metrics and to the log. One line
//! when it is lost, one when it is back, at most one a minute in between. Nothing here may decide anything, or
//! print the broker's settings, among which is a password.

use super::client::Terms;
use super::dial::Which;
use super::dialect::Protocol;
use super::meters::Meters;
use super::reasons::{suback_cure, suback_meaning};
use super::status::{Failure, FilterState, LinkStatus};
use crate::config::BrokerUrl;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use watchkeeper_core::certificate::Certificate;
use watchkeeper_core::time::{Micros, Mono, Now, SECOND, Wall, micros, seconds};

/// A session that is kept for less is no safety.
const SESSION_LEAST: u32 = 24 * 60 * 60;
/// Every broker is done with a connection that has ended by then.
const PARTED_WITHIN: Micros = 10 * SECOND;
/// Between two lines while away.
const SILENCE: Micros = 60 * SECOND;

/// See the head of this file.
pub(super) struct Report {
    broker: String,
    /// `devices`, `sys` or `audit`.
    role: &'static str,
    status: Arc<LinkStatus>,
    meters: Option<Meters>,
    /// The last line about being away.
    said: Option<Mono>,
    /// It was up before, so that the next time is «again».
    again: bool,
    /// What the broker last said to each filter, and since when it says so.
    answers: HashMap<String, (Result<u8, u8>, Wall)>,
    /// We are leaving because we were told to: DISCONNECT was sent then, and what the broker hears after it is not for us.
    leaving: Option<Now>,
}

impl Report {
    /// Away since now, or since a connection before it was left in the same process.
    pub(super) fn new(
        broker: &str,
        role: &'static str,
        status: Arc<LinkStatus>,
        meters: Option<Meters>,
        now: Now,
    ) -> Self {
        status.set(|state| {
            state.away(now);
            state.left = None;
            (state.given_up, state.given_up_since) = (false, None);
        });
        let answers = HashMap::new();
        let (said, again, leaving) = (None, false, None);
        Self { broker: broker.to_owned(), role, status, meters, said, again, answers, leaving }
    }

    /// Who we are and what we shall ask for. What was answered to a connection before a reload is not forgotten.
    pub(super) fn introduce(&mut self, client_id: &str, filters: &[FilterState]) {
        let Self { status, answers, .. } = self;
        status.set(|state| {
            let before = state.filters.drain(..);
            answers.extend(before.filter_map(|one| Some((one.filter, (one.granted?, one.since?)))));
            client_id.clone_into(&mut state.client_id);
            state.filters = filters.to_vec();
        });
    }

    /// What TLS showed, be it good or bad.
    pub(super) fn certificates(&self, seen: &[(Which, Certificate)]) {
        if let Some(meters) = &self.meters {
            meters.certificates(seen);
        }
        self.status.set(|state| state.certificates = seen.to_vec());
    }

    /// A connection is tried.
    pub(super) fn attempt(&mut self, (url, turn): (&BrokerUrl, usize), now: Mono) {
        self.tick(now);
        if let Some(meters) = &self.meters {
            meters.attempt();
        }
        self.status.set(|state| {
            state.attempts += 1;
            state.next_attempt = None;
            state.url = Some(url.to_string());
            state.turn = turn;
        });
    }

    /// CONNACK.
    pub(super) fn accepted(&self, protocol: Protocol) {
        self.status.set(|state| state.protocol = Some(protocol.name()));
    }

    /// What the broker says of the session: one that it keeps for less time than a repair takes is worth a line.
    pub(super) fn session(&self, terms: Terms, keeps: Option<u32>) {
        let Some(seconds) = keeps.filter(|seconds| *seconds < SESSION_LEAST && terms != Terms::Passing)
        else {
            return;
        };
        let (broker, connection) = (&self.broker, self.role);
        tracing::warn!(
            broker,
            connection,
            seconds,
            "the broker keeps our session for less than a day while we are away; what it holds then is lost"
        );
    }

    /// What is granted by now, each since when.
    pub(super) fn filters(&mut self, filters: &mut [FilterState], now: Wall) {
        for state in &mut *filters {
            let Some(granted) = state.granted else { continue };
            let said = self.answers.entry(state.filter.clone()).or_insert((granted, now));
            if said.0 != granted {
                *said = (granted, now);
            }
            state.since = Some(said.1);
        }
        self.status.set(|state| state.filters = filters.to_vec());
    }

    /// Every SUBACK is in; the attempt took so long.
    pub(super) fn up(&mut self, took: Micros, protocol: Protocol, filters: &[FilterState], now: Now) {
        if let Some(meters) = &mut self.meters {
            meters.up(took, now.mono);
        }
        let (mut away, mut url) = (0, String::new());
        self.status.set(|state| {
            url = state.url.clone().unwrap_or_default();
            away = state.away_since_mono.map_or(0, |since| now.mono.since(since));
            state.up(now);
        });
        let (broker, connection, protocol) = (&self.broker, self.role, protocol.name());
        let away_seconds = seconds(away);
        let what = if self.again { "connected again" } else { "connected" };
        tracing::info!(broker, connection, url, protocol, away_seconds, "{what}");
        for state in filters {
            if state.granted == Some(Ok(0)) && state.qos > 0 {
                let filter = &state.filter;
                tracing::warn!(
                    broker,
                    connection,
                    filter,
                    "the broker grants quality of service 0 only: what it loses there is lost"
                );
            }
            if let Some(Err(code)) = state.granted {
                let (filter, why) = (&state.filter, suback_meaning(code));
                let cure = suback_cure(filter, code);
                tracing::warn!(broker, connection, filter, why, cure, "subscription refused");
            }
        }
        (self.said, self.again) = (None, true);
    }

    /// Messages arrived.
    pub(super) fn messages(&mut self, now: Now) {
        self.status.message(now.wall);
        if let Some(meters) = &mut self.meters {
            meters.message(now.wall);
        }
    }

    /// A connection that was up is gone; the broker was last heard at `last_alive`.
    pub(super) fn lost(&mut self, failure: Failure, last_alive: Mono, now: Now) {
        if let Some(meters) = &mut self.meters {
            meters.away(last_alive);
        }
        // The loss is always worth a line; it counts against the minute of those that follow.
        self.said = None;
        self.fail(failure, true, "connection lost", now);
        let since = Now { mono: last_alive, wall: now.wall_of(last_alive) };
        self.status.set(|state| state.away(since));
    }

    /// The broker answered again, on the same connection, after a silence that was no quiet.
    pub(super) fn stood_still(&mut self, since: Mono, now: Mono) {
        if let Some(meters) = &mut self.meters {
            meters.stood_still(since, now);
        }
        let (broker, connection, away_seconds) = (&self.broker, self.role, seconds(now.since(since)));
        tracing::warn!(broker, connection, away_seconds, "the broker stood still");
    }

    /// An attempt failed.
    pub(super) fn failed(&mut self, failure: Failure, what: &str, now: Now) {
        self.fail(failure, false, what, now);
    }

    fn fail(&mut self, failure: Failure, was_up: bool, what: &str, now: Now) {
        if let Some(meters) = &mut self.meters {
            meters.failure(&failure);
            meters.tick(now.mono);
        }
        if self.said.is_none_or(|said| now.mono.since(said) >= SILENCE) {
            self.said = Some(now.mono);
            let (broker, connection) = (&self.broker, self.role);
            let Failure { reason, summary, cure } = &failure;
            tracing::warn!(broker, connection, reason, cause = summary, cure, "{what}");
        }
        self.status.set(|state| state.fail(failure, was_up, now));
    }

    /// An attempt failed in a way that we learn from: counted, but worth no line for the operator yet, and not what health
    /// is to name: the next attempt follows at once and knows better.
    pub(super) fn learned(&mut self, failure: &Failure, what: &str) {
        if let Some(meters) = &self.meters {
            meters.failure(failure);
        }
        let (broker, connection) = (&self.broker, self.role);
        tracing::debug!(broker, connection, cause = failure.summary, "{what}");
    }

    /// The connection that ended was no failed attempt.
    pub(super) fn held(&self) {
        self.status.set(|state| state.attempts = 0);
    }

    /// The next attempt is so far away.
    pub(super) fn pause(&self, pause: Duration, now: Mono) {
        self.status.set(|state| state.next_attempt = Some(now.plus(micros(pause))));
    }

    /// Time passed.
    pub(super) fn tick(&mut self, now: Mono) {
        if let Some(meters) = &mut self.meters {
            meters.tick(now);
        }
    }

    /// We do not ask again.
    pub(super) fn gave_up(&self, filter: &str, why: &str, now: Now) {
        let (broker, connection) = (&self.broker, self.role);
        let cure = format!(
            "let this user read `{filter}` in the broker's access rules, then restart; without it the broker's own figures are missing"
        );
        tracing::warn!(broker, connection, filter, why, cure, "the broker's status topics are not watched");
        self.status.set(|state| {
            state.given_up = true;
            state.given_up_since = Some(now.wall);
            state.away(now);
            state.next_attempt = None;
        });
    }

    /// DISCONNECT is on its way because we were told to stop.
    pub(super) fn leaving(&mut self, now: Now) {
        self.leaving = Some(now);
    }

    /// The broker had a connection of ours so shortly before that it may not be done with it.
    pub(super) fn was_there_lately(&self, now: Mono) -> bool {
        let state = self.status.get();
        // The protocol is known from the first CONNACK on.
        let left = state.away_since_mono.filter(|_| state.protocol.is_some());
        left.is_some_and(|left| now.since(left) < PARTED_WITHIN)
    }

    /// We stopped as asked: where it was connected, it is away since it was left.
    pub(super) fn stopped(&mut self, now: Now) {
        let left = self.leaving.unwrap_or(now);
        if let Some(meters) = &mut self.meters {
            meters.away(left.mono);
            // An outage that lasted is counted up to here, and whoever connects next counts on.
            meters.tick(left.mono);
        }
        self.status.set(|state| {
            state.outlive(left.mono);
            state.away(left);
            (state.left, state.next_attempt) = (Some(left), None);
        });
    }
}

#[cfg(test)]
mod tests;
