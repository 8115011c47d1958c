//! Where the counters of one device say what they found: what is counted, and edges.

use super::gaps::Gap;
use crate::finding::What;
use crate::time::{Micros, Mono, SECOND};
use crate::tracker::Edges;
use serde::{Deserialize, Serialize};

/// Counters of several streams that begin anew within this time do so in one restart of their device.
const ONE_RESTART: Micros = 60 * SECOND;

/// What is counted of one device, over all its counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Gaps that were not filled within the window.
    pub gaps: u64,
    /// The numbers missing in them.
    pub lost: u64,
    /// Numbers missing from times when we were not listening.
    pub missed: u64,
    /// Numbers that were seen before.
    pub duplicated: u64,
    /// Numbers that came late.
    pub reordered: u64,
    /// Counters that began anew.
    pub resets: u64,
    /// Restarts of the device that this shows.
    pub restarts: u32,
    /// When the last of them was seen.
    pub(super) restarted: Mono,
}

/// The way out of one counter.
pub(super) struct Out<'a> {
    pub(super) stream: &'a str,
    pub(super) counts: &'a mut Counts,
    pub(super) edges: &'a mut Edges,
}

impl Out<'_> {
    /// A gap that was waited for in vain, with its sides as they look in messages.
    pub(super) fn gap(&mut self, gap: &Gap, first: u64, last: u64, now: Mono) {
        let (stream, missing) = (self.stream.into(), gap.missing);
        let what = if gap.ours {
            self.counts.missed = self.counts.missed.saturating_add(missing);
            What::Missed { stream, first, last, missed: missing }
        } else {
            self.counts.gaps += 1;
            self.counts.lost = self.counts.lost.saturating_add(missing);
            What::Gap { stream, first, last, lost: missing }
        };
        self.edges.push((now, what));
    }

    /// A counter began anew. `taken` is the last restart in which it took part.
    pub(super) fn reset(&mut self, from: u64, to: u64, taken: &mut u32, now: Mono) {
        let counts = &mut *self.counts;
        counts.resets += 1;
        let same = *taken != counts.restarts && now.since(counts.restarted) <= ONE_RESTART;
        if !same {
            counts.restarts = counts.restarts.saturating_add(1);
            counts.restarted = now;
        }
        *taken = counts.restarts;
        self.edges.push((now, What::Reset { stream: self.stream.into(), from, to }));
    }
}
