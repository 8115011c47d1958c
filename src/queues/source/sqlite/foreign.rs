//! The way to a database of somebody else that leaves nothing behind: in WAL mode SQLite creates the files `-wal` and `-shm`
//! beside it even for a reader, with the reader's rights, which can keep the owner from his own database. So what is there
//! is looked at before, and only what is there is used. Nothing here may create, change or remove a file.

use super::trouble;
use crate::queues::source::Trouble;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, OpenFlags};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};

/// An owner who comes or goes while it is read is waited out so often.
const TRIES: usize = 4;
/// Where the header says which journal is used, and what it says for WAL.
const HEADER_BYTES: usize = 20;
const WAL: u8 = 2;

const IN_URI: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.');

/// How it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It has no WAL; a reader creates nothing.
    Plain,
    /// Its owner is there, or was until he was killed: `-wal` and `-shm` are there, and are only read.
    Beside,
    /// Nobody has it open and no `-wal` has anything: the file says all. That is looked at again afterwards.
    Alone,
}

/// A file as it is: which, how long, when it was changed.
type File = Option<(u64, u64, i64, i64)>;

/// The database and what lies beside it.
type Files = [File; 2];

/// Reads it, again where its owner came or went meanwhile.
pub(super) fn read<T>(
    path: &Path,
    work: impl Fn(&mut Connection) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    // The files beside it are named after the file itself, not after what leads to it.
    let real = regular(path)?;
    let _turn = Turn::take(&real);
    for _ in 0..TRIES {
        let before = files(&real);
        let way = way(path, &real)?;
        let answer =
            open(&real, way).map_err(|error| trouble(path, &error)).and_then(|mut base| work(&mut base));
        let is_moved = match way {
            Way::Plain => false,
            Way::Beside => answer.is_err() && before[1].is_some() != files(&real)[1].is_some(),
            Way::Alone => before != files(&real),
        };
        if !is_moved {
            return answer;
        }
    }
    Err(Trouble::new(
        format!("{} was opened and closed again and again while it was read", path.display()),
        "it is tried again; ask less often with every",
    ))
}

/// The file itself. What is none, such as a pipe, would be waited for without end.
pub(in crate::queues::source) fn regular(path: &Path) -> Result<PathBuf, Trouble> {
    let told = |error: std::io::Error| {
        let cure = match error.kind() {
            std::io::ErrorKind::PermissionDenied => {
                "this user must be able to read it, and the folder it is in"
            }
            _ => "check the path",
        };
        Trouble::new(format!("{} cannot be opened: {error}", path.display()), cure)
    };
    let real = path.canonicalize().map_err(told)?;
    if std::fs::metadata(&real).map_err(told)?.is_file() {
        return Ok(real);
    }
    Err(Trouble::new(format!("{} is no file", path.display()), "check the path"))
}

fn way(path: &Path, real: &Path) -> Result<Way, Trouble> {
    let mut header = [0; HEADER_BYTES];
    // SQLite says no more than that it cannot open; the system knows why.
    let length = std::fs::File::open(real).and_then(|mut file| file.read(&mut header)).map_err(|error| {
        let cure = match error.kind() {
            std::io::ErrorKind::PermissionDenied => {
                "this user must be able to read it, and the folder it is in"
            }
            _ => "check the path",
        };
        Trouble::new(format!("{} cannot be opened: {error}", path.display()), cure)
    })?;
    if length < HEADER_BYTES || header[HEADER_BYTES - 1] != WAL {
        return Ok(Way::Plain);
    }
    let wal = beside(real, "-wal").metadata().ok();
    let has_shm = beside(real, "-shm").exists();
    match wal {
        Some(_) if has_shm => Ok(Way::Beside),
        Some(wal) if wal.len() > 0 => Err(Trouble::new(
            format!(
                "{} has a file -wal and no -shm: to read it, the other would have to be created",
                path.display()
            ),
            "start its owner once, who puts it in order; a copy must be made with .backup or VACUUM INTO",
        )),
        _ => Ok(Way::Alone),
    }
}

fn open(real: &Path, way: Way) -> rusqlite::Result<Connection> {
    let how = match way {
        Way::Plain => "mode=ro",
        Way::Beside => "mode=ro&readonly_shm=1",
        Way::Alone => "mode=ro&immutable=1",
    };
    let path = percent_encode(real.as_os_str().as_bytes(), IN_URI);
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(format!("file://{path}?{how}"), flags)
}

fn beside(real: &Path, end: &str) -> PathBuf {
    let mut name = real.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn files(real: &Path) -> Files {
    let file = |path: &Path| {
        let found = path.metadata().ok()?;
        Some((found.ino(), found.len(), found.mtime(), found.mtime_nsec()))
    };
    [file(real), file(&beside(real, "-wal"))]
}

/// Files that are being read. A process that closes a file loses all its locks on it, those of another reading among
/// them: so each is read by one source at a time.
static READ: Mutex<Vec<(u64, u64)>> = Mutex::new(Vec::new());
static FREE: Condvar = Condvar::new();

/// One's turn to read a file.
pub(in crate::queues::source) struct Turn(Option<(u64, u64)>);

impl Turn {
    /// Waits for it; who reads has a limit of time.
    pub(in crate::queues::source) fn take(path: &Path) -> Self {
        let Some(file) = path.metadata().ok().map(|found| (found.dev(), found.ino())) else {
            return Self(None);
        };
        let read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        let is_read = |read: &mut Vec<(u64, u64)>| read.contains(&file);
        FREE.wait_while(read, is_read).unwrap_or_else(PoisonError::into_inner).push(file);
        Self(Some(file))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        READ.lock().unwrap_or_else(PoisonError::into_inner).retain(|file| Some(*file) != self.0);
        FREE.notify_all();
    }
}
