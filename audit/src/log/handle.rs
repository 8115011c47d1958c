//! How the rest of the program reaches the log. Whoever appends is never made to wait unless he asks for it: a gate
//! stands before the queue, and when it is full he is told so.

use super::clock::Clock;
use super::config::Parts;
use super::frame::{self, Meta};
use super::gate::Full;
use super::status::{Shared, Status, Verified};
use crate::line::{self, Format};
use crate::record::Draft;
use std::cell::RefCell;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tracing_appender::non_blocking::NonBlocking;

/// Appends records, and says how the log is.
#[derive(Clone)]
pub struct LogHandle {
    pub(super) queue: NonBlocking,
    pub(super) shared: Arc<Shared>,
    pub(super) clock: Clock,
    pub(super) format: Format,
}

thread_local! {
    /// The queue copies what it is given, so that one buffer a thread is enough.
    static FRAME: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl LogHandle {
    /// Appends a record; it is durable later.
    pub fn append(&self, draft: &Draft) -> Result<(), Full> {
        self.append_marked(draft, 0)
    }

    /// Appends a record, and has its mark reported once it and all before it are durable. Marks begin with 1 and
    /// ascend; a report of one stands for all before it.
    pub fn append_marked(&self, draft: &Draft, mark: u64) -> Result<(), Full> {
        self.put(draft, mark, |bytes| self.shared.gate.enter(bytes))
    }

    /// As `append`, but waits for room: for the stop, and for the command line.
    pub fn append_within(&self, draft: &Draft, within: Duration) -> Result<(), Full> {
        self.put(draft, 0, |bytes| self.shared.gate.enter_within(bytes, within))
    }

    /// Whether the longest record would be taken right now.
    pub fn room(&self) -> bool {
        self.shared.gate.room()
    }

    /// How the log is right now.
    pub fn status(&self) -> Status {
        self.shared.copy((self.clock)())
    }

    /// What a verification has found, for those who ask for the status.
    pub fn verified(&self, verified: Verified) {
        self.shared.status().verified = Some(verified);
    }

    fn put(
        &self,
        draft: &Draft,
        mark: u64,
        enter: impl FnOnce(usize) -> Result<(), Full>,
    ) -> Result<(), Full> {
        let text = line::encode(draft, self.format);
        let bytes = frame::bytes(&text);
        enter(bytes)?;
        let meta = Meta { kind: draft.kind, mark, ts: draft.ts, since: (self.clock)().mono };
        let sent = FRAME.with_borrow_mut(|frame| {
            frame::put(&meta, &text, frame);
            self.send(frame)
        });
        if !sent {
            self.shared.gate.leave(1, bytes);
            return Err(Full::Stopped);
        }
        Ok(())
    }

    /// Into the queue; false when nobody reads it any more.
    pub(super) fn send(&self, frame: &[u8]) -> bool {
        self.queue.clone().write_all(frame).is_ok()
    }
}

/// Ticks and the seal need room in the queue, too.
const QUEUE_SPARE: usize = 8;

/// How many messages the queue must hold, so that it is never full.
pub(super) fn queue_length(parts: &Parts) -> usize {
    parts.records_max + QUEUE_SPARE
}
