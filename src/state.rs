//! The data folder and the state file in it: one sidecar a folder, a state that survives a kill, and a damaged
//! file that is set aside with a word instead of a refusal to start.
//!
//! Layout of `state.bin`: 8 bytes of magic, version (u32), CRC-32 of the body (u32), length of the body (u64),
//! all little-endian; then the body in postcard. It is written beside, flushed to disk and renamed, so that
//! there is a whole one at any time.

use crate::audit;
use crate::own::Own;
use serde::Serialize;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;
use tokio::sync::oneshot;
use watchkeeper_audit::sources::life::{self, Asker};
use watchkeeper_core::fleet::Device;
use watchkeeper_core::report::Watched;
use watchkeeper_core::save::{Saved, VERSION};
use watchkeeper_core::time::{Micros, Mono, SECOND};

const MAGIC: &[u8; 8] = b"WKSTATE\n";
const HEADER: usize = 24;

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataDirError {
    /// It cannot be made or written.
    #[error(
        "the data folder {path} cannot be written: {why}; give a folder that this user may write, with --data-dir"
    )]
    NotWritable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// Somebody else uses it.
    #[error(
        "the data folder {path} is in use by another watchkeeper; give each sidecar its own, with --data-dir"
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
}

/// A data folder that is ours as long as this exists.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// A random name of the folder, which makes our client ids differ from another sidecar's.
    pub(crate) id: String,
    _lock: File,
}

impl DataDir {
    /// Makes the folder if need be and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, DataDirError> {
        let refuse = |why| DataDirError::NotWritable { path: path.to_owned(), why };
        fs::create_dir_all(path).map_err(refuse)?;
        let lock = File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(path.join("lock"))
            .map_err(refuse)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DataDirError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(why)) => return Err(refuse(why)),
        }
        let id = folder_id(path).map_err(refuse)?;
        Ok(Self { path: path.to_owned(), id, _lock: lock })
    }

    /// The state file of this folder.
    pub(crate) fn state_file(&self) -> StateFile {
        StateFile { path: self.path.join("state.bin") }
    }
}

/// Eight hexadecimal digits that stay the same as long as the folder does.
fn folder_id(path: &Path) -> io::Result<String> {
    let file = path.join("id");
    if let Ok(id) = fs::read_to_string(&file)
        && id.trim().len() == 8
        && id.trim().bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return Ok(id.trim().to_owned());
    }
    // The standard library's hasher is seeded from the system's entropy; more is not needed to tell folders apart.
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), std::process::id());
    let id = format!("{:08x}", random & 0xFFFF_FFFF);
    write_whole(&file, format!("{id}\n").as_bytes())?;
    Ok(id)
}

/// Where the state is kept.
#[derive(Clone, Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
}

impl StateFile {
    /// Reads what was saved; nothing when there is none. A file that cannot be used is set aside, told and recorded.
    pub(crate) fn load(&self, audit: &audit::Desk) -> Vec<Saved<Device>> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                self.set_aside(&error.to_string(), audit);
                return Vec::new();
            }
        };
        match read(&bytes) {
            Ok(saved) => saved,
            Err(why) => {
                self.set_aside(why, audit);
                Vec::new()
            }
        }
    }

    fn set_aside(&self, why: &str, audit: &audit::Desk) {
        let details = format!("the state file {} cannot be used", self.path.display());
        audit.note(life::state_reset(crate::clock::wall(), Asker::default(), why, &details));
        let aside = self.path.with_extension(format!("damaged-{}", crate::clock::wall().0 / 1_000_000));
        match fs::rename(&self.path, &aside) {
            Ok(()) => tracing::error!(
                file = %self.path.display(), aside = %aside.display(), why,
                "the state file cannot be used; it was set aside and tracking starts anew"
            ),
            Err(error) => tracing::error!(
                file = %self.path.display(), why, %error,
                "the state file cannot be used nor set aside; tracking starts anew and will overwrite it"
            ),
        }
    }

    fn write(&self, body: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(HEADER + body.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
        bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
        bytes.extend_from_slice(body);
        write_whole(&self.path, &bytes)
    }
}

/// Writes beside, flushes, renames.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&beside, path)
}

fn read(bytes: &[u8]) -> Result<Vec<Saved<Device>>, &'static str> {
    let (header, body) = bytes.split_at_checked(HEADER).ok_or("it is shorter than its header")?;
    if &header[..8] != MAGIC {
        return Err("it is no state file");
    }
    let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if number(8) != VERSION {
        return Err("it was written by another version");
    }
    if u64::from(number(16)) | (u64::from(number(20)) << 32) != body.len() as u64 {
        return Err("it has not the length it should have");
    }
    if crc32fast::hash(body) != number(12) {
        return Err("its checksum does not match");
    }
    postcard::from_bytes(body).map_err(|_| "its body cannot be read")
}

/// Why the state could not be saved.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what}")]
pub(crate) struct NotSaved {
    what: String,
    /// There is no room for it.
    pub(crate) is_full: bool,
}

impl NotSaved {
    fn written(file: &Path, why: &io::Error) -> Self {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        Self {
            what: format!("the state file {} cannot be written: {why}", file.display()),
            is_full: matches!(why.kind(), StorageFull | QuotaExceeded),
        }
    }

    /// What to do about it.
    pub(crate) fn cure(&self) -> &'static str {
        if self.is_full {
            "make room on its disk"
        } else {
            "see that its folder is there and that this user may write in it"
        }
    }
}

/// Who wants to know when what is so now is on the disk.
pub(crate) type Waiting = oneshot::Sender<Result<(), NotSaved>>;

/// Saves in the background, one at a time.
pub(crate) struct Saver {
    file: StateFile,
    own: Own,
    running: Option<tokio::task::JoinHandle<()>>,
    saved_at: Option<Mono>,
    /// Brokers that were watched before and are not now: to be kept as they are, for they may be watched again.
    away: Vec<Saved<Device>>,
}

/// What is known of one broker, now or from before; both are written alike.
#[derive(Serialize)]
#[serde(untagged)]
enum Kept<'a> {
    Watched(Box<Saved<&'a Device>>),
    Away(&'a Saved<Device>),
}

impl Saver {
    /// A saver that has saved nothing yet. What is `away` is saved each time as it is.
    pub(crate) fn new(file: StateFile, own: Own, away: Vec<Saved<Device>>) -> Self {
        Self { file, own, running: None, saved_at: None, away }
    }

    /// Whether a save besides the regular ones is in order: not twice a second, however many ask.
    pub(crate) fn is_due(&self, now: Mono) -> bool {
        const LEAST: Micros = SECOND;
        self.saved_at.is_none_or(|at| now.since(at) >= LEAST)
    }

    /// The save before is still being written.
    pub(crate) fn is_busy(&self) -> bool {
        self.running.as_ref().is_some_and(|task| !task.is_finished())
    }

    /// Begins to save; the save before must have been written. Who is `waiting` hears how it went.
    pub(crate) fn save(&mut self, watched: &[Watched], waiting: Vec<Waiting>) {
        self.saved_at = Some(crate::clock::mono());
        let (file, own, body) = (self.file.clone(), self.own.clone(), self.encode(watched));
        let write = move || tell(waiting, &body.and_then(|body| write_and_count(&file, &own, &body)));
        self.running = Some(tokio::task::spawn_blocking(write));
    }

    /// Waits for the save that is being written, if there is one. Nothing is lost where nobody waits to the end.
    pub(crate) async fn settle(&mut self) {
        if let Some(running) = &mut self.running {
            drop(running.await);
            self.running = None;
        }
    }

    /// Saves for the last time, at once.
    pub(crate) fn finish(&self, watched: &[Watched], waiting: Vec<Waiting>) {
        let written = self.encode(watched).and_then(|body| write_and_count(&self.file, &self.own, &body));
        tell(waiting, &written);
    }

    /// The body of the state file.
    pub(crate) fn encode(&self, watched: &[Watched]) -> Result<Vec<u8>, NotSaved> {
        let watched = watched.iter().map(|one| Kept::Watched(Box::new(one.save())));
        let saved: Vec<Kept> = watched.chain(self.away.iter().map(Kept::Away)).collect();
        postcard::to_stdvec(&saved).map_err(|why| {
            self.own.state_save_failures.inc();
            NotSaved { what: format!("the state cannot be encoded: {why}"), is_full: false }
        })
    }
}

/// A waiter who has gone is no error.
fn tell(waiting: Vec<Waiting>, written: &Result<(), NotSaved>) {
    for one in waiting {
        drop(one.send(written.clone()));
    }
}

fn write_and_count(file: &StateFile, own: &Own, body: &[u8]) -> Result<(), NotSaved> {
    let start = Instant::now();
    let written = file.write(body);
    match &written {
        Ok(()) => own.state_saves.inc(),
        Err(error) => {
            if own.state_save_failures.get() == 0 {
                tracing::error!(file = %file.path.display(), %error, "the state cannot be saved; tracking goes on");
            }
            own.state_save_failures.inc();
        }
    }
    own.state_save_seconds.observe(start.elapsed().as_secs_f64());
    written.map_err(|why| NotSaved::written(&file.path, &why))
}
