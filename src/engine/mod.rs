//! The owner of the fleets: arrivals, the tick, questions, stop. One task on one thread, no locks; a slice of
//! messages, then whoever else waits, so that neither a flood nor a scrape makes the other wait for long.

pub(crate) mod handed;
pub(crate) mod handle;
pub(crate) mod inbox;
mod later;
pub(crate) mod nodes;
pub(crate) mod overview;
pub(crate) mod pace;
pub(crate) mod probe;
mod questions;
pub(crate) mod queues;
pub(crate) mod recent;
mod state;
pub(crate) mod status;
mod taking;
mod topics;
pub(crate) mod trend;
pub(crate) mod twins;

use crate::audit;
use crate::audit::clients::ClientLog;
use crate::audit::outages::Outages;
use crate::audit::said::Said;
use crate::clock;
use crate::own::Own;
use crate::saver::Saver;
use handed::{Handed, Memories};
use handle::Question;
use inbox::Inbox;
use later::Later;
use pace::Pace;
pub(crate) use state::State;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::MissedTickBehavior;
use twins::Twins;
use watchkeeper_audit::log::LogHandle;
use watchkeeper_core::report::Watched;
use watchkeeper_core::time::{Micros, Mono, SECOND};

/// Turns of a connection that has more to read, between two slices of messages, while we are behind. With more of them a
/// flood would leave no time to deal with anything.
const READS: usize = 16;

/// How often the state is saved. With the time to write it, at most five seconds are lost.
const SAVE_EVERY: Duration = Duration::from_secs(3);

/// Nor for longer than this for records that find no room in the log: a state that knows more than the log would keep
/// quiet about it after a kill.
const HANDED_OVER_MAX: Micros = 30 * SECOND;

/// A save, before which everything is recorded, waits no longer for records that wait for their causes.
const HELD_MAX: Micros = 2 * SECOND;

/// What there is of each broker, all in the same order.
#[derive(Default)]
pub(crate) struct Brokers {
    /// The fleets.
    pub(crate) watched: Vec<Watched>,
    /// What arrives.
    pub(crate) inboxes: Vec<Rc<Inbox>>,
    /// When it was not there.
    pub(crate) outages: Vec<Outages>,
    /// What it says of its clients.
    pub(crate) clients: Vec<ClientLog>,
    /// What the connection for audited messages brings.
    pub(crate) twins: Vec<Twins>,
    /// What the log has of devices and the state does not know.
    pub(crate) said: Vec<Said>,
    /// Wakes the engine when it does; one for all.
    pub(crate) heard: Arc<Notify>,
    /// How far the log is; none where there is none.
    pub(crate) progress: Option<Progress>,
}

/// How far the log is: itself, and the highest mark that is safe.
pub(crate) type Progress = (LogHandle, watch::Receiver<u64>);

/// The engine of one process.
pub(crate) struct Engine {
    state: Rc<RefCell<State>>,
    asked: mpsc::Receiver<Question>,
    wake: Rc<Notify>,
    heard: Arc<Notify>,
    saver: Saver,
    pace: Arc<Pace>,
    /// Since when a save waits for records that are held back.
    held: Option<Mono>,
}

impl Engine {
    /// An engine for these brokers.
    pub(crate) fn new(
        brokers: Brokers,
        (wake, pace): (Rc<Notify>, Arc<Pace>),
        handed: Handed,
        own: Own,
        audit: audit::Desk,
        saver: Saver,
    ) -> Self {
        let Brokers { mut watched, inboxes, mut outages, clients, twins, said, heard, progress } = brokers;
        let Handed { asked, memories } = handed;
        let Memories { findings, observed, recent, trend, .. } =
            Memories::of(memories, &mut watched, &mut outages);
        let state = State {
            watched,
            inboxes,
            outages,
            clients,
            later: twins.iter().map(|_| Later::default()).collect(),
            twins,
            said,
            began: clock::mono(),
            progress,
            findings,
            observed,
            recent,
            trend,
            audit,
            drafts: Vec::new(),
            last_look: clock::mono(),
            full: Vec::new(),
            scraped: Rc::new(Notify::new()),
            unsaved: Vec::new(),
            own,
        };
        Self { state: Rc::new(RefCell::new(state)), asked, wake, heard, saver, pace, held: None }
    }

    /// Runs until `stop`; then deals with what waits, saves and returns what the next engine is to be
    /// given, if there is one.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) -> Handed {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let scraped = Rc::clone(&self.state.borrow().scraped);
        let mut save = tokio::time::interval(SAVE_EVERY);
        save.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_awaited = !self.state.borrow().unsaved.is_empty();
            tokio::select! {
                biased;
                _ = stop.changed() => break,
                _ = tick.tick() => {
                    self.state.borrow_mut().tick(clock::now());
                    // What waits for its twin may have waited long enough.
                    self.wake.notify_one();
                    if self.held.is_some() {
                        self.save();
                    }
                }
                Some(question) = self.asked.recv() => {
                    questions::answer(&self.state, question);
                    // However many ask, a slice of messages is taken between any two.
                    self.drain().await;
                }
                _ = save.tick() => self.save(),
                () = scraped.notified(), if self.saver.is_due(clock::mono()) => self.save(),
                () = self.wake.notified() => self.drain().await,
                () = self.heard.notified() => self.drain().await,
                () = self.saver.turn(), if is_awaited || self.saver.is_copying() => {
                    self.go_on_saving();
                    tokio::task::yield_now().await;
                }
            }
        }
        // The connections have ended, so this does, too.
        while self.state.borrow_mut().slice() {
            tokio::task::yield_now().await;
        }
        self.state.borrow_mut().tick(clock::now());
        self.written().await;
        self.begin_to_save(clock::mono());
        self.written().await;
        let mut state = self.state.borrow_mut();
        let memories = Memories {
            findings: std::mem::take(&mut state.findings),
            observed: std::mem::take(&mut state.observed),
            recent: std::mem::take(&mut state.recent),
            trend: std::mem::take(&mut state.trend),
            outages: std::mem::take(&mut state.outages),
            busiest: state.watched.iter_mut().map(|one| std::mem::take(&mut one.fleet.busiest)).collect(),
        };
        drop(state);
        Handed { asked: self.asked, memories: Some(memories) }
    }

    /// Ends the save that is under way. A scrape may want the state meanwhile, so it is not borrowed while we wait.
    async fn written(&mut self) {
        while self.saver.is_busy() {
            self.saver.turn().await;
            self.saver.step(&mut self.state.borrow_mut().watched);
        }
    }

    /// Copies a little more of a save that has begun, or begins the one that somebody waits for: what is being written
    /// knows nothing of what was asked for since it began.
    fn go_on_saving(&mut self) {
        if self.saver.is_copying() {
            self.saver.step(&mut self.state.borrow_mut().watched);
        } else if !self.state.borrow().unsaved.is_empty() {
            self.save();
        }
    }

    fn save(&mut self) {
        if self.saver.is_busy() {
            return;
        }
        let now = clock::mono();
        // Whoever waits for a save is not to wait for records as well.
        let holds = {
            let state = self.state.borrow();
            match (state.unsaved.is_empty(), state.audit.waits(), state.holds_back()) {
                (true, true, _) => Some(HANDED_OVER_MAX),
                (true, false, true) => Some(HELD_MAX),
                _ => None,
            }
        };
        if let Some(longest) = holds
            && now.since(*self.held.get_or_insert(now)) < longest
        {
            return;
        }
        self.held = None;
        self.begin_to_save(now);
    }

    fn begin_to_save(&mut self, now: Mono) {
        let mut state = self.state.borrow_mut();
        let waiting = state.prepare(now);
        self.saver.begin(&mut state.watched, waiting);
    }

    /// Deals with one slice of what waits; comes back soon if there is more.
    async fn drain(&mut self) {
        let more = self.state.borrow_mut().slice();
        self.go_on_saving();
        if more {
            self.wake.notify_one();
        }
        // The connections share this thread: let them read before the next slice. When more comes than we can deal with it
        // is we who shed, by what it is, and not the broker, which looks at nothing. Else a queue would only be in the way.
        for _ in 0..READS {
            tokio::task::yield_now().await;
            let more = self.state.borrow().more_comes();
            if !self.pace.is_behind(more, clock::mono()) {
                break;
            }
        }
    }
}
