//! Saving the state while the fleets go on: what is saved is copied a little at a time, and is nevertheless all of one
//! moment. What has to change all devices at once, such as a reconnect, copies first what is left. Nothing here may decide
//! what is worth saving.

use crate::own::Own;
use crate::state::{Piece, StateFile};
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use watchkeeper_core::fleet::Device;
use watchkeeper_core::report::Watched;
use watchkeeper_core::save::Saved;
use watchkeeper_core::time::{Micros, Mono, SECOND};

/// How long anybody may have to wait for a step of a save.
const STEP: Duration = Duration::from_micros(500);

/// Devices between two looks at the clock.
const DEVICES: usize = 16;

/// Pieces that wait to be written; beyond that the copy waits.
const PIECES_MAX: usize = 8;

/// Why the state could not be saved.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what}")]
pub(crate) struct NotSaved {
    what: String,
    /// There is no room for it.
    pub(crate) is_full: bool,
}

impl NotSaved {
    fn written(file: &Path, why: &io::Error) -> Self {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        Self {
            what: format!("the state file {} cannot be written: {why}", file.display()),
            is_full: matches!(why.kind(), StorageFull | QuotaExceeded),
        }
    }

    /// What to do about it.
    pub(crate) fn cure(&self) -> &'static str {
        if self.is_full {
            "make room on its disk"
        } else {
            "see that its folder is there and that this user may write in it"
        }
    }
}

/// Who wants to know when what is so now is on the disk.
pub(crate) type Waiting = oneshot::Sender<Result<(), NotSaved>>;

/// Saves, one at a time. What it copies is of the moment at which a save began; it is copied a little at a time, as its owner
/// finds time, and written on a thread of its own.
pub(crate) struct Saver {
    file: StateFile,
    own: Own,
    /// The save whose copy is not complete.
    copying: Option<Copying>,
    /// The save that is being written.
    writing: Option<JoinHandle<()>>,
    saved_at: Option<Mono>,
    /// Brokers that were watched before and are not now, as they stand in the file: how many, and what they are. They are
    /// kept, for they may be watched again.
    away: (usize, Vec<u8>),
}

/// A copy under way.
struct Copying {
    to: mpsc::Sender<Piece>,
    /// The broker whose devices are being copied.
    broker: usize,
    /// What stands in the file before the devices of each broker from the next one on.
    heads: VecDeque<Vec<u8>>,
    /// What comes in the file before anything that is copied from now on.
    before: Vec<u8>,
}

impl Saver {
    /// A saver that has saved nothing yet. What is `away` is saved each time as it is.
    pub(crate) fn new(file: StateFile, own: Own, away: &[Saved<Device>]) -> Self {
        let mut kept = (0, Vec::new());
        for saved in away {
            match postcard::to_stdvec(saved) {
                Ok(mut bytes) => {
                    kept.0 += 1;
                    kept.1.append(&mut bytes);
                }
                Err(why) => {
                    tracing::error!(broker = saved.broker(), %why, "what is known of it cannot be kept");
                }
            }
        }
        Self { file, own, copying: None, writing: None, saved_at: None, away: kept }
    }

    /// Whether a save besides the regular ones is in order: not twice a second, however many ask.
    pub(crate) fn is_due(&self, now: Mono) -> bool {
        const LEAST: Micros = SECOND;
        self.saved_at.is_none_or(|at| now.since(at) >= LEAST)
    }

    /// The save before has not reached the disk.
    pub(crate) fn is_busy(&self) -> bool {
        self.is_copying() || self.writing.as_ref().is_some_and(|task| !task.is_finished())
    }

    /// There is more to copy.
    pub(crate) fn is_copying(&self) -> bool {
        self.copying.is_some()
    }

    /// Begins to save what is so now; the save before must have been written. Who is `waiting` hears how it went.
    pub(crate) fn begin(&mut self, watched: &mut [Watched], waiting: Vec<Waiting>) {
        self.saved_at = Some(crate::clock::mono());
        let (to, pieces) = mpsc::channel(PIECES_MAX);
        let (file, own) = (self.file.clone(), self.own.clone());
        self.writing = Some(tokio::task::spawn_blocking(move || {
            tell(waiting, &write_and_count(&file, &own, pieces));
        }));
        match heads(watched, self.away.0) {
            Ok((before, heads)) => {
                self.copying = Some(Copying { to, broker: 0, heads, before });
                self.step(watched);
            }
            // What is not sent is not written, and who waits hears that.
            Err(why) => self.give_up(watched, &why),
        }
    }

    /// Copies for a moment, unless what was copied before still waits to be written.
    pub(crate) fn step(&mut self, watched: &mut [Watched]) {
        let Some(copying) = &mut self.copying else { return };
        if copying.to.is_closed() {
            // The disk refused; whoever writes has said so.
            return self.end(watched);
        }
        if copying.to.capacity() == 0 {
            return;
        }
        let copied = copying.broker_step(watched);
        let is_last = copying.broker == watched.len();
        match copied {
            Ok(mut bytes) => {
                if is_last {
                    bytes.extend_from_slice(&self.away.1);
                }
                // There is room; where nobody reads any more, the next step notices.
                drop(copying.to.try_send(Piece { bytes, is_last }));
                if is_last {
                    self.copying = None;
                }
            }
            Err(why) => self.give_up(watched, &why),
        }
    }

    /// Waits until there is something to do: to copy on, or to begin anew after what was being written.
    pub(crate) async fn turn(&mut self) {
        match &self.copying {
            Some(copying) => drop(copying.to.reserve().await),
            None => self.written().await,
        }
    }

    async fn written(&mut self) {
        if let Some(writing) = &mut self.writing {
            drop(writing.await);
            self.writing = None;
        }
    }

    fn give_up(&mut self, watched: &mut [Watched], why: &postcard::Error) {
        tracing::error!(%why, "the state cannot be encoded; tracking goes on");
        self.end(watched);
    }

    fn end(&mut self, watched: &mut [Watched]) {
        watched.iter_mut().for_each(Watched::end_copy);
        self.copying = None;
    }
}

impl Copying {
    /// Copies of one broker for a moment; gives what there is of it now, and of what comes before it.
    fn broker_step(&mut self, watched: &mut [Watched]) -> Result<Vec<u8>, postcard::Error> {
        let mut bytes = std::mem::take(&mut self.before);
        let Some(one) = watched.get_mut(self.broker) else { return Ok(bytes) };
        let begun = Instant::now();
        let is_whole = loop {
            let is_whole = one.copy(DEVICES);
            if is_whole || begun.elapsed() >= STEP {
                break is_whole;
            }
        };
        bytes.append(&mut one.copied()?);
        if is_whole {
            self.broker += 1;
            self.before = self.heads.pop_front().unwrap_or_default();
        }
        Ok(bytes)
    }
}

/// The moment of a save: copies begin, and what is not of a device is written. Gives what stands before the devices of the
/// first broker, and before those of each of the others.
fn heads(watched: &mut [Watched], away: usize) -> Result<(Vec<u8>, VecDeque<Vec<u8>>), postcard::Error> {
    let mut heads = watched.iter_mut().map(Watched::begin_copy).collect::<Result<VecDeque<_>, _>>()?;
    let mut before = postcard::to_stdvec(&(watched.len() + away))?;
    before.append(&mut heads.pop_front().unwrap_or_default());
    Ok((before, heads))
}

/// A waiter who has gone is no error.
fn tell(waiting: Vec<Waiting>, written: &Result<(), NotSaved>) {
    for one in waiting {
        drop(one.send(written.clone()));
    }
}

fn write_and_count(file: &StateFile, own: &Own, pieces: mpsc::Receiver<Piece>) -> Result<(), NotSaved> {
    let start = Instant::now();
    let written = file.write(pieces);
    match &written {
        Ok(()) => own.state_saves.inc(),
        Err(error) => {
            if own.state_save_failures.get() == 0 {
                tracing::error!(file = %file.path().display(), %error, "the state cannot be saved; tracking goes on");
            }
            own.state_save_failures.inc();
        }
    }
    own.state_save_seconds.observe(start.elapsed().as_secs_f64());
    written.map_err(|why| NotSaved::written(file.path(), &why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchkeeper_core::arrival::Arrival;
    use watchkeeper_core::fleet::Fleet;
    use watchkeeper_core::presets;
    use watchkeeper_core::rules::FleetRules;
    use watchkeeper_core::time::{Now, Wall};

    fn watched(name: &str, devices: u32) -> Watched {
        let rules =
            FleetRules { broker: name.into(), streams: vec![presets::generic()], ..FleetRules::default() };
        let mut watched = Watched::new(Fleet::new(rules));
        speak(&mut watched, 0..devices, 1);
        watched
    }

    fn speak(watched: &mut Watched, devices: std::ops::Range<u32>, at: i64) {
        let now = Now { mono: Mono(at.unsigned_abs()), wall: Wall(at) };
        for device in devices {
            watched
                .fleet
                .arrival(&Arrival::live(&format!("device{device}/value"), at.to_string().as_bytes()), now);
        }
    }

    /// The brokers of a file with the number of their devices.
    fn read(file: &StateFile) -> Vec<(String, usize)> {
        let saved = file.load(&crate::audit::Desk::default());
        let count = |saved: Saved<Device>| {
            let mut anew = watched(saved.broker(), 0);
            let name = saved.broker().to_owned();
            anew.restore(saved);
            (name, anew.fleet.devices().count())
        };
        saved.into_iter().map(count).collect()
    }

    async fn complete(saver: &mut Saver, brokers: &mut [Watched], meanwhile: impl Fn(&mut [Watched])) {
        while saver.is_busy() {
            saver.turn().await;
            saver.step(brokers);
            meanwhile(brokers);
        }
    }

    #[tokio::test]
    async fn several_brokers_and_one_that_is_away_are_read_as_they_were_when_the_save_began() {
        let folder = tempfile::tempdir().unwrap();
        let data = crate::state::DataDir::open(folder.path()).unwrap();
        let file = data.state_file();
        let own = Own::new().unwrap();
        let mut before = vec![watched("away", 40)];
        let mut saver = Saver::new(file.clone(), own.clone(), &[]);
        saver.begin(&mut before, Vec::new());
        complete(&mut saver, &mut before, |_| {}).await;
        assert_eq!(read(&file), [("away".to_owned(), 40)]);

        let mut saver = Saver::new(file.clone(), own.clone(), &file.load(&crate::audit::Desk::default()));
        let mut brokers = vec![watched("first", 3000), watched("empty", 0), watched("last", 700)];
        let (told, heard) = oneshot::channel();
        saver.begin(&mut brokers, vec![told]);
        let meanwhile = |brokers: &mut [Watched]| {
            for (at, broker) in brokers.iter_mut().enumerate() {
                speak(broker, 0..3500, 1_000_000 + i64::try_from(at).unwrap());
                broker.fleet.forget("device7");
            }
        };
        complete(&mut saver, &mut brokers, meanwhile).await;
        assert!(heard.await.unwrap().is_ok());
        let found = [("first", 3000), ("empty", 0), ("last", 700), ("away", 40)];
        assert_eq!(read(&file), found.map(|(name, count)| (name.to_owned(), count)));
        assert_eq!((own.state_saves.get(), own.state_save_failures.get()), (2, 0));
    }

    #[tokio::test]
    async fn a_disk_that_refuses_ends_a_save_and_the_next_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let data = crate::state::DataDir::open(folder.path()).unwrap();
        let (file, own) = (data.state_file(), Own::new().unwrap());
        let place = folder.path().join("state.new");
        std::fs::create_dir(&place).unwrap();
        let mut saver = Saver::new(file.clone(), own.clone(), &[]);
        let mut brokers = vec![watched("main", 3000)];
        let (told, heard) = oneshot::channel();
        saver.begin(&mut brokers, vec![told]);
        complete(&mut saver, &mut brokers, |_| {}).await;
        assert!(heard.await.unwrap().is_err());
        assert_eq!((own.state_saves.get(), own.state_save_failures.get()), (0, 1));
        std::fs::remove_dir(&place).unwrap();
        saver.begin(&mut brokers, Vec::new());
        complete(&mut saver, &mut brokers, |_| {}).await;
        assert_eq!(read(&file), [("main".to_owned(), 3000)]);
    }
}
