//! What the log asks of a disk, and the real one. Everything that is written goes through here, so that a test can
//! make any single step of it fail, stop short or never have happened. Nothing here retries, and nothing decides.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use watchkeeper_core::time::Wall;

/// Mode of every file in the folder: the owner writes, the group reads.
pub const FILE_MODE: u32 = 0o640;
/// Mode of the folder.
pub const DIR_MODE: u32 = 0o700;

/// What a path leads to, links not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A regular file.
    File,
    /// A folder.
    Dir,
    /// A symbolic link.
    Link,
    /// A device, socket or pipe.
    Other,
}

/// What the disk says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub what: What,
    /// Device and inode: two files are one when these are equal.
    pub id: (u64, u64),
    /// How many names it has; 0 when it was removed and is open still.
    pub links: u64,
    /// Its length.
    pub bytes: u64,
    /// Its permissions, nine bits and three.
    pub mode: u32,
    /// When it was written last.
    pub modified: Wall,
}

/// Room on a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes that this process may still write.
    pub free: u64,
    /// Bytes that there are at all.
    pub total: u64,
}

/// An open file; what is written goes to its end.
pub trait DiskFile: Send {
    /// Writes some of the bytes at the end, and says how many.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Returns when all that was written is on the disk (fdatasync). After an error nothing is known of it, and a
    /// second call may say yes although it is gone: whoever gets an error writes what matters again, elsewhere.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts it to a length.
    fn truncate(&mut self, bytes: u64) -> io::Result<()>;
    /// What the disk says of it, by whatever name it goes now.
    fn stat(&self) -> io::Result<Stat>;
    /// Reads some bytes from a place; 0 at the end.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize>;
}

/// A file system. Paths are whole; no call follows a link in the last part of its path.
pub trait Disk: Send + Sync {
    /// Makes a file that must not exist yet.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file to write at its end; it is made when it does not exist.
    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Writes the bytes of a file once more over themselves, from a place to its end, and syncs them. What an fsync
    /// of a process before this one has failed to write reads well until it leaves the memory of the system, and no
    /// later fsync writes it; what was written once more is written.
    fn refresh(&self, path: &Path, from: u64) -> io::Result<()>;
    /// Opens a file to read.
    fn read(&self, path: &Path) -> io::Result<Box<dyn Read + Send>>;
    /// What a path leads to.
    fn stat(&self, path: &Path) -> io::Result<Stat>;
    /// The names in a folder, sorted; those that are not UTF-8 are none of ours and left out.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Makes a folder, and those above it, unless it is there.
    fn make_dir(&self, dir: &Path) -> io::Result<()>;
    /// Gives a file another name, in one step; what had that name is gone.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Takes a name away.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes a symbolic link that must not exist yet.
    fn link(&self, target: &str, path: &Path) -> io::Result<()>;
    /// Returns when the names in a folder are on the disk.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// How much room there is.
    fn space(&self, dir: &Path) -> io::Result<Space>;
    /// Makes a file whose bytes are taken from the disk at once.
    fn reserve(&self, path: &Path, bytes: u64) -> io::Result<()>;
    /// Takes a lock; `None` when another process has it. The file is made when it does not exist, and `note` is
    /// written into it.
    fn lock(&self, path: &Path, note: &str) -> io::Result<Option<Lock>>;
}

/// A lock that is held as long as this lives.
pub struct Lock {
    /// Device and inode of its file: when the path leads elsewhere, the lock protects nothing.
    pub id: (u64, u64),
    /// What holds it.
    pub held: Box<dyn Send + Sync>,
}

/// Writes all of it, however short each step is.
pub fn write_all(file: &mut dyn DiskFile, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The disk of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

struct RealFile(File);

/// Never through a link: whoever may write into the folder could point one anywhere.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::CLOEXEC;
    options.mode(FILE_MODE).custom_flags(flags.bits().cast_signed());
    options
}

fn stat_of(meta: &std::fs::Metadata) -> Stat {
    let kind = meta.file_type();
    let what = match () {
        () if kind.is_file() => What::File,
        () if kind.is_dir() => What::Dir,
        () if kind.is_symlink() => What::Link,
        () => What::Other,
    };
    let modified = Wall(meta.mtime().saturating_mul(1_000_000).saturating_add(meta.mtime_nsec() / 1_000));
    let mode = meta.mode() & 0o7777;
    Stat { what, id: (meta.dev(), meta.ino()), links: meta.nlink(), bytes: meta.len(), mode, modified }
}

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(RealFile(options().read(true).append(true).create_new(true).open(path)?)))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(RealFile(options().read(true).append(true).create(true).open(path)?)))
    }

    fn refresh(&self, path: &Path, from: u64) -> io::Result<()> {
        let file = options().read(true).write(true).open(path)?;
        let mut part = vec![0; 256 << 10];
        let mut at = from;
        loop {
            let read = file.read_at(&mut part, at)?;
            if read == 0 {
                return file.sync_all();
            }
            file.write_all_at(&part[..read], at)?;
            at += read as u64;
        }
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(options().read(true).open(path)?))
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        Ok(stat_of(&std::fs::symlink_metadata(path)?))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            names.extend(entry?.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(DIR_MODE).create(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn link(&self, target: &str, path: &Path) -> io::Result<()> {
        std::os::unix::fs::symlink(target, path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn space(&self, dir: &Path) -> io::Result<Space> {
        let stat = rustix::fs::statvfs(dir)?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        Ok(Space { free: bytes(stat.f_bavail), total: bytes(stat.f_blocks) })
    }

    fn reserve(&self, path: &Path, bytes: u64) -> io::Result<()> {
        let file = options().write(true).create(true).truncate(true).open(path)?;
        let taken = rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes);
        if taken.is_err_and(|error| error == rustix::io::Errno::OPNOTSUPP) {
            // A file system that cannot set room aside takes it when zeros are written.
            return write_all(&mut RealFile(file), &vec![0; usize::try_from(bytes).unwrap_or(1 << 20)]);
        }
        Ok(taken?)
    }

    fn lock(&self, path: &Path, note: &str) -> io::Result<Option<Lock>> {
        let mut file = options().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // The note is for people; a disk that is full must not keep the log from being opened.
        let _ = file.set_len(0).and_then(|()| file.write_all(note.as_bytes()));
        let id = stat_of(&file.metadata()?).id;
        Ok(Some(Lock { id, held: Box::new(file) }))
    }
}

impl DiskFile for RealFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn stat(&self) -> io::Result<Stat> {
        Ok(stat_of(&self.0.metadata()?))
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(into, at)
    }
}
