//! Raw segments: read in blocks into one buffer, while the writer may append to them. A line belongs to the part of
//! the file in which it begins, so that parts can be looked through in any order and none is missed.

use crate::line::{self, LINE_BYTES_MAX};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Read at once: small enough for the second-level cache, where the search then finds it.
const BLOCK: usize = 256 * 1024;

/// Gives the whole lines that begin in `from..to` to `each`, block by block in the order of the file, of which `len`
/// bytes count. What follows the last line end is not given. Lines longer than a line may be are passed over.
pub(super) fn blocks(
    file: &File,
    (from, to): (u64, u64),
    len: u64,
    buffer: &mut Vec<u8>,
    mut each: impl FnMut(&[u8]),
) -> io::Result<()> {
    let to = to.min(len);
    if from >= to {
        return Ok(());
    }
    // One byte earlier: only so is it seen whether a line begins at `from`.
    let mut window = Window::new(file, from.saturating_sub(1), len, buffer);
    let mut aligned = from == 0;
    loop {
        let more = window.fill()?;
        let mut start = 0;
        if !aligned {
            let Some(end) = memchr::memchr(b'\n', window.text()) else {
                window.pass(window.filled);
                if more && window.base() < to {
                    continue;
                }
                return Ok(());
            };
            start = end + 1;
            aligned = true;
        }
        // The last line that begins before `to` ends at the first line end at or behind `to - 1`.
        let last = usize::try_from((to - 1).saturating_sub(window.base())).unwrap_or(usize::MAX);
        let text = window.text();
        if start > last {
            return Ok(());
        }
        if let Some(end) = text.get(last..).and_then(|rest| memchr::memchr(b'\n', rest)) {
            each(&text[start..=last + end]);
            return Ok(());
        }
        if let Some(end) = memchr::memrchr(b'\n', &text[start..]) {
            each(&text[start..=start + end]);
            window.pass(start + end + 1);
        } else {
            window.pass(start);
        }
        if !more {
            return Ok(());
        }
        if window.filled >= LINE_BYTES_MAX {
            window.pass(window.filled);
            aligned = false;
        }
    }
}

/// A part of a file in a buffer that is filled up from behind.
struct Window<'a> {
    file: &'a File,
    /// Place in the file behind what is in the buffer.
    at: u64,
    len: u64,
    buffer: &'a mut Vec<u8>,
    filled: usize,
}

impl<'a> Window<'a> {
    fn new(file: &'a File, at: u64, len: u64, buffer: &'a mut Vec<u8>) -> Self {
        buffer.resize(BLOCK + LINE_BYTES_MAX, 0);
        Self { file, at, len, buffer, filled: 0 }
    }

    fn text(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// Place in the file of the first byte in the buffer.
    fn base(&self) -> u64 {
        self.at - self.filled as u64
    }

    /// Drops what was dealt with from the front.
    fn pass(&mut self, bytes: usize) {
        self.buffer.copy_within(bytes..self.filled, 0);
        self.filled -= bytes;
    }

    /// Reads on; false when nothing follows.
    fn fill(&mut self) -> io::Result<bool> {
        let left = usize::try_from(self.len.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let goal = self.filled + left.min(BLOCK);
        while self.filled < goal {
            match self.file.read_at(&mut self.buffer[self.filled..goal], self.at) {
                Ok(0) => return Ok(false),
                Ok(bytes) => {
                    self.filled += bytes;
                    self.at += bytes as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.at < self.len)
    }
}

/// The number of a line stands, with all its digits, within so many bytes of its start.
const BEFORE_SEQ_MAX: usize = 128;

/// Between which places the first record with a number of at least `seq` begins; found by halving, because numbers
/// only grow within a segment. Records before the first place are lower, those that begin behind the second are not.
pub(super) fn seek(file: &File, len: u64, seq: u64) -> io::Result<(u64, u64)> {
    const NEAR: u64 = 16 * 1024;
    let (mut low, mut high) = (0, len);
    let mut buffer = Vec::new();
    while high - low > NEAR {
        let middle = low + (high - low) / 2;
        match first_line(file, middle, high, &mut buffer)? {
            Some((at, number)) if number < seq => low = at,
            Some(_) => high = middle,
            // Nothing begins there: the end, or damage, behind which it is not known how it goes on.
            None if high - middle <= LINE_BYTES_MAX as u64 => high = middle,
            None => break,
        }
    }
    Ok((low, high))
}

/// The first record that begins behind `from`: its place and number.
fn first_line(file: &File, from: u64, to: u64, buffer: &mut Vec<u8>) -> io::Result<Option<(u64, u64)>> {
    let mut at = from;
    for size in [4 * 1024, LINE_BYTES_MAX as u64 + 4 * 1024] {
        buffer.resize(usize::try_from(size.min(to - from)).unwrap_or(0), 0);
        let read = file.read_at(buffer, from)?;
        let mut rest = &buffer[..read];
        while let Some(end) = memchr::memchr(b'\n', rest) {
            at += end as u64 + 1;
            rest = &rest[end + 1..];
            let whole = rest.len() >= BEFORE_SEQ_MAX || memchr::memchr(b'\n', rest).is_some();
            if whole && let Some(number) = line::seq(rest) {
                return Ok(Some((at, number)));
            }
        }
        at = from;
    }
    Ok(None)
}

/// The number of the last record.
pub(super) fn last_seq(file: &File, len: u64) -> io::Result<Option<u64>> {
    let mut buffer = Vec::new();
    for size in [4 * 1024, 2 * LINE_BYTES_MAX as u64] {
        buffer.resize(usize::try_from(size.min(len)).unwrap_or(0), 0);
        let read = file.read_at(&mut buffer, len.saturating_sub(size))?;
        let whole = &buffer[..read];
        let mut end = memchr::memrchr(b'\n', whole);
        while let Some(at) = end {
            let start = memchr::memrchr(b'\n', &whole[..at]).map(|at| at + 1);
            let begun = start.is_some() || size >= len;
            if begun && let Some(seq) = line::seq(&whole[start.unwrap_or(0)..at]) {
                return Ok(Some(seq));
            }
            end = start.map(|start| start - 1);
        }
    }
    Ok(None)
}
