//! What the connection for audited messages tells the engine: each request and each answer that has a record, once and
//! in the order of the log. It passes from one thread to another and is bounded. Nothing here may block.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use watchkeeper_core::fleet::Missed;
use watchkeeper_core::time::Mono;

/// So many wait at most.
pub(crate) const HEARD_MAX: usize = 65_536;

/// A message that has a record.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// A hash of the whole message.
    pub(crate) print: u64,
    /// The mark of its record.
    pub(crate) mark: u64,
    /// It came with a promise of the broker's, in its order.
    pub(crate) protected: bool,
    /// When it arrived.
    pub(crate) at: Mono,
    /// What it is.
    pub(crate) what: Missed,
}

/// One end is the intake's, the other the engine's.
#[derive(Debug)]
pub(crate) struct Echo {
    inner: Mutex<Inner>,
    wake: Arc<Notify>,
    refused: Option<prometheus::IntCounter>,
}

#[derive(Debug, Default)]
struct Inner {
    heard: VecDeque<Heard>,
    connected: Option<Mono>,
    sessions: u64,
}

impl Echo {
    /// Wakes whoever waits for this; what finds no room is counted there.
    pub(crate) fn new(wake: Arc<Notify>, refused: Option<prometheus::IntCounter>) -> Self {
        Self { inner: Mutex::default(), wake, refused }
    }

    /// A message has a record, or is about to.
    pub(crate) fn push(&self, heard: Heard) {
        let mut inner = self.lock();
        if inner.heard.len() < HEARD_MAX {
            inner.heard.push_back(heard);
        } else if let Some(refused) = &self.refused {
            refused.inc();
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// The connection is up since then, or down.
    pub(crate) fn connected(&self, since: Option<Mono>) {
        self.lock().connected = since;
    }

    /// The broker has a new session for us: it knows nothing of what was before.
    pub(crate) fn new_session(&self) {
        self.lock().sessions += 1;
    }

    /// Takes what waits.
    pub(crate) fn take(&self) -> VecDeque<Heard> {
        std::mem::take(&mut self.lock().heard)
    }

    /// Since when the connection is up, and how many sessions there were.
    pub(crate) fn link(&self) -> (Option<Mono>, u64) {
        let inner = self.lock();
        (inner.connected, inner.sessions)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Whoever panicked with it in hand left a whole queue.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
