//! Looks whether the segment that is being written is still the file of its name, and as long as we made it: a
//! writer that holds a file open would not notice by itself that somebody removed, replaced or cut it. Only looks.

use super::disk::{Disk, Stat};
use super::segment::Live;
use std::io;
use std::path::Path;

/// What there is to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// All is as it should be.
    Same,
    /// Its permissions are others.
    Mode(u32),
    /// It has other bytes behind the settled ones than we wrote there; the settled ones are all there.
    Disturbed(u64),
    /// The folder is not there any more.
    FolderGone,
    /// It has no name any more.
    Removed,
    /// It has another name.
    Renamed,
    /// Its name leads to another file.
    Replaced,
    /// It is shorter than what was settled.
    Cut(u64),
}

impl Seen {
    /// The reason that a record gives.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Seen::Same => "unchanged",
            Seen::Mode(_) => "permissions changed",
            Seen::Disturbed(_) => "written to by somebody else",
            Seen::FolderGone => "folder removed",
            Seen::Removed => "removed",
            Seen::Renamed => "renamed",
            Seen::Replaced => "replaced",
            Seen::Cut(_) => "truncated",
        }
    }
}

/// Compares the open file with its name; `bytes` is how long it should be.
pub(super) fn look(live: &Live, disk: &dyn Disk, dir: &Path, bytes: u64) -> io::Result<Seen> {
    let open = live.file.stat()?;
    let named = match disk.stat(&live.path) {
        Ok(stat) => Some(stat),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        // A folder that may not be entered says nothing of its files.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Some(open),
        Err(error) => return Err(error),
    };
    let Some(named) = named else {
        // The folder may be reached over a link, which is not what is asked for.
        let folder = disk.stat(&dir.join(".")).is_ok();
        return Ok(match (folder, open.links) {
            (false, _) => Seen::FolderGone,
            (true, 0) => Seen::Removed,
            (true, _) => Seen::Renamed,
        });
    };
    Ok(compare(live, &open, &named, bytes))
}

fn compare(live: &Live, open: &Stat, named: &Stat, bytes: u64) -> Seen {
    if named.id != live.id {
        Seen::Replaced
    } else if open.bytes < live.bytes {
        Seen::Cut(open.bytes)
    } else if open.bytes != bytes {
        Seen::Disturbed(open.bytes)
    } else if open.mode != live.mode {
        Seen::Mode(open.mode)
    } else {
        Seen::Same
    }
}
