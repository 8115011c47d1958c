//! What one engine hands to the next when the configuration is read again: questions without an answer, and what was
//! observed in this run and is not saved. Nothing here may hold on to a rule or to a stream by its number, which a new
//! configuration gives anew.

use super::handle::Question;
use super::recent::Recent;
use super::status::Observed;
use super::trend::Trend;
use crate::audit::outages::Outages;
use serde_json::Value;
use std::collections::VecDeque;
use tokio::sync::mpsc;
use watchkeeper_core::busiest::Busiest;
use watchkeeper_core::report::Watched;

/// See the head of this file.
pub(crate) struct Handed {
    /// What was asked and not answered.
    pub(crate) asked: mpsc::Receiver<Question>,
    pub(super) memories: Option<Memories>,
}

/// What was observed.
pub(super) struct Memories {
    pub(super) findings: VecDeque<Value>,
    pub(super) observed: Observed,
    pub(super) recent: Recent,
    pub(super) trend: Trend,
    /// Of each broker, in the order of the brokers, which no new configuration changes.
    pub(super) busiest: Vec<Busiest>,
    /// When each broker was not watched.
    pub(super) outages: Vec<Outages>,
}

impl Handed {
    /// For the first engine of a run.
    pub(crate) fn first(asked: mpsc::Receiver<Question>) -> Self {
        Self { asked, memories: None }
    }
}

impl Memories {
    /// Those of the engine before, which become those of these fleets; of the first one, that a run begins with them.
    pub(super) fn of(before: Option<Self>, watched: &mut [Watched], outages: &mut [Outages]) -> Self {
        let Some(mut memories) = before else {
            return Self {
                findings: VecDeque::new(),
                observed: Observed::new(watched),
                recent: Recent::default(),
                trend: Trend::default(),
                busiest: Vec::new(),
                outages: Vec::new(),
            };
        };
        for (one, busiest) in watched.iter_mut().zip(memories.busiest.drain(..)) {
            one.fleet.busiest = busiest;
        }
        for (one, before) in outages.iter_mut().zip(&memories.outages) {
            one.go_on(before);
        }
        memories
    }
}
