//! The room of queues: a thread on which every source is a task of its own. A source is asked every so often, what it
//! told is written, and only what is safe is shown and judged. No source may hold up another, or the engine.

use super::inner::{Inferred, Sys};
use super::setting::{Kind, Setting};
use super::source::{self, Source, Trouble};
use super::store::keeper::{Keeper, Meters, Running};
use super::store::{FILE, Held, Known};
use super::window::{Bell, Taken, Window};
use super::worker::Worker;
use crate::clock;
use crate::config::{Config, QueueSource};
use crate::engine::handle::EngineHandle;
use crate::engine::queues::QueueAsk;
use crate::own::Own;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::LocalSet;
use watchkeeper_core::finding::Queueing;
use watchkeeper_core::queues::{Board, Rules, Shown};

/// Two who ask for a snapshot at once may wait, and no more.
const BELLS: usize = 2;

/// Findings that the engine is told of at once.
const FOUND: usize = 200;

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
        own: &Own,
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
            Keeper::start(&config.data_dir, known.collect(), config.queues.keep_for, Meters::new(own))?;
        let bell = |one: &QueueSource| {
            let (ring, heard) = mpsc::channel(BELLS);
            (Bell { source: one.setting.name.clone(), broker: one.setting.broker.clone(), ring }, heard)
        };
        let (bells, rung): (Vec<Bell>, Vec<_>) = sources.iter().map(bell).unzip();
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
pub(super) struct Desk {
    pub(super) sources: Vec<QueueSource>,
    pub(super) keeper: Keeper,
    pub(super) engine: EngineHandle,
    window: Window,
    series_max: usize,
}

/// What the tasks share; borrowed for a moment at a time.
pub(super) struct Shared {
    /// By broker; the place of a source among those of its broker.
    pub(super) boards: HashMap<String, Board>,
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
                fails: false,
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
            if matches!(self.sources[at].setting.kind, Kind::Inferred) {
                board.infers(self.at_broker(at));
            }
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
    pub(super) async fn tell(&self, shared: &Rc<RefCell<Shared>>, broker: &str, found: Vec<Queueing>) {
        let shown = {
            let mut shared = shared.borrow_mut();
            let Some(board) = shared.boards.get_mut(broker) else { return };
            Arc::new(board.shown(clock::now()))
        };
        self.window.show(broker, Arc::clone(&shown));
        tell_engine(&self.engine, broker, shown, found).await;
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

/// In steps that hold the engine up for a moment each, however many clients there are; what was shown before is thrown
/// away here. An engine that stops needs to know no more.
async fn tell_engine(engine: &EngineHandle, broker: &str, shown: Arc<Shown>, mut found: Vec<Queueing>) {
    let named = || broker.to_owned();
    drop(engine.queues(|reply| QueueAsk::Told(named(), shown, reply)).await);
    while !found.is_empty() {
        let rest = found.split_off(found.len().min(FOUND));
        let some = std::mem::replace(&mut found, rest);
        if engine.queues(|reply| QueueAsk::Found(named(), some, reply)).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::handle::Question;
    use watchkeeper_core::finding::QueueTurn;

    #[tokio::test]
    async fn ten_thousand_findings_are_told_to_the_engine_in_small_steps_and_in_order() {
        let (engine, mut asked) = EngineHandle::new(1);
        let edge = |n: u64| Queueing {
            client: format!("c{n}").into(),
            source: "emqx".into(),
            turn: QueueTurn::Dropped { count: n },
        };
        let found: Vec<Queueing> = (0..10_000).map(edge).collect();
        let wanted = found.clone();
        let telling = tokio::spawn(async move { tell_engine(&engine, "main", Arc::default(), found).await });
        let (mut told, mut shown) = (Vec::new(), 0);
        while let Some(question) = asked.recv().await {
            match question {
                Question::Queues(QueueAsk::Told(_, _, reply)) => {
                    assert!(told.is_empty(), "what is shown comes first");
                    shown += 1;
                    drop(reply.send(Arc::default()));
                }
                Question::Queues(QueueAsk::Found(broker, some, reply)) => {
                    assert!(broker == "main" && some.len() <= FOUND, "{}", some.len());
                    told.extend(some);
                    reply.send(()).unwrap();
                }
                other => panic!("{other:?}"),
            }
        }
        telling.await.unwrap();
        assert_eq!((shown, told), (1, wanted));
    }
}
