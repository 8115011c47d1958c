//! What the probe of one broker last found, for health. Written by its task, read by others; the lock is held for a copy.

use crate::ingest::status::Failure;
use std::sync::Mutex;
use watchkeeper_core::probe::Kept;
use watchkeeper_core::time::{Micros, Wall};

/// Shared between the probe of a broker and those who report on it.
#[derive(Debug, Default)]
pub(crate) struct ProbeStatus {
    state: Mutex<ProbeState>,
}

/// A copy of what is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ProbeState {
    /// When the last round ended.
    pub(crate) last: Option<Wall>,
    /// Quality of service and time of what came back in it.
    pub(crate) round_trips: Vec<(u8, Micros)>,
    /// Why the last round failed.
    pub(crate) failure: Option<Failure>,
    /// Since when rounds have failed, once it is no accident.
    pub(crate) failing_since: Option<Wall>,
    /// Since when messages are lost, until none was for a while.
    pub(crate) losing_since: Option<Wall>,
    /// In the last round with a loss nothing came back at all: why that may be, and what to do.
    pub(crate) nothing_back: Option<Failure>,
    /// Messages that were lost since the start.
    pub(crate) lost: u64,
    /// What the last round found of retained messages.
    pub(crate) retained: Kept,
    /// What is wrong with them, or why they are not tried.
    pub(crate) retained_failure: Option<Failure>,
    /// Since when they have failed, once it is no accident.
    pub(crate) retained_since: Option<Wall>,
    /// When a session was tested last.
    pub(crate) session_last: Option<Wall>,
    /// What is wrong with it, and since when.
    pub(crate) session_failure: Option<(Failure, Wall)>,
}

impl ProbeStatus {
    /// A copy of the state.
    pub(crate) fn get(&self) -> ProbeState {
        self.state.lock().map(|state| state.clone()).unwrap_or_default()
    }

    /// Changes the state.
    pub(crate) fn set(&self, change: impl FnOnce(&mut ProbeState)) {
        if let Ok(mut state) = self.state.lock() {
            change(&mut state);
        }
    }
}
