//! Closed segments: which frames they have, and which of them a question can skip. Without an index, or with one of
//! another file, nothing is skipped.

use super::count::Counting;
use super::frames::{self, Entry, Table};
use super::index::{Index, Without};
use super::plan::Plan;
use super::problem::Problem;
use super::query::Query;
use super::unlisted::{self, Found as FoundFrame};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A frame and where it is in the file.
pub(super) type Frame = (u64, Entry);

/// A closed segment, opened.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) file: Arc<File>,
    pub(super) frames: Vec<Frame>,
    pub(super) index: Option<Index>,
    pub(super) problems: Vec<Problem>,
}

impl Closed {
    pub(super) fn open(file: File, path: &Path, name: &str) -> io::Result<Self> {
        let bytes = file.metadata()?.len();
        let mut problems = Vec::new();
        let (frames, index) = if let Some(table) = Table::read(&file, bytes)? {
            let index = match Index::open(path, bytes, &table) {
                Ok(index) => Some(index),
                Err(Without::Absent) => None,
                Err(Without::Useless(why)) => {
                    problems.push(useless(path, why));
                    None
                }
            };
            (table.places().collect(), index)
        } else {
            let (found, holes) = unlisted::look(&file, bytes)?;
            problems.extend(holes.into_iter().map(|(from, to)| {
                let why = "there is no whole frame of zstd".to_owned();
                Problem::Damaged { file: name.to_owned(), from, to, why }
            }));
            (found.into_iter().map(|FoundFrame { at, entry }| (at, entry)).collect(), None)
        };
        Ok(Self { file: Arc::new(file), frames, index, problems })
    }

    /// Number of the last record, when that is known or can be read from the last frame.
    pub(super) fn last_seq(&self) -> Option<u64> {
        if let Some(index) = &self.index {
            return index.body.frames.iter().filter(|frame| frame.records > 0).map(|frame| frame.seq.1).max();
        }
        let (at, entry) = self.frames.last()?;
        let mut text = Vec::new();
        frames::Unpack::new().ok()?.read(&self.file, *at, *entry, &mut text).ok()?;
        let mut lines = text.split(|byte| *byte == b'\n').rev();
        lines.find_map(crate::line::seq)
    }

    /// What the counters of the whole segment answer, when they can.
    pub(super) fn counted(&self, plan: &Plan, query: &Query) -> Option<Counting> {
        Counting::of(self.index.as_ref()?.body.counters.as_ref()?, plan.counted.as_ref()?, query)
    }

    /// The frames that may hold an answer, and how many bytes of text the others have. Only numbers between the two
    /// bounds, both outside, are asked for.
    pub(super) fn wanted(
        &mut self,
        path: &Path,
        (above, below): (Option<u64>, Option<u64>),
        plan: &Plan,
        query: &Query,
    ) -> (Vec<Frame>, u64) {
        let Some(index) = &self.index else { return (self.frames.clone(), 0) };
        let mut wanted: Vec<bool> = index
            .body
            .frames
            .iter()
            .map(|frame| {
                frame.records > 0
                    && above.is_none_or(|above| frame.seq.1 > above)
                    && below.is_none_or(|below| frame.seq.0 < below)
                    && query.since.is_none_or(|since| frame.ts.1 >= since.0)
                    && query.until.is_none_or(|until| frame.ts.0 < until.0)
            })
            .collect();
        let known = |key: &str| index.body.keys.iter().any(|known| known == key);
        for (_, tokens) in plan.tokens.iter().filter(|(key, _)| known(key)) {
            if !wanted.contains(&true) {
                break;
            }
            let (perhaps, damaged) = index.perhaps(tokens);
            if damaged {
                self.problems.push(useless(path, "a part of it is damaged"));
            }
            wanted.iter_mut().zip(perhaps).for_each(|(wanted, perhaps)| *wanted &= perhaps);
        }
        for forms in &plan.grams {
            if !wanted.contains(&true) {
                break;
            }
            let (perhaps, damaged) = index.perhaps_text(forms);
            if damaged {
                self.problems.push(useless(path, "a part of it is damaged"));
            }
            wanted.iter_mut().zip(perhaps).for_each(|(wanted, perhaps)| *wanted &= perhaps);
        }
        let skipped = self.frames.iter().zip(&wanted).filter(|(_, wanted)| !**wanted);
        let skipped = skipped.map(|((_, entry), _)| u64::from(entry.raw)).sum();
        let frames = self.frames.iter().zip(&wanted).filter(|(_, wanted)| **wanted);
        (frames.map(|(frame, _)| *frame).collect(), skipped)
    }
}

fn useless(segment: &Path, why: &str) -> Problem {
    let index = super::index::path_of(segment);
    let file = index.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Problem::Index { file, why: why.to_owned() }
}
