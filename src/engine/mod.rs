//! The owner of the fleets: arrivals, the tick, questions, stop. One task on one thread, no locks; a slice of
//! messages, then whoever else waits, so that neither a flood nor a scrape makes the other wait for long.

pub(crate) mod handle;
pub(crate) mod inbox;
mod later;
pub(crate) mod nodes;
pub(crate) mod overview;
pub(crate) mod probe;
mod questions;
pub(crate) mod queues;
pub(crate) mod recent;
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
use crate::state::{Saver, Waiting};
use handle::Question;
use inbox::Inbox;
use later::Later;
use recent::Recent;
use serde_json::{Value, json};
use status::Observed;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use taking::{Looker, in_turn, take, take_apart, take_turns, tell};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::MissedTickBehavior;
use trend::Trend;
use twins::Twins;
use watchkeeper_audit::log::LogHandle;
use watchkeeper_audit::record::Draft;
use watchkeeper_audit::sources;
use watchkeeper_core::finding::{Finding, What};
use watchkeeper_core::report::Watched;
use watchkeeper_core::time::{Micros, Mono, Now, SECOND};

/// Messages between two looks at who else waits.
const SLICE: usize = 256;

/// Findings that are kept for people to look at.
const FINDINGS_MAX: usize = 1000;

/// Nobody looked for so long, though there is a tick every second: this process stood still, an outage of ours.
const STALL: Micros = 2 * SECOND;

/// How often the state is saved. With the time to write it, at most five seconds are lost.
const SAVE_EVERY: Duration = Duration::from_secs(3);

/// Nor for longer than this for records that find no room in the log: a state that knows more than the log would keep
/// quiet about it after a kill.
const HANDED_OVER_MAX: Micros = 30 * SECOND;

/// A save, before which everything is recorded, waits no longer for records that wait for their causes.
const HELD_MAX: Micros = 2 * SECOND;

/// What the engine owns. Borrowed for a moment at a time, never across an await.
pub(crate) struct State {
    pub(crate) watched: Vec<Watched>,
    pub(crate) inboxes: Vec<Rc<Inbox>>,
    /// In the order of the brokers, as is the next.
    outages: Vec<Outages>,
    clients: Vec<ClientLog>,
    twins: Vec<Twins>,
    later: Vec<Later>,
    said: Vec<Said>,
    began: Mono,
    progress: Option<Progress>,
    findings: VecDeque<Value>,
    /// For the report on what was observed.
    pub(crate) observed: Observed,
    /// For the page: the last values of devices that are looked at, and how much there was of late.
    recent: Recent,
    trend: Trend,
    pub(crate) audit: audit::Desk,
    /// Records of this slice, in their order.
    drafts: Vec<Draft>,
    last_look: Mono,
    /// Brokers of which was said that they have too many devices.
    full: Vec<Box<str>>,
    /// A scrape has told what is not saved yet.
    pub(crate) scraped: Rc<Notify>,
    /// Who waits until what is so now is saved.
    unsaved: Vec<Waiting>,
    own: Own,
}

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
    /// Since when a save waits for records that are held back.
    held: Option<Mono>,
}

impl Engine {
    /// An engine for these brokers.
    pub(crate) fn new(
        brokers: Brokers,
        wake: Rc<Notify>,
        asked: mpsc::Receiver<Question>,
        own: Own,
        audit: audit::Desk,
        saver: Saver,
    ) -> Self {
        let Brokers { watched, inboxes, outages, clients, twins, said, heard, progress } = brokers;
        let observed = Observed::new(&watched);
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
            findings: VecDeque::new(),
            observed,
            recent: Recent::default(),
            trend: Trend::default(),
            audit,
            drafts: Vec::new(),
            last_look: clock::mono(),
            full: Vec::new(),
            scraped: Rc::new(Notify::new()),
            unsaved: Vec::new(),
            own,
        };
        Self { state: Rc::new(RefCell::new(state)), asked, wake, heard, saver, held: None }
    }

    /// Runs until `stop`; then deals with what waits, saves and returns what was asked and not answered.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) -> mpsc::Receiver<Question> {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let scraped = Rc::clone(&self.state.borrow().scraped);
        let mut save = tokio::time::interval(SAVE_EVERY);
        save.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // A save that is being written knows nothing of what was asked for since it began.
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
                () = self.saver.settle(), if is_awaited => self.save(),
                Some(question) = self.asked.recv() => {
                    questions::answer(&self.state, question);
                    // However many ask, a slice of messages is taken between any two.
                    self.drain().await;
                }
                _ = save.tick() => self.save(),
                () = scraped.notified(), if self.saver.is_due(clock::mono()) => self.save(),
                () = self.wake.notified() => self.drain().await,
                () = self.heard.notified() => self.drain().await,
            }
        }
        // The connections have ended, so this does, too.
        while self.state.borrow_mut().slice() {
            tokio::task::yield_now().await;
        }
        self.state.borrow_mut().tick(clock::now());
        // A scrape under way may want the state meanwhile, so it is not borrowed while we wait.
        self.saver.settle().await;
        let waiting = self.state.borrow_mut().prepare(clock::mono());
        self.saver.finish(&self.state.borrow().watched, waiting);
        self.asked
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
        let waiting = self.state.borrow_mut().prepare(now);
        self.saver.save(&self.state.borrow().watched, waiting);
    }

    /// Deals with one slice of what waits; comes back soon if there is more.
    async fn drain(&self) {
        let more = self.state.borrow_mut().slice();
        if more {
            self.wake.notify_one();
        }
        // The connections share this thread: let them read before the next slice.
        tokio::task::yield_now().await;
    }
}

impl State {
    fn slice(&mut self) -> bool {
        let mut more = false;
        let read = clock::now();
        self.look(read);
        let mut looker = Looker { observed: &mut self.observed, audit: &self.audit, own: &self.own };
        let sources = self.outages.iter_mut().zip(&mut self.clients).zip(&mut self.twins);
        for ((watched, inbox), (sources, twins)) in self.watched.iter_mut().zip(&self.inboxes).zip(sources) {
            for _ in 0..SLICE {
                let Some(item) = inbox.pop() else { break };
                let Some(item) = in_turn(watched, twins, item) else { continue };
                if matches!(item, inbox::Item::Down(_)) {
                    take_apart(watched, twins, &mut looker, read, &mut self.drafts);
                }
                self.drafts.extend(take(watched, (sources.0, sources.1), &mut looker, item, read));
            }
            let drafts = &mut self.drafts;
            take_turns(watched, (sources.0, sources.1), twins, &mut looker, read, drafts);
            if let Some(at) = inbox.alive() {
                watched.fleet.alive(at);
            }
            more |= inbox.waits();
        }
        self.note_findings(read);
        more
    }

    /// Before anything is made of messages or of time: a standstill of ours is skipped by the fleets' clocks. The
    /// messages of that time wait in the socket and arrive in a bunch.
    fn look(&mut self, now: Now) {
        let stood = now.mono.since(self.last_look);
        self.last_look = now.mono;
        if stood <= STALL {
            return;
        }
        for watched in &mut self.watched {
            if watched.fleet.link().is_up() {
                watched.fleet.link_down(now);
                watched.fleet.link_up(now);
            }
        }
        tracing::warn!(
            seconds = stood / SECOND,
            "this process stood still; no device is blamed for that time"
        );
        self.drafts.push(sources::life::stood_still(now.wall.minus(stood), stood));
    }

    fn tick(&mut self, now: Now) {
        self.look(now);
        for (watched, inbox) in self.watched.iter_mut().zip(&self.inboxes) {
            // A broker that proves its life without a message wakes nobody.
            if let Some(at) = inbox.alive() {
                watched.fleet.alive(at);
            }
            watched.fleet.tick(now);
            let (tried, failed) = self.own.connections(&watched.fleet.rules().broker);
            watched.fleet.note_connections(tried, failed, now);
            watched.fleet.note_round_trips(&[], now);
            inbox.show_depth();
        }
        for (watched, clients) in self.watched.iter_mut().zip(&mut self.clients) {
            clients.tick(&mut watched.broker);
            tell(watched, clients, now);
        }
        self.recent.tick(&self.watched, now);
        self.trend.tick(&self.watched, now);
        self.say_full();
        self.drafts.extend(self.outages.iter_mut().filter_map(|outages| outages.tick(now)));
        self.note_findings(now);
        // What found no room in the log before may find it now.
        self.audit.tick();
    }

    /// Once a broker: what is beyond the limit arrives with every message, and the counter goes on.
    fn say_full(&mut self) {
        for watched in &self.watched {
            let rules = watched.fleet.rules();
            if watched.fleet.stats.devices_refused > 0 && !self.full.contains(&rules.broker) {
                tracing::warn!(
                    broker = &*rules.broker,
                    devices_max = rules.limits.devices_max,
                    "there are more devices than the limit, and those beyond it are not watched; raise limits.devices_max \
                     or shorten fleet.forget_after"
                );
                self.full.push(rules.broker.clone());
            }
        }
    }

    /// Every finding is a record, and the newest are kept for people to look at. Then the log has everything of this
    /// slice, in its order; it never makes us wait.
    fn note_findings(&mut self, seen: Now) {
        for at in 0..self.watched.len() {
            let found = self.watched[at].fleet.take_findings();
            for finding in &found {
                self.note_finding(at, finding, seen);
            }
            self.later[at].take(&self.twins[at], seen.mono, false, &mut self.drafts);
        }
        self.hand_over();
    }

    /// A finding of a broker's fleet or queues, the broker being known by its place.
    fn note_finding(&mut self, at: usize, finding: &Finding, seen: Now) {
        let broker = &self.watched[at].fleet.rules().broker;
        self.observed.note_finding(finding);
        if self.audit.is_on() {
            let twins = &self.twins[at];
            let is_command = matches!(finding.what, What::Command(_));
            let waits = twins.is_on() && is_command;
            let (said, running) = (&mut self.said[at], seen.mono.since(self.began));
            let is_new = |draft: &Draft| is_command || !said.has(draft, &self.audit, running);
            match sources::finding::draft(broker, finding, seen.wall).filter(is_new) {
                Some(draft) if waits => self.later[at].hold(draft, twins, seen.mono),
                draft => self.drafts.extend(draft),
            }
        }
        // An answer in time would soon be all that is kept.
        if finding.what.is_routine() {
            return;
        }
        if self.findings.len() == FINDINGS_MAX {
            self.findings.pop_front();
        }
        self.findings.push_back(show(broker, finding));
    }

    /// Whether records wait for a connection to be back that brings what they were found of.
    fn holds_back(&self) -> bool {
        self.later.iter().zip(&self.twins).any(|(later, twins)| later.waits() && twins.is_away())
    }

    fn hand_over(&mut self) {
        if !self.drafts.is_empty() {
            self.audit.note_all(self.drafts.drain(..));
        }
    }

    /// Before the state is saved: what it knows is in the log, or on its way there, and how far it knows the log is part
    /// of it. Gives who waits for that.
    fn prepare(&mut self, now: Mono) -> Vec<Waiting> {
        for (twins, later) in self.twins.iter().zip(&mut self.later) {
            later.take(twins, now, true, &mut self.drafts);
        }
        self.hand_over();
        let waiting = std::mem::take(&mut self.unsaved);
        let Some((log, safe)) = &self.progress else { return waiting };
        let safe = *safe.borrow();
        let next = log.status().next;
        for (watched, twins) in self.watched.iter_mut().zip(&mut self.twins) {
            watched.logged = twins.saved(safe, next);
        }
        waiting
    }
}

/// A finding as the API shows it.
fn show(broker: &str, finding: &Finding) -> Value {
    let mut shown = json!({
        "ts": finding.wall.rfc3339(),
        "broker": broker,
        "device": &*finding.device,
        "event": finding.what.event(),
        "details": finding.what.details(),
        "muted": finding.muted,
    });
    if let What::Alarm(alarm) = &finding.what {
        shown["alarm_id"] = alarm.id.as_deref().into();
    }
    shown
}
