//! One source and its task: it is asked every so often, or at once where somebody rings; what it told is written, then
//! shown and judged. Nothing here may show what is not written.

use super::room::{Desk, Shared};
use super::setting::Setting;
use super::source::{Source, Trouble};
use super::store::Snapshot;
use super::store::keeper::step_ms;
use super::store::row::Row;
use super::window::Taken;
use crate::clock;
use crate::engine::queues::QueueAsk;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior};
use watchkeeper_core::finding::Queueing;
use watchkeeper_core::queues::{Facts, Reading};
use watchkeeper_core::time::{Now, Wall};

/// A source that takes longer is given up for this time.
const ASKED_WITHIN: Duration = Duration::from_secs(60);
/// However often it is asked, it has the time to say itself what keeps it: it knows the place.
const ASKED_FOR: Duration = Duration::from_secs(20);

/// Where somebody waits for the snapshot, it is given up after this: an answer over HTTP takes a little longer.
const ASKED_NOW: Duration = Duration::from_secs(6);

/// So many may wait for one snapshot.
const WAITING_MAX: usize = 16;

/// Clients whose devices are looked at in one question, so that the engine is never held up for long.
const FACTS: usize = 2_000;

/// Where somebody rings.
type Rung = mpsc::Receiver<oneshot::Sender<Taken>>;

/// One source and its task.
pub(super) struct Worker {
    pub(super) desk: Rc<Desk>,
    pub(super) shared: Rc<RefCell<Shared>>,
    /// Its place in the configuration, and among the sources of its broker.
    pub(super) at: usize,
    pub(super) at_broker: usize,
    pub(super) source: Result<Box<dyn Source>, Trouble>,
    /// When both clocks were read last for a snapshot.
    pub(super) last: Now,
    /// The last attempt failed, and that was said.
    pub(super) fails: bool,
}

impl Worker {
    pub(super) async fn run(mut self, mut bell: Rung, mut stop: watch::Receiver<bool>) {
        let mut tick = tokio::time::interval(self.setting().every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let asked = tokio::select! {
                biased;
                // A sender that is gone is a stop as well.
                _ = stop.wait_for(|stop| *stop) => return,
                asked = bell.recv() => asked,
                _ = tick.tick() => None,
            };
            let mut waiting: Vec<oneshot::Sender<Taken>> = asked.into_iter().collect();
            let told = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                told = self.snapshot(&mut bell, &mut waiting) => told,
            };
            let setting = self.setting();
            for reply in waiting {
                let (source, broker) = (setting.name.clone(), setting.broker.clone());
                // Whoever asked may have gone.
                drop(reply.send(Taken { source, broker, told: told.clone() }));
            }
        }
    }

    fn setting(&self) -> &Setting {
        &self.desk.sources[self.at].setting
    }

    /// Asks once, writes, shows and judges; says how many clients were told, or why none were.
    async fn snapshot(
        &mut self,
        bell: &mut Rung,
        waiting: &mut Vec<oneshot::Sender<Taken>>,
    ) -> Result<usize, String> {
        let read = self.read(bell, waiting).await;
        let now = clock::now();
        let step_ms = step_ms(self.last, now);
        self.last = now;
        if step_ms != 0 {
            let (source, seconds) = (&self.setting().name, step_ms / 1000);
            tracing::warn!(
                source,
                seconds,
                "the clock was set; snapshots are dated by it, and nothing is thrown away for it"
            );
        }
        let at = read.as_ref().ok().and_then(|reading| reading.as_of).unwrap_or(now.wall);
        let at = whole_ms(at);
        let (told, reading) = match read {
            Ok(reading) => (Ok(reading.queues.clone()), Some(Reading { as_of: Some(at), ..reading })),
            Err(trouble) => (Err(trouble.to_string()), None),
        };
        let error = told.as_ref().err().cloned();
        self.say(error.as_deref());
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

    /// Asks. Who rings meanwhile waits for this answer, and not for long.
    async fn read(
        &mut self,
        bell: &mut Rung,
        waiting: &mut Vec<oneshot::Sender<Taken>>,
    ) -> Result<Reading, Trouble> {
        let began = Instant::now();
        let soon = |from: Instant| from + ASKED_NOW;
        let mut end = began + self.setting().every.clamp(ASKED_FOR, ASKED_WITHIN);
        if !waiting.is_empty() {
            end = end.min(soon(began));
        }
        let (limit, limit_messages) = (self.setting().limit, self.desk.sources[self.at].limit_messages);
        let source = self.source.as_mut().map_err(|trouble| trouble.clone())?;
        let mut asked = source.read(clock::wall());
        let mut reading = loop {
            tokio::select! {
                biased;
                told = &mut asked => break told,
                Some(reply) = bell.recv(), if waiting.len() < WAITING_MAX => {
                    waiting.push(reply);
                    end = end.min(soon(Instant::now()));
                }
                () = tokio::time::sleep_until(end) => break Err(late(end - began, !waiting.is_empty())),
            }
        }?;
        tidy(&mut reading, limit, limit_messages);
        Ok(reading)
    }

    async fn judge(&self, broker: &str, reading: &Reading, now: Now) -> (Vec<Queueing>, usize) {
        // Of each one, always: what is not known at first and then is would look like a return.
        let clients = reading.queues.iter().map(|queue| queue.client_id.as_str());
        let clients: Vec<Box<str>> = clients.filter(|client| !client.is_empty()).map(Into::into).collect();
        let mut known: HashMap<Box<str>, Facts> = HashMap::with_capacity(clients.len());
        for some in clients.chunks(FACTS) {
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

    /// One line when a source begins to fail, and one when it tells again.
    fn say(&mut self, error: Option<&str>) {
        let (source, broker) = (&self.setting().name, &self.setting().broker);
        match error {
            Some(error) if !self.fails => {
                tracing::warn!(source, broker, error, "a source of queues does not tell");
            }
            None if self.fails => tracing::info!(source, broker, "a source of queues tells again"),
            _ => {}
        }
        self.fails = error.is_some();
    }

    fn failed(&self, broker: &str, error: String, now: Now) {
        if let Some(board) = self.shared.borrow_mut().boards.get_mut(broker) {
            board.failed(self.at_broker, error, now);
        }
    }
}

fn late(within: Duration, is_rung: bool) -> Trouble {
    let cure = if is_rung {
        "a snapshot that is asked for is given up sooner than one that is due; see what keeps the source busy"
    } else {
        "see what keeps it busy, or ask it less often with every"
    };
    Trouble { cause: format!("no answer within {} s", within.as_secs()), cure: cure.to_owned() }
}

/// What is told is what is written: each client once, nobody of whom nothing is known, moments to the millisecond.
fn tidy(reading: &mut Reading, limit: usize, limit_messages: Option<u64>) {
    let mut seen = HashSet::with_capacity(reading.queues.len());
    reading.queues.retain(|queue| !Row::of(queue).is_gone() && seen.insert(queue.client_id.clone()));
    reading.refused += reading.queues.len().saturating_sub(limit) as u64;
    reading.queues.truncate(limit);
    for queue in &mut reading.queues {
        // Numbers that are too large for the database, and parts of a millisecond, are nowhere.
        *queue = Row::of(queue).queue(std::mem::take(&mut queue.client_id));
        if !queue.client_id.is_empty() {
            queue.limit_messages = queue.limit_messages.or(limit_messages);
        }
    }
}

fn whole_ms(at: Wall) -> Wall {
    Wall(at.0.div_euclid(1000) * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchkeeper_core::queues::Queue;

    #[test]
    fn what_is_shown_is_what_the_database_can_hold() {
        let queue = |client: &str, depth| Queue { client_id: client.to_owned(), depth, ..Queue::default() };
        let large =
            Queue { bytes: Some(u64::MAX - 1), oldest: Some(Wall(1_234_567)), ..queue("a", Some(u64::MAX)) };
        let twice = queue("a", Some(1));
        let mut reading = Reading {
            queues: vec![large, twice, queue("nothing", None), queue("b", Some(2)), queue("c", Some(1))],
            ..Reading::default()
        };
        tidy(&mut reading, 2, Some(100));
        let most = Some(i64::MAX.unsigned_abs());
        let a = Queue {
            bytes: most,
            oldest: Some(Wall(1_234_000)),
            limit_messages: Some(100),
            ..queue("a", most)
        };
        let b = Queue { limit_messages: Some(100), ..queue("b", Some(2)) };
        assert_eq!((reading.queues.as_slice(), reading.refused), ([a, b].as_slice(), 1));
        for queue in &reading.queues {
            assert_eq!(Row::of(queue).queue(&*queue.client_id), *queue);
        }
    }
}
