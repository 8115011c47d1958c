//! One piece of the log, and looking through it. A piece is independent of all others.

use super::closed::Frame;
use super::count::Counting;
use super::frames::Unpack;
use super::plan::Plan;
use super::query::Query;
use super::raw;
use super::scan::{self, Found, Scope};
use std::fs::File;
use std::io;
use std::sync::Arc;

/// A piece of the log.
#[derive(Debug)]
pub(super) enum Task {
    /// The lines that begin in this range of a file, of which so many bytes count.
    Raw { file: Arc<File>, range: (u64, u64), len: u64, scope: Scope },
    /// These frames of a file, in its order.
    Frames { file: Arc<File>, frames: Vec<Frame>, scope: Scope },
    /// A whole segment whose answer is known already.
    Known(Box<Counting>),
}

impl Task {
    /// Bytes of text to be looked through.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Raw { range, .. } => range.1 - range.0,
            // Unpacking costs several times what looking through does.
            Self::Frames { frames, .. } => frames.iter().map(|(_, entry)| 4 * u64::from(entry.raw)).sum(),
            Self::Known(_) => 0,
        }
    }
}

/// What all pieces have in common.
pub(super) struct Desk<'a> {
    pub(super) query: &'a Query,
    pub(super) plan: &'a Plan,
}

/// What one thread has: its buffers, and what it counted. Counts need no order, so they are put together at the end.
pub(super) struct Place {
    text: Vec<u8>,
    unpack: Option<Unpack>,
    pub(super) counting: Counting,
}

impl Place {
    pub(super) fn new() -> Self {
        Self { text: Vec::new(), unpack: None, counting: Counting::default() }
    }
}

impl Desk<'_> {
    /// Looks through a piece.
    pub(super) fn work(&self, task: Task, place: &mut Place) -> Found {
        let mut found = Found::default();
        let Place { text: buffer, unpack, counting } = place;
        match task {
            Task::Known(known) => counting.merge(*known),
            Task::Raw { file, range, len, scope } => {
                let see = |text: &[u8]| scan::text(text, &scope, self, &mut found, counting);
                let outcome = raw::blocks(&file, range, len, buffer, see);
                match outcome {
                    Ok(passed) => found.damaged += passed,
                    Err(error) => found.holes.push((range.0, range.1, error.to_string())),
                }
                found.file = Some(scope.file);
            }
            Task::Frames { file, frames, scope } => {
                for (at, entry) in frames {
                    match unpacked(unpack, &file, (at, entry), buffer) {
                        Ok(()) => scan::text(buffer, &scope, self, &mut found, counting),
                        Err(error) => found.holes.push((at, at + u64::from(entry.packed), error.to_string())),
                    }
                }
                found.file = Some(scope.file);
            }
        }
        found
    }
}

fn unpacked(
    unpack: &mut Option<Unpack>,
    file: &File,
    (at, entry): Frame,
    text: &mut Vec<u8>,
) -> io::Result<()> {
    let unpack = match unpack {
        Some(unpack) => unpack,
        none => none.insert(Unpack::new()?),
    };
    unpack.read(file, at, entry, text)
}
