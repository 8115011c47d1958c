//! A file that only grows, by whole entries, each on the disk before it counts. What is there already is never
//! written over: a file that was taken away is made again from the one that is still open.

use crate::log::disk::{Disk, DiskFile, write_all};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

const COPY_BYTES: usize = 256 * 1024;

/// Of what was written last, so much is written once more when the log is opened.
const REFRESHED_BYTES: u64 = 1 << 20;

/// Has the end of such a file written once more: what a process before this one could not sync reads well, and may not
/// be on the disk. Where that fails, nothing is worse than it was, and what is written next meets the same disk.
pub(super) fn refresh(disk: &dyn Disk, path: &Path) {
    let Ok(stat) = disk.stat(path) else { return };
    if let Err(error) = disk.refresh(path, stat.bytes.saturating_sub(REFRESHED_BYTES)) {
        tracing::warn!(%error, path = %path.display(), "what was written last could not be written once more");
    }
}

/// What somebody did to the file while it was ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Harm {
    /// It was removed, or another one put in its place; it was made again, whole.
    Replaced,
    /// It is shorter than it was; what was cut off is lost.
    Shortened,
}

impl Harm {
    pub(super) fn said(self) -> &'static str {
        match self {
            Self::Replaced => "removed or replaced while the log was running; written again as it was",
            Self::Shortened => "shortened while the log was running; what was cut off is lost",
        }
    }
}

/// Such a file.
pub(super) struct Ledger {
    path: PathBuf,
    /// Where the last whole entry of a file ends.
    whole: fn(&dyn Disk, &Path) -> io::Result<u64>,
    open: Option<Open>,
    /// Not told yet.
    harm: Option<Harm>,
}

struct Open {
    file: Box<dyn DiskFile>,
    /// How much of it counts.
    bytes: u64,
}

impl Ledger {
    /// Nothing is opened or made before the first entry is appended.
    pub(super) fn new(path: PathBuf, whole: fn(&dyn Disk, &Path) -> io::Result<u64>) -> Self {
        Self { path, whole, open: None, harm: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How much of it counts.
    pub(super) fn bytes(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.bytes)
    }

    /// Cuts what is not whole. Called when the log is opened, and again only after it failed.
    pub(super) fn open(&mut self, disk: &dyn Disk) -> io::Result<()> {
        match disk.stat(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(_) => {
                let bytes = (self.whole)(disk, &self.path)?;
                let mut file = disk.append(&self.path)?;
                if file.stat()?.bytes > bytes {
                    file.truncate(bytes)?;
                }
                self.open = Some(Open { file, bytes });
                Ok(())
            }
        }
    }

    /// Appends an entry and returns once it is on the disk. After an error the file is as it was before, or will be
    /// made so before the next entry.
    pub(super) fn append(&mut self, disk: &dyn Disk, entry: &[u8]) -> io::Result<()> {
        self.mend(disk)?;
        let Some(open) = &mut self.open else { return Err(ErrorKind::NotFound.into()) };
        write_all(&mut *open.file, entry)?;
        open.file.sync()?;
        open.bytes += entry.len() as u64;
        Ok(())
    }

    /// Takes out again what an entry that failed may have left, and returns once that is on the disk.
    pub(super) fn settle(&mut self, disk: &dyn Disk) -> io::Result<()> {
        self.mend(disk)?;
        self.open.as_mut().map_or(Ok(()), |open| open.file.sync())
    }

    /// What somebody did to it since this was asked last.
    pub(super) fn take_harm(&mut self) -> Option<Harm> {
        self.harm.take()
    }

    /// Sees to it that the path leads to the open file, and that the file has what counts and nothing more.
    fn mend(&mut self, disk: &dyn Disk) -> io::Result<()> {
        if self.open.is_none() {
            drop(disk.append(&self.path)?);
            self.sync_dir(disk)?;
            return self.open(disk);
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let ours = open.file.stat()?;
        match disk.stat(&self.path) {
            Ok(there) if there.id == ours.id => {}
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {
                self.rewrite(disk, 0)?;
                self.harm = Some(Harm::Replaced);
                return Ok(());
            }
        }
        if ours.bytes < open.bytes {
            open.bytes = (self.whole)(disk, &self.path)?;
            self.harm = Some(Harm::Shortened);
        }
        if ours.bytes > open.bytes {
            open.file.truncate(open.bytes)?;
        }
        Ok(())
    }

    /// Puts a new file in the place of this one, with what counts of it from `from` on. Either all of that is done or
    /// none.
    pub(super) fn rewrite(&mut self, disk: &dyn Disk, from: u64) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let draft = draft_of(&self.path);
        match disk.remove(&draft) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = disk.create(&draft)?;
        let mut block = vec![0; COPY_BYTES];
        let mut at = from;
        while at < open.bytes {
            let most = usize::try_from(open.bytes - at).unwrap_or(COPY_BYTES).min(COPY_BYTES);
            let read = open.file.read_at(at, &mut block[..most])?;
            if read == 0 {
                break;
            }
            write_all(&mut *file, &block[..read])?;
            at += read as u64;
        }
        file.sync()?;
        disk.rename(&draft, &self.path)?;
        self.open = Some(Open { file, bytes: at - from.min(at) });
        self.sync_dir(disk)
    }

    fn sync_dir(&self, disk: &dyn Disk) -> io::Result<()> {
        disk.sync_dir(self.path.parent().unwrap_or(Path::new(".")))
    }
}

/// Where a file is written before it is put in its place.
fn draft_of(path: &Path) -> PathBuf {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".tmp");
    draft.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::disk::RealDisk;

    fn whole_lines(disk: &dyn Disk, path: &Path) -> io::Result<u64> {
        let mut text = Vec::new();
        io::Read::read_to_end(&mut disk.read(path)?, &mut text)?;
        Ok(memchr::memrchr(b'\n', &text).map_or(0, |at| at as u64 + 1))
    }

    fn ledger(dir: &Path) -> Ledger {
        Ledger::new(dir.join("some.log"), whole_lines)
    }

    fn text(dir: &Path) -> String {
        std::fs::read_to_string(dir.join("some.log")).unwrap()
    }

    #[test]
    fn a_torn_end_is_cut_when_it_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("some.log"), "one\ntw").unwrap();
        let mut ledger = ledger(dir.path());
        ledger.open(&RealDisk).unwrap();
        ledger.append(&RealDisk, b"two\n").unwrap();
        assert_eq!((text(dir.path()).as_str(), ledger.take_harm()), ("one\ntwo\n", None));
    }

    #[test]
    fn a_file_that_was_taken_away_is_made_again_whole() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = ledger(dir.path());
        ledger.open(&RealDisk).unwrap();
        ledger.append(&RealDisk, b"one\n").unwrap();
        std::fs::remove_file(ledger.path()).unwrap();
        ledger.append(&RealDisk, b"two\n").unwrap();
        assert_eq!(ledger.take_harm(), Some(Harm::Replaced));
        std::fs::write(dir.path().join("other"), "not ours\n").unwrap();
        std::fs::rename(dir.path().join("other"), ledger.path()).unwrap();
        ledger.append(&RealDisk, b"three\n").unwrap();
        assert_eq!(ledger.take_harm(), Some(Harm::Replaced));
        ledger.append(&RealDisk, b"four\n").unwrap();
        assert_eq!((text(dir.path()).as_str(), ledger.take_harm()), ("one\ntwo\nthree\nfour\n", None));
    }

    #[test]
    fn what_somebody_cut_off_or_added_does_not_spoil_the_next_entry() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = ledger(dir.path());
        ledger.append(&RealDisk, b"one\n").unwrap();
        ledger.append(&RealDisk, b"two\n").unwrap();
        std::fs::write(ledger.path(), "one\nt").unwrap();
        ledger.append(&RealDisk, b"three\n").unwrap();
        assert_eq!(ledger.take_harm(), Some(Harm::Shortened));
        std::fs::write(ledger.path(), "one\nthree\njunk").unwrap();
        ledger.append(&RealDisk, b"four\n").unwrap();
        assert_eq!((text(dir.path()).as_str(), ledger.take_harm()), ("one\nthree\nfour\n", None));
    }

    #[test]
    fn the_head_of_a_file_can_be_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = ledger(dir.path());
        for entry in ["one\n", "two\n", "three\n"] {
            ledger.append(&RealDisk, entry.as_bytes()).unwrap();
        }
        ledger.rewrite(&RealDisk, 4).unwrap();
        ledger.append(&RealDisk, b"four\n").unwrap();
        assert_eq!(text(dir.path()), "two\nthree\nfour\n");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
