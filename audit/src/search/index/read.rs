//! Reads an index beside a closed segment, and nothing of it that its checksums and the segment's own seek table do
//! not bear out.

use super::format::{self, Body, Group, HEAD};
use super::path_of;
use crate::search::frames::Table;
use crate::search::{bloom, grams};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The index of a segment.
#[derive(Debug)]
pub(in crate::search) struct Index {
    pub(in crate::search) body: Body,
    file: File,
    rows_at: u64,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::search) enum Without {
    /// There is no file.
    Absent,
    /// There is one of no use, for this reason.
    Useless(&'static str),
}

impl Index {
    /// The index of this segment, if it is there, whole, and about this segment.
    pub(in crate::search) fn open(segment: &Path, bytes: u64, table: &Table) -> Result<Self, Without> {
        let file = match File::open(path_of(segment)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Without::Absent),
            Err(_) => return Err(Without::Useless("it cannot be opened")),
        };
        let (body, rows_at) =
            read_body(&file).ok_or(Without::Useless("it is damaged or of another version"))?;
        let same = body.frames.len() == table.entries.len()
            && body.frames.iter().zip(&table.entries).all(|(frame, entry)| frame.entry == *entry);
        if body.zst_bytes != bytes || body.fingerprint != table.fingerprint() || !same {
            return Err(Without::Useless("it is about another file"));
        }
        Ok(Self { body, file, rows_at })
    }

    /// Which frames may have one of these tokens. A row that is damaged says yes for all its frames, and is told.
    pub(in crate::search) fn perhaps(&self, tokens: &[u64]) -> (Vec<bool>, bool) {
        self.each_group(|frames, rows, group, damaged| {
            for token in tokens {
                let at = rows.saturating_add(group.row_at(bloom::row(*token, group.blocks)));
                if let Some(row) = self.row(at, frames.len()) {
                    for (frame, block) in frames.iter_mut().zip(row.chunks_exact(bloom::BLOCK)) {
                        *frame |= bloom::perhaps(block, *token);
                    }
                } else {
                    *damaged = true;
                    frames.fill(true);
                }
            }
        })
    }

    /// Which frames may have all the runs of one of these texts.
    pub(in crate::search) fn perhaps_text(&self, forms: &[Vec<u64>]) -> (Vec<bool>, bool) {
        self.each_group(|frames, rows, group, damaged| {
            let rows = rows.saturating_add(group.row_at(group.blocks));
            if group.gram_blocks != grams::BLOCKS {
                return frames.fill(true);
            }
            for runs in forms {
                let mut all = vec![true; frames.len()];
                for run in runs {
                    if !all.contains(&true) {
                        break;
                    }
                    let (block, byte, bit) = grams::place(*run);
                    match self.row(rows.saturating_add(group.row_at(block)), frames.len()) {
                        Some(row) => {
                            for (frame, block) in all.iter_mut().zip(row.chunks_exact(bloom::BLOCK)) {
                                *frame &= block[byte] & bit != 0;
                            }
                        }
                        None => *damaged = true,
                    }
                }
                frames.iter_mut().zip(all).for_each(|(frame, all)| *frame |= all);
            }
        })
    }

    /// Fills in the answer for the frames of each group; the second number is where its rows begin.
    fn each_group(&self, mut ask: impl FnMut(&mut [bool], u64, &Group, &mut bool)) -> (Vec<bool>, bool) {
        let mut answer = vec![false; self.body.frames.len()];
        let (mut from, mut at, mut damaged) = (0, self.rows_at, false);
        for group in &self.body.groups {
            let to = from + group.frames as usize;
            ask(&mut answer[from..to], at, group, &mut damaged);
            from = to;
            at = at.saturating_add(group.row_at(group.blocks.saturating_add(group.gram_blocks)));
        }
        (answer, damaged)
    }

    fn row(&self, at: u64, frames: usize) -> Option<Vec<u8>> {
        let mut row = vec![0; frames * bloom::BLOCK + format::HASH];
        self.file.read_exact_at(&mut row, at).ok()?;
        let hash = u64::from_le_bytes(*row.last_chunk()?);
        row.truncate(frames * bloom::BLOCK);
        (bloom::hash(&row, 0) == hash).then_some(row)
    }
}

/// The body, and where the rows begin.
fn read_body(file: &File) -> Option<(Body, u64)> {
    let mut head = [0; HEAD];
    file.read_exact_at(&mut head, 0).ok()?;
    let len = format::body_len(&head)?;
    if file.metadata().ok()?.len() < (HEAD + len) as u64 {
        return None;
    }
    let mut body = vec![0; len];
    file.read_exact_at(&mut body, HEAD as u64).ok()?;
    Some((format::decode(&body)?, (HEAD + len) as u64))
}
