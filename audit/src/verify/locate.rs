//! Which record is the first that is not what was signed? The tree only says between which two checkpoints it is.
//! The hashes of the lines, where they are at hand, name it; of a closed segment they are proved themselves. Else a
//! line that is no record names itself, and else the narrowest stretch is said. Nothing here makes a segment good.

use super::lines::Next;
use super::replay::{Task, unpacking};
use super::report::Flaw;
use crate::evidence::leaves::{LEAF_BYTES, short};
use crate::evidence::tree::leaf;
use crate::line;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// The hashes of a segment's lines, from one record on.
struct Hashes {
    input: BufReader<File>,
    /// They are those that the manifest names: what they say is so.
    proved: bool,
}

impl Hashes {
    /// None where they are not at hand, and of a closed segment where they are not the right ones.
    fn open(task: &Task, from: u64) -> Option<Self> {
        let mut file = File::open(&task.leaves).ok()?;
        let proved = match &task.closed {
            Some(closed) => {
                let mut sha = Sha256::new();
                io::copy(&mut file, &mut Into(&mut sha)).ok()?;
                if <[u8; 32]>::from(sha.finalize()) != closed.leaves_sha256 {
                    return None;
                }
                true
            }
            None => false,
        };
        file.seek(SeekFrom::Start((from - task.start.size()).checked_mul(LEAF_BYTES as u64)?)).ok()?;
        Some(Self { input: BufReader::new(file), proved })
    }

    fn next(&mut self) -> Option<[u8; LEAF_BYTES]> {
        let mut hash = [0; LEAF_BYTES];
        self.input.read_exact(&mut hash).ok()?;
        Some(hash)
    }
}

struct Into<'a>(&'a mut Sha256);

impl io::Write for Into<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Finds it. Everything before `good` is right. `here` says what is wrong with the place `reached`, or with the first
/// one that cannot be read; without it, something before `reached` is wrong.
pub(super) fn first_bad(task: &Task, good: u64, reached: u64, here: Option<String>) -> io::Result<Flaw> {
    let mut hashes = Hashes::open(task, good);
    let proved = hashes.as_ref().is_some_and(|hashes| hashes.proved);
    let mut lines = task.source.all_lines()?;
    let (mut seq, mut from) = (task.start.size(), None);
    while seq < reached {
        let offset = lines.offset();
        let line = match lines.next() {
            Ok(Next::Line(line)) => line,
            Ok(_) => break,
            Err(error) => {
                unpacking(error)?;
                break;
            }
        };
        if seq >= good {
            from.get_or_insert(offset);
            let hash = hashes.as_mut().and_then(Hashes::next);
            let why = match hash {
                Some(hash) if hash != short(&leaf(line)) => "not the line that was signed",
                Some(_) if proved => "",
                _ if !is_record(line, seq) => "not the record that belongs here",
                _ => "",
            };
            if !why.is_empty() {
                return Ok(Flaw { seq, to: None, offset, why: why.to_owned() });
            }
        }
        seq += 1;
    }
    let offset = lines.offset();
    Ok(match here {
        Some(why) => Flaw { seq, to: None, offset, why },
        None => Flaw {
            seq: good,
            to: Some(reached.saturating_sub(1)).filter(|to| *to > good),
            offset: from.unwrap_or(offset),
            why: "among these is a line that is not the one that was signed".to_owned(),
        },
    })
}

fn is_record(line: &[u8], seq: u64) -> bool {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    std::str::from_utf8(line).is_ok_and(|line| line::parse(line).is_ok_and(|record| record.seq == seq))
}
