//! What the probe tells the engine: how long its messages took, which the promise about publishing is judged by, and what
//! became true of it, which takes the way of all findings.

use super::State;
use watchkeeper_core::finding::{Finding, Probing, What};
use watchkeeper_core::time::{Micros, Now};

/// One round of one broker, which is meant by its name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) broker: String,
    /// Of each message that came back.
    pub(crate) round_trips: Vec<Micros>,
    pub(crate) found: Vec<Probing>,
}

/// Takes it down.
pub(super) fn note(state: &mut State, told: Told, now: Now) {
    let at = state.watched.iter().position(|one| *one.fleet.rules().broker == *told.broker);
    let Some(at) = at else { return };
    state.watched[at].fleet.note_round_trips(&told.round_trips, now);
    state.note_findings(now);
    for probing in told.found {
        let known = state.watched[at].fleet.link().known();
        let what = What::Probe(probing);
        let finding = Finding { at: known, wall: now.wall, device: Box::default(), what, muted: false };
        state.note_finding(at, &finding, now);
    }
    state.hand_over();
}
