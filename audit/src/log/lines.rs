//! Reads a segment, raw or compressed, line by line, and says what is wrong with it. Only reads; a line that never
//! ends is given in parts rather than kept in memory.

use super::disk::Disk;
use crate::line::{self, LINE_BYTES_MAX};
use sha2::{Digest, Sha256};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Opens a segment to be read.
pub(crate) fn open(disk: &dyn Disk, path: &Path, packed: bool) -> io::Result<Box<dyn Read>> {
    let file = disk.read(path)?;
    Ok(if packed { Box::new(zstd::Decoder::new(file)?) } else { file })
}

/// Each line, with its line end where it has one.
pub(crate) fn each(from: Box<dyn Read>, mut tell: impl FnMut(&[u8])) -> io::Result<()> {
    let mut from = BufReader::with_capacity(64 << 10, from);
    let mut line = Vec::new();
    loop {
        line.clear();
        // One byte more than a line may have: what is longer comes in parts, each of which is no record.
        let read = from.by_ref().take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        tell(&line);
    }
}

/// The first line, or as much of it as a line may have.
pub(super) fn first(from: Box<dyn Read>) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::new(from).take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut line)?;
    Ok(line)
}

/// The number of a line that is whole: it ends, and nothing in it was never written. Blocks that a crash left behind
/// are zeros.
pub(super) fn number(line: &[u8]) -> Option<u64> {
    let (end, text) = line.split_last()?;
    let whole = *end == b'\n' && line.len() <= LINE_BYTES_MAX && memchr::memchr(0, text).is_none();
    let closed = text.first() != Some(&b'{') || text.last() == Some(&b'}');
    line::seq(text).filter(|_| whole && closed)
}

/// SHA-256 and length of what is in a segment.
pub(super) fn hash_of(disk: &dyn Disk, path: &Path, packed: bool) -> io::Result<([u8; 32], u64)> {
    let mut from = open(disk, path, packed)?;
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut part = vec![0; 64 << 10];
    loop {
        match from.read(&mut part) {
            Ok(0) => return Ok((hash.finalize().into(), bytes)),
            Ok(read) => {
                hash.update(&part[..read]);
                bytes += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
