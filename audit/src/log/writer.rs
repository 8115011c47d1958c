//! The writer: what the thread of tracing-appender carries records to. That thread drops what a writer refuses and
//! flushes only when its queue is empty, so this one refuses nothing, keeps what the disk does not take, and also
//! writes by size and time. It never waits and never sleeps: when the disk refuses, it comes back to it with a later
//! frame, at the latest with the next tick.

use super::batch::{Batch, Piece};
use super::clock::Clock;
use super::closer::{Done, Job};
use super::config::{COMMIT_AFTER, COMMIT_BYTES, COMMIT_RECORDS, Config};
use super::disk::{Disk, Lock};
use super::failure::{Failure, Hushes, Trouble};
use super::frame::{self, Frame, Meta};
use super::seal::Seal;
use super::segment::{Closed, Live};
use super::shed::Shed;
use super::space::Room;
use super::status::{Cause, Shared};
use crate::line;
use crate::record::Draft;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender};
use watchkeeper_core::time::{Mono, Now};

/// Told that everything up to and with a mark is durable. The thread that writes calls it, so it must not wait.
pub type OnDurable = Box<dyn Fn(u64) + Send>;

pub(super) struct Writer {
    pub config: Config,
    /// The folder, without links.
    pub dir: PathBuf,
    pub disk: Arc<dyn Disk>,
    pub clock: Clock,
    pub seal: Box<dyn Seal>,
    pub shared: Arc<Shared>,
    pub on_durable: OnDurable,
    /// The last mark that was reported.
    pub reported: u64,
    pub lock: Option<Lock>,
    /// Permissions of the folder when they were looked at last.
    pub dir_mode: Option<u32>,
    /// Ends with the writer, after the lock: whoever stops the log waits for that.
    pub alive: Arc<()>,
    /// To the thread that compresses and unlinks, and what it has done.
    pub closer: Sender<Job>,
    pub done: Receiver<Done>,
    /// What we have to say ourselves; it goes out before what waits.
    pub own: Batch,
    /// What waits.
    pub batch: Batch,
    /// What is being written right now, and how much of it is our own.
    pub piece: Piece,
    pub piece_own: usize,
    pub live: Option<Live>,
    /// Number of the next record.
    pub next: u64,
    /// Oldest first.
    pub closed: Vec<Closed>,
    pub room: Room,
    pub trouble: Option<Trouble>,
    pub shed: Shed,
    /// Records under no checkpoint: since when.
    pub unsigned_since: Option<Mono>,
    pub signed_at: Option<Mono>,
    pub due_at: Mono,
    pub prune_at: Mono,
    /// `audit.log` leads to the live segment.
    pub linked: bool,
    pub hush: Hushes,
}

/// No more than so much of our own waits, however long the disk refuses.
const OWN_MAX: usize = 256;
/// What must be said in any case finds so many places.
const OWN_SPARE: usize = 64;

impl Writer {
    pub(super) fn now(&self) -> Now {
        (self.clock)()
    }

    /// The first commit and the first checkpoint. A disk that is full or read-only does not keep the log from being
    /// open: whoever reads its status learns of it.
    pub(super) fn begin(&mut self) -> Result<(), Failure> {
        let now = self.now();
        self.measure(now);
        self.prune(now);
        if self.live.is_none()
            && let Err(failure) = self.begin_segment()
        {
            if !matches!(failure.cause(), Cause::NoSpace | Cause::ReadOnly) {
                return Err(failure);
            }
            self.refused(&failure);
        }
        let _ = self.make_reserve();
        if let Some(name) = self.live.as_ref().map(|live| live.name.clone()) {
            self.point_link(&name);
        }
        self.try_commit();
        if self.trouble.is_none() {
            self.sign();
        }
        self.publish();
        Ok(())
    }

    /// Reports a mark. Those that were given up for the flow's sake are not reported once more.
    pub(super) fn report(&mut self, mark: u64) {
        if mark > self.reported {
            self.reported = mark;
            (self.on_durable)(mark);
        }
    }

    /// Has something of our own written, before all that waits.
    pub(super) fn say(&mut self, draft: &Draft) {
        if self.own.len() >= OWN_MAX {
            tracing::error!(event = %draft.event, "the audit log cannot even say what befalls it");
            return;
        }
        let text = line::encode(draft, self.config.format);
        let meta = Meta { kind: draft.kind, mark: 0, ts: draft.ts, since: self.now().mono };
        self.own.push(meta, text.head.as_bytes(), text.tail.as_bytes(), None);
    }

    /// How much can be said that may as well be said later.
    pub(super) fn own_room(&self) -> usize {
        (OWN_MAX - OWN_SPARE).saturating_sub(self.own.len())
    }

    /// Takes a frame from the queue.
    pub(super) fn frame(&mut self, bytes: &[u8]) {
        match frame::take(bytes) {
            Some(Frame::Record { meta, head, tail }) => self.record(meta, head, tail, bytes.len()),
            Some(Frame::Tick) => self.tick(),
            Some(Frame::Seal) => self.finish(),
            None => {
                tracing::error!(bytes = bytes.len(), "a frame of the audit log is none; a mistake of ours");
            }
        }
    }

    fn record(&mut self, meta: Meta, head: &[u8], tail: &[u8], gate: usize) {
        if self.shed.active() {
            self.try_commit();
        }
        if self.shed.active() {
            return self.drop_record(meta, gate);
        }
        self.batch.push(meta, head, tail, Some(gate));
        let large = self.batch.bytes() >= COMMIT_BYTES || self.batch.len() >= COMMIT_RECORDS;
        // The clock is read for some of the records only: it costs as much as the rest of this.
        if large || (self.batch.len().is_multiple_of(64) && self.is_old()) {
            self.try_commit();
        }
    }

    fn is_old(&self) -> bool {
        self.batch.oldest().is_some_and(|oldest| self.now().mono.since(oldest) >= COMMIT_AFTER)
    }

    /// The queue is empty.
    pub(super) fn idle(&mut self) {
        if !(self.batch.is_empty() && self.own.is_empty()) {
            self.try_commit();
        }
    }

    fn tick(&mut self) {
        self.shared.tick.store(false, Ordering::Release);
        let now = self.now();
        self.hear_closer();
        self.measure(now);
        if self.trouble.is_none() {
            if let Err(failure) = self.inspect() {
                self.refused(&failure);
            }
            self.ask_evidence(now);
        }
        self.prune(now);
        self.try_commit();
        if !self.linked
            && let Some(name) = self.live.as_ref().map(|live| live.name.clone())
        {
            self.point_link(&name);
        }
        // What says that the disk is full stands in the reserve, and may be signed there, too.
        if self.trouble.is_none() || self.room.is_full() {
            self.sign_if_due(now);
        }
        self.publish();
    }

    /// The last frame: everything is written and signed, or it is said that it is not.
    fn finish(&mut self) {
        self.try_commit();
        let well = self.trouble.is_none() && self.own.is_empty() && self.batch.is_empty() && self.sign();
        self.publish();
        self.shared.sealed(well);
    }
}

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.frame(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.idle();
        Ok(())
    }
}
