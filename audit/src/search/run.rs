//! A search from its start to its end: the answers one by one, then what it cost, what went wrong, and where to go
//! on.

use super::count::{Tally, VALUES_MAX};
use super::cursor::Cursor;
use super::plan::Plan;
use super::pool;
use super::problem::{Problem, Problems};
use super::query::{Order, Query};
use super::shelf::{self, Segment};
use super::taking::{Ended, Taking};
use super::walk::Walk;
use super::work::Desk;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Whether the one who gets the answers wants more.
pub type Continue = ControlFlow<()>;

/// Why there is no answer at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder is none of the log.
    #[error("{dir} is no folder of the log: {why}; name the folder that holds `audit-….log`", dir = dir.display())]
    NoFolder {
        /// The folder.
        dir: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// What comes next was pruned.
    #[error("the records from there to {before} were pruned; begin at {first_seq}, the first that is still there", before = first_seq.saturating_sub(1))]
    Pruned {
        /// The first record that is still there.
        first_seq: u64,
    },
}

/// What a search may cost.
#[derive(Clone, Debug)]
pub struct Limits {
    /// After so long it ends where it is.
    pub deadline: Option<Duration>,
    /// So many threads look through the log.
    pub threads: usize,
    /// Set to end it early, for whoever went away.
    pub stop: Option<Arc<AtomicBool>>,
}

impl Default for Limits {
    /// No deadline, and two threads where that leaves a processor: the writer wants one, too.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, |cores| (cores.get() - 1).clamp(1, 2));
        Self { deadline: None, threads, stop: None }
    }
}

/// What a search gave, beside its lines.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Records given, or counted.
    pub matches: u64,
    /// Bytes of text that were looked through, unpacked.
    pub scanned_bytes: u64,
    /// Bytes of text that an index made unnecessary to look through.
    pub skipped_bytes: u64,
    /// How long it took.
    pub took: Duration,
    /// False when the deadline or the stop came first.
    pub complete: bool,
    /// Where to go on, when there may be more.
    pub next_cursor: Option<String>,
    /// What was counted, where counts were asked for.
    pub tally: Option<Tally>,
    /// What was not as it should be; the rest was searched.
    pub problems: Vec<Problem>,
}

/// Searches.
#[derive(Clone, Copy, Debug)]
pub struct Search;

impl Search {
    /// Gives the answers to a question, in its order, to `each`. Blocks; call it on a thread of its own.
    pub fn run(
        dir: &Path,
        query: &Query,
        limits: &Limits,
        each: &mut dyn FnMut(&str) -> Continue,
    ) -> Result<Summary, Error> {
        let segments = shelf::segments(dir)?;
        let bounds = bounds(query, segments.first().map(|oldest| oldest.first))?;
        let (mut summary, _) = run_within((dir, &segments), query, bounds, limits, &mut |_, line| each(line));
        let mut problems = Problems::default();
        shelf::say_strangers(dir, &mut problems);
        summary.problems.extend(problems.into_list());
        Ok(summary)
    }
}

/// Between which numbers the answers lie. What was pruned since the walk began cannot be given; that is an error,
/// because it would look as if it had never been there.
fn bounds(query: &Query, oldest: Option<u64>) -> Result<(Option<u64>, Option<u64>), Error> {
    let cursor = |order| query.cursor.filter(|cursor| cursor.order == order).map(|cursor| cursor.seq);
    let above = query.after.max(cursor(Order::Asc));
    let below = cursor(Order::Desc);
    if let Some(first_seq) = oldest {
        let gone = above.is_some_and(|above| above.saturating_add(1) < first_seq)
            || below.is_some_and(|below| below < first_seq);
        if gone {
            return Err(Error::Pruned { first_seq });
        }
    }
    Ok((above, below))
}

/// The same between two numbers, both outside, of segments that were listed before. It also says up to which record
/// everything was looked at.
pub(super) fn run_within(
    folder: (&Path, &[Segment]),
    query: &Query,
    bounds: (Option<u64>, Option<u64>),
    limits: &Limits,
    each: &mut dyn FnMut(u64, &str) -> Continue,
) -> (Summary, Option<u64>) {
    let begun = Instant::now();
    let end = End { deadline: limits.deadline.map(|span| begun + span), stop: limits.stop.clone() };
    let plan = Plan::of(query);
    let mut walk = Walk::new(folder, query, &plan, bounds, &end);
    let mut taking = Taking::new(query, bounds, &end, each);
    let desk = Desk { query, plan: &plan };
    let counting = pool::in_order(limits.threads, &desk, &mut walk, &mut |found| taking.take(found));
    let place = taking.place(walk.cut.as_ref());
    let mut problems = walk.problems;
    taking.say_problems(&mut problems);
    if counting.overflown() {
        problems.say(Problem::TooManyValues { kept: VALUES_MAX });
    }
    let lines = !query.counts();
    let cursor = |seq| Cursor { order: query.order, seq, query: query.hash, now: query.now }.to_text();
    let reached = taking.reached;
    let summary = Summary {
        matches: if lines { taking.given } else { counting.records },
        scanned_bytes: taking.scanned,
        skipped_bytes: walk.skipped,
        complete: walk.cut.is_none() && !matches!(taking.ended, Some(Ended::Late)),
        next_cursor: place.filter(|_| lines).map(cursor),
        tally: (!lines).then(|| counting.finish()),
        problems: problems.into_list(),
        took: begun.elapsed(),
    };
    (summary, reached)
}

/// When a search has to end, wherever it is.
#[derive(Debug)]
pub(super) struct End {
    deadline: Option<Instant>,
    stop: Option<Arc<AtomicBool>>,
}

impl End {
    pub(super) fn stopped(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.load(Relaxed))
    }

    pub(super) fn late(&self) -> bool {
        self.stopped() || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}
