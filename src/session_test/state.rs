//! What was sent and received, and how far the trials are, in a file: written beside and renamed before anything is
//! acknowledged, so that a kill costs nothing. Nothing here may speak to a broker.

use super::report::Trial;
use crate::state::write_whole;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use watchkeeper_core::received::{Range, Received};

/// The layout of the file.
const VERSION: u32 = 1;

/// See the head of this file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct State {
    version: u32,
    /// Part of the client ids and of the topic.
    pub(super) id: String,
    /// The number that is sent next; all before were acknowledged by the broker.
    pub(super) sent: u64,
    /// Numbers before this one were given up, or never sent.
    pub(super) began: u64,
    pub(super) received: Received,
    /// Of the numbers that came, those that came marked as what the broker keeps of a topic, which nobody asked it for.
    #[serde(default)]
    pub(super) retained: u64,
    /// Of the numbers that were sent, those that were given up with their session, on purpose.
    #[serde(default)]
    pub(super) given_up: u64,
    /// What was found out before the count began anew.
    pub(super) totals: Totals,
    /// How it stood when the last trial was over: what came since belongs to the next one, also after a kill.
    pub(super) counted: Counted,
    /// The broker has a session for the consumer.
    pub(super) has_session: bool,
    /// Trials that are over.
    pub(super) done: Vec<Trial>,
}

/// Sums over all that was counted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Totals {
    pub(super) received: u64,
    pub(super) lost: u64,
    pub(super) missing: Vec<Range>,
    pub(super) again: u64,
    pub(super) late: u64,
    pub(super) old: u64,
}

/// See `State::counted`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Counted {
    pub(super) sent: u64,
    #[serde(default)]
    pub(super) retained: u64,
    #[serde(default)]
    pub(super) given_up: u64,
    pub(super) totals: Totals,
}

impl State {
    /// A number came. The mark counts with the number, once.
    pub(super) fn hear(&mut self, number: u64, is_retained: bool) {
        let before = self.received.received;
        self.received.hear(number);
        self.retained += u64::from(is_retained && self.received.received > before);
    }

    /// The sums until now.
    pub(super) fn sums(&self) -> Totals {
        let mut totals = self.totals.clone();
        totals.add(&self.received);
        totals
    }
}

impl Totals {
    /// Adds what one count has found.
    pub(super) fn add(&mut self, received: &Received) {
        self.received += received.received;
        self.lost += received.lost();
        self.missing.extend(received.missing());
        self.again += received.again;
        self.late += received.late;
        self.old += received.old;
    }
}

impl State {
    fn new() -> Self {
        Self {
            version: VERSION,
            id: random(),
            sent: 0,
            began: 0,
            received: Received::from(0),
            retained: 0,
            given_up: 0,
            totals: Totals::default(),
            counted: Counted::default(),
            has_session: false,
            done: Vec::new(),
        }
    }

    /// Producer and consumer go on from this number, as if there had been nothing before.
    pub(super) fn start_from(&mut self, first: u64) {
        // What was sent and belongs to no trial that is over is waited for by nobody from now on.
        self.given_up += self.sent.saturating_sub(self.counted.sent.max(self.began));
        // Whoever sets the count back would else have sent less than nothing.
        self.counted.sent = self.counted.sent.min(first);
        (self.sent, self.began) = (first, first);
        let before = std::mem::replace(&mut self.received, Received::from(first));
        self.totals.add(&before);
    }
}

/// The state with its file.
pub(super) struct Kept {
    pub(super) state: State,
    path: PathBuf,
    /// An earlier run left it.
    pub(super) is_resumed: bool,
    /// Held as long as this lives: two runs would take each other's messages.
    lock: Arc<File>,
}

impl Kept {
    /// Reads what an earlier run left.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| named(&path, &error))?;
        }
        let lock = path.with_extension("lock");
        let file = File::create(&lock).map_err(|error| named(&lock, &error))?;
        if file.try_lock().is_err() {
            return Err(io::Error::other(format!(
                "{} is in use by another session test; wait for it",
                path.display()
            )));
        }
        Self::read(path, Arc::new(file))
    }

    fn read(path: PathBuf, lock: Arc<File>) -> io::Result<Self> {
        let kept = match std::fs::read(&path) {
            Ok(bytes) => {
                let state: State = serde_json::from_slice(&bytes)
                    .map_err(io::Error::from)
                    .and_then(|state: State| {
                        let known = state.version == VERSION && state.received.next() <= state.sent.max(state.began) + 10_000;
                        if known { Ok(state) } else { Err(io::Error::other("it is of another version")) }
                    })
                    .map_err(|why| {
                        io::Error::other(format!(
                            "{} is no state of a session test ({why}); remove it, or name another with --state",
                            path.display()
                        ))
                    })?;
                Self { state, path, is_resumed: true, lock }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Self { state: State::new(), path, is_resumed: false, lock }
            }
            Err(error) => return Err(named(&path, &error)),
        };
        kept.save()?;
        Ok(kept)
    }

    /// Writes it.
    pub(super) fn save(&self) -> io::Result<()> {
        let bytes = serde_json::to_vec(&self.state)?;
        write_whole(&self.path, &bytes).map_err(|error| named(&self.path, &error))
    }

    /// Reads it as the next run would.
    pub(super) fn reread(&mut self) -> io::Result<()> {
        self.state = Self::read(self.path.clone(), Arc::clone(&self.lock))?.state;
        Ok(())
    }

    /// Begins anew.
    pub(super) fn forget(&mut self) -> io::Result<()> {
        self.state = State::new();
        self.save()
    }

    /// There is nothing to go on with.
    pub(super) fn remove(self) -> io::Result<()> {
        drop(std::fs::remove_file(self.path.with_extension("lock")));
        std::fs::remove_file(&self.path).map_err(|error| named(&self.path, &error))
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Where it is kept unless somebody says otherwise.
pub(super) fn path(data_dir: &Path, broker: &str) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '_' };
    data_dir.join(format!("session-test-{}.json", broker.chars().map(plain).collect::<String>()))
}

/// Eight characters that nobody else has.
pub(super) fn random() -> String {
    use ring::rand::{SecureRandom, SystemRandom};
    let mut bytes = [0; 4];
    // Where the system has no chance to offer, the process id tells two tests apart.
    if SystemRandom::new().fill(&mut bytes).is_err() {
        bytes = std::process::id().to_be_bytes();
    }
    format!("{:08x}", u32::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_marked_as_retained_counts_once_a_number_and_outlives_a_kill() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path(), "main");
        let mut kept = Kept::open(path.clone()).unwrap();
        for (number, is_retained) in [(0, true), (0, true), (2, true), (1, true), (1, false), (3, false)] {
            kept.state.hear(number, is_retained);
        }
        kept.save().unwrap();
        drop(kept);
        let mut again = Kept::open(path).unwrap();
        assert_eq!((again.state.retained, again.state.received.received), (3, 4));
        // A file of before.
        let mut old = serde_json::to_value(&again.state).unwrap();
        old.as_object_mut().unwrap().remove("retained");
        again.state = serde_json::from_value(old).unwrap();
        assert_eq!(again.state.retained, 0);
    }

    #[test]
    fn what_was_left_is_found_again_and_what_is_something_else_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(&folder.path().join("new"), "main/x");
        let mut kept = Kept::open(path.clone()).unwrap();
        assert!(!kept.is_resumed && path.ends_with("session-test-main_x.json"));
        kept.state.sent = 7;
        kept.state.received.hear(0);
        kept.save().unwrap();
        let id = kept.state.id.clone();
        let busy = Kept::open(path.clone()).err().unwrap().to_string();
        assert!(busy.contains("in use by another"), "{busy}");
        drop(kept);
        let again = Kept::open(path.clone()).unwrap();
        assert!(again.is_resumed);
        assert_eq!((again.state.sent, again.state.received.next()), (7, 1));
        assert_eq!(again.state.id, id);
        again.remove().unwrap();
        assert!(!path.exists());
        for text in ["", "{}", "[1]"] {
            std::fs::write(&path, text).unwrap();
            let error = Kept::open(path.clone()).err().unwrap().to_string();
            assert!(error.contains("remove it") && error.contains("session-test-main_x"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
