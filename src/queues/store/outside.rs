//! What others do to the files while we run. A database whose files are removed, replaced, cut or written over goes on
//! without a word, and what is written then is lost or makes a file that is not whole: so the files are looked at before
//! each writing. Nothing here may open one of them: to close it again would end the locks of the database.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outside {
    Nothing,
    /// The database is gone, or another one stands under its name.
    Replaced,
    /// The same with `-wal` or `-shm`, without which others do not see what was written.
    Beside,
    /// Somebody wrote to the database or to its `-wal`: another program by the rules, or a copy that was put over it.
    Written,
}

/// One file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

/// The files as we left them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    base: Option<Mark>,
    wal: Option<Mark>,
    /// It is written at every look, so that only whether it is there says something.
    shm: Option<u64>,
}

impl Marks {
    /// The files as they are.
    pub(super) fn of(path: &Path) -> Self {
        Self {
            base: mark(path),
            wal: mark(&beside(path, "-wal")),
            shm: mark(&beside(path, "-shm")).map(|mark| mark.inode),
        }
    }

    /// Takes over what we changed ourselves. Which files they are stays what it was.
    pub(super) fn settle(&mut self, path: &Path) {
        let now = Self::of(path);
        for (known, now) in [(&mut self.base, now.base), (&mut self.wal, now.wal)] {
            if let (Some(known), Some(now)) = (known, now)
                && known.inode == now.inode
            {
                *known = now;
            }
        }
    }

    /// What was done since.
    pub(super) fn look(&self, path: &Path) -> Outside {
        let now = Self::of(path);
        let inode = |mark: Option<Mark>| mark.map(|mark| mark.inode);
        if inode(now.base) != inode(self.base) {
            Outside::Replaced
        } else if inode(now.wal) != inode(self.wal) || now.shm != self.shm {
            Outside::Beside
        } else if now == *self {
            Outside::Nothing
        } else {
            Outside::Written
        }
    }

    /// Whether the file `-wal` that lies there is ours.
    pub(super) fn has_our_wal(&self, path: &Path) -> bool {
        mark(&beside(path, "-wal")).is_some_and(|now| self.wal.is_some_and(|wal| wal.inode == now.inode))
    }
}

/// The name of a file that belongs to a database.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

fn mark(path: &Path) -> Option<Mark> {
    let found = std::fs::metadata(path).ok()?;
    Some(Mark { inode: found.ino(), bytes: found.len(), changed: (found.mtime(), found.mtime_nsec()) })
}
