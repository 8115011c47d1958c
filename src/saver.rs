//! Saving the state while the fleets go on: what is saved is copied a little at a time, and is nevertheless all of one
//! moment. What has to change all devices at once, such as a reconnect, copies first what is left. Nothing here may decide
//! what is worth saving.

use crate::own::Own;
use crate::state::{Next, NotWritten, Piece, StateFile};
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
    /// The disk has nothing to do with it.
    is_encoding: bool,
}

impl NotSaved {
    fn written(file: &Path, why: &NotWritten) -> Self {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        match why {
            NotWritten::Disk(error) => Self {
                what: format!("the state file {} cannot be written: {error}", file.display()),
                is_full: matches!(error.kind(), StorageFull | QuotaExceeded),
                is_encoding: false,
            },
            NotWritten::Encoding(why) => Self {
                what: format!("the state cannot be put into the form of its file: {why}"),
                is_full: false,
                is_encoding: true,
            },
        }
    }

    /// What to do about it.
    pub(crate) fn cure(&self) -> &'static str {
        if self.is_encoding {
            "report it: this is a fault of this program and not of the disk; the state that was saved before stands"
        } else if self.is_full {
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
    to: mpsc::Sender<Next>,
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
        let (to, pieces) = mpsc::channel::<Next>(PIECES_MAX);
        let (file, own) = (self.file.clone(), self.own.clone());
        self.writing = Some(tokio::task::spawn_blocking(move || {
            tell(waiting, &write_and_count(&file, &own, pieces));
        }));
        match heads(watched, self.away.0) {
            Ok((before, heads)) => {
                self.copying = Some(Copying { to, broker: 0, heads, before });
                self.step(watched);
            }
            Err(why) => self.give_up(watched, &to, &why),
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
                drop(copying.to.try_send(Ok(Piece { bytes, is_last })));
                if is_last {
                    self.copying = None;
                }
            }
            Err(why) => {
                let to = copying.to.clone();
                self.give_up(watched, &to, &why);
            }
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

    /// Whoever writes says so, and tells those who wait.
    fn give_up(&mut self, watched: &mut [Watched], to: &mpsc::Sender<Next>, why: &postcard::Error) {
        // There is room: nothing is copied where there is none.
        drop(to.try_send(Err(why.to_string())));
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

fn write_and_count(file: &StateFile, own: &Own, pieces: mpsc::Receiver<Next>) -> Result<(), NotSaved> {
    let start = Instant::now();
    let written = file.write(pieces).map_err(|why| NotSaved::written(file.path(), &why));
    match &written {
        Ok(()) => own.state_saves.inc(),
        Err(error) => {
            if own.state_save_failures.get() == 0 {
                let (file, cure) = (file.path().display(), error.cure());
                tracing::error!(%file, %error, cure, "the state cannot be saved; tracking goes on");
            }
            own.state_save_failures.inc();
        }
    }
    own.state_save_seconds.observe(start.elapsed().as_secs_f64());
    written
}

#[cfg(test)]
mod tests;
