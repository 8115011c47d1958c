//! One segment, read once from its first line to its last and taken into the tree again: is it what was signed? The
//! number that a line bears must be its place; the tree must have the root of every checkpoint on the way, and at
//! the end of a closed segment be the one that the manifest has. What comes after the last of these is only read.

use super::lines::{Lines, Next, Source};
use super::locate;
use super::report::Flaw;
use crate::evidence::trailer::Container;
use crate::evidence::tree::{Hash, Range, leaf};
use crate::line;
use crate::record::{Key, Kind, Value};
use memchr::memmem::Finder;
use std::io;
use std::path::PathBuf;

/// A tree that was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    pub(super) size: u64,
    pub(super) root: Hash,
    pub(super) number: u64,
    /// It is not in the folder: somebody kept it elsewhere.
    pub(super) saved: bool,
}

/// How a closed segment ended, as its signed line in the manifest says.
#[derive(Clone, Debug)]
pub(super) struct Closed {
    pub(super) after: Range,
    pub(super) leaves_sha256: Hash,
}

/// What is to be read, and what it is compared with.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) source: Source,
    /// The tree before its first record.
    pub(super) start: Range,
    /// In the order of their sizes, all larger than `start`.
    pub(super) anchors: Vec<Anchor>,
    pub(super) closed: Option<Closed>,
    /// The first record of the next segment; none of this one can be beyond it.
    pub(super) end: Option<u64>,
    /// What lies beyond so many bytes is read only as far as a checkpoint covers it: it came later.
    pub(super) limit: u64,
    /// Where the hashes of its lines are, if they are there.
    pub(super) leaves: PathBuf,
    /// Records of prunings are looked for.
    pub(super) watch: bool,
}

/// A record that says that all up to `last` was pruned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pruning {
    pub(super) seq: u64,
    pub(super) last: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    /// The tree after the last record that was read.
    pub(super) after: Range,
    /// Length of these records.
    pub(super) bytes: u64,
    /// How many of the records in the first `limit` bytes there are, from the start of the log.
    pub(super) within: u64,
    /// Everything before this record is what was signed.
    pub(super) sealed: u64,
    /// Bytes of a last line that has no end.
    pub(super) torn: u64,
    pub(super) flaw: Option<Flaw>,
    pub(super) prunings: Vec<Pruning>,
    /// Whether a compressed file is the one that was written.
    pub(super) container: Option<Container>,
}

/// Why reading stopped.
enum Stop {
    /// All is read.
    End,
    /// This place in the log has not what belongs there.
    Here(String),
    /// From here on it cannot be unpacked, or not far from here.
    Packed(String),
    /// Somewhere since the last root that was right, something is not what was signed.
    Before(String),
}

struct Reading<'a> {
    task: &'a Task,
    /// The roots that are still to come.
    anchors: &'a [Anchor],
    /// From here on a line can be checked by itself only.
    proved_to: u64,
    out: Outcome,
    pruned: Finder<'static>,
}

/// Reads the segment. An error is one of the disk; a segment that cannot be unpacked is a flaw.
pub(super) fn replay(task: &Task) -> io::Result<Outcome> {
    let sealed = task.start.size();
    let signed = task.closed.as_ref().map(|closed| closed.after.size());
    let proved_to = task.anchors.last().map(|anchor| anchor.size).max(signed).unwrap_or(sealed);
    let out = Outcome { after: task.start.clone(), within: sealed, sealed, ..Outcome::default() };
    let pruned = Finder::new(b"pruned");
    let mut reading = Reading { task, anchors: &task.anchors, proved_to, out, pruned };
    let mut lines = task.source.lines()?;
    let stop = reading.run(&mut lines)?;
    let mut out = reading.out;
    out.bytes = lines.offset();
    out.container = Some(task.source.container()?);
    let reached = out.after.size();
    out.flaw = match stop {
        Stop::End => None,
        Stop::Here(why) => Some(locate::first_bad(task, out.sealed, reached, Some(why))?),
        Stop::Packed(why) => Some(locate::first_bad(task, out.sealed, u64::MAX, Some(why))?),
        Stop::Before(why) => {
            let flaw = locate::first_bad(task, out.sealed, reached, None)?;
            Some(Flaw { why: format!("{}; {why}", flaw.why), ..flaw })
        }
    };
    Ok(out)
}

/// An error of unpacking, as what it says; one of the disk stays one.
pub(super) fn unpacking(error: io::Error) -> io::Result<String> {
    if error.raw_os_error().is_some() {
        Err(error)
    } else {
        Ok(format!("it cannot be unpacked here: {error}"))
    }
}

impl Reading<'_> {
    fn run(&mut self, lines: &mut Lines) -> io::Result<Stop> {
        loop {
            let size = self.out.after.size();
            if lines.offset() >= self.task.limit && size >= self.proved_to {
                return Ok(Stop::End);
            }
            match lines.next() {
                Ok(Next::Line(line)) => {
                    if let Some(why) = self.misplaced(line, size) {
                        return Ok(Stop::Here(why));
                    }
                    self.take(line, size);
                }
                Ok(Next::TooLong) => return Ok(Stop::Here("a line is longer than a record can be".into())),
                Ok(Next::End(rest)) => return Ok(self.end(size, rest.len() as u64)),
                Err(error) => return Ok(Stop::Packed(unpacking(error)?)),
            }
            if lines.offset() <= self.task.limit {
                self.out.within = size + 1;
            }
            if let Some(stop) = self.compare(size + 1) {
                return Ok(stop);
            }
        }
    }

    /// Why this line cannot be record `size` of the log.
    fn misplaced(&self, line: &[u8], size: u64) -> Option<String> {
        if self.task.end.is_some_and(|end| size >= end) {
            return Some("there are more records than there were".into());
        }
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        match line::seq(line) {
            Some(seq) if seq == size => {}
            Some(seq) => return Some(format!("record {seq} is in the place of record {size}")),
            None => return Some("not a record".into()),
        }
        let whole = || std::str::from_utf8(line).is_ok_and(|line| line::parse(line).is_ok());
        (size >= self.proved_to && !whole()).then(|| "not a record".to_owned())
    }

    fn take(&mut self, line: &[u8], size: u64) {
        self.out.after.push(leaf(line));
        if self.task.watch && self.pruned.find(line).is_some() {
            self.out.prunings.extend(pruning(line).map(|last| Pruning { seq: size, last }));
        }
    }

    fn compare(&mut self, size: u64) -> Option<Stop> {
        while let Some((anchor, later)) = self.anchors.split_first().filter(|(anchor, _)| anchor.size == size)
        {
            if anchor.root != self.out.after.root() {
                let which = if anchor.saved { "the saved checkpoint" } else { "checkpoint" };
                return Some(Stop::Before(format!("{which} number {} has another root", anchor.number)));
            }
            self.out.sealed = size;
            self.anchors = later;
        }
        if let Some(closed) = self.task.closed.as_ref().filter(|closed| closed.after.size() == size) {
            if closed.after != self.out.after {
                return Some(Stop::Before("the manifest has another tree".into()));
            }
            self.out.sealed = size;
        }
        None
    }

    /// The text is at its end, but for so many bytes that are no whole line.
    fn end(&mut self, size: u64, rest: u64) -> Stop {
        let next = self.anchors.last().map(|anchor| anchor.size).max(self.task.end);
        match next {
            Some(end) if end > size => Stop::Here(format!("the segment ends before record {}", end - 1)),
            Some(_) if self.task.end.is_some() && rest > 0 => {
                Stop::Here("there is more than there was".into())
            }
            _ => {
                self.out.torn = rest;
                Stop::End
            }
        }
    }
}

/// Through which record the log was pruned, if that is what this line says.
fn pruning(line: &[u8]) -> Option<u64> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let draft = line::parse(line).ok()?.draft;
    match (draft.kind, &*draft.event, draft.get(Key::Last)) {
        (Kind::System, "pruned", Some(Value::Int(last))) => u64::try_from(*last).ok(),
        _ => None,
    }
}
