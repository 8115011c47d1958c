//! The log as it grows: what is there behind a place, then whatever comes, each record once and in order, over
//! rotation, compression and pruning. It asks the folder again and again; nothing has to tell it.

use super::problem::Problem;
use super::query::{Answer, Order, Query};
use super::run::{Continue, Error, Limits, Search, run_within};
use super::shelf::{self, Place, Segment};
use super::{closed::Closed, raw};
use crate::folder;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

/// So often the folder is looked at.
const EVERY: Duration = Duration::from_millis(150);
/// So often it is read anew, whatever its own date says.
const ANEW: Duration = Duration::from_secs(1);

/// A follower is told of so many problems and no more.
const TOLD_MAX: usize = 1_000;

/// Passes the time until there may be something new.
pub trait Wait {
    /// Returns after so long, or as soon as something was written; break to end.
    fn wait(&mut self, at_most: Duration) -> Continue;
}

/// Sleeps, and ends when it is told to.
#[derive(Clone, Debug, Default)]
pub struct Sleep {
    /// Set to end.
    pub stop: Arc<AtomicBool>,
}

impl Wait for Sleep {
    fn wait(&mut self, at_most: Duration) -> Continue {
        std::thread::sleep(at_most);
        if self.stop.load(Relaxed) { Continue::Break(()) } else { Continue::Continue(()) }
    }
}

/// What a follower is told.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// A record, as it stands in the log.
    Line(&'a str),
    /// Records behind the place were pruned before they were told; it goes on with this one.
    Pruned {
        /// The first record that is still there.
        first_seq: u64,
    },
    /// Something is not as it should be; told once.
    Problem(&'a Problem),
    /// Nothing happened for a while: the one who listens may be gone.
    Idle,
}

/// Tells the answers to a question behind record `after`, then those to come, until `wait` or `each` say break.
/// Without `after` it begins with what is written from now on. Limit, order, cursor and counts of the question do
/// not matter.
pub fn follow(
    dir: &Path,
    query: &Query,
    after: Option<u64>,
    wait: &mut dyn Wait,
    each: &mut dyn FnMut(Said<'_>) -> Continue,
) -> Result<(), Error> {
    let after = match after {
        Some(after) => Some(after),
        None => newest(dir)?,
    };
    follow_from(dir, query, after, wait, each)
}

/// As `follow`, but without `after` it begins at the start.
fn follow_from(
    dir: &Path,
    query: &Query,
    after: Option<u64>,
    wait: &mut dyn Wait,
    each: &mut dyn FnMut(Said<'_>) -> Continue,
) -> Result<(), Error> {
    let query =
        Query { order: Order::Asc, limit: None, cursor: None, answer: Answer::Lines, ..query.clone() };
    let mut follower = Follower { dir, query, after, told: Vec::new() };
    loop {
        // Its date first: what is added while the list is made is noticed then.
        let changed = changed(dir);
        let segments = shelf::segments(dir)?;
        let seen = Seen::of(dir, changed, &segments);
        if follower.tell(&segments, each).is_break() {
            return Ok(());
        }
        while seen.is_still_so() {
            if wait.wait(EVERY).is_break() || each(Said::Idle).is_break() {
                return Ok(());
            }
        }
    }
}

/// Tells the last `count` answers that are there, the oldest of them first, then follows.
pub fn tail(
    dir: &Path,
    query: &Query,
    count: u64,
    wait: &mut dyn Wait,
    each: &mut dyn FnMut(Said<'_>) -> Continue,
) -> Result<(), Error> {
    let newest = newest(dir)?;
    if count > 0 {
        let last = Query {
            order: Order::Desc,
            limit: Some(count),
            cursor: None,
            answer: Answer::Lines,
            ..query.clone()
        };
        let mut lines = VecDeque::new();
        let mut keep = |line: &str| {
            // What is written just now is told by following.
            if crate::line::seq(line.as_bytes()) <= newest {
                lines.push_front(line.to_owned());
            }
            Continue::Continue(())
        };
        Search::run(dir, &last, &Limits::default(), &mut keep)?;
        if lines.iter().any(|line| each(Said::Line(line)).is_break()) {
            return Ok(());
        }
    }
    follow_from(dir, query, newest, wait, each)
}

/// The number of the last record that is there.
pub fn newest(dir: &Path) -> Result<Option<u64>, Error> {
    for segment in shelf::segments(dir)?.iter().rev() {
        let last = match shelf::find(dir, segment) {
            Ok(Place::Raw(file)) => file.metadata().and_then(|meta| raw::last_seq(&file, meta.len())),
            Ok(Place::Closed(file, path)) => {
                Closed::open(file, &path, &segment.name).map(|closed| closed.last_seq())
            }
            _ => Ok(None),
        };
        if let Ok(Some(last)) = last {
            return Ok(Some(last));
        }
        if segment.first > 0 {
            return Ok(Some(segment.first - 1));
        }
    }
    Ok(None)
}

struct Follower<'a> {
    dir: &'a Path,
    query: Query,
    /// Everything up to this record was told, or is no answer.
    after: Option<u64>,
    told: Vec<Problem>,
}

impl Follower<'_> {
    fn tell(&mut self, segments: &[Segment], each: &mut dyn FnMut(Said<'_>) -> Continue) -> Continue {
        let first_seq = segments.first().map_or(0, |oldest| oldest.first);
        if self.after.is_some_and(|after| after.saturating_add(1) < first_seq) {
            each(Said::Pruned { first_seq })?;
            self.after = first_seq.checked_sub(1);
        }
        let mut going = Continue::Continue(());
        let limits = Limits { threads: 1, ..Limits::default() };
        let (summary, reached) =
            run_within((self.dir, segments), &self.query, (self.after, None), &limits, &mut |_, line| {
                going = each(Said::Line(line));
                going
            });
        going?;
        self.after = self.after.max(reached);
        for problem in summary.problems {
            if !self.told.iter().any(|told| told.is_about_the_same(&problem)) && self.told.len() < TOLD_MAX {
                each(Said::Problem(&problem))?;
                self.told.push(problem);
            }
        }
        Continue::Continue(())
    }
}

/// What the folder looked like, cheap to compare.
struct Seen {
    dir: PathBuf,
    changed: Option<SystemTime>,
    last: Option<(PathBuf, u64)>,
    at: Instant,
}

impl Seen {
    fn of(dir: &Path, changed: Option<SystemTime>, segments: &[Segment]) -> Self {
        let last = segments.last().map(|last| {
            let name = if last.closed { folder::packed_name } else { folder::segment_name };
            (dir.join(name(last.first)), last.bytes)
        });
        Self { dir: dir.to_owned(), changed, last, at: Instant::now() }
    }

    fn is_still_so(&self) -> bool {
        let last = self.last.as_ref();
        self.at.elapsed() < ANEW
            && changed(&self.dir) == self.changed
            && last.is_none_or(|(path, bytes)| std::fs::metadata(path).is_ok_and(|meta| meta.len() == *bytes))
    }
}

fn changed(dir: &Path) -> Option<SystemTime> {
    std::fs::metadata(dir).and_then(|meta| meta.modified()).ok()
}
