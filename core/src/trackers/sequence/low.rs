//! A number lower than the one that was expected, whose meaning the next one decides: the device may have begun
//! anew, the message may have been sent twice, or a few of the last ones are delivered once more.

use super::counter::Heard;
use crate::time::{Micros, Mono};
use serde::{Deserialize, Serialize};

/// So far behind the highest a run of numbers may begin and be a second delivery: what a client has in flight.
pub(super) const IN_FLIGHT: u64 = 32;

/// What is known so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// One number came.
    Alone,
    /// It was alone for so long that it was counted; its successor would still mean that the device began anew.
    Counted,
    /// Its successors came within the window, and they may be a second delivery.
    Run,
    /// It is 0 where numbers wrap, and would also be the end of a gap.
    Birth,
}

/// The number, and what followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Low {
    pub(super) start: u64,
    /// The number that would be its successor, or that of the run.
    pub(super) next: u64,
    /// How many of them were seen before.
    pub(super) seen: u64,
    /// When the last of them came.
    pub(super) at: Mono,
    pub(super) stage: Stage,
    /// How often we had been away when it came.
    pub(super) breaks: u32,
    /// When a second delivery is over.
    pub(super) window: Mono,
    /// When it is taken for what it is if nothing follows.
    pub(super) due: Mono,
}

impl Low {
    /// One number that came; `patience` is the time in which its successor should come.
    pub(super) fn new(start: u64, stage: Stage, heard: &Heard, patience: Micros) -> Self {
        let Heard { now, window, breaks, .. } = *heard;
        let (due, window) = (now.plus(patience.max(window)), now.plus(window));
        Self { start, next: start.saturating_add(1), seen: 1, at: now, stage, breaks, window, due }
    }
}
