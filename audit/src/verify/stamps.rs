//! The checkpoints of a folder, read one after the other: signed by the key that was valid for their number, each
//! number once and none left out, the log never smaller than before. What does not hold is told; only what holds is
//! compared with the records.

use super::lines::At;
use super::report::{Last, Report, Weight};
use super::torn::Torn;
use crate::evidence::chain::Chain;
use crate::evidence::checkpoint::{Cause, Checkpoint};
use crate::evidence::note::{self, NoteError};
use crate::evidence::notes::{Notes, Piece};
use crate::folder::CHECKPOINTS;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Take};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// So many are read at once, and their signatures checked side by side.
const CHUNK: usize = 2048;
/// Fewer than this are not worth a thread.
const THREAD_MIN: usize = 64;
/// Of things that are many, so many are told one by one.
const FEW: u64 = 5;
/// A log that is idle signs every 60 seconds; this much later is late.
const LATE: i64 = 75 * 1_000_000;

/// The checkpoints of a folder.
pub(super) struct Stamps {
    path: PathBuf,
    file: Arc<File>,
    /// Without it no signature is checked.
    chain: Option<Chain>,
    threads: usize,
    notes: Notes<Take<At>>,
    /// Where `notes` began, and where the last whole note ended.
    base: u64,
    end: u64,
    /// What is at the end and no whole note.
    pub(super) torn: Option<Torn>,
    pub(super) first: Option<Checkpoint>,
    pub(super) last: Option<Checkpoint>,
    bad: u64,
    late: u64,
}

impl Stamps {
    /// None when there is no such file.
    pub(super) fn open(path: &Path, threads: usize) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Ok(file) => Arc::new(file),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let notes = Notes::new(notes_of(&file, 0)?);
        let path = path.to_owned();
        Ok(Some(Self {
            path,
            file,
            chain: None,
            threads,
            notes,
            base: 0,
            end: 0,
            torn: None,
            first: None,
            last: None,
            bad: 0,
            late: 0,
        }))
    }

    /// With which keys signatures are checked.
    pub(super) fn with(&mut self, chain: Option<&Chain>) {
        self.chain = chain.cloned();
    }

    /// The next ones that hold; none at the end.
    pub(super) fn read(&mut self, report: &mut Report) -> io::Result<Vec<Checkpoint>> {
        let mut good = Vec::new();
        while good.is_empty() {
            let pieces = self.pieces()?;
            if pieces.is_empty() {
                break;
            }
            for verdict in self.verdicts(&pieces) {
                report.checkpoints += 1;
                match verdict.and_then(|checkpoint| self.in_order(checkpoint, report)) {
                    Ok(checkpoint) => good.push(checkpoint),
                    Err(why) => self.tell_bad(report, &why),
                }
            }
        }
        Ok(good)
    }

    fn pieces(&mut self) -> io::Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        while pieces.len() < CHUNK
            && let Some(piece) = self.notes.read()?
        {
            if !piece.whole {
                self.torn = Some(Torn::of(&piece, |text| Checkpoint::parse(text).is_some()));
                break;
            }
            self.end = self.base + piece.end;
            pieces.push(piece);
        }
        Ok(pieces)
    }

    /// Called at the end, when the log may have gone on: what came since is read next. Of a file that was put in the
    /// place of this one, what is known already is left out.
    pub(super) fn again(&mut self) -> io::Result<()> {
        let there = File::open(&self.path)?;
        let id = |file: &File| file.metadata().map(|meta| (meta.dev(), meta.ino()));
        if id(&there)? != id(&self.file)? {
            self.file = Arc::new(there);
            self.end = self.known()?;
        }
        self.base = self.end;
        self.torn = None;
        self.notes = Notes::new(notes_of(&self.file, self.base)?);
        Ok(())
    }

    /// Where the first note of a later number begins.
    fn known(&self) -> io::Result<u64> {
        let known = self.last.as_ref().map(|last| last.number);
        let mut notes = Notes::new(At::new(Arc::clone(&self.file), 0));
        let mut end = 0;
        while let Some(piece) = notes.read()?.filter(|piece| piece.whole) {
            if unsigned(&piece).is_ok_and(|checkpoint| Some(checkpoint.number) > known) {
                break;
            }
            end = piece.end;
        }
        Ok(end)
    }

    fn verdicts(&self, pieces: &[Piece]) -> Vec<Result<Checkpoint, String>> {
        let threads = self.threads.min(pieces.len() / THREAD_MIN).max(1);
        let judge = |part: &[Piece]| part.iter().map(|piece| judge(piece, self.chain.as_ref())).collect();
        if threads == 1 {
            return judge(pieces);
        }
        std::thread::scope(|scope| {
            let parts = pieces.chunks(pieces.len().div_ceil(threads));
            let running: Vec<_> = parts.map(|part| scope.spawn(move || judge(part))).collect();
            let joined = running.into_iter().map(std::thread::ScopedJoinHandle::join);
            // Judging does not panic; should it ever, nothing of that part counts as good.
            joined.flat_map(|part: std::thread::Result<Vec<_>>| part.unwrap_or_default()).collect()
        })
    }

    fn in_order(&mut self, checkpoint: Checkpoint, report: &mut Report) -> Result<Checkpoint, String> {
        if let Some(last) = self.last.clone() {
            self.follows(&last, &checkpoint, report)?;
        }
        if self.chain.is_some() {
            report.checkpoints_valid += 1;
        }
        let Checkpoint { size, number, time, .. } = checkpoint;
        report.last = Some(Last { size, number, time });
        self.first.get_or_insert_with(|| checkpoint.clone());
        self.last = Some(checkpoint.clone());
        Ok(checkpoint)
    }

    fn follows(&mut self, last: &Checkpoint, next: &Checkpoint, report: &mut Report) -> Result<(), String> {
        if next.number <= last.number {
            return Err(format!("number {} stands after number {}", next.number, last.number));
        }
        if next.size < last.size {
            return Err(format!(
                "number {} has fewer records ({}) than one before it",
                next.number, next.size
            ));
        }
        if next.number > last.number + 1 {
            let missing =
                format!("the numbers {} to {} are missing before it", last.number + 1, next.number - 1);
            self.tell_bad(report, &missing);
        }
        let after = next.time.0.saturating_sub(last.time.0);
        if after > LATE && next.cause != Cause::Start {
            self.late += 1;
            if self.late <= FEW {
                report.find(Weight::Note, CHECKPOINTS, late(next, after));
            }
        }
        Ok(())
    }

    fn tell_bad(&mut self, report: &mut Report, why: &str) {
        self.bad += 1;
        if self.bad <= FEW {
            let text = format!("checkpoint {} of the file: {why}", report.checkpoints);
            report.find(Weight::Tampered, CHECKPOINTS, text);
        }
    }

    /// Tells how many more there are of what was told one by one.
    pub(super) fn finish(&self, report: &mut Report) {
        for (count, weight, what) in
            [(self.bad, Weight::Tampered, "bad checkpoints"), (self.late, Weight::Note, "late checkpoints")]
        {
            if count > FEW {
                report.find(weight, CHECKPOINTS, format!("and {} more {what}", count - FEW));
            }
        }
    }
}

/// From a place to where the file ends now: what is written while it is read would cover records that are written
/// then, too, and nobody has looked at these.
fn notes_of(file: &Arc<File>, from: u64) -> io::Result<Take<At>> {
    let bytes = file.metadata()?.len().saturating_sub(from);
    Ok(At::new(Arc::clone(file), from).take(bytes))
}

fn late(checkpoint: &Checkpoint, after: i64) -> String {
    format!(
        "number {} came {} s after the one before, although the log was running: its clock was set, it was \
         suspended, or its disk refused",
        checkpoint.number,
        after / 1_000_000
    )
}

/// What a checkpoint says, whoever signed it.
pub(super) fn unsigned(piece: &Piece) -> Result<Checkpoint, String> {
    let text = piece.text().unwrap_or_default();
    let end = text.rfind("\n\n").unwrap_or(0);
    text.get(..=end).and_then(Checkpoint::parse).ok_or_else(|| "not a checkpoint".to_owned())
}

/// What a checkpoint of the log says; without keys, what it says.
pub(super) fn judge(piece: &Piece, chain: Option<&Chain>) -> Result<Checkpoint, String> {
    let Some(chain) = chain else { return unsigned(piece) };
    let text = piece.text().ok_or("not text")?;
    let opened = note::open(text, chain.keys()).map_err(|error: NoteError| error.to_string())?;
    if opened.others > 0 {
        return Err("it has signatures that were not put there by the log".into());
    }
    right(&Checkpoint::parse(opened.text).ok_or("not a checkpoint")?, opened.key, chain)
}

/// Whether a checkpoint that this key signed is one of the log.
fn right(checkpoint: &Checkpoint, key: usize, chain: &Chain) -> Result<Checkpoint, String> {
    if checkpoint.origin != chain.keys()[key].name() {
        return Err("of another log".into());
    }
    if key != chain.index_at(checkpoint.number) || !chain.allows(checkpoint.number, checkpoint.size) {
        return Err(format!("number {} is signed by a key that was not valid for it", checkpoint.number));
    }
    Ok(checkpoint.clone())
}
