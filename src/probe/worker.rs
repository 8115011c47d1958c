//! The probe of one broker: rounds and tests of a session at their times, one at a time, so that they never take each
//! other's client id; then everybody is told. Nothing here may judge a message.

use super::done::{Done, Session, unsound};
use super::left::Left;
use super::meters::Meters;
use super::retained::{Retained, retained};
use super::round::{Wish, round};
use super::session::{MESSAGES, session};
use super::status::ProbeStatus;
use super::way::{Entered, Way};
use crate::clock;
use crate::config::{Broker, Probe};
use crate::engine::handle::EngineHandle;
use crate::engine::probe::Told;
use crate::ingest::status::{Failure, LinkStatus};
use ring::rand::{SecureRandom, SystemRandom};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use watchkeeper_core::finding::Probing;
use watchkeeper_core::probe::{History, Kept, Retaining};

/// The first round waits about so long: the other connections come first.
const FIRST: Duration = Duration::from_secs(5);
/// An engine that is busy is told nothing.
const TOLD_WITHIN: Duration = Duration::from_secs(5);

/// What it is to do.
pub(super) struct Plan {
    pub(super) broker: Arc<Broker>,
    pub(super) setting: Probe,
    /// How long a stop may take.
    pub(super) grace: Duration,
}

/// See the head of this file.
pub(super) struct Worker {
    broker: Arc<Broker>,
    devices: Arc<LinkStatus>,
    setting: Probe,
    grace: Duration,
    engine: EngineHandle,
    meters: Meters,
    status: Arc<ProbeStatus>,
    history: History,
    retaining: Retaining,
    left: Left,
    random: SystemRandom,
}

impl Worker {
    pub(super) fn new(
        plan: Plan,
        devices: Arc<LinkStatus>,
        engine: EngineHandle,
        meters: Meters,
        status: Arc<ProbeStatus>,
    ) -> Self {
        let Plan { broker, setting, grace } = plan;
        Self {
            broker,
            devices,
            setting,
            grace,
            engine,
            meters,
            status,
            history: History::default(),
            retaining: Retaining::default(),
            left: Left::default(),
            random: SystemRandom::new(),
        }
    }

    /// Until `stop`; what is under way is dropped, with its connection, and what it left at the broker is taken away.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            biased;
            // A sender that is gone is a stop as well.
            _ = stop.wait_for(|stop| *stop) => {}
            () = self.work() => {}
        }
        self.left.tidy(&self.broker, self.grace).await;
    }

    async fn work(&mut self) {
        let mut rounds = self.setting.every.map(|every| self.ticks(every));
        let mut sessions = self.setting.session_every.map(|every| self.ticks(every));
        loop {
            // By chance where both are due: rounds that take longer than their interval must not keep sessions away.
            tokio::select! {
                () = next(&mut rounds) => self.round().await,
                () = next(&mut sessions) => self.session().await,
            }
        }
    }

    /// The first soon, but not at one moment for all sidecars that were started at one.
    fn ticks(&self, every: Duration) -> Interval {
        let share = f64::from(u8::try_from(self.token() % 256).unwrap_or(0)) / 256.0;
        let first = every.min(FIRST).mul_f64(0.5 + share / 2.0);
        let mut ticks = interval_at(Instant::now() + first, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    }

    async fn round(&mut self) {
        let (broker, token) = (Arc::clone(&self.broker), self.token());
        let way = Way::of(&broker, &self.devices.get());
        let is_due = self.setting.retained && self.retaining.is_due();
        let wish = Wish { id: &broker.client_id, qualities: &self.setting.qos, token };
        let (done, mut entered) = round(&way, &wish).await;
        // What was found out is told before the retained message, which may keep us waiting, is tried.
        self.done(&done).await;
        if self.setting.retained {
            let tried = match &mut entered {
                Some(entered) if is_due => {
                    retained(&way, entered, &broker.client_id, token, &self.left).await
                }
                _ => Retained::default(),
            };
            self.retained(tried).await;
        }
        if let Some(Entered { talk, .. }) = entered {
            talk.leave().await;
        }
    }

    async fn done(&mut self, done: &Done) {
        self.meters.round(&self.broker.name, &self.setting.qos, done);
        let now = clock::now();
        let found = self.history.round(&done.verdict, why(done.failure.as_ref()), now.mono);
        self.note(done);
        let round_trips = done.verdict.round_trips().map(|(_, took)| took).collect();
        self.tell(round_trips, found, done.failure.as_ref()).await;
    }

    /// What the round says of retained messages, which is told on its own.
    async fn retained(&mut self, done: Retained) {
        let Retained { kept: tried, took, failure } = done;
        let found = self.retaining.round(tried, why(failure.as_ref()));
        let kept = self.retaining.kept();
        if (tried, kept) == (Kept::HungUp, Kept::Unsupported) {
            self.left.last_keeps_none();
        }
        self.meters.retained(&self.broker.name, self.retaining.success(), took);
        let (wall, is_failing) = (clock::wall(), self.retaining.is_failing());
        self.status.set(|state| {
            state.retained_since = is_failing.then(|| state.retained_since.unwrap_or(wall));
            // What is known of the broker is not forgotten by a round that did not come so far.
            if tried != Kept::Untried {
                (state.retained, state.retained_failure) = (kept, failure.clone());
            }
        });
        // What keeps none has nothing to be cured of.
        let failure = failure.filter(|_| kept == Kept::Failed);
        self.tell(Vec::new(), found.into_iter().collect(), failure.as_ref()).await;
    }

    fn note(&self, done: &Done) {
        let wall = clock::wall();
        let (is_failing, is_losing) = (self.history.is_failing(), self.history.is_losing());
        let since = |before: Option<_>, is: bool| is.then(|| before.unwrap_or(wall));
        self.status.set(|state| {
            state.last = Some(wall);
            state.round_trips = done.verdict.round_trips().collect();
            state.failure.clone_from(&done.failure);
            state.failing_since = since(state.failing_since, is_failing);
            state.losing_since = since(state.losing_since, is_losing);
            state.lost += done.verdict.lost().count() as u64;
            state.came_back(&done.verdict, done.failure.as_ref());
        });
    }

    async fn session(&mut self) {
        let way = Way::of(&self.broker, &self.devices.get());
        let session = session(&way, &self.broker.client_id, self.token()).await;
        self.meters.session(&self.broker.name, &session);
        let (failure, lost) = match session {
            // A broker that is away is told by those who look for it more often.
            Session::Away(failure) => {
                let (broker, cause) = (&self.broker.name, failure.summary);
                return tracing::debug!(broker, cause, "the session of the probe cannot be tested");
            }
            Session::Denied(failure) => (Some(failure), 0),
            Session::Tested(tested) => (unsound(&tested, MESSAGES), tested.received.lost()),
        };
        let found = self.history.session(why(failure.as_ref()), lost);
        let wall = clock::wall();
        self.status.set(|state| {
            let since = state.session_failure.take().map_or(wall, |(_, since)| since);
            state.session_last = Some(wall);
            state.session_failure = failure.clone().map(|failure| (failure, since));
        });
        self.tell(Vec::new(), found.into_iter().collect(), failure.as_ref()).await;
    }

    async fn tell(&self, round_trips: Vec<u64>, found: Vec<Probing>, failure: Option<&Failure>) {
        let broker = &self.broker.name;
        for probing in &found {
            let (event, details) = (probing.event(), probing.details());
            if let Some(Failure { cure, .. }) = failure {
                tracing::warn!(broker, event, details, cure, "probe");
            } else {
                tracing::info!(broker, event, details, "probe");
            }
        }
        if round_trips.is_empty() && found.is_empty() {
            return;
        }
        // An engine that stops needs to know no more.
        let told = Told { broker: broker.clone(), round_trips, found };
        drop(timeout(TOLD_WITHIN, self.engine.probed(told)).await);
    }

    /// What nobody can guess; without randomness the moment has to do.
    fn token(&self) -> u64 {
        let mut bytes = [0_u8; 8];
        match self.random.fill(&mut bytes) {
            Ok(()) => u64::from_be_bytes(bytes),
            Err(_) => clock::wall().0.unsigned_abs(),
        }
    }
}

/// In one word and a sentence.
fn why(failure: Option<&Failure>) -> Option<(&str, &str)> {
    failure.map(|failure| (failure.reason, &*failure.summary))
}

/// The next tick; never, where there are none.
async fn next(ticks: &mut Option<Interval>) {
    match ticks {
        Some(ticks) => drop(ticks.tick().await),
        None => std::future::pending().await,
    }
}
