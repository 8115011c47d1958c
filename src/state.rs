//! The data folder and the state file in it: one sidecar a folder, a state that survives a kill, and a damaged
//! file that is set aside with a word instead of a refusal to start.
//!
//! Layout of `state.bin`: 8 bytes of magic, version (u32), CRC-32 of the body (u32), length of the body (u64),
//! all little-endian; then the body in postcard. It is written beside, flushed to disk and renamed, so that
//! there is a whole one at any time.

use crate::audit;
use std::fs::{self, File, TryLockError};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;
use watchkeeper_audit::sources::life::{self, Asker};
use watchkeeper_core::fleet::Device;
use watchkeeper_core::save::{Saved, VERSION};
use watchkeeper_core::shard::Shard;

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

    /// Keeps the file as it is beside itself, since this shard is about to leave out of it what is another's. Whoever gave
    /// it the wrong number has a way back.
    pub(crate) fn keep_before(&self, shard: Shard, left_out: usize) {
        let (index, total) = (shard.index(), shard.total());
        let name =
            |more: &str| self.path.with_extension(format!("before-shard-{index}-of-{total}{more}.bin"));
        let kept = match name("") {
            taken if taken.exists() => name(&format!("-{}", crate::clock::wall().0 / 1_000_000)),
            free => free,
        };
        // A save puts a new file in the place of this one, so that a second name is as good as a copy, at once and whole. Not
        // every file system has them.
        let linked = fs::hard_link(&self.path, &kept);
        match linked.or_else(|_| fs::copy(&self.path, &kept).and_then(|_| File::open(&kept)?.sync_all())) {
            Ok(()) => tracing::warn!(
                left_out, index, total, kept = %kept.display(),
                "devices of the saved state are another shard's and left out; the state with them is kept: if the number \
                 is wrong, stop, and put that file in the place of state.bin"
            ),
            Err(error) => tracing::error!(
                left_out, index, total, %error, file = %kept.display(),
                "devices of the saved state are another shard's and left out, and the state with them cannot be kept"
            ),
        }
    }

    /// Writes pieces as they come. Only with the last of them there is a new state; until then the one before stands.
    pub(crate) fn write(&self, mut pieces: mpsc::Receiver<Next>) -> Result<(), NotWritten> {
        let beside = self.path.with_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(&[0; HEADER])?;
        let (mut hasher, mut length) = (crc32fast::Hasher::new(), 0);
        while let Some(next) = pieces.blocking_recv() {
            let piece = next.map_err(NotWritten::Encoding)?;
            file.write_all(&piece.bytes)?;
            hasher.update(&piece.bytes);
            length += piece.bytes.len() as u64;
            if piece.is_last {
                file.rewind()?;
                file.write_all(&header(hasher.finalize(), length))?;
                file.sync_data()?;
                return Ok(fs::rename(&beside, &self.path)?);
            }
        }
        Err(NotWritten::Disk(io::Error::other("it was given up before its end")))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Why there is no new state.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotWritten {
    /// The disk refuses it.
    #[error("{0}")]
    Disk(#[from] io::Error),
    /// What was to be written could not be put into bytes, which is no fault of the disk.
    #[error("{0}")]
    Encoding(String),
}

/// What is to be written next, or why there is no more of it.
pub(crate) type Next = Result<Piece, String>;

/// Bytes of the body, in their order.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) bytes: Vec<u8>,
    /// There are no more.
    pub(crate) is_last: bool,
}

fn header(crc: u32, length: u64) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    bytes[16..].copy_from_slice(&length.to_le_bytes());
    bytes
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
