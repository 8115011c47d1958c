//! What the writer asks of the evidence: it is given every line once it is durable, and signs, closes and remembers.
//! The writer knows nothing of trees and keys; the evidence must never read a segment while the log runs, and must
//! never hold back a record: what it cannot write now it writes later.

use super::disk::Disk;
use crate::record::Draft;
use std::io;
use watchkeeper_core::time::Wall;

/// How far the evidence on the disk reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// Records before this one are in closed segments that the manifest names.
    pub closed: u64,
    /// The largest tree size that was ever signed; no number below it is given to a record again.
    pub signed: u64,
}

/// What a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentFacts {
    /// Number of its first record, which its name has too.
    pub first: u64,
    /// Number of its last record.
    pub last: u64,
    /// The earliest `ts` in it; records need not be in the order of their time.
    pub first_ts: Wall,
    /// The latest `ts` in it.
    pub last_ts: Wall,
    /// Length of its lines.
    pub bytes: u64,
}

/// What the manifest says of a closed segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManifestFacts {
    /// What it holds.
    pub segment: SegmentFacts,
    /// SHA-256 of its lines.
    pub sha256: [u8; 32],
    /// SHA-256 of its line in the manifest, which a `pruned` record names.
    pub entry_sha256: [u8; 32],
}

/// A checkpoint that is on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// How many records it covers.
    pub size: u64,
    /// The signed note.
    pub text: String,
    /// When it was made.
    pub at: Wall,
}

/// What the writer needs of the evidence. One thread calls it. The order of calls:
/// `open`, then for every segment that the manifest does not name `begin`, `push`… and, but for the last, `close`;
/// then, while the log runs, `push` for what became durable, `checkpoint`, `due`, and `close` followed by `begin`.
/// `skip` may come in front of any `begin` or `push`.
///
/// A call that fails is repeated, with the same arguments or later ones, until it succeeds; so a failed call must
/// leave the state as it was. A failing fsync must not be repeated alone: the bytes are written again before it. A
/// file of the evidence that has vanished from the folder is made again.
pub trait Seal: Send {
    /// Reads manifest, checkpoints and keys, cuts what was torn, and says how far they reach.
    fn open(&mut self, disk: &dyn Disk, now: Wall) -> io::Result<Covered>;

    /// What the manifest says of the segment that begins with `first`.
    fn entry(&self, first: u64) -> Option<ManifestFacts>;

    /// A segment begins with record `first`, which is `size()`.
    fn begin(&mut self, first: u64);

    /// The records from `size()` on are missing or unreadable, up to but without `next`. The writer tells it in the
    /// log; the tree has to go on with record `next` all the same.
    fn skip(&mut self, next: u64);

    /// One more line, with its `\n`. It is on the disk, and its number is `size()`.
    fn push(&mut self, line: &[u8]);

    /// How many records the tree has.
    fn size(&self) -> u64;

    /// Signs the tree as it is and returns once that is on the disk. It says so again when nothing has changed.
    fn checkpoint(&mut self, disk: &dyn Disk, now: Wall) -> io::Result<()>;

    /// The checkpoint that was made last, by this process or before.
    fn signed(&self) -> Option<Signed>;

    /// Ends the segment that was begun last, from what was pushed since, never from the file: that may have been
    /// changed, and then the manifest must say what it was. Returns once its line is on the disk.
    fn close(&mut self, disk: &dyn Disk, facts: &SegmentFacts, now: Wall) -> io::Result<ManifestFacts>;

    /// Called about once a second, for what time alone makes due, like a new key. What it returns becomes records.
    fn due(&mut self, disk: &dyn Disk, now: Wall) -> io::Result<Vec<Draft>>;
}

/// No evidence: for tests of the writer, and for measuring what evidence costs.
#[derive(Debug, Default)]
pub struct Unsealed {
    size: u64,
}

impl Seal for Unsealed {
    fn open(&mut self, _: &dyn Disk, _: Wall) -> io::Result<Covered> {
        Ok(Covered::default())
    }

    fn entry(&self, _: u64) -> Option<ManifestFacts> {
        None
    }

    fn begin(&mut self, first: u64) {
        self.size = first;
    }

    fn skip(&mut self, next: u64) {
        self.size = next;
    }

    fn push(&mut self, _: &[u8]) {
        self.size += 1;
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn checkpoint(&mut self, _: &dyn Disk, _: Wall) -> io::Result<()> {
        Ok(())
    }

    fn signed(&self) -> Option<Signed> {
        None
    }

    fn close(&mut self, _: &dyn Disk, facts: &SegmentFacts, _: Wall) -> io::Result<ManifestFacts> {
        Ok(ManifestFacts { segment: *facts, sha256: [0; 32], entry_sha256: [0; 32] })
    }

    fn due(&mut self, _: &dyn Disk, _: Wall) -> io::Result<Vec<Draft>> {
        Ok(Vec::new())
    }
}
