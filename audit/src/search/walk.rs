//! The way through the folder, in the direction of the question, piece by piece: a segment is opened when it is its
//! turn. One that was compressed since the folder was read is found under its new name, one that was pruned is
//! passed over. Nothing here may change the folder.

use super::closed::{Closed, Frame};
use super::plan::Plan;
use super::problem::{Problem, Problems};
use super::query::{Order, Query};
use super::raw;
use super::run::End;
use super::scan::Scope;
use super::shelf::{self, Place, Segment};
use super::work::Task;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Pieces begin small, so that the first answers come at once, and grow, so that few of them are handed about.
const PIECE_BYTES_MIN: u64 = 256 * 1024;
const PIECE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The way.
pub(super) struct Walk<'a> {
    dir: &'a Path,
    query: &'a Query,
    plan: &'a Plan,
    /// Only numbers above the one and below the other.
    bounds: (Option<u64>, Option<u64>),
    end: &'a End,
    segments: VecDeque<Segment>,
    /// The segment that is being given out.
    open: Option<Open>,
    piece_bytes: u64,
    /// A piece was given out or a segment passed.
    moved: bool,
    pub(super) problems: Problems,
    pub(super) skipped: u64,
    /// The deadline came before this segment was opened.
    pub(super) cut: Option<Segment>,
}

enum Open {
    Raw { file: Arc<File>, range: (u64, u64), len: u64, scope: Scope },
    Closed { file: Arc<File>, frames: VecDeque<Frame>, scope: Scope },
    Known(Task),
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        (dir, segments): (&'a Path, &[Segment]),
        query: &'a Query,
        plan: &'a Plan,
        bounds: (Option<u64>, Option<u64>),
        end: &'a End,
    ) -> Self {
        let (above, below) = bounds;
        let wanted = segments.iter().filter(|segment| {
            below.is_none_or(|below| segment.first < below)
                && segment.next.is_none_or(|next| above.is_none_or(|above| next - 1 > above))
        });
        let mut segments: VecDeque<Segment> = wanted.cloned().collect();
        if query.order == Order::Desc {
            segments.make_contiguous().reverse();
        }
        let piece_bytes = PIECE_BYTES_MIN;
        Self {
            dir,
            query,
            plan,
            bounds,
            end,
            segments,
            open: None,
            piece_bytes,
            moved: false,
            problems: Problems::default(),
            skipped: 0,
            cut: None,
        }
    }

    /// Opens the next segment that has something to look through; false at the end of the way.
    fn open_next(&mut self) -> bool {
        while let Some(segment) = self.segments.pop_front() {
            if self.end.stopped() || (self.moved && self.end.late()) {
                self.cut = Some(segment);
                return false;
            }
            self.moved = true;
            self.open(&segment).unwrap_or_else(|error: io::Error| {
                let file = segment.name.to_string();
                self.problems.say(Problem::Unreadable { file, why: error.to_string() });
            });
            if self.open.is_some() {
                return true;
            }
        }
        false
    }

    fn open(&mut self, segment: &Segment) -> io::Result<()> {
        match shelf::find(self.dir, segment)? {
            Place::Raw(file) => self.open_raw(segment, file),
            Place::Closed(file, path) => self.open_closed(segment, file, &path),
            Place::Missing => {
                let to = segment.next.map_or(segment.first, |next| next - 1);
                self.problems.say(Problem::Missing { from: segment.first, to });
                Ok(())
            }
            Place::Pruned => Ok(()),
        }
    }

    fn scope(&self, segment: &Segment) -> Scope {
        let (above, below) = self.bounds;
        Scope { file: segment.name.clone(), first: segment.first, next: segment.next, above, below }
    }

    fn open_raw(&mut self, segment: &Segment, file: File) -> io::Result<()> {
        let len = file.metadata()?.len();
        if segment.next.is_some() {
            let last = raw::last_seq(&file, len)?;
            self.see_gap(segment, last, len == 0);
        }
        let (above, below) = self.bounds;
        let from = match above.filter(|above| *above >= segment.first) {
            Some(above) => raw::seek(&file, len, above.saturating_add(1))?.0,
            None => 0,
        };
        let to = match below.filter(|below| segment.next.is_none_or(|next| *below < next)) {
            Some(below) => raw::seek(&file, len, below)?.1.saturating_add(1).min(len),
            None => len,
        };
        if from < to {
            self.open =
                Some(Open::Raw { file: Arc::new(file), range: (from, to), len, scope: self.scope(segment) });
        }
        Ok(())
    }

    fn open_closed(&mut self, segment: &Segment, file: File, path: &Path) -> io::Result<()> {
        let mut closed = Closed::open(file, path, &segment.name)?;
        let last = segment.next.and_then(|_| closed.last_seq());
        self.see_gap(segment, last, closed.frames.is_empty());
        let whole = self.bounds.0.is_none_or(|above| above < segment.first)
            && self.bounds.1.is_none_or(|below| segment.next.is_some_and(|next| below >= next));
        // Counters know nothing of records that belong elsewhere.
        let own = segment.next.is_none_or(|next| last.is_none_or(|last| last < next));
        if let Some(counting) = closed.counted(self.plan, self.query).filter(|_| whole && own) {
            self.skipped += closed.frames.iter().map(|(_, entry)| u64::from(entry.raw)).sum::<u64>();
            self.open = Some(Open::Known(Task::Known(Box::new(counting))));
        } else {
            let (frames, skipped) = closed.wanted(path, self.bounds, self.plan, self.query);
            self.skipped += skipped;
            if !frames.is_empty() {
                let scope = self.scope(segment);
                self.open = Some(Open::Closed { file: closed.file, frames: frames.into(), scope });
            }
        }
        let damaged = closed.index.map_or(0, |index| u64::from(index.body.damaged));
        if damaged > 0 {
            self.problems.say(Problem::Lines { file: segment.name.to_string(), count: damaged });
        }
        closed.problems.into_iter().for_each(|problem| self.problems.say(problem));
        Ok(())
    }

    /// Says what lies between the last record of a segment and the first of the next one. Where the last one cannot
    /// be read, though there is something, it is not known what is missing.
    fn see_gap(&mut self, segment: &Segment, last: Option<u64>, empty: bool) {
        if last.is_none() && !empty {
            return;
        }
        let from = last.map_or(segment.first, |last| last.saturating_add(1));
        if let Some(next) = segment.next.filter(|next| from < *next) {
            self.problems.say(Problem::Missing { from, to: next - 1 });
        }
    }

    /// The next piece of the open segment.
    fn piece(&mut self) -> Option<Task> {
        let size = self.piece_bytes;
        self.piece_bytes = (size * 2).min(PIECE_BYTES_MAX);
        let backwards = self.query.order == Order::Desc;
        match self.open.take()? {
            Open::Known(task) => Some(task),
            Open::Raw { file, range: (from, to), len, scope } => {
                let (range, rest) = if backwards {
                    let middle = to.saturating_sub(size).max(from);
                    ((middle, to), (from, middle))
                } else {
                    let middle = from.saturating_add(size).min(to);
                    ((from, middle), (middle, to))
                };
                if rest.0 < rest.1 {
                    self.open =
                        Some(Open::Raw { file: file.clone(), range: rest, len, scope: scope.clone() });
                }
                Some(Task::Raw { file, range, len, scope })
            }
            Open::Closed { file, frames: mut rest, scope } => {
                let mut frames = Vec::new();
                let mut bytes = 0;
                while bytes < size {
                    let Some(frame) = (if backwards { rest.pop_back() } else { rest.pop_front() }) else {
                        break;
                    };
                    bytes += u64::from(frame.1.raw);
                    frames.push(frame);
                }
                if backwards {
                    frames.reverse();
                }
                if !rest.is_empty() {
                    self.open = Some(Open::Closed { file: file.clone(), frames: rest, scope: scope.clone() });
                }
                Some(Task::Frames { file, frames, scope })
            }
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Task;

    fn next(&mut self) -> Option<Task> {
        if self.open.is_none() && !self.open_next() {
            return None;
        }
        self.piece()
    }
}
