//! The end of a compressed segment: a frame that every zstd passes over, with the SHA-256 of the file before it. The
//! tree proves the records; but one compressed file can be altered into another one with the same records, and this
//! tells that, too. It is not signed and proves nothing: whoever alters the file can write it anew.

use super::tree::Hash;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

/// One of the magic numbers of frames that are passed over, and the length of what is in it.
const HEAD: [u8; 8] = [0x5d, 0x2a, 0x4d, 0x18, 32, 0, 0, 0];
/// Bytes of the whole frame.
const BYTES: u64 = 40;
/// The same, for places in memory.
const LENGTH: usize = 40;
const BLOCK_BYTES: usize = 256 * 1024;

/// What the end of a compressed segment says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// It is as it was written.
    Whole,
    /// It is not.
    Altered,
    /// Nothing: another program compressed it.
    Unknown,
}

/// Writes a file that ends so.
pub struct Summed<W> {
    out: W,
    sha: Sha256,
}

impl<W: Write> Summed<W> {
    /// Nothing was written to `out` yet.
    pub fn new(out: W) -> Self {
        Self { out, sha: Sha256::new() }
    }

    /// Writes the end.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&HEAD)?;
        self.out.write_all(&Hash::from(self.sha.finalize()))?;
        Ok(self.out)
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sha.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Length of a file without its end, if it has one.
pub fn bytes_before(file: &File, bytes: u64) -> io::Result<u64> {
    let Some(before) = bytes.checked_sub(BYTES) else { return Ok(bytes) };
    let mut head = [0; HEAD.len()];
    file.read_exact_at(&mut head, before)?;
    Ok(if head == HEAD { before } else { bytes })
}

/// Reads a file and says what its end says of it.
pub fn check(file: &File) -> io::Result<Container> {
    let bytes = file.metadata()?.len();
    let Some(before) = bytes.checked_sub(BYTES) else { return Ok(Container::Unknown) };
    let mut end = [0; LENGTH];
    file.read_exact_at(&mut end, before)?;
    let room = usize::try_from(before).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
    let (mut sha, mut at, mut block) = (Sha256::new(), 0, vec![0; room]);
    while at < before {
        let most = usize::try_from(before - at).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
        file.read_exact_at(&mut block[..most], at)?;
        sha.update(&block[..most]);
        at += most as u64;
    }
    let head = end.starts_with(&HEAD);
    let sum = end.ends_with(&Hash::from(sha.finalize()));
    // An end whose sum is right and whose head is not was one once.
    Ok(match (head, sum) {
        (true, true) => Container::Whole,
        (false, false) => Container::Unknown,
        _ => Container::Altered,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_compressed_file_matters_and_every_zstd_reads_it() {
        let mut packed = Summed::new(Vec::new());
        packed.write_all(&zstd::bulk::compress(b"one\ntwo\n", 3).unwrap()).unwrap();
        let packed = packed.finish().unwrap();
        assert_eq!(zstd::decode_all(&packed[..]).unwrap(), b"one\ntwo\n");
        let file = tempfile::tempfile().unwrap();
        let checked = |bytes: &[u8]| {
            file.set_len(0).unwrap();
            file.write_all_at(bytes, 0).unwrap();
            (check(&file).unwrap(), bytes_before(&file, bytes.len() as u64).unwrap())
        };
        assert_eq!(checked(&packed), (Container::Whole, packed.len() as u64 - BYTES));
        for at in 0..packed.len() {
            let mut bad = packed.clone();
            bad[at] ^= 1 << (at % 8);
            assert_eq!(checked(&bad).0, Container::Altered, "byte {at}");
        }
        let plain = zstd::bulk::compress(&[b'x'; 99], 3).unwrap();
        assert_eq!(checked(&plain), (Container::Unknown, plain.len() as u64));
    }
}
