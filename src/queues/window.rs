//! The queues as the other rooms see them: the newest snapshots that are safe, how the database is, and where to ask for
//! a snapshot at once. Nothing here may wait for a source.

use super::store::history::{self, History, Span};
use super::store::keeper::{Keeper, Status};
use super::store::trouble::StoreTrouble;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};
use watchkeeper_core::queues::Shown;

/// What became of a snapshot that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) source: String,
    pub(crate) broker: String,
    /// How many clients it tells of, or why it does not.
    pub(crate) told: Result<usize, String>,
}

/// Where a source waits to be asked.
pub(super) type Bell = mpsc::Sender<oneshot::Sender<Taken>>;

/// A handle that can be cloned freely.
#[derive(Clone, Default)]
pub(crate) struct Window {
    inner: Option<Arc<Inner>>,
}

struct Inner {
    path: PathBuf,
    /// By broker.
    shown: Mutex<BTreeMap<String, Arc<Shown>>>,
    keeper: Keeper,
    bells: Vec<Bell>,
    /// Sources that only infer.
    inferred: Vec<String>,
}

impl std::fmt::Debug for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Window").field("path", &self.path()).finish_non_exhaustive()
    }
}

impl Window {
    pub(super) fn new(path: PathBuf, keeper: Keeper, bells: Vec<Bell>, inferred: Vec<String>) -> Self {
        let shown = Mutex::default();
        Self { inner: Some(Arc::new(Inner { path, shown, keeper, bells, inferred })) }
    }

    /// Whether a source of this name only infers what it tells.
    pub(crate) fn is_inferred(&self, source: &str) -> bool {
        self.inner.as_ref().is_some_and(|inner| inner.inferred.iter().any(|name| name == source))
    }

    /// The newest snapshots, by broker.
    pub(crate) fn shown(&self) -> Vec<(String, Arc<Shown>)> {
        let Some(inner) = &self.inner else { return Vec::new() };
        let shown = inner.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.iter().map(|(broker, shown)| (broker.clone(), Arc::clone(shown))).collect()
    }

    pub(super) fn show(&self, broker: &str, shown: Arc<Shown>) {
        if let Some(inner) = &self.inner {
            inner.shown.lock().unwrap_or_else(PoisonError::into_inner).insert(broker.to_owned(), shown);
        }
    }

    /// How the database is; none where nothing is asked.
    pub(crate) fn status(&self) -> Option<Status> {
        self.inner.as_ref().map(|inner| inner.keeper.status())
    }

    /// The database.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.inner.as_ref().map(|inner| inner.path.as_path())
    }

    /// Asks every source at once, and waits for all of them.
    pub(crate) async fn take(&self) -> Vec<Taken> {
        let mut answers = Vec::new();
        for bell in self.inner.iter().flat_map(|inner| &inner.bells) {
            let (reply, answer) = oneshot::channel();
            if bell.send(reply).await.is_ok() {
                answers.push(answer);
            }
        }
        let mut taken = Vec::new();
        for answer in answers {
            // A source that is stopped answers no more.
            taken.extend(answer.await.ok());
        }
        taken
    }

    /// What the database says of a client over time. Off the runtime's thread: it reads a file.
    pub(crate) async fn history(&self, span: Span) -> Option<Result<History, StoreTrouble>> {
        let path = self.path()?.to_owned();
        tokio::task::spawn_blocking(move || history::read(&path, &span)).await.ok()
    }
}
