//! What must be known of our sessions at the brokers after a restart: that there is one, which filters it has, and when
//! the broker was last heard. A small file in the data folder, written beside and renamed; whoever saves it decides when.
//! Nothing here may block a connection: the lock is held for a copy.

use crate::clock;
use crate::state::write_whole;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use watchkeeper_core::time::{Micros, Mono, Now, SECOND, Wall};

/// The name of the file.
const FILE: &str = "audit-sessions.json";
/// Being heard alone is written so often.
const ALIVE_EVERY: Micros = 10 * SECOND;

/// A session that a broker has, or had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Session {
    client_id: String,
    filters: Vec<String>,
    /// Microseconds since the epoch.
    last_alive: i64,
    /// The broker has our acknowledgements of all that the log has before its first record of this time, in microseconds
    /// since the epoch. A file of an older version does not say.
    #[serde(default)]
    settled: Option<i64>,
    /// So many records after that it may deliver again.
    #[serde(default)]
    open: u64,
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Notes {
    path: PathBuf,
    sessions: Mutex<Sessions>,
    changed: AtomicBool,
}

#[derive(Debug, Default)]
struct Sessions {
    by_broker: BTreeMap<String, Session>,
    /// On our own clock, which is cheaper to read.
    alive: HashMap<String, Mono>,
    saved_at: Mono,
}

impl Notes {
    /// Reads what was noted; a file that cannot be read is as good as none, and is told.
    pub(crate) fn open(data_dir: &Path) -> Self {
        let path = data_dir.join(FILE);
        let read = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| error.to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(error.to_string()),
        };
        let by_broker = read.unwrap_or_else(|why| {
            tracing::warn!(
                file = %path.display(), why,
                "what was noted of our sessions cannot be read; a session that a broker lost meanwhile is not noticed"
            );
            BTreeMap::new()
        });
        let sessions = Sessions { by_broker, alive: HashMap::new(), saved_at: clock::mono() };
        Self { path, sessions: Mutex::new(sessions), changed: AtomicBool::new(false) }
    }

    /// A connection begins, and with it a session, unless the broker had kept ours. Gives when the broker was last
    /// heard in the session that it should have kept.
    pub(crate) fn begin(
        &self,
        broker: &str,
        client_id: &str,
        resumed: bool,
        filters: &[String],
        now: Now,
    ) -> Option<Wall> {
        let mut sessions = self.lock();
        let heard = sessions.alive.insert(broker.to_owned(), now.mono);
        let before = sessions.by_broker.get(broker).filter(|session| session.client_id == client_id).cloned();
        let since =
            before.as_ref().map(|session| heard.map_or(Wall(session.last_alive), |at| now.wall_of(at)));
        if let Some(other) = sessions.by_broker.get(broker)
            && other.client_id != client_id
        {
            tracing::warn!(
                broker,
                client_id = other.client_id,
                "our client id is another one now; the broker keeps messages for the session of the old one until it \
                 expires, or until somebody connects with that id and a clean session"
            );
        }
        let (settled, open) =
            before.as_ref().filter(|_| resumed).map_or((None, 0), |session| (session.settled, session.open));
        let mut has = before.filter(|_| resumed).map(|session| session.filters).unwrap_or_default();
        has.extend(filters.iter().filter(|filter| !has.contains(filter)).cloned().collect::<Vec<_>>());
        let session =
            Session { client_id: client_id.to_owned(), filters: has, last_alive: now.wall.0, settled, open };
        sessions.by_broker.insert(broker.to_owned(), session);
        drop(sessions);
        self.changed();
        since
    }

    /// Filters that the session has and that are not among these.
    pub(crate) fn unwanted(&self, broker: &str, wanted: &[String]) -> Vec<String> {
        let sessions = self.lock();
        let has = sessions.by_broker.get(broker).map(|session| &session.filters[..]).unwrap_or_default();
        has.iter().filter(|filter| !wanted.contains(filter)).cloned().collect()
    }

    /// The session has these filters and no others.
    pub(crate) fn subscribed(&self, broker: &str, filters: &[String]) {
        if let Some(session) = self.lock().by_broker.get_mut(broker) {
            session.filters = filters.to_vec();
        }
        self.changed();
    }

    /// The broker was heard.
    pub(crate) fn alive(&self, broker: &str, at: Mono) {
        let mut sessions = self.lock();
        match sessions.alive.get_mut(broker) {
            Some(known) => *known = at.max(*known),
            None => drop(sessions.alive.insert(broker.to_owned(), at)),
        }
    }

    /// The log has a record of this broker from that moment: it was heard then at the latest.
    pub(crate) fn recorded(&self, broker: &str, at: Wall) {
        if let Some(session) = self.lock().by_broker.get_mut(broker) {
            session.last_alive = session.last_alive.max(at.0);
        }
    }

    /// The broker has our acknowledgements up to there, and may deliver so many records again.
    pub(crate) fn settled(&self, broker: &str, before: Wall, open: u64) {
        if let Some(session) = self.lock().by_broker.get_mut(broker) {
            (session.settled, session.open) = (Some(before.0), open);
        }
    }

    /// It may deliver so many records again: more than before, which is saved soon.
    pub(crate) fn grown(&self, broker: &str, open: u64) {
        if let Some(session) = self.lock().by_broker.get_mut(broker) {
            session.open = open;
        }
        self.changed();
    }

    /// Up to which record nothing of a broker can come again, where that is known, and how many records there may be
    /// after it.
    pub(crate) fn open_since(&self, broker: &str) -> (Option<Wall>, u64) {
        self.lock()
            .by_broker
            .get(broker)
            .map_or((None, 0), |session| (session.settled.map(Wall), session.open))
    }

    /// Tells of sessions that brokers keep for us and nobody uses any more: their queues only grow.
    pub(crate) fn tell_left_behind(&self, used: impl Fn(&str) -> bool) {
        for (broker, session) in self.lock().by_broker.iter().filter(|(broker, _)| !used(broker)) {
            tracing::warn!(
                broker,
                client_id = session.client_id,
                "nothing of this broker is audited any more, but it keeps messages for our session until that expires; \
                 to end it, connect once with this client id and a clean session: mosquitto_sub -i ID -E -t x"
            );
        }
    }

    /// It is to be saved soon.
    pub(crate) fn changed(&self) {
        self.changed.store(true, Ordering::Relaxed);
    }

    /// Saves it if something changed, or if brokers were heard for a while without anything to note.
    pub(crate) fn save_if_due(&self, now: Now) {
        let mut sessions = self.lock();
        let stale = !sessions.alive.is_empty() && now.mono.since(sessions.saved_at) >= ALIVE_EVERY;
        if !self.changed.swap(false, Ordering::Relaxed) && !stale {
            return;
        }
        sessions.saved_at = now.mono;
        let Sessions { by_broker, alive, .. } = &mut *sessions;
        for (broker, session) in by_broker.iter_mut() {
            if let Some(at) = alive.get(broker) {
                session.last_alive = now.wall_of(*at).0;
            }
        }
        let copy = by_broker.clone();
        drop(sessions);
        let written = serde_json::to_vec_pretty(&copy).map_err(Into::into);
        if let Err(error) = written.and_then(|bytes| write_whole(&self.path, &bytes)) {
            tracing::warn!(file = %self.path.display(), %error, "what is noted of our sessions cannot be saved");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Now {
        Now { mono: Mono(seconds * SECOND), wall: Wall(i64::try_from(seconds * SECOND).unwrap()) }
    }

    fn filters(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_session_is_remembered_over_a_restart_with_its_filters_and_when_the_broker_was_heard() {
        let folder = tempfile::tempdir().unwrap();
        let notes = Notes::open(folder.path());
        let old = filters(&["a", "b"]);
        assert_eq!(notes.begin("main", "id", false, &old, at(100)), None, "the first one replaces none");
        notes.subscribed("main", &old);
        notes.alive("main", at(130).mono);
        notes.save_if_due(at(140));
        let notes = Notes::open(folder.path());
        let new = filters(&["b", "c"]);
        assert_eq!(notes.begin("main", "id", true, &new, at(200)), Some(Wall(130_000_000)));
        assert_eq!(notes.unwanted("main", &new), ["a"]);
        // Nobody said that it is gone: it is asked for again after the next start.
        notes.save_if_due(at(200));
        let notes = Notes::open(folder.path());
        assert_eq!(notes.unwanted("main", &new), ["a"]);
        notes.subscribed("main", &new);
        assert!(notes.unwanted("main", &new).is_empty());
    }

    #[test]
    fn a_session_that_is_new_has_none_of_the_old_filters() {
        let folder = tempfile::tempdir().unwrap();
        let notes = Notes::open(folder.path());
        notes.begin("main", "id", false, &filters(&["a"]), at(100));
        notes.alive("main", at(101).mono);
        assert_eq!(notes.begin("main", "id", false, &filters(&["b"]), at(110)), Some(Wall(101_000_000)));
        assert!(notes.unwanted("main", &filters(&["b"])).is_empty());
        assert_eq!(notes.begin("main", "other id", false, &filters(&["b"]), at(120)), None);
    }

    #[test]
    fn the_last_record_counts_as_being_heard() {
        let folder = tempfile::tempdir().unwrap();
        let notes = Notes::open(folder.path());
        notes.begin("main", "id", false, &[], at(100));
        notes.save_if_due(at(100));
        let notes = Notes::open(folder.path());
        notes.recorded("main", Wall(107_000_000));
        notes.recorded("main", Wall(5));
        assert_eq!(notes.begin("main", "id", true, &[], at(200)), Some(Wall(107_000_000)));
    }

    #[test]
    fn it_is_saved_when_something_changed_and_now_and_then_while_brokers_are_heard() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        let notes = Notes::open(folder.path());
        let start = clock::now();
        let later = |seconds| Now { mono: start.mono.plus(seconds * SECOND), wall: start.wall };
        notes.save_if_due(later(0));
        assert!(!file.exists());
        notes.begin("main", "id", false, &[], later(0));
        notes.save_if_due(later(0));
        std::fs::remove_file(&file).unwrap();
        notes.alive("main", later(5).mono);
        notes.save_if_due(later(9));
        assert!(!file.exists());
        notes.save_if_due(later(10));
        assert!(file.exists());
        std::fs::write(&file, "{").unwrap();
        assert_eq!(Notes::open(folder.path()).begin("main", "id", true, &[], later(20)), None);
    }
}
