//! The thread behind the writer: compresses closed segments, unlinks pruned ones, and gives those an index that have
//! none, one after another, so that they never meet. It must never remove the raw file before the compressed one was read back and found equal, and it
//! never touches the segment that is being written.

use super::config::{Compress, Reindex};
use super::disk::Disk;
use super::failure::Hush;
use super::lines::hash_of;
use super::seal::ManifestFacts;
use crate::folder;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};
use watchkeeper_core::time::{Mono, micros};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// A closed segment; `entry` is what the manifest says of it.
    Compress { first: u64, entry: Option<ManifestFacts> },
    /// A closed segment that may have more than its records, which are so many bytes: what stands behind them was
    /// written again elsewhere, and perhaps could not be cut off when it was closed.
    Cut { first: u64, bytes: u64 },
    /// Its `pruned` record is durable.
    Remove { first: u64 },
    /// Nothing more.
    Stop,
}

/// A segment is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Done {
    pub first: u64,
    /// What it takes on the disk now.
    pub bytes: u64,
}

/// What it works with.
pub(super) struct Closer {
    pub dir: PathBuf,
    pub disk: Arc<dyn Disk>,
    pub compress: Compress,
    pub jobs: Receiver<Job>,
    pub done: Sender<Done>,
    /// To be done once more, in their order.
    pub failed: Vec<Job>,
    pub reindex: Reindex,
    /// Compressed segments whose index is to be looked at, when there is nothing else to do.
    pub to_index: VecDeque<PathBuf>,
}

/// What failed is tried again so often.
const RETRY_EVERY: Duration = Duration::from_secs(60);
/// An index is a cache: somebody may remove it, and another version of the program cannot read it.
const INDEX_EVERY: Duration = Duration::from_secs(3_600);

impl Closer {
    /// Works until it is told to stop, or nobody is left who could.
    pub(super) fn run(mut self) {
        let origin = Instant::now();
        let (mut retry_at, mut index_at) = (origin + RETRY_EVERY, origin);
        let mut hush = Hush::default();
        loop {
            if Instant::now() >= index_at {
                index_at = Instant::now() + INDEX_EVERY;
                self.to_index = self.packed();
            }
            // One at a time, so that a stop waits for one segment at most.
            let due = if self.to_index.is_empty() { retry_at } else { origin };
            let done = match self.jobs.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(job) => self.take(job),
                Err(RecvTimeoutError::Timeout) if !self.to_index.is_empty() => self.index_one(),
                Err(RecvTimeoutError::Timeout) => {
                    retry_at = Instant::now() + RETRY_EVERY;
                    self.retry()
                }
            };
            if let Err(error) = done
                && hush.speak(Mono(micros(origin.elapsed())))
            {
                tracing::warn!(%error, waiting = self.failed.len(), "closed segments stay as they are for now");
            }
        }
    }

    /// The compressed segments, newest first: these are asked for most.
    fn packed(&self) -> VecDeque<PathBuf> {
        let names = self.disk.list(&self.dir).unwrap_or_default();
        let packed = names.iter().rev().filter(|name| folder::parse(name).is_some_and(|(_, packed)| packed));
        packed.map(|name| self.dir.join(name)).collect()
    }

    fn index_one(&mut self) -> io::Result<()> {
        let Some(segment) = self.to_index.pop_front() else { return Ok(()) };
        if (self.reindex)(&segment)? {
            tracing::info!(segment = %segment.display(), "its index was absent or of no use, and was made anew");
        }
        Ok(())
    }

    /// Does a job, or keeps it for later. Segments go in their order: where one cannot be removed, none after it is,
    /// so that no gap is ever left that the log does not tell.
    pub(super) fn take(&mut self, job: Job) -> io::Result<()> {
        let removes = |job: &Job| matches!(job, Job::Remove { .. });
        let cuts = |segment| move |job: &Job| matches!(job, Job::Cut { first, .. } if *first == segment);
        let waits = match job {
            Job::Remove { .. } => self.failed.iter().any(removes),
            // It is not compressed with what does not belong to it.
            Job::Compress { first, .. } => self.failed.iter().any(cuts(first)),
            _ => false,
        };
        if waits {
            self.failed.push(job);
            return Ok(());
        }
        let done = self.work(job);
        if done.is_err() {
            self.failed.push(job);
        }
        done
    }

    /// Does what failed before once more.
    pub(super) fn retry(&mut self) -> io::Result<()> {
        let failed = std::mem::take(&mut self.failed);
        failed.into_iter().map(|job| self.take(job)).fold(Ok(()), Result::and)
    }

    /// One job. Each may be done again, whatever came of it the first time.
    fn work(&self, job: Job) -> io::Result<()> {
        match job {
            Job::Compress { first, entry } => self.pack(first, entry),
            Job::Cut { first, bytes } => self.cut(first, bytes),
            Job::Remove { first } => self.remove(first),
            Job::Stop => Ok(()),
        }
    }

    fn pack(&self, first: u64, entry: Option<ManifestFacts>) -> io::Result<()> {
        let raw = self.dir.join(folder::segment_name(first));
        let packed = self.dir.join(folder::packed_name(first));
        if !exists(&*self.disk, &raw)? {
            return Ok(());
        }
        let wanted = hash_of(&*self.disk, &raw, false)?;
        if entry.is_some_and(|entry| entry.segment.bytes != wanted.1) {
            // Somebody changed it: it stays as it is, for whoever looks into that.
            tracing::warn!(file = %raw.display(), "a closed segment is not as long as the manifest says");
            return Ok(());
        }
        let is_packed = || hash_of(&*self.disk, &packed, true).is_ok_and(|is| is == wanted);
        if !(exists(&*self.disk, &packed)? && is_packed()) {
            (self.compress)(&raw, &packed)?;
            if !is_packed() {
                self.disk.remove(&packed)?;
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not read back as it was"));
            }
        }
        self.disk.remove(&raw)?;
        self.disk.sync_dir(&self.dir)?;
        let caches = folder::cache_names(first).map(|name| self.disk.stat(&self.dir.join(name)));
        let caches: u64 = caches.into_iter().flatten().map(|stat| stat.bytes).sum();
        let _ = self.done.send(Done { first, bytes: self.disk.stat(&packed)?.bytes + caches });
        Ok(())
    }

    fn cut(&self, first: u64, bytes: u64) -> io::Result<()> {
        let raw = self.dir.join(folder::segment_name(first));
        if !exists(&*self.disk, &raw)? {
            return Ok(());
        }
        let mut file = self.disk.append(&raw)?;
        if file.stat()?.bytes > bytes {
            file.truncate(bytes)?;
            file.sync()?;
        }
        Ok(())
    }

    fn remove(&self, first: u64) -> io::Result<()> {
        let segment = [folder::segment_name(first), folder::packed_name(first)];
        // A draft stands there when compressing failed, and so did removing what there was of it.
        let beside = folder::cache_names(first).into_iter().chain(folder::draft_names(first));
        for name in segment.into_iter().chain(beside) {
            match self.disk.remove(&self.dir.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.disk.sync_dir(&self.dir)
    }
}

fn exists(disk: &dyn Disk, path: &Path) -> io::Result<bool> {
    match disk.stat(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
