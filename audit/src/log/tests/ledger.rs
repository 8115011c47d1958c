//! Evidence without signatures, for tests of the writer: it keeps to what is asked of every evidence, writes through
//! the same disk, and holds the writer to its part: each line once, in order, and only what is durable.

use crate::folder;
use crate::log::disk::{Disk, write_all};
use crate::log::seal::{Covered, ManifestFacts, Seal, SegmentFacts, Signed};
use crate::record::Draft;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use watchkeeper_core::time::Wall;

pub(super) struct Ledger {
    dir: PathBuf,
    size: u64,
    hash: Sha256,
    bytes: u64,
    entries: BTreeMap<u64, ManifestFacts>,
    signed: u64,
}

impl Ledger {
    pub(super) fn new(dir: &Path) -> Self {
        let (hash, entries) = (Sha256::new(), BTreeMap::new());
        Self { dir: dir.to_owned(), size: 0, hash, bytes: 0, entries, signed: 0 }
    }

    fn lines(&self, disk: &dyn Disk, name: &str) -> io::Result<Vec<Vec<u64>>> {
        let mut text = Vec::new();
        match disk.read(&self.dir.join(name)) {
            Ok(mut file) => file.read_to_end(&mut text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        let lines = text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b";\n"));
        let numbers = |line: &[u8]| -> Option<Vec<u64>> {
            let line = std::str::from_utf8(line).ok()?.trim_end_matches(";\n");
            line.split(' ').map(|number| number.parse().ok()).collect()
        };
        Ok(lines.filter_map(numbers).collect())
    }

    fn add(&self, disk: &dyn Disk, name: &str, numbers: &[u64]) -> io::Result<()> {
        let words: Vec<_> = numbers.iter().map(u64::to_string).collect();
        let mut file = disk.append(&self.dir.join(name))?;
        let before = file.stat()?.bytes;
        // A line of its own, whatever a failed attempt left behind: what does not end in `;` is none.
        let line = format!("\n{};\n", words.join(" "));
        let written = write_all(&mut *file, line.as_bytes()).and_then(|()| file.sync());
        if written.is_err() {
            let _ = file.truncate(before);
            return written;
        }
        disk.sync_dir(&self.dir)
    }
}

impl Seal for Ledger {
    fn open(&mut self, disk: &dyn Disk, _: Wall) -> io::Result<Covered> {
        for numbers in self.lines(disk, folder::MANIFEST)? {
            let [first, last, from, to, bytes, hash] = numbers[..] else { continue };
            let (first_ts, last_ts) = (Wall(from.cast_signed()), Wall(to.cast_signed()));
            let segment = SegmentFacts { first, last, first_ts, last_ts, bytes };
            let mut sha256 = [0; 32];
            sha256[..8].copy_from_slice(&hash.to_le_bytes());
            self.entries.insert(first, ManifestFacts { segment, sha256, entry_sha256: sha256 });
        }
        let signed =
            self.lines(disk, folder::CHECKPOINTS)?.into_iter().filter_map(|line| line.first().copied());
        self.signed = signed.max().unwrap_or(0);
        let closed = self.entries.values().map(|entry| entry.segment.last + 1).max().unwrap_or(0);
        self.size = closed;
        Ok(Covered { closed, signed: self.signed })
    }

    fn entry(&self, first: u64) -> Option<ManifestFacts> {
        self.entries.get(&first).copied()
    }

    fn begin(&mut self, first: u64) {
        assert_eq!(first, self.size, "a segment begins where the one before it ended");
        (self.hash, self.bytes) = (Sha256::new(), 0);
    }

    fn skip(&mut self, next: u64) {
        assert!(next > self.size);
        self.size = next;
    }

    fn push(&mut self, line: &[u8]) {
        if let Some(number) = crate::log::lines::number(line) {
            assert_eq!(number, self.size, "each record once, and in order");
        }
        self.hash.update(line);
        self.bytes += line.len() as u64;
        self.size += 1;
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn checkpoint(&mut self, disk: &dyn Disk, _: Wall) -> io::Result<()> {
        self.add(disk, folder::CHECKPOINTS, &[self.size])?;
        self.signed = self.size;
        Ok(())
    }

    fn signed(&self) -> Option<Signed> {
        Some(Signed { size: self.signed, text: String::new(), at: Wall(0) })
    }

    fn close(&mut self, disk: &dyn Disk, facts: &SegmentFacts, _: Wall) -> io::Result<ManifestFacts> {
        assert_eq!((facts.last + 1, facts.bytes), (self.size, self.bytes), "{facts:?}");
        let sha256: [u8; 32] = self.hash.clone().finalize().into();
        let short = u64::from_le_bytes(sha256[..8].try_into().unwrap());
        let times = [facts.first_ts.0.cast_unsigned(), facts.last_ts.0.cast_unsigned()];
        self.add(disk, folder::MANIFEST, &[facts.first, facts.last, times[0], times[1], facts.bytes, short])?;
        let entry = ManifestFacts { segment: *facts, sha256, entry_sha256: sha256 };
        self.entries.insert(facts.first, entry);
        Ok(entry)
    }

    fn due(&mut self, _: &dyn Disk, _: Wall) -> io::Result<Vec<Draft>> {
        Ok(Vec::new())
    }
}
