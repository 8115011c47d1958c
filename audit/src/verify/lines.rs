//! The lines of a segment, raw or compressed, in blocks: as much memory as a block and a line however long the
//! segment is. Nothing is repaired, and no index is asked.

use crate::evidence::trailer::{self, Container};
use crate::line::LINE_BYTES_MAX;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

const BLOCK_BYTES: usize = 1 << 20;
/// A line that does not end in the block is moved to its start, and then there is room for another one.
const BLOCK_BYTES_MIN: usize = 2 * LINE_BYTES_MAX;
/// What is read along with an error is lost. No record is so short that another one could be lost with it.
const SIP_BYTES: usize = 32;
/// Frames that want more memory than 2^27 bytes to be unpacked are none of ours.
const WINDOW_LOG_MAX: u32 = 27;

/// An open segment, which can be read several times, also when its name is gone.
#[derive(Clone, Debug)]
pub(super) struct Source {
    file: Arc<File>,
    packed: bool,
}

impl Source {
    pub(super) fn new(file: File, packed: bool) -> Self {
        Self { file: Arc::new(file), packed }
    }

    /// Begins at the first line.
    pub(super) fn lines(&self) -> io::Result<Lines> {
        self.sips(BLOCK_BYTES)
    }

    /// The same, slowly: of a segment that cannot be unpacked, all that comes out before that.
    pub(super) fn all_lines(&self) -> io::Result<Lines> {
        self.sips(if self.packed { SIP_BYTES } else { BLOCK_BYTES })
    }

    /// Whether a compressed file is the one that was written; a raw one is what its lines are.
    pub(super) fn container(&self) -> io::Result<Container> {
        if self.packed { trailer::check(&self.file) } else { Ok(Container::Whole) }
    }

    fn sips(&self, bytes: usize) -> io::Result<Lines> {
        let file = At::new(Arc::clone(&self.file), 0);
        let block = usize::try_from(self.file.metadata()?.len()).unwrap_or(BLOCK_BYTES);
        let block = block.clamp(BLOCK_BYTES_MIN, BLOCK_BYTES);
        if !self.packed {
            return Ok(Lines::new(Box::new(file), block, bytes));
        }
        let mut decoder = zstd::stream::read::Decoder::new(file)?;
        decoder.window_log_max(WINDOW_LOG_MAX)?;
        Ok(Lines::new(Box::new(decoder), block, bytes))
    }
}

/// Reads a file from a place of its own.
pub(super) struct At {
    file: Arc<File>,
    at: u64,
}

impl At {
    pub(super) fn new(file: Arc<File>, at: u64) -> Self {
        Self { file, at }
    }
}

impl Read for At {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'a> {
    /// A line, with its `\n`.
    Line(&'a [u8]),
    /// The last bytes, without a `\n`; none at the end of a whole line.
    End(&'a [u8]),
    /// More bytes than a line may have, and no `\n` among them.
    TooLong,
}

/// The lines of a segment.
pub(super) struct Lines {
    input: Box<dyn Read + Send>,
    block: Vec<u8>,
    /// What is in the block and not handed out yet.
    from: usize,
    to: usize,
    /// Where `from` is in the text.
    offset: u64,
    ended: bool,
    /// No more than this is read at once.
    sip: usize,
}

impl Lines {
    fn new(input: Box<dyn Read + Send>, block: usize, sip: usize) -> Self {
        Self { input, block: vec![0; block], from: 0, to: 0, offset: 0, ended: false, sip }
    }

    /// Where the next line begins, in bytes of the uncompressed text.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next line. After an error or `TooLong` there is none.
    pub(super) fn next(&mut self) -> io::Result<Next<'_>> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.block[self.from..self.to]) {
                if end >= LINE_BYTES_MAX {
                    return Ok(Next::TooLong);
                }
                let line = self.from..=self.from + end;
                self.from += end + 1;
                self.offset += end as u64 + 1;
                return Ok(Next::Line(&self.block[line]));
            }
            if self.to - self.from > LINE_BYTES_MAX {
                return Ok(Next::TooLong);
            }
            if self.ended {
                return Ok(Next::End(&self.block[self.from..self.to]));
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.block.len() - self.to < LINE_BYTES_MAX {
            self.block.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
        }
        let end = self.block.len().min(self.to + self.sip);
        match self.input.read(&mut self.block[self.to..end]) {
            Ok(0) => self.ended = true,
            Ok(read) => self.to += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn source(text: &[u8], packed: bool) -> Source {
        let mut file = tempfile::tempfile().unwrap();
        if packed {
            for part in text.chunks(100_000) {
                file.write_all(&zstd::bulk::compress(part, 1).unwrap()).unwrap();
            }
        } else {
            file.write_all(text).unwrap();
        }
        Source::new(file, packed)
    }

    #[test]
    fn lines_come_back_as_they_are_across_blocks_and_frames() {
        let text: Vec<String> = (0..60_000).map(|n| format!("{n} {}\n", "x".repeat(n % 97))).collect();
        for packed in [false, true] {
            let source = source(text.concat().as_bytes(), packed);
            for _ in 0..2 {
                let (mut lines, mut at) = (source.lines().unwrap(), 0);
                for line in &text {
                    assert_eq!(lines.offset(), at);
                    assert_eq!(lines.next().unwrap(), Next::Line(line.as_bytes()));
                    at += line.len() as u64;
                }
                assert_eq!(lines.next().unwrap(), Next::End(b""));
            }
        }
    }

    #[test]
    fn a_line_without_end_is_told_and_one_that_is_too_long_is_not_kept() {
        let mut lines = source(b"one\ntwo", false).lines().unwrap();
        assert_eq!(lines.next().unwrap(), Next::Line(b"one\n"));
        assert_eq!(lines.next().unwrap(), Next::End(b"two"));
        let longest = [vec![b'x'; LINE_BYTES_MAX - 1], b"\n".to_vec()].concat();
        assert_eq!(source(&longest, false).lines().unwrap().next().unwrap(), Next::Line(&longest));
        for long in [[b"x".to_vec(), longest].concat(), vec![b'x'; 4 << 20]] {
            assert_eq!(source(&long, true).lines().unwrap().next().unwrap(), Next::TooLong);
        }
    }

    #[test]
    fn what_cannot_be_unpacked_is_an_error() {
        let mut file = tempfile::tempfile().unwrap();
        let packed = zstd::bulk::compress(b"one\ntwo\n", 1).unwrap();
        file.write_all(&packed[..packed.len() - 1]).unwrap();
        let mut lines = Source::new(file, true).lines().unwrap();
        let last = std::iter::from_fn(|| match lines.next() {
            Ok(Next::Line(_)) => Some(true),
            Ok(_) => None,
            Err(_) => Some(false),
        });
        assert!(!last.take(3).last().unwrap());
    }
}
