//! A thread that writes down what must be known after a restart, and that reads the logs of brokers where they are at
//! hand: the one source of client events that loses nothing. A place in a log is noted when the records up to there are
//! on disk, so that a kill repeats at worst the last moments and leaves nothing out. Nothing here may touch a socket.

mod feed;
mod follow;
mod place;

use super::intake::Notes;
use super::marks::Marks;
use crate::{clock, state};
pub(crate) use feed::Feed;
use feed::Source;
use place::Place;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The name of the file with the places.
const FILE: &str = "audit-broker-logs.json";
/// Between two looks at the logs.
const LOOK: Duration = Duration::from_millis(250);
/// Between two looks when the disk is to be waited for.
const SOON: Duration = Duration::from_millis(20);

/// A log that is to be followed.
pub(crate) struct Follow {
    /// The label of the broker.
    pub(crate) broker: String,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Where events are counted.
    pub(crate) feed: Arc<Feed>,
    /// Whether they are recorded as well: of several shards one does.
    pub(crate) records: bool,
}

/// What the thread is given.
pub(crate) struct Setup {
    /// The log that is written.
    pub(crate) marks: Arc<Marks>,
    /// The logs that are read.
    pub(crate) follows: Vec<Follow>,
    /// What is saved beside.
    pub(crate) notes: Arc<Notes>,
    /// The folder for it.
    pub(crate) data_dir: PathBuf,
    /// How long a stop may wait for the disk.
    pub(crate) patience: Duration,
}

/// Starts the thread; it ends when `stop` is true, or its sender gone. It is to be stopped after the intake, whose last
/// notes it saves.
pub(crate) fn start(setup: Setup, stop: watch::Receiver<bool>) -> std::io::Result<JoinHandle<()>> {
    let mut journal = Journal::new(setup);
    std::thread::Builder::new().name("audit-journal".to_owned()).spawn(move || journal.run(&stop))
}

struct Journal {
    marks: Arc<Marks>,
    notes: Arc<Notes>,
    sources: Vec<Source>,
    places: Places,
    patience: Duration,
}

impl Journal {
    fn new(setup: Setup) -> Self {
        let Setup { marks, follows, notes, data_dir, patience } = setup;
        let places = Places::open(&data_dir);
        let source = |follow: Follow| {
            let place = places.known.get(&follow.broker).cloned();
            Source::new(follow, place.as_ref())
        };
        let sources = follows.into_iter().map(source).collect();
        Self { marks, notes, sources, places, patience }
    }

    fn run(&mut self, stop: &watch::Receiver<bool>) {
        // A vanished sender is a stop as well.
        while !*stop.borrow() && stop.has_changed().is_ok() {
            let waits = self.look();
            std::thread::sleep(if waits { SOON } else { LOOK });
        }
        let until = Instant::now() + self.patience;
        while self.look() && Instant::now() < until {
            std::thread::sleep(SOON);
        }
        self.notes.changed();
        self.notes.save_if_due(clock::now());
    }

    /// Reads and saves what there is; true when something waits for the disk.
    fn look(&mut self) -> bool {
        let now = clock::now();
        let mut waits = false;
        for source in &mut self.sources {
            waits |= source.read(&self.marks, now);
            if let Some(place) = source.safe(self.marks.safe()) {
                self.places.note(&source.follow.broker, place);
            }
        }
        self.places.save();
        self.notes.save_if_due(now);
        waits
    }
}

/// How far each log was read, in a small file that is written beside and renamed.
struct Places {
    path: PathBuf,
    known: BTreeMap<String, Place>,
    changed: bool,
}

impl Places {
    fn open(data_dir: &Path) -> Self {
        let path = data_dir.join(FILE);
        let read = std::fs::read(&path).ok().map(|bytes| serde_json::from_slice(&bytes));
        let known = read.unwrap_or_else(|| Ok(BTreeMap::new())).unwrap_or_else(|error| {
            tracing::warn!(file = %path.display(), %error, "how far brokers' logs were read is not known; they are read from their ends");
            BTreeMap::new()
        });
        Self { path, known, changed: false }
    }

    fn note(&mut self, broker: &str, place: Place) {
        self.changed |= self.known.get(broker) != Some(&place);
        self.known.insert(broker.to_owned(), place);
    }

    fn save(&mut self) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        let written = serde_json::to_vec_pretty(&self.known).map_err(Into::into);
        if let Err(error) = written.and_then(|bytes| state::write_whole(&self.path, &bytes)) {
            tracing::warn!(file = %self.path.display(), %error, "how far brokers' logs were read cannot be saved");
        }
    }
}

#[cfg(test)]
mod tests;
