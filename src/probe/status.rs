//! What the probe of one broker last found, for health. Written by its task, read by others; the lock is held for a copy.

use crate::ingest::status::Failure;
use std::sync::Mutex;
use watchkeeper_core::probe::{Kept, Verdict};
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
    /// Something was lost, and nothing has come back since: why that may be, and what to do.
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

impl ProbeState {
    /// A round is over: what comes back is allowed, and what never does may not be.
    pub(super) fn came_back(&mut self, verdict: &Verdict, failure: Option<&Failure>) {
        if verdict.round_trips().next().is_some() {
            self.nothing_back = None;
        } else if verdict.is_nothing_back() {
            self.nothing_back = failure.cloned();
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use watchkeeper_core::probe::Fate;

    #[test]
    fn what_may_not_be_allowed_is_told_until_something_comes_back() {
        let failure = Failure { reason: "messages_lost", summary: "none".to_owned(), cure: String::new() };
        let mut state = ProbeState::default();
        let mut round = |fates: &[Fate]| {
            let verdict =
                Verdict { fates: fates.iter().map(|fate| (1, *fate)).collect(), ..Verdict::default() };
            state.came_back(&verdict, Some(&failure));
            state.nothing_back.is_some()
        };
        assert!(!round(&[Fate::Back(1), Fate::Lost]), "some of it came");
        assert!(round(&[Fate::Lost, Fate::Lost]));
        assert!(round(&[Fate::Failed]), "a broker that is away says nothing of it");
        assert!(!round(&[Fate::Back(1)]));
    }
}
