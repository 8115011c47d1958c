//! Checkpoints that somebody kept elsewhere: the log must still have the tree that they signed. That alone tells when
//! a whole folder was put back to an older state.

use super::replay::Anchor;
use super::report::{Report, Weight};
use super::stamps::{judge, unsigned};
use crate::evidence::chain::Chain;
use crate::evidence::checkpoint::Checkpoint;
use crate::evidence::notes::Notes;
use std::fs::File;
use std::path::Path;

/// What a finding about them is about.
const SAVED: &str = "--since";

/// The checkpoints of the file that was given.
#[derive(Debug, Default)]
pub(super) struct Saved {
    pub(super) checkpoints: Vec<Checkpoint>,
}

impl Saved {
    /// Reads a note, or several as in `checkpoints.log`.
    pub(super) fn read(path: &Path, chain: Option<&Chain>, report: &mut Report) -> Result<Self, String> {
        let unreadable = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let mut notes = Notes::new(File::open(path).map_err(|error| unreadable(&error))?);
        let (mut saved, mut count) = (Self::default(), 0);
        while let Some(piece) = notes.read().map_err(|error| unreadable(&error))? {
            count += 1;
            let plain = unsigned(&piece).map_err(|why| unreadable(&why))?;
            match judge(&piece, chain) {
                Ok(checkpoint) => saved.checkpoints.push(checkpoint),
                Err(why) => report.find(Weight::Tampered, SAVED, format!("number {}: {why}", plain.number)),
            }
        }
        saved.checkpoints.sort_by_key(|checkpoint| checkpoint.size);
        if count == 0 {
            return Err(unreadable(&"there is no checkpoint in it"));
        }
        Ok(saved)
    }

    /// Those that the records of a segment, or of what follows it, must fit.
    pub(super) fn anchors(&self, after: u64, to: u64) -> impl Iterator<Item = Anchor> {
        let inside = move |checkpoint: &&Checkpoint| checkpoint.size > after && checkpoint.size <= to;
        self.checkpoints.iter().filter(inside).map(|checkpoint| Anchor {
            size: checkpoint.size,
            root: checkpoint.root,
            number: checkpoint.number,
            saved: true,
        })
    }

    /// A checkpoint of the folder that has the number of one of these has to be that one.
    pub(super) fn compare(&self, checkpoint: &Checkpoint, report: &mut Report) {
        let same = |saved: &&Checkpoint| saved.number == checkpoint.number;
        if self.checkpoints.iter().find(same).is_some_and(|saved| saved != checkpoint) {
            let text = format!("the folder has another checkpoint with number {}", checkpoint.number);
            report.find(Weight::Tampered, SAVED, text);
        }
    }

    /// Whether the folder ends before the newest of these.
    pub(super) fn is_newer_than(&self, number: Option<u64>) -> bool {
        self.checkpoints.iter().any(|saved| Some(saved.number) > number)
    }

    /// Tells which of these the folder has not reached.
    pub(super) fn beyond(&self, number: Option<u64>, records: u64, report: &mut Report) {
        for saved in &self.checkpoints {
            if Some(saved.number) > number {
                let text =
                    format!("number {} is newer than all in the folder: it is an older state", saved.number);
                report.find(Weight::Tampered, SAVED, text);
            }
            if saved.size > records {
                let text =
                    format!("number {} has {} records, the folder {records}", saved.number, saved.size);
                report.find(Weight::Tampered, SAVED, text);
            }
        }
    }
}
