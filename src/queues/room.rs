//! The room of queues: a thread on which every source is a task of its own. A source is asked every so often, what it
//! told is written, and only what is safe is shown and judged. No source may hold up another, or the engine.

use super::inner::{Inferred, Sys};
use super::setting::{Kind, Setting};
use super::source::{self, Source, Trouble};
use super::store::keeper::{Keeper, Running, step_ms};
use super::store::row::Row;
use super::store::{FILE, Held, Known, Snapshot};
use super::window::{Bell, Taken, Window};
use crate::clock;
use crate::config::{Config, QueueSource};
use crate::engine::handle::EngineHandle;
use crate::engine::queues::QueueAsk;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::LocalSet;
use tokio::time::MissedTickBehavior;
use watchkeeper_core::finding::Queueing;
use watchkeeper_core::queues::{Board, Facts, Reading, Rules};
use watchkeeper_core::time::{Now, Wall};

/// A source that takes longer is given up for this time.
const ASKED_WITHIN: Duration = Duration::from_secs(20);

/// Clients whose devices are looked at in one question, so that the engine is never held up for long.
const FACTS: usize = 2_000;

/// Two who ask for a snapshot at once may wait, and no more.
const BELLS: usize = 2;

/// The room while it runs.
pub(crate) struct Room {
    pub(crate) window: Window,
    thread: JoinHandle<()>,
    store: Running,
}

impl Room {
    /// Starts it; none where no source is configured. It ends with `stop`.
    pub(crate) fn start(
        config: &Config,
        engine: &EngineHandle,
        stop: watch::Receiver<bool>,
    ) -> std::io::Result<Option<Self>> {
        let sources = config.queues.sources.clone();
        if sources.is_empty() {
            return Ok(None);
        }
        let known = sources
            .iter()
            .map(|one| Known { name: one.setting.name.clone(), broker: one.setting.broker.clone() });
        let (keeper, store, before) =
            Keeper::start(&config.data_dir, known.collect(), config.queues.keep_for)?;
        let (bells, rung): (Vec<Bell>, Vec<_>) = sources.iter().map(|_| mpsc::channel(BELLS)).unzip();
        let inferred = sources.iter().filter(|one| matches!(one.setting.kind, Kind::Inferred));
        let inferred = inferred.map(|one| one.setting.name.clone()).collect();
        let window = Window::new(config.data_dir.join(FILE), keeper.clone(), bells, inferred);
        let desk = Desk {
            sources,
            keeper,
            engine: engine.clone(),
            window: window.clone(),
            series_max: config.limits.device_series_max,
        };
        let thread = std::thread::Builder::new()
            .name("queues".to_owned())
            .spawn(move || desk.run(before, rung, stop))?;
        Ok(Some(Self { window, thread, store }))
    }

    /// Waits for the end; `stop` must have been said.
    pub(crate) fn join(self) -> bool {
        let ended = self.thread.join().is_ok();
        self.store.join() && ended
    }
}

/// Everything the thread is given.
struct Desk {
    sources: Vec<QueueSource>,
    keeper: Keeper,
    engine: EngineHandle,
    window: Window,
    series_max: usize,
}

/// What the tasks share; borrowed for a moment at a time.
struct Shared {
    /// By broker; the place of a source among those of its broker.
    boards: HashMap<String, Board>,
}

/// One source and its task.
struct Worker {
    desk: Rc<Desk>,
    shared: Rc<RefCell<Shared>>,
    /// Its place in the configuration, and among the sources of its broker.
    at: usize,
    at_broker: usize,
    source: Result<Box<dyn Source>, Trouble>,
    /// When both clocks were read last for a snapshot.
    last: Now,
}

impl Desk {
    fn run(
        self,
        before: oneshot::Receiver<Vec<Held>>,
        rung: Vec<mpsc::Receiver<oneshot::Sender<Taken>>>,
        stop: watch::Receiver<bool>,
    ) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return tracing::error!(%error, "queues cannot be watched"),
        };
        LocalSet::new().block_on(&runtime, self.work(before, rung, stop));
        runtime.shutdown_background();
    }

    async fn work(
        self,
        before: oneshot::Receiver<Vec<Held>>,
        rung: Vec<mpsc::Receiver<oneshot::Sender<Taken>>>,
        stop: watch::Receiver<bool>,
    ) {
        let held = before.await.unwrap_or_default();
        let boards = self.boards(held);
        let desk = Rc::new(self);
        let shared = Rc::new(RefCell::new(Shared { boards }));
        desk.show_all(&shared).await;
        let mut tasks = Vec::new();
        for (at, bell) in rung.into_iter().enumerate() {
            let setting = &desk.sources[at].setting;
            let worker = Worker {
                at,
                at_broker: desk.at_broker(at),
                source: desk.open(setting),
                desk: Rc::clone(&desk),
                shared: Rc::clone(&shared),
                last: clock::now(),
            };
            tasks.push(tokio::task::spawn_local(worker.run(bell, stop.clone())));
        }
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a source of queues ended badly");
            }
        }
    }

    fn boards(&self, mut held: Vec<Held>) -> HashMap<String, Board> {
        held.resize_with(self.sources.len(), Held::default);
        let mut boards: HashMap<String, Board> = HashMap::new();
        for (at, held) in held.into_iter().enumerate() {
            let broker = &self.sources[at].setting.broker;
            let board = boards.entry(broker.clone()).or_insert_with(|| {
                let own = self.sources.iter().filter(|one| one.setting.broker == *broker);
                let limit = own.clone().map(|one| one.setting.limit).max().unwrap_or_default();
                let rules = Rules { clients_max: limit, ..Rules::default() };
                Board::new(own.map(|one| &*one.setting.name), rules, self.series_max)
            });
            board.restore(self.at_broker(at), held.at, held.queues);
        }
        boards
    }

    fn at_broker(&self, at: usize) -> usize {
        let broker = &self.sources[at].setting.broker;
        self.sources[..at].iter().filter(|one| one.setting.broker == *broker).count()
    }

    /// What was known before this run is shown until a source has told anew.
    async fn show_all(&self, shared: &Rc<RefCell<Shared>>) {
        let brokers: HashSet<&str> = self.sources.iter().map(|one| &*one.setting.broker).collect();
        for broker in brokers {
            self.tell(shared, broker, Vec::new()).await;
        }
    }

    /// Shows the queues of a broker to all rooms at once, and hands over what became true.
    async fn tell(&self, shared: &Rc<RefCell<Shared>>, broker: &str, found: Vec<Queueing>) {
        let shown = {
            let mut shared = shared.borrow_mut();
            let Some(board) = shared.boards.get_mut(broker) else { return };
            Arc::new(board.shown(clock::now()))
        };
        self.window.show(broker, Arc::clone(&shown));
        let named = broker.to_owned();
        // An engine that stops needs to know no more.
        drop(self.engine.queues(|reply| QueueAsk::Told(named, shown, found, reply)).await);
    }

    fn open(&self, setting: &Setting) -> Result<Box<dyn Source>, Trouble> {
        let (engine, broker) = (self.engine.clone(), setting.broker.clone());
        match &setting.kind {
            Kind::Sys => Ok(Box::new(Sys { engine, broker })),
            Kind::Inferred => {
                Ok(Box::new(Inferred { engine, broker, limit: setting.limit, told: HashSet::new() }))
            }
            _ => source::open(setting).unwrap_or_else(|| {
                Err(Trouble {
                    cause: format!("{}: this version cannot ask a source of this kind", setting.name),
                    cure: "use another kind, or take it away".to_owned(),
                })
            }),
        }
    }
}

impl Worker {
    async fn run(
        mut self,
        mut bell: mpsc::Receiver<oneshot::Sender<Taken>>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut tick = tokio::time::interval(self.setting().every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let reply = tokio::select! {
                biased;
                // A sender that is gone is a stop as well.
                _ = stop.wait_for(|stop| *stop) => return,
                asked = bell.recv() => asked,
                _ = tick.tick() => None,
            };
            let told = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                told = self.snapshot() => told,
            };
            let setting = self.setting();
            if let Some(reply) = reply {
                let taken = Taken { source: setting.name.clone(), broker: setting.broker.clone(), told };
                // Whoever asked may have gone.
                drop(reply.send(taken));
            }
        }
    }

    fn setting(&self) -> &Setting {
        &self.desk.sources[self.at].setting
    }

    /// Asks once, writes, shows and judges; says how many clients were told, or why none were.
    async fn snapshot(&mut self) -> Result<usize, String> {
        let read = self.read().await;
        let now = clock::now();
        let step_ms = step_ms(self.last, now);
        self.last = now;
        let at = read.as_ref().ok().and_then(|reading| reading.as_of).unwrap_or(now.wall);
        let at = whole_ms(at);
        let (told, reading) = match read {
            Ok(reading) => (Ok(reading.queues.clone()), Some(Reading { as_of: Some(at), ..reading })),
            Err(trouble) => (Err(trouble.to_string()), None),
        };
        let error = told.as_ref().err().cloned();
        let kept = self.desk.keeper.commit(Snapshot { source: self.at, at, step_ms, told }).await;
        let broker = self.setting().broker.clone();
        let found = match reading {
            // What is not safe is not shown.
            Some(reading) if kept.is_ok() => self.judge(&broker, &reading, now).await,
            Some(_) => return Err(kept.err().map_or_else(String::new, |trouble| trouble.to_string())),
            None => {
                self.failed(&broker, error.clone().unwrap_or_default(), now);
                (Vec::new(), 0)
            }
        };
        self.desk.tell(&self.shared, &broker, found.0).await;
        error.map_or(Ok(found.1), Err)
    }

    async fn read(&mut self) -> Result<Reading, Trouble> {
        let within = self.setting().every.min(ASKED_WITHIN).max(Duration::from_secs(5));
        let (limit, limit_messages) = (self.setting().limit, self.desk.sources[self.at].limit_messages);
        let source = self.source.as_mut().map_err(|trouble| trouble.clone())?;
        let mut reading =
            tokio::time::timeout(within, source.read(clock::wall())).await.unwrap_or_else(|_| {
                Err(Trouble {
                    cause: format!("no answer within {} s", within.as_secs()),
                    cure: "see what keeps it busy, or ask it less often with every".to_owned(),
                })
            })?;
        tidy(&mut reading, limit, limit_messages);
        Ok(reading)
    }

    async fn judge(&self, broker: &str, reading: &Reading, now: Now) -> (Vec<Queueing>, usize) {
        let concerned: Vec<Box<str>> = {
            let shared = self.shared.borrow();
            let board = shared.boards.get(broker);
            board.map_or_else(Vec::new, |board| board.concerned(reading).map(Into::into).collect())
        };
        let mut known: HashMap<Box<str>, Facts> = HashMap::with_capacity(concerned.len());
        for some in concerned.chunks(FACTS) {
            let (named, asked) = (broker.to_owned(), some.to_vec());
            let facts = self.desk.engine.queues(|reply| QueueAsk::Facts(named, asked, reply)).await;
            known.extend(some.iter().cloned().zip(facts.unwrap_or_default()));
        }
        let facts = |client: &str| known.get(client).copied().unwrap_or_default();
        let mut shared = self.shared.borrow_mut();
        let found =
            shared.boards.get_mut(broker).map(|board| board.reading(self.at_broker, reading, &facts, now));
        (found.unwrap_or_default(), reading.queues.len())
    }

    fn failed(&self, broker: &str, error: String, now: Now) {
        if let Some(board) = self.shared.borrow_mut().boards.get_mut(broker) {
            board.failed(self.at_broker, error, now);
        }
    }
}

/// What is told is what is written: each client once, nobody of whom nothing is known, moments to the millisecond.
fn tidy(reading: &mut Reading, limit: usize, limit_messages: Option<u64>) {
    let mut seen = HashSet::with_capacity(reading.queues.len());
    reading.queues.retain(|queue| !Row::of(queue).is_gone() && seen.insert(queue.client_id.clone()));
    reading.refused += reading.queues.len().saturating_sub(limit) as u64;
    reading.queues.truncate(limit);
    for queue in &mut reading.queues {
        queue.oldest = queue.oldest.map(whole_ms);
        if !queue.client_id.is_empty() {
            queue.limit_messages = queue.limit_messages.or(limit_messages);
        }
    }
}

fn whole_ms(at: Wall) -> Wall {
    Wall(at.0.div_euclid(1000) * 1000)
}
