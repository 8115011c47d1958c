//! What the log says of itself: a copy for whoever asks, so that a scrape never waits for a disk. Nothing here
//! decides anything.

use super::gate::Gate;
use super::seal::Signed;
use crate::record::Kind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use watchkeeper_core::time::{Micros, Mono, Now, SECOND, Wall};

/// Why nothing can be written, by what cures it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The disk, or our share of it, is full: make room.
    NoSpace,
    /// The file system is mounted read-only: mount it otherwise.
    ReadOnly,
    /// The folder or a file in it may not be written: give the permission back.
    Denied,
    /// The disk fails: look at its own log.
    Disk,
    /// The disk has not answered for more than a second.
    Stalled,
    /// Another process took the folder over.
    Taken,
}

/// How the log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It writes.
    Ok,
    /// It cannot write, keeps what it has, and tries again at least once a second.
    Blocked {
        /// Why.
        cause: Cause,
        /// What was being done, and what the operating system said.
        detail: String,
        /// Since when.
        since: Wall,
    },
    /// It was stopped.
    Stopped,
}

/// How much room the disk has, by the thresholds of the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Enough.
    #[default]
    Ample,
    /// Less than `space_left`.
    Low,
    /// Less than `admin_space_left`.
    Scarce,
    /// None: a write failed for want of room.
    Full,
}

/// Upper bounds of the buckets of append times, in microseconds; what takes longer is in one more bucket.
pub const APPEND_BOUNDS: [Micros; 13] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000];

/// How long records took from being appended to being durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppendTimes {
    /// How many in each bucket alone, the last one without bound.
    pub buckets: [u64; APPEND_BOUNDS.len() + 1],
    /// All of them together.
    pub sum: Micros,
}

impl AppendTimes {
    pub(super) fn add(&mut self, took: Micros) {
        let at = APPEND_BOUNDS.iter().position(|bound| took <= *bound).unwrap_or(APPEND_BOUNDS.len());
        self.buckets[at] += 1;
        self.sum = self.sum.saturating_add(took);
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// What the last verification found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// When it ended.
    pub at: Wall,
    /// The exit status that the command line would have had.
    pub exit: u8,
}

/// The log at one moment.
#[derive(Clone, Debug)]
pub struct Status {
    /// How it is.
    pub state: State,
    /// How much room the disk has, as a stage.
    pub stage: Stage,
    /// Since when there is too little, whatever the stage; none: there is enough.
    pub low_since: Option<Wall>,
    /// The same in bytes, when it is known.
    pub free: Option<u64>,
    /// Durable records of this process, by `Kind as usize`.
    pub records: [u64; Kind::ALL.len()],
    /// How often writing, syncing or signing failed.
    pub write_failures: u64,
    /// Records that were dropped because the configuration asks for it.
    pub dropped: u64,
    /// When records became durable last.
    pub last_write: Option<Wall>,
    /// Bytes of all segments on the disk.
    pub bytes: u64,
    /// How many segments there are, with the one that is being written.
    pub segments: usize,
    /// `ts` of the oldest record that is there.
    pub oldest: Option<Wall>,
    /// Number of the next record.
    pub next: u64,
    /// How many records the tree has.
    pub tree_size: u64,
    /// The last checkpoint.
    pub checkpoint: Option<Signed>,
    /// Why the evidence lags behind, when it does.
    pub evidence: Option<String>,
    /// Since when.
    pub evidence_since: Option<Wall>,
    /// From being appended to being durable.
    pub append: AppendTimes,
    /// What the last verification found.
    pub verified: Option<Verified>,
    /// Records that wait for the disk.
    pub waiting: u64,
    /// Their bytes.
    pub waiting_bytes: u64,
}

impl Default for Status {
    /// A log that has just begun.
    fn default() -> Self {
        Self {
            state: State::Ok,
            stage: Stage::Ample,
            low_since: None,
            free: None,
            records: [0; Kind::ALL.len()],
            write_failures: 0,
            dropped: 0,
            last_write: None,
            bytes: 0,
            segments: 0,
            oldest: None,
            next: 0,
            tree_size: 0,
            checkpoint: None,
            evidence: None,
            evidence_since: None,
            append: AppendTimes::default(),
            verified: None,
            waiting: 0,
            waiting_bytes: 0,
        }
    }
}

impl Status {
    /// So much room is there now.
    pub(super) fn room(&mut self, stage: Stage, now: Wall) {
        self.stage = stage;
        self.low_since = (stage != Stage::Ample).then(|| self.low_since.unwrap_or(now));
    }

    /// The evidence lags behind, for this reason; none: it does not.
    pub(super) fn lag(&mut self, why: Option<String>, now: Wall) {
        self.evidence_since = why.is_some().then(|| self.evidence_since.unwrap_or(now));
        self.evidence = why;
    }
}

/// What the writer and those who append have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub gate: Gate,
    /// A tick is on its way, so that no second one is sent.
    pub tick: AtomicBool,
    /// Moment at which the disk was asked for what it has not done yet, plus one; 0 when it was not.
    busy: AtomicU64,
    status: Mutex<Status>,
    /// What came of signing at the end.
    sealed: Mutex<Option<bool>>,
    done: Condvar,
}

/// A disk that takes longer is told as stalled.
const STALLED_AFTER: Micros = SECOND;

impl Shared {
    pub(super) fn new(gate: Gate) -> Self {
        Self {
            gate,
            tick: AtomicBool::new(false),
            busy: AtomicU64::new(0),
            status: Mutex::default(),
            sealed: Mutex::new(None),
            done: Condvar::new(),
        }
    }

    /// To be changed; nothing may be waited for while it is held.
    pub(super) fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy, as it is right now.
    pub(super) fn copy(&self, now: Now) -> Status {
        let mut status = self.status().clone();
        (status.waiting, status.waiting_bytes) = self.gate.inside();
        let busy = self.busy.load(Ordering::Acquire);
        let began = Mono(busy.saturating_sub(1));
        if status.state == State::Ok && busy != 0 && now.mono.since(began) > STALLED_AFTER {
            let detail = "the disk has not answered".to_owned();
            status.state = State::Blocked { cause: Cause::Stalled, detail, since: now.wall_of(began) };
        }
        status
    }

    pub(super) fn busy(&self, since: Option<Mono>) {
        self.busy.store(since.map_or(0, |since| since.0 + 1), Ordering::Release);
    }

    pub(super) fn sealed(&self, well: bool) {
        *self.sealed.lock().unwrap_or_else(PoisonError::into_inner) = Some(well);
        self.done.notify_all();
    }

    /// Waits for `sealed`: whether it went well, or nothing when that is not known so soon.
    pub(super) fn sealed_within(&self, within: Duration) -> Option<bool> {
        let until = Instant::now() + within;
        let mut sealed = self.sealed.lock().unwrap_or_else(PoisonError::into_inner);
        while sealed.is_none() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            sealed = self.done.wait_timeout(sealed, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        sealed.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_does_not_answer_is_told_before_it_does() {
        let shared = Shared::new(Gate::new(1, 1));
        let now = |mono| Now { mono: Mono(mono), wall: Wall(1_000_000_000 + mono.cast_signed()) };
        shared.busy(Some(Mono(0)));
        assert_eq!(shared.copy(now(SECOND)).state, State::Ok);
        let State::Blocked { cause, since, .. } = shared.copy(now(SECOND + 1)).state else { panic!() };
        assert_eq!((cause, since), (Cause::Stalled, Wall(1_000_000_000)));
        shared.busy(None);
        assert_eq!(shared.copy(now(9 * SECOND)).state, State::Ok);
    }

    #[test]
    fn a_time_is_counted_in_the_bucket_that_it_fits() {
        let mut times = AppendTimes::default();
        for took in [0, 250, 251, 5_000_000, 5_000_001] {
            times.add(took);
        }
        assert_eq!((times.buckets[0], times.buckets[1], times.buckets[12], times.buckets[13]), (2, 1, 1, 1));
        assert_eq!((times.count(), times.sum), (5, 10_000_502));
    }
}
