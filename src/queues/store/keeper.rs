//! The thread that owns the database: it writes what it is given, says whether that is safe, and tidies when nothing
//! else is to do. Whatever the database refuses is told and tried again with the next snapshot; nobody else waits.

use super::trouble::{Cause, StoreTrouble};
use super::{FILE, Held, Known, Snapshot, Store};
use crate::clock;
use prometheus::IntGauge;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use watchkeeper_core::time::{Micros, SECOND, Wall, micros};

mod mend;
mod meters;

pub(crate) use meters::Meters;

/// Snapshots that may wait; there is one of each source at most, and a source waits for its own.
const WAITING_MAX: usize = 64;

/// Nothing is thrown away before the calendar has had this time to be set right.
const PATIENCE: Duration = Duration::from_secs(600);

/// When the calendar was set, each source has so long to notice it with a snapshot: before that it looks old.
const SET: Duration = Duration::from_secs(3600);

/// How often it is looked whether something is too old.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// Between two steps of tidying, so that a reader of the disk is not shut out.
const PAUSE: Duration = Duration::from_millis(20);

/// A database that cannot be opened is tried again so often, besides at every snapshot.
const AGAIN: Duration = Duration::from_secs(5);

/// What became of a snapshot.
pub(crate) type Kept = Result<i64, StoreTrouble>;

enum Order {
    Keep(Snapshot, oneshot::Sender<Kept>),
    Stop,
}

/// How the database is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status {
    /// Why it refuses, and since when.
    pub(crate) trouble: Option<(StoreTrouble, Wall)>,
    /// Where a file that could not be used was put, and when.
    pub(crate) set_aside: Option<(PathBuf, Wall)>,
    /// Time that the last snapshot took.
    pub(crate) took: Option<Micros>,
}

/// The handle of the thread.
#[derive(Clone)]
pub(crate) struct Keeper {
    orders: SyncSender<Order>,
    meters: Meters,
    status: Arc<Mutex<Status>>,
}

/// The thread itself.
pub(crate) struct Running {
    thread: JoinHandle<()>,
    orders: SyncSender<Order>,
}

impl Keeper {
    /// Starts the thread, and says what the database says of the time before.
    pub(crate) fn start(
        data_dir: &Path,
        sources: Vec<Known>,
        keep_for: Duration,
        meters: Meters,
    ) -> std::io::Result<(Self, Running, oneshot::Receiver<Vec<Held>>)> {
        let (orders, given) = sync_channel(WAITING_MAX);
        let (before, held) = oneshot::channel();
        let status = Arc::new(Mutex::new(Status::default()));
        let keep_ms = i64::try_from(keep_for.as_millis()).unwrap_or(i64::MAX);
        let path = data_dir.join(FILE);
        let depth = meters.depth.clone();
        let mut owner = Owner { path, sources, keep_ms, store: None, status: Arc::clone(&status), depth };
        let thread = std::thread::Builder::new().name("queues-store".to_owned()).spawn(move || {
            owner.open();
            let known = owner.store.as_ref().and_then(|store| store.held().ok()).unwrap_or_default();
            // Nobody listens when the sidecar has stopped meanwhile.
            drop(before.send(known));
            owner.run(&given);
        })?;
        let running = Running { thread, orders: orders.clone() };
        Ok((Self { orders, meters, status }, running, held))
    }

    /// Has a snapshot written; done when it is safe.
    pub(crate) async fn commit(&self, snapshot: Snapshot) -> Kept {
        let (reply, kept) = oneshot::channel();
        let stopping = || StoreTrouble { cause: Cause::Locked, detail: "it is busy or stopping".to_owned() };
        self.meters.depth.inc();
        self.orders.try_send(Order::Keep(snapshot, reply)).map_err(|_| {
            self.meters.depth.dec();
            self.meters.refused.inc();
            stopping()
        })?;
        kept.await.unwrap_or_else(|_| Err(stopping()))
    }

    /// How the database is.
    pub(crate) fn status(&self) -> Status {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Running {
    /// Waits until everything that was given is written.
    pub(crate) fn join(self) -> bool {
        // A thread that has ended by itself needs no word.
        drop(self.orders.send(Order::Stop));
        self.thread.join().is_ok()
    }
}

struct Owner {
    path: PathBuf,
    sources: Vec<Known>,
    keep_ms: i64,
    store: Option<Store>,
    status: Arc<Mutex<Status>>,
    /// Snapshots that wait.
    depth: IntGauge,
}

impl Owner {
    fn run(&mut self, given: &Receiver<Order>) {
        let began = Instant::now();
        let mut next = began + PATIENCE;
        let mut again = began + AGAIN;
        let mut looked = clock::now();
        loop {
            let due = if self.store.is_none() { again } else { next };
            match given.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(Order::Keep(snapshot, reply)) => {
                    self.depth.dec();
                    let kept = self.keep(&snapshot);
                    // Whoever asked may have been stopped meanwhile.
                    drop(reply.send(kept));
                    self.bring_home();
                }
                Err(RecvTimeoutError::Timeout) if self.store.is_none() => {
                    self.open();
                    again = Instant::now() + AGAIN;
                }
                Err(RecvTimeoutError::Timeout) => {
                    let before = std::mem::replace(&mut looked, clock::now());
                    let pause = match step_ms(before, looked) {
                        0 if self.tidy() => PAUSE,
                        0 => TIDY_EVERY,
                        _ => SET,
                    };
                    next = Instant::now() + pause;
                }
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn keep(&mut self, snapshot: &Snapshot) -> Kept {
        let began = clock::mono();
        self.look();
        if self.store.is_none() {
            self.open();
        }
        let mut kept = self.commit(snapshot);
        if let Err(trouble) = &kept
            && trouble.is_lost()
        {
            self.refused(&trouble.clone());
            kept = self.commit(snapshot);
        }
        match &kept {
            Ok(_) => self.works(clock::mono().since(began)),
            Err(trouble) => self.refused(trouble),
        }
        kept
    }

    fn commit(&mut self, snapshot: &Snapshot) -> Kept {
        match &mut self.store {
            Some(store) => store.commit(snapshot),
            None => Err(self.trouble()),
        }
    }

    fn trouble(&self) -> StoreTrouble {
        let status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        let known = status.trouble.as_ref().map(|(trouble, _)| trouble.clone());
        known.unwrap_or_else(|| StoreTrouble::foreign("it is not open".to_owned()))
    }

    fn open(&mut self) {
        match Store::open(&self.path, &self.sources) {
            Ok(store) => self.store = Some(store),
            Err(trouble) => self.refused(&trouble),
        }
    }

    /// What cannot be brought home now will be another time; the next snapshot says what the disk has against it.
    fn bring_home(&mut self) {
        if let Some(Err(error)) = self.store.as_mut().map(Store::bring_home) {
            tracing::debug!(%error, "queues.sqlite-wal is not brought home");
        }
    }

    /// True: there is more to do soon.
    fn tidy(&mut self) -> bool {
        self.look();
        let Some(store) = &mut self.store else { return false };
        match store.tidy(clock::wall(), self.keep_ms) {
            Ok(more) => {
                self.bring_home();
                more
            }
            Err(trouble) => {
                self.refused(&trouble);
                false
            }
        }
    }

    fn works(&self, took: Micros) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        if status.trouble.take().is_some() {
            tracing::info!(file = %self.path.display(), "queues.sqlite is written again");
        }
        status.took = Some(took);
        if took > SECOND {
            tracing::warn!(seconds = took / SECOND, "a snapshot of queues took long to write");
        }
    }

    /// Notes a refusal, once; a file that is of no use is put out of the way, so that the next snapshot finds a new one.
    fn refused(&mut self, trouble: &StoreTrouble) {
        let now = clock::wall();
        if !matches!(trouble.cause, Cause::Locked | Cause::Full) {
            // What was opened while it could not be written stays so for ever.
            self.store.take().map(Store::abandon);
        }
        if trouble.is_lost() {
            self.put_aside(trouble, now);
        }
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut status.trouble {
            Some((known, _)) if known.cause == trouble.cause => {}
            known => {
                tracing::error!(cure = trouble.cure(), "{trouble}");
                *known = Some((trouble.clone(), now));
            }
        }
    }

    fn told_aside(&self, to: PathBuf, now: Wall) {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).set_aside = Some((to, now));
    }

    fn put_aside(&mut self, trouble: &StoreTrouble, now: Wall) {
        match Store::set_aside(&self.path, now) {
            Ok(to) => {
                tracing::error!(aside = %to.display(), "{trouble}; it was set aside, and a new one is begun");
                self.told_aside(to, now);
                self.store = Store::open(&self.path, &self.sources).ok();
            }
            Err(error) => tracing::error!(%error, "queues.sqlite is damaged and cannot be set aside"),
        }
    }
}

/// How far the calendar was set between two looks at both clocks, in milliseconds; what the clocks drift apart is no
/// step.
pub(crate) fn step_ms(before: watchkeeper_core::time::Now, now: watchkeeper_core::time::Now) -> i64 {
    const DRIFT_MS: i64 = 2_000;
    let by_calendar = now.wall.0.saturating_sub(before.wall.0) / 1000;
    let passed =
        i64::try_from(now.mono.since(before.mono) / micros(Duration::from_millis(1))).unwrap_or(i64::MAX);
    let step = by_calendar.saturating_sub(passed);
    if step.abs() > DRIFT_MS { step } else { 0 }
}
