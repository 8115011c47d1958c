//! `audit-….leaves`: the first eight bytes of the hash of each line of a segment, so that of a segment that is not
//! what it was, the first bad record can be named. It is never needed to say that a segment is good, and never
//! believed when it says so. Of a closed segment the manifest has its hash, and then it is proved itself.

use super::tree::{Hash, leaf};
use crate::log::disk::{Disk, DiskFile, write_all};
use sha2::{Digest, Sha256};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Bytes a record.
pub const LEAF_BYTES: usize = 8;

/// When more records than this are missing at once, there is no such file for the segment.
const SKIP_MAX: u64 = 1 << 20;

/// What stands in the file for a line.
pub fn short(leaf: &Hash) -> [u8; LEAF_BYTES] {
    std::array::from_fn(|at| leaf[at])
}

/// The file of the segment that is being written. It is a cache: where it cannot be written it is given up, and the
/// log goes on.
pub(super) struct Leaves {
    path: PathBuf,
    sha: Sha256,
    /// Not in the file yet.
    pending: Vec<u8>,
    file: Option<Box<dyn DiskFile>>,
    given_up: bool,
}

impl Leaves {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, sha: Sha256::new(), pending: Vec::new(), file: None, given_up: false }
    }

    pub(super) fn push(&mut self, leaf: &Hash) {
        let short = short(leaf);
        self.sha.update(short);
        self.pending.extend(short);
    }

    /// So many records are missing: what stands for them is that of lines without a byte.
    pub(super) fn skip(&mut self, count: u64) {
        if count > SKIP_MAX {
            self.given_up = true;
            return;
        }
        let hole = leaf(&[]);
        (0..count).for_each(|_| self.push(&hole));
    }

    /// SHA-256 of the file as it should be.
    pub(super) fn sha256(&self) -> Hash {
        self.sha.clone().finalize().into()
    }

    /// Writes what is not in the file yet. The first time, the file may be there from before: says which of the
    /// records had another hash then.
    pub(super) fn write(&mut self, disk: &dyn Disk) -> Option<u64> {
        let mut differs = None;
        if self.file.is_none() {
            differs = first_difference(disk, &self.path, &self.pending).unwrap_or_default();
        }
        if !self.given_up && self.try_write(disk).is_err() {
            // Half a hash in it would shift all others; better none.
            let _ = disk.remove(&self.path);
            self.given_up = true;
        }
        self.pending.clear();
        differs
    }

    fn try_write(&mut self, disk: &dyn Disk) -> io::Result<()> {
        if self.file.is_none() {
            match disk.remove(&self.path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => self.file = Some(disk.create(&self.path)?),
            }
        }
        self.file.as_mut().map_or(Ok(()), |file| write_all(&mut **file, &self.pending))
    }
}

/// Index of the first record whose hash in the file is not the one in `hashes`.
fn first_difference(disk: &dyn Disk, path: &Path, hashes: &[u8]) -> io::Result<Option<u64>> {
    let mut before = Vec::new();
    disk.read(path)?.take(hashes.len() as u64).read_to_end(&mut before)?;
    let pairs = before.chunks_exact(LEAF_BYTES).zip(hashes.chunks_exact(LEAF_BYTES));
    Ok(pairs.zip(0..).find(|((was, is), _)| was != is).map(|(_, index)| index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::disk::RealDisk;

    fn hash_of(number: u8) -> Hash {
        [number; 32]
    }

    #[test]
    fn the_file_has_eight_bytes_a_record_and_begins_anew_with_the_segment() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.leaves");
        let mut leaves = Leaves::new(path.clone());
        leaves.push(&hash_of(1));
        assert_eq!(leaves.write(&RealDisk), None);
        leaves.push(&hash_of(2));
        leaves.push(&hash_of(3));
        assert_eq!(leaves.write(&RealDisk), None);
        let file = std::fs::read(&path).unwrap();
        assert_eq!(file, [[1; 8], [2; 8], [3; 8]].concat());
        assert_eq!(leaves.sha256(), Hash::from(Sha256::digest(&file)));

        let mut again = Leaves::new(path.clone());
        for number in [1, 9, 3, 4] {
            again.push(&hash_of(number));
        }
        assert_eq!(again.write(&RealDisk), Some(1));
        assert_eq!(std::fs::read(&path).unwrap(), [[1; 8], [9; 8], [3; 8], [4; 8]].concat());
    }

    #[test]
    fn what_cannot_be_written_is_given_up_and_its_hash_goes_on() {
        let mut leaves = Leaves::new(PathBuf::from("/nowhere/x.leaves"));
        leaves.push(&hash_of(1));
        assert_eq!(leaves.write(&RealDisk), None);
        leaves.push(&hash_of(2));
        leaves.write(&RealDisk);
        assert_eq!(leaves.sha256(), Hash::from(Sha256::digest([[1; 8], [2; 8]].concat())));
        assert!(leaves.pending.is_empty());
    }
}
