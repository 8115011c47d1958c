//! What the sequence numbers of one device say, as people see it.

use crate::fleet::{Device, Fleet};
use serde::Serialize;

/// The accounts of one device.
#[derive(Debug, Serialize)]
pub struct SequenceView<'a> {
    /// Gaps that were not filled within the window.
    pub gaps: u64,
    /// Messages missing in them.
    pub lost: u64,
    /// Messages missing from times when we were not listening.
    pub missed: u64,
    /// Messages that came again.
    pub duplicated: u64,
    /// Messages that came after later ones.
    pub reordered: u64,
    /// Sequences that began anew.
    pub resets: u64,
    /// Restarts of the device that this shows.
    pub restarts: u32,
    /// Where its sequences stand; several for one stream whose topics count each for themselves.
    pub positions: Vec<PositionView<'a>>,
}

/// Where a sequence stands.
#[derive(Debug, Serialize)]
pub struct PositionView<'a> {
    /// Its stream.
    pub stream: &'a str,
    /// The number that is expected.
    pub next: u64,
    /// Missing numbers that may still arrive.
    pub awaited: u64,
    /// False: its numbers are in no order.
    pub judged: bool,
}

impl Fleet {
    /// None while no number was seen.
    pub(super) fn sequence<'a>(&'a self, device: &'a Device) -> Option<SequenceView<'a>> {
        let counts = device.roster.sequence.counts()?;
        let positions = device.roster.sequence.positions().filter_map(|at| {
            let stream = &self.stream(at.stream)?.name;
            Some(PositionView { stream, next: at.next, awaited: at.awaited, judged: at.judged })
        });
        Some(SequenceView {
            gaps: counts.gaps,
            lost: counts.lost,
            missed: counts.missed,
            duplicated: counts.duplicated,
            reordered: counts.reordered,
            resets: counts.resets,
            restarts: counts.restarts,
            positions: positions.collect(),
        })
    }
}
