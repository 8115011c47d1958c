//! The life of a log: the folder is taken, read and written on; at the end what waits is written and signed. Nothing
//! here is part of the way of a record.

use super::batch::{Batch, Piece};
use super::closer::{Closer, Job};
use super::config::{Config, Parts};
use super::disk::{Disk, Lock};
use super::failure::{Doing, Failure, Hushes};
use super::frame;
use super::gate::Gate;
use super::handle::{LogHandle, queue_length};
use super::recover::{Found, recover};
use super::shed::Shed;
use super::space::Room;
use super::status::{Shared, State};
use super::writer::{OnDurable, Writer};
use crate::folder;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use watchkeeper_core::time::Mono;

/// Why the log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes into the folder.
    #[error("{} is in use by another sidecar ({by}); give each its own folder", dir.display())]
    InUse {
        /// The folder.
        dir: PathBuf,
        /// Who has it.
        by: String,
    },
    /// There is something else of that name.
    #[error("{} is no folder; give the audit log one of its own", .0.display())]
    NoFolder(PathBuf),
    /// The disk refused.
    #[error("{doing}: {error}")]
    Refused {
        /// What was being done.
        doing: String,
        /// What the operating system said.
        error: io::Error,
    },
}

impl From<Failure> for OpenError {
    fn from(Failure { doing, error }: Failure) -> Self {
        Self::Refused { doing, error }
    }
}

/// An open log. Dropped without `stop`, it writes what a second allows.
pub struct Log {
    handle: LogHandle,
    guard: Option<WorkerGuard>,
    jobs: Sender<Job>,
    closer: Option<JoinHandle<()>>,
    pace: Option<(Sender<()>, JoinHandle<()>)>,
    /// Gone when the folder is free for another process.
    writer: Weak<()>,
}

/// How often the writer is told that time passes, and how often while the disk refuses.
const TICK: Duration = Duration::from_millis(250);
const TICK_BLOCKED: Duration = Duration::from_millis(50);

impl Log {
    /// Opens the log of a folder, and goes on where it ended. `on_durable` is called by the thread that writes.
    pub fn open(config: Config, on_durable: OnDurable) -> Result<(Self, LogHandle), OpenError> {
        let parts = Parts::real(&config);
        Self::open_with(config, parts, on_durable)
    }

    /// As `open`, with other parts.
    pub fn open_with(
        config: Config,
        parts: Parts,
        on_durable: OnDurable,
    ) -> Result<(Self, LogHandle), OpenError> {
        let length = queue_length(&parts);
        let format = config.format;
        let (writer, closer) = prepare(config, parts, on_durable)?;
        let (shared, clock) = (Arc::clone(&writer.shared), Arc::clone(&writer.clock));
        let (jobs, alive) = (writer.closer.clone(), Arc::downgrade(&writer.alive));
        let builder = NonBlockingBuilder::default().lossy(false).buffered_lines_limit(length);
        let (queue, guard) = builder.thread_name("audit-writer").finish(writer);
        let handle = LogHandle { queue, shared, clock, format };
        let spawn = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let doing = || "starting a thread of the audit log".to_owned();
        let closer = spawn("audit-closer").spawn(move || closer.run()).doing(doing)?;
        let (stop, stopped) = mpsc::channel::<()>();
        let ticking = handle.clone();
        let pace = spawn("audit-clock").spawn(move || {
            while let Err(mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(ticking.pace()) {
                ticking.tick();
            }
        });
        let pace = Some((stop, pace.doing(doing)?));
        let closer = Some(closer);
        Ok((Self { handle: handle.clone(), guard: Some(guard), jobs, closer, pace, writer: alive }, handle))
    }

    /// Writes and signs what waits, and says whether everything is on the disk. It takes no longer than that,
    /// whatever the disk does; what is not on the disk by then was never acknowledged.
    pub fn stop(mut self, within: Duration) -> bool {
        let until = Instant::now() + within;
        let left = || until.saturating_duration_since(Instant::now());
        let shared = Arc::clone(&self.handle.shared);
        shared.gate.shut();
        let mut well = shared.gate.empty_within(left());
        if well {
            well = self.seal_within(left);
        }
        if let Some((stop, pace)) = self.pace.take() {
            drop(stop);
            let _ = pace.join();
        }
        let _ = self.jobs.send(Job::Stop);
        match self.guard.take() {
            Some(guard) if well => drop(guard),
            // The thread may hang in the disk for ever: nobody waits for it.
            Some(guard) => drop(std::thread::Builder::new().spawn(move || drop(guard))),
            None => {}
        }
        // The folder is free for the next when both threads have let go of it. What is being compressed is so again
        // after the next start; and there is no event to wait for, the thread of the writer being another's.
        let busy = || {
            self.writer.strong_count() > 0 || self.closer.as_ref().is_some_and(|closer| !closer.is_finished())
        };
        while well && busy() && !left().is_zero() {
            std::thread::sleep(Duration::from_millis(1));
        }
        shared.status().state = State::Stopped;
        well
    }
}

impl Log {
    /// Has all of it signed. A disk that refuses is asked again while there is time.
    fn seal_within(&self, left: impl Fn() -> Duration) -> bool {
        loop {
            let sealed = self.handle.send(frame::SEAL).then(|| self.handle.shared.sealed_within(left()));
            match sealed {
                Some(Some(true)) => return true,
                Some(Some(false)) if !left().is_zero() => std::thread::sleep(TICK_BLOCKED.min(left())),
                _ => return false,
            }
        }
    }
}

impl LogHandle {
    fn pace(&self) -> Duration {
        let blocked = matches!(self.shared.status().state, State::Blocked { .. });
        if blocked { TICK_BLOCKED } else { TICK }
    }

    /// Lets the writer know that time has passed, unless it has not heard of the last time yet.
    fn tick(&self) {
        if !self.shared.tick.swap(true, Ordering::AcqRel) {
            self.send(frame::TICK);
        }
    }
}

/// Takes the folder and reads it. The writer is as it would be in the middle of its life.
pub(super) fn prepare(
    config: Config,
    mut parts: Parts,
    on_durable: OnDurable,
) -> Result<(Writer, Closer), OpenError> {
    let disk = Arc::clone(&parts.disk);
    let dir = config.dir.clone();
    take_folder(&dir, &*disk)?;
    let lock = take_lock(&dir, &*disk)?;
    let now = (parts.clock)();
    let found = recover(&dir, &*disk, &mut *parts.seal, config.compress, now.wall)?;
    let (jobs, to_do) = mpsc::channel();
    let (done, is_done) = mpsc::channel();
    let closer = Closer {
        dir: dir.clone(),
        disk: Arc::clone(&disk),
        compress: parts.compress,
        reindex: parts.reindex,
        to_index: VecDeque::new(),
        jobs: to_do,
        done,
        failed: Vec::new(),
    };
    let Found { live, next, closed, told, jobs: left } = found;
    let mut writer = Writer {
        config,
        dir,
        disk,
        clock: parts.clock,
        seal: parts.seal,
        shared: Arc::new(Shared::new(Gate::new(parts.records_max, parts.bytes_max))),
        on_durable,
        reported: 0,
        lock: Some(lock),
        dir_mode: None,
        alive: Arc::default(),
        closer: jobs,
        done: is_done,
        own: Batch::default(),
        batch: Batch::default(),
        piece: Piece::default(),
        piece_own: 0,
        live,
        next,
        closed,
        room: Room::default(),
        trouble: None,
        shed: Shed::default(),
        unsigned_since: None,
        signed_at: None,
        due_at: Mono(0),
        prune_at: now.mono,
        linked: false,
        hush: Hushes::default(),
    };
    for job in left {
        writer.send(job);
    }
    for draft in &told {
        writer.say(draft);
    }
    writer.begin()?;
    Ok((writer, closer))
}

/// The folder, made if need be. It may be reached over a link.
fn take_folder(dir: &Path, disk: &dyn Disk) -> Result<(), OpenError> {
    let doing = || format!("making the folder {}", dir.display());
    let made = disk.make_dir(dir);
    match disk.stat(&dir.join(".")) {
        Ok(stat) if stat.mode & 0o022 != 0 => {
            tracing::warn!(dir = %dir.display(), "others may write into the folder of the audit log");
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(OpenError::NoFolder(dir.to_owned()));
        }
        _ => {}
    }
    made.doing(doing)?;
    match dir.parent() {
        Some(above) if above != Path::new("") => disk.sync_dir(above).doing(doing)?,
        _ => {}
    }
    Ok(())
}

fn take_lock(dir: &Path, disk: &dyn Disk) -> Result<Lock, OpenError> {
    let path = dir.join(folder::LOCK);
    let note = format!("{}\n", std::process::id());
    let lock = disk.lock(&path, &note).doing(|| format!("locking {}", path.display()))?;
    lock.ok_or_else(|| {
        let mut by = String::new();
        let read = disk.read(&path).and_then(|mut file| io::Read::read_to_string(&mut file, &mut by));
        let by = match read {
            Ok(_) if !by.trim().is_empty() => format!("process {}", by.trim()),
            _ => "process unknown".to_owned(),
        };
        OpenError::InUse { dir: dir.to_owned(), by }
    })
}
