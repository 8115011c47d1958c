//! The queues as the other rooms see them: the newest snapshots that are safe, how the database is, and where to ask for
//! a snapshot at once. Nothing here may wait for a source.

use super::store::history::{self, History, Span};
use super::store::keeper::{Keeper, Status};
use super::store::trouble::StoreTrouble;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
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
pub(super) struct Bell {
    pub(super) source: String,
    pub(super) broker: String,
    pub(super) ring: mpsc::Sender<oneshot::Sender<Taken>>,
}

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

    /// Asks every source at once, and waits so long for all of them. One that is late says so and holds up nobody.
    pub(crate) async fn take(&self, within: Duration) -> Vec<Taken> {
        let end = Instant::now() + within;
        let mut asked = Vec::new();
        for bell in self.inner.iter().flat_map(|inner| &inner.bells) {
            let (reply, answer) = oneshot::channel();
            asked.push((bell, bell.ring.try_send(reply).is_ok().then_some(answer)));
        }
        let mut taken = Vec::new();
        for (bell, answer) in asked {
            let told = match answer {
                None => Err("others have asked for it already; ask again in a moment".to_owned()),
                Some(answer) => match timeout_at(end, answer).await {
                    Ok(Ok(one)) => one.told,
                    Ok(Err(_)) => Err("it is stopping".to_owned()),
                    Err(_) => Err(format!("it did not tell within {} s; it may still do", within.as_secs())),
                },
            };
            taken.push(Taken { source: bell.source.clone(), broker: bell.broker.clone(), told });
        }
        taken
    }

    /// What the database says of a client over time. Off the runtime's thread: it reads a file, and goes on reading when
    /// whoever asked has gone; so it is the reading that holds the permit.
    pub(crate) async fn history(
        &self,
        span: Span,
        permit: OwnedSemaphorePermit,
    ) -> Option<Result<History, StoreTrouble>> {
        let path = self.path()?.to_owned();
        let read = move || {
            let found = history::read(&path, &span);
            drop(permit);
            found
        };
        tokio::task::spawn_blocking(read).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::own::Own;
    use crate::queues::store::keeper::Meters;
    use watchkeeper_core::time::Wall;

    #[tokio::test]
    async fn a_history_holds_its_permit_until_it_has_read_even_when_nobody_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let meters = Meters::new(&Own::new().unwrap());
        let (keeper, running, _) =
            Keeper::start(folder.path(), Vec::new(), Duration::from_secs(60), meters).unwrap();
        // Whoever holds a database that is not in WAL mode keeps readers waiting.
        let path = folder.path().join("held");
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE a (b); BEGIN EXCLUSIVE").unwrap();
        let window = Window::new(path, keeper, Vec::new(), Vec::new());
        let permits = Arc::new(tokio::sync::Semaphore::new(1));
        let permit = Arc::clone(&permits).acquire_owned().await.unwrap();
        let span = Span { client: "a".to_owned(), from: Wall(0), to: Wall(1), points_max: 2 };
        let asked = tokio::time::timeout(Duration::from_millis(50), window.history(span, permit)).await;
        assert!(asked.is_err(), "it waits, and who asked has gone");
        assert_eq!(permits.available_permits(), 0);
        other.execute_batch("ROLLBACK").unwrap();
        drop(permits.acquire().await.unwrap());
        running.join();
    }

    #[tokio::test]
    async fn one_source_that_is_late_takes_nothing_from_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let meters = Meters::new(&Own::new().unwrap());
        let (keeper, running, _) =
            Keeper::start(folder.path(), Vec::new(), Duration::from_secs(60), meters).unwrap();
        let (mut rungs, mut bells) = (Vec::new(), Vec::new());
        for source in ["good", "late", "full"] {
            let (ring, heard) = mpsc::channel::<oneshot::Sender<Taken>>(1);
            bells.push(Bell { source: source.to_owned(), broker: "main".to_owned(), ring });
            rungs.push(heard);
        }
        let (waits, _answer) = oneshot::channel();
        bells[2].ring.try_send(waits).unwrap();
        let mut good = rungs.remove(0);
        tokio::spawn(async move {
            let reply = good.recv().await.unwrap();
            let (source, broker) = ("good".to_owned(), "main".to_owned());
            reply.send(Taken { source, broker, told: Ok(7) }).unwrap();
        });
        let window = Window::new(folder.path().join("none"), keeper, bells, Vec::new());
        let taken = window.take(Duration::from_millis(300)).await;
        let told: Vec<_> = taken.iter().map(|one| (one.source.as_str(), one.told.is_ok())).collect();
        assert_eq!(told, [("good", true), ("late", false), ("full", false)], "{taken:?}");
        running.join();
    }
}
