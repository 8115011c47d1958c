//! A disk that fails at one of its steps, once or for ever.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use watchkeeper_audit::log::disk::{Disk, DiskFile, Lock, RealDisk, Space, Stat};

/// How it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Once, and then it is well again.
    Once,
    /// Once; of what was to be written, half is there.
    Half,
    /// For ever: the process is gone.
    Gone,
    /// For ever; of what was to be written, half is there.
    HalfGone,
}

/// A disk that fails at one of its steps.
#[derive(Clone)]
pub(crate) struct Failing {
    /// Steps until it fails.
    left: Arc<AtomicI64>,
    pub(crate) how: How,
    /// The files that were read and written anew.
    pub(crate) seen: Arc<Mutex<Vec<PathBuf>>>,
}

struct FailingFile {
    file: Box<dyn DiskFile>,
    disk: Failing,
}

impl Failing {
    pub(crate) fn at(step: i64, how: How) -> Self {
        Self { left: Arc::new(AtomicI64::new(step)), how, seen: Arc::default() }
    }

    /// How many steps are left until it fails.
    pub(crate) fn left(&self) -> i64 {
        self.left.load(Ordering::Relaxed)
    }

    fn step(&self) -> io::Result<()> {
        let left = self.left.fetch_sub(1, Ordering::Relaxed);
        let fails = if matches!(self.how, How::Gone | How::HalfGone) { left <= 0 } else { left == 0 };
        if fails { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
    }

    fn file(&self, file: io::Result<Box<dyn DiskFile>>) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(FailingFile { file: file?, disk: self.clone() }))
    }
}

impl DiskFile for FailingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let first = self.disk.left() == 0;
        let half = matches!(self.disk.how, How::Half | How::HalfGone) && first;
        if let Err(error) = self.disk.step() {
            if half {
                self.file.write(&bytes[..bytes.len() / 2])?;
            }
            return Err(error);
        }
        self.file.write(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.step()?;
        self.file.sync()
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.disk.step()?;
        self.file.truncate(bytes)
    }

    fn stat(&self) -> io::Result<Stat> {
        self.disk.step()?;
        self.file.stat()
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        self.disk.step()?;
        self.file.read_at(at, into)
    }
}

impl Disk for Failing {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.step()?;
        self.file(RealDisk.create(path))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.step()?;
        self.file(RealDisk.append(path))
    }

    fn refresh(&self, path: &Path, from: u64) -> io::Result<()> {
        self.step()?;
        self.seen.lock().unwrap().push(path.with_extension("refreshed"));
        RealDisk.refresh(path, from)
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        self.step()?;
        self.seen.lock().unwrap().push(path.to_owned());
        RealDisk.read(path)
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.step()?;
        RealDisk.stat(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.step()?;
        RealDisk.list(dir)
    }

    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.make_dir(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        RealDisk.remove(path)
    }

    fn link(&self, target: &str, path: &Path) -> io::Result<()> {
        RealDisk.link(target, path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.step()?;
        RealDisk.sync_dir(dir)
    }

    fn space(&self, dir: &Path) -> io::Result<Space> {
        RealDisk.space(dir)
    }

    fn reserve(&self, path: &Path, bytes: u64) -> io::Result<()> {
        RealDisk.reserve(path, bytes)
    }

    fn lock(&self, path: &Path, note: &str) -> io::Result<Option<Lock>> {
        RealDisk.lock(path, note)
    }
}
