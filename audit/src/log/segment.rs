//! The segment that is being written, and those that are closed. A segment keeps its name for ever; what stands
//! behind its settled bytes was never reported and may be cut. Nothing here decides when to close one.

use super::disk::{Disk, DiskFile};
use super::seal::{ManifestFacts, SegmentFacts};
use std::io;
use std::path::PathBuf;
use watchkeeper_core::time::Wall;

/// What became of the file under us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is as we wrote it.
    Whole,
    /// An fsync failed: what it was to keep may be gone, although the next one would say yes.
    Suspect,
    /// Records in it that were durable are gone, or somebody put another file in its place.
    Lost,
}

/// The segment that is being written.
pub(super) struct Live {
    pub file: Box<dyn DiskFile>,
    pub name: String,
    pub path: PathBuf,
    /// Number of its first record.
    pub first: u64,
    /// Device and inode.
    pub id: (u64, u64),
    pub mode: u32,
    /// Length of its settled lines: what follows is not acknowledged.
    pub bytes: u64,
    /// How many lines these are.
    pub count: u64,
    /// Earliest and latest `ts` of them.
    pub span: Option<(Wall, Wall)>,
    /// When the first of them was written.
    pub began: Option<Wall>,
    /// Some of them were settled without fdatasync.
    pub unsynced: bool,
    /// Something may stand behind the settled lines, which is to be cut first.
    pub torn: bool,
    /// The folder was not synced since it has its name.
    pub unnamed: bool,
    pub fate: Fate,
}

impl Live {
    pub(super) fn new(file: Box<dyn DiskFile>, path: PathBuf, name: String, first: u64) -> io::Result<Self> {
        let stat = file.stat()?;
        Ok(Self {
            file,
            name,
            path,
            first,
            id: stat.id,
            mode: stat.mode,
            bytes: 0,
            count: 0,
            span: None,
            began: None,
            unsynced: false,
            torn: stat.bytes > 0,
            unnamed: true,
            fate: Fate::Whole,
        })
    }

    /// A record of this date stands in it.
    pub(super) fn date(&mut self, ts: Wall) {
        self.span = Some(widen(self.span, ts));
    }

    /// What it holds; only of one that is not empty.
    pub(super) fn facts(&self) -> SegmentFacts {
        let (first_ts, last_ts) = self.span.unwrap_or_default();
        let last = (self.first + self.count).saturating_sub(1);
        SegmentFacts { first: self.first, last, first_ts, last_ts, bytes: self.bytes }
    }

    /// Writes its settled lines into a new file of the same name, out of the one that is open still and has no name
    /// any more or another one.
    pub(super) fn write_anew(&mut self, disk: &dyn Disk) -> io::Result<()> {
        if self.file.stat()?.bytes < self.bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut fresh = disk.create(&self.path)?;
        let copied = copy(&*self.file, &mut *fresh, self.bytes).and_then(|()| fresh.stat());
        let stat = match copied {
            Ok(stat) => stat,
            Err(error) => {
                let _ = disk.remove(&self.path);
                return Err(error);
            }
        };
        (self.file, self.id, self.mode) = (fresh, stat.id, stat.mode);
        (self.torn, self.unsynced, self.unnamed, self.fate) = (false, false, true, Fate::Whole);
        Ok(())
    }
}

fn copy(from: &dyn DiskFile, to: &mut dyn DiskFile, bytes: u64) -> io::Result<()> {
    let mut part = vec![0; 64 << 10];
    let mut at = 0;
    while at < bytes {
        let wanted = usize::try_from(bytes - at).unwrap_or(usize::MAX).min(part.len());
        let read = from.read_at(at, &mut part[..wanted])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        super::disk::write_all(to, &part[..read])?;
        at += read as u64;
    }
    to.sync()
}

/// The span that has this moment in it, too.
pub(super) fn widen(span: Option<(Wall, Wall)>, ts: Wall) -> (Wall, Wall) {
    span.map_or((ts, ts), |(from, to)| (from.min(ts), to.max(ts)))
}

/// A segment that is closed.
#[derive(Clone, Debug)]
pub(super) struct Closed {
    pub first: u64,
    pub last: u64,
    /// Earliest and latest `ts` in it.
    pub span: (Wall, Wall),
    /// What it takes on the disk, with its index.
    pub bytes: u64,
    /// What the manifest says of it, when it does.
    pub entry: Option<ManifestFacts>,
    /// A `pruned` record is on its way; the file goes once that is durable.
    pub going: bool,
}
