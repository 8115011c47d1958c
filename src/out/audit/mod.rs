//! The log over HTTP: searched, followed, counted, exported. Searches run on threads of their own, are few at a time
//! and end when their client does; nothing here may delay the writer, or read the log in any way but the search's.

mod export;
mod found;
mod question;
mod tail;
#[cfg(test)]
mod tests;

pub(crate) use export::get as export;
pub(super) use found::{Found, found};
pub(crate) use found::{checkpoint, histogram, search};
pub(crate) use tail::get as tail;

use super::security::Sender;
use super::{Desk, Shared};
use crate::audit::asked::Deed;
use crate::out::problem::Problem;
use axum::http::StatusCode;
use futures_util::stream::{self, Stream, StreamExt};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use watchkeeper_audit::search::Error;

/// Searches at a time.
const SEARCHES_MAX: usize = 2;

/// Exports at a time; one may take minutes and must leave the searches their places.
const EXPORTS_MAX: usize = 1;

/// Followers at a time; each has a thread that looks at the folder a few times a second.
const FOLLOWERS_MAX: usize = 16;

/// A client that does not take a piece within this is cut off.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);

/// Places for those who ask the log.
#[derive(Debug)]
pub(crate) struct Room {
    searches: Arc<Semaphore>,
    exports: Arc<Semaphore>,
    followers: Arc<Semaphore>,
    /// True once the server stops.
    closing: watch::Sender<bool>,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            searches: Arc::new(Semaphore::new(SEARCHES_MAX)),
            exports: Arc::new(Semaphore::new(EXPORTS_MAX)),
            followers: Arc::new(Semaphore::new(FOLLOWERS_MAX)),
            closing: watch::Sender::new(false),
        }
    }
}

impl Room {
    /// Ends every stream: we stop.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }
}

/// A place, or why there is none now.
fn place(places: &Arc<Semaphore>, what: &str) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(places).try_acquire_owned().map_err(|_| {
        Problem::unavailable(&format!("there are as many {what} as may be at a time; ask again in a moment"))
    })
}

/// The folder of the log.
fn folder(shared: &Shared) -> Result<PathBuf, Problem> {
    let off = || Problem::not_found("the audit log is off; set audit.enabled = true and start again");
    shared.subject.audit.dir().map(ToOwned::to_owned).ok_or_else(off)
}

/// Records that somebody asked.
fn record(desk: &Desk, deed: Deed, sender: &Sender, query: &str, matches: u64) {
    desk.shared.subject.audit.asked(deed, sender.asker(), query, matches);
}

/// Why the search gave nothing.
fn problem(error: &Error) -> Problem {
    match error {
        Error::Pruned { first_seq } => {
            Problem::new(StatusCode::GONE, error.to_string()).member("first_seq", json!(first_seq))
        }
        // The path is nobody's business here, and the operator finds it in health.
        Error::NoFolder { why, .. } => Problem::unavailable(&format!(
            "the folder of the log cannot be read: {why}; see audit in /api/health"
        )),
    }
}

/// What a thread hands over, as a stream for a client. A client that does not take an item in time is given up, and
/// with it the thread, whose next item nobody takes: a thread must never wait for a client without end, and it has no
/// clock of its own that would survive the end of the program.
fn relayed<T: Send + 'static>(mut from: mpsc::Receiver<T>) -> impl Stream<Item = T> {
    let (to, taken) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let item = tokio::select! {
                item = from.recv() => item,
                () = to.closed() => None,
            };
            let Some(item) = item else { return };
            if !matches!(tokio::time::timeout(TAKEN_WITHIN, to.send(item)).await, Ok(Ok(()))) {
                return;
            }
        }
    });
    // Fused, because the compressor asks once more after the end.
    stream::unfold(taken, async |mut taken| Some((taken.recv().await?, taken))).fuse()
}

/// Set when its owner is dropped: the client left.
#[derive(Default)]
struct Leaving(Arc<AtomicBool>);

impl Leaving {
    fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

/// The stream, and with its end or that of its client the word that nobody listens any more.
fn until_left<S: Stream>(stream: S, leaving: Leaving) -> impl Stream<Item = S::Item> {
    stream.inspect(move |_| _ = &leaving)
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
