//! What is known of one client's queue over time, and what it means: share of the limit, growth, the highest it was, how
//! old it is, how it drains. Only the last reading and two older ones are kept. Nothing here may guess what no source
//! tells.

use super::Queue;
use crate::time::{Micros, Mono, Now, SECOND, Wall};

/// Growth is measured over at least this.
const WINDOW: Micros = 300 * SECOND;

/// A depth and when it was so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    at: Mono,
    depth: u64,
}

/// A queue that is being emptied since its client is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Drain {
    pub(super) from: u64,
    pub(super) began: Mono,
}

/// Levels of one queue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Level {
    /// The deepest it was, and when.
    pub high_water: Option<(u64, Wall)>,
    /// Messages a second; negative where it becomes shorter; none as long as it is not known.
    pub growth: Option<f64>,
    /// Messages that the broker dropped while we watched.
    pub dropped: u64,
    /// Messages that vanished while the client was away.
    pub expired: u64,
    pub(super) last: Queue,
    pub(super) filled: Option<Mono>,
    pub(super) drain: Option<Drain>,
    /// Since when nothing moved though the client is there.
    pub(super) still: Option<Mono>,
    marks: [Option<Mark>; 2],
}

impl Level {
    /// The share of what may wait that does.
    pub fn share(&self) -> Option<f64> {
        let limit = self.last.limit_messages.filter(|limit| *limit > 0)?;
        Some(self.last.depth? as f64 / limit as f64)
    }

    /// Time until it is full, if it goes on so.
    pub fn full_in(&self) -> Option<Micros> {
        let growth = self.growth.filter(|growth| *growth > 0.0)?;
        let left = self.last.limit_messages?.saturating_sub(self.last.depth?);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is bounded and positive"
        )]
        Some((left as f64 / growth * 1e6).min(1e18) as Micros)
    }

    /// How long the oldest has waited: as the source tells, else at least since we saw that something waits.
    pub fn age(&self, now: Now) -> Option<Micros> {
        if self.last.depth == Some(0) {
            return None;
        }
        let told = self.last.oldest.map(|oldest| now.wall.0.saturating_sub(oldest.0).max(0).unsigned_abs());
        told.or_else(|| Some(now.mono.since(self.filled?)))
    }

    /// Takes a reading of the depth into the growth and the highest.
    pub(super) fn measure(&mut self, depth: u64, now: Now) {
        if self.high_water.is_none_or(|(highest, _)| depth > highest) {
            self.high_water = Some((depth, now.wall));
        }
        self.filled = if depth > 0 { self.filled.or(Some(now.mono)) } else { None };
        let here = Mark { at: now.mono, depth };
        let [old, young] = &mut self.marks;
        if young.is_none_or(|mark| now.mono.since(mark.at) >= WINDOW) {
            *old = young.replace(here).or(*old);
        }
        let base = old.or(*young).filter(|mark| mark.at < now.mono);
        if let Some(base) = base {
            let passed = crate::time::seconds(now.mono.since(base.at));
            self.growth = Some((depth as f64 - base.depth as f64) / passed);
        }
    }

    /// Whether the growth is measured over the whole window.
    pub(super) fn is_measured(&self, now: Now) -> bool {
        self.marks[0].or(self.marks[1]).is_some_and(|mark| now.mono.since(mark.at) >= WINDOW)
    }
}
