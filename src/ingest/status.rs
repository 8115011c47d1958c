//! What is known of a connection, for health and metrics. Written by the connection's own task, read by
//! others; the lock is held for a copy and never across an await.

use super::dial::Which;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use watchkeeper_core::certificate::Certificate;
use watchkeeper_core::time::{Micros, Mono, Now, SECOND, Wall};

/// The reason of failures that others with our client id bring about.
const CLIENT_ID: &str = "client_id";

/// Failures that are kept for people to look at.
const FAILURES_MAX: usize = 10;

/// Shared between a connection and those who report on it.
#[derive(Debug, Default)]
pub(crate) struct LinkStatus {
    state: Mutex<LinkState>,
    /// Microseconds since the epoch of the last message; 0: none yet.
    last_message: AtomicI64,
}

/// A copy of what is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct LinkState {
    /// CONNACK and every SUBACK are in.
    pub(crate) connected: bool,
    /// The id we connect with.
    pub(crate) client_id: String,
    /// `5` or `3.1.1`, once known.
    pub(crate) protocol: Option<&'static str>,
    /// Connections tried since the last one that held.
    pub(crate) attempts: u64,
    /// Which URL was tried last, or is connected: as it is shown, without user and password.
    pub(crate) url: Option<String>,
    /// Its place among `url` and `failover`, from 0.
    pub(crate) turn: usize,
    /// The certificates that the last attempt over TLS showed, at most one of a kind.
    pub(crate) certificates: Vec<(Which, Certificate)>,
    /// When the next one is tried.
    pub(crate) next_attempt: Option<Mono>,
    /// Since when it has been away; none while connected.
    pub(crate) away_since: Option<Wall>,
    /// The same moment on the other clock.
    pub(crate) away_since_mono: Option<Mono>,
    /// Since when it is connected; none while it is not.
    pub(crate) up_since: Option<Wall>,
    /// The same moment on the other clock.
    pub(crate) up_since_mono: Option<Mono>,
    /// When it was left because we were told to: whoever connects next in this process was away since then at least.
    pub(crate) left: Option<Now>,
    /// Whoever else has our client id took the connection from us, and since it did so first.
    pub(crate) evicted: Option<Evicted>,
    /// Why the last connection failed or broke.
    pub(crate) failure: Option<Failure>,
    /// How often a connection that was up was lost.
    pub(crate) disconnections: u64,
    /// The last failures, oldest first.
    pub(crate) failures: VecDeque<PastFailure>,
    /// What was asked and granted.
    pub(crate) filters: Vec<FilterState>,
    /// We stopped asking: the broker hangs up on this (only `$SYS`).
    pub(crate) given_up: bool,
    /// Since when.
    pub(crate) given_up_since: Option<Wall>,
}

/// A series of evictions; it is over when a connection has lasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Evicted {
    /// The first one.
    pub(crate) since: Wall,
    /// How many.
    pub(crate) times: u64,
}

/// A connection that lasted so long is not contested any more: longer than the other side, if it is as patient as we are,
/// waits between two attempts.
pub(crate) const LASTED_AFTER: Micros = 600 * SECOND;

/// Why a connection failed, with the cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Label value of `reason`; `reasons::REASONS` has all of them.
    pub(crate) reason: &'static str,
    /// One sentence for people.
    pub(crate) summary: String,
    /// What to do.
    pub(crate) cure: String,
}

/// A failure that is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PastFailure {
    /// When.
    pub(crate) at: Wall,
    /// A connection that was up was lost; otherwise an attempt failed.
    pub(crate) was_up: bool,
    /// Label value of `reason`.
    pub(crate) reason: &'static str,
    /// One sentence for people.
    pub(crate) summary: String,
}

/// One subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilterState {
    /// The filter.
    pub(crate) filter: String,
    /// What we asked for.
    pub(crate) qos: u8,
    /// What the broker said: none until SUBACK; `Err` holds the return or reason code.
    pub(crate) granted: Option<Result<u8, u8>>,
    /// Since when it says so, also over several connections; none until SUBACK.
    pub(crate) since: Option<Wall>,
}

impl LinkState {
    /// Whether another client with our id comes and goes: it took this connection, or one before that is not long ago. Whoever
    /// is away for long may be so for another reason, and then that is to be told alone.
    pub(crate) fn contested(&self, now: Mono) -> Option<Evicted> {
        let is_its = self.failure.as_ref().is_some_and(|failure| failure.reason == CLIENT_ID);
        let lately = |at: Option<Mono>| at.is_some_and(|at| now.since(at) < LASTED_AFTER);
        let is_so =
            if self.connected { lately(self.up_since_mono) } else { is_its || lately(self.away_since_mono) };
        self.evicted.filter(|_| is_so)
    }

    /// Connected from now on.
    pub(crate) fn up(&mut self, now: Now) {
        self.connected = true;
        (self.up_since, self.up_since_mono) = (Some(now.wall), Some(now.mono));
        (self.away_since, self.away_since_mono) = (None, None);
    }

    /// Not connected, since then where it was.
    pub(crate) fn away(&mut self, since: Now) {
        self.connected = false;
        if self.up_since.take().is_some() || self.away_since.is_none() {
            (self.away_since, self.away_since_mono) = (Some(since.wall), Some(since.mono));
        }
        self.up_since_mono = None;
    }

    /// A connection that lasted until now ends a series of evictions. To be asked before it counts as away.
    pub(crate) fn outlive(&mut self, now: Mono) {
        if self.up_since_mono.is_some_and(|up| now.since(up) >= LASTED_AFTER) {
            self.evicted = None;
        }
    }

    /// Notes why a connection failed, before it counts as away.
    pub(crate) fn fail(&mut self, failure: Failure, was_up: bool, now: Now) {
        let at = now.wall;
        self.outlive(now.mono);
        if was_up && failure.reason == CLIENT_ID {
            let before = self.evicted.unwrap_or(Evicted { since: at, times: 0 });
            self.evicted = Some(Evicted { times: before.times + 1, ..before });
        }
        self.disconnections += u64::from(was_up);
        if self.failures.len() == FAILURES_MAX {
            self.failures.pop_front();
        }
        let (reason, summary) = (failure.reason, failure.summary.clone());
        self.failures.push_back(PastFailure { at, was_up, reason, summary });
        self.failure = Some(failure);
    }
}

impl LinkStatus {
    /// A copy of the state.
    pub(crate) fn get(&self) -> LinkState {
        self.state.lock().map(|state| state.clone()).unwrap_or_default()
    }

    /// Changes the state.
    pub(crate) fn set(&self, change: impl FnOnce(&mut LinkState)) {
        if let Ok(mut state) = self.state.lock() {
            change(&mut state);
        }
    }

    /// Notes a message.
    pub(crate) fn message(&self, at: Wall) {
        self.last_message.store(at.0, Ordering::Relaxed);
    }

    /// When the last message arrived.
    pub(crate) fn last_message(&self) -> Option<Wall> {
        match self.last_message.load(Ordering::Relaxed) {
            0 => None,
            at => Some(Wall(at)),
        }
    }
}
