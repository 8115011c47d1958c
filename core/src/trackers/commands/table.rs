//! The table of one device: commands that wait and commands that are settled, by number and by id. How many there
//! may be is for the fleet to say.

use crate::exchange::{Request, Response};
use crate::finding::{Command, What};
use crate::time::{Micros, Mono, SECOND};
use crate::tracker::Edges;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// After an outage of ours nothing times out for so long, or for the time-out where that is shorter: what was queued
/// arrives first.
const GRACE: Micros = 10 * SECOND;

/// A command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When its request arrived.
    pub sent: Mono,
    /// Its id, as people know it.
    pub id: Box<str>,
    /// Its name.
    pub command: Box<str>,
    /// The quality of service of its request: at 0 no broker queues it.
    pub qos: u8,
    /// It was sent while the device was offline.
    pub has_waited: bool,
    /// When its time began: when it was sent or the device was back; none while it waits for the device.
    pub since: Option<Mono>,
    /// Hashes of its ids.
    keys: Box<[u64]>,
    /// A hash of its answer's topic and correlation data.
    reply: Option<u64>,
    /// A hash of its request.
    print: u64,
    standing: Standing,
}

impl Entry {
    /// The broker is to have it in the device's queue: it waits for the device, and was sent so that it may.
    pub fn is_queued(&self) -> bool {
        self.since.is_none() && self.qos > 0
    }
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Standing {
    /// It waits.
    Open,
    /// It was answered, and no more is to come.
    Answered,
    /// It was answered in part.
    InPart,
    /// It was not answered in time.
    TimedOut,
    /// It was given up because too many waited.
    Dropped,
}

/// The commands of one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Table {
    entries: BTreeMap<u64, Entry>,
    /// The command that an id means: one that waits before one that is settled.
    index: BTreeMap<u64, u64>,
    open: BTreeSet<u64>,
    /// In the order in which they were settled.
    settled: VecDeque<(Mono, u64)>,
    /// When we were back, or took up what we had missed.
    resumed: Mono,
    /// Nothing times out before.
    spared: Mono,
    delivery: Option<Delivery>,
    /// The retained request that was said last.
    retained: Option<u64>,
    /// The last request was one that was not there before.
    #[serde(skip)]
    pub(super) is_fresh: bool,
}

/// Commands that waited for the device, since it is back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Delivery {
    since: Mono,
    left: u32,
    answered: u32,
    unanswered: u32,
    last: u64,
    in_order: bool,
}

impl Table {
    pub(super) fn pending(&self) -> usize {
        self.open.len()
    }

    pub(super) fn settled(&self) -> usize {
        self.settled.len()
    }

    pub(super) fn waiting(&self) -> impl Iterator<Item = (u64, &Entry)> {
        self.open.iter().filter_map(|serial| self.entries.get(serial).map(|entry| (*serial, entry)))
    }

    pub(super) fn holds(&self, serial: u64) -> Option<bool> {
        self.entries.get(&serial).map(|entry| entry.standing == Standing::Open)
    }

    pub(super) fn replies(&self) -> impl Iterator<Item = (u64, u64)> {
        self.entries.iter().filter_map(|(serial, entry)| entry.reply.map(|reply| (*serial, reply)))
    }

    pub(super) fn last_number(&self) -> u64 {
        self.entries.last_key_value().map_or(0, |(serial, _)| *serial)
    }

    /// Takes a request up; gives what is to be said of it.
    pub(super) fn ask(&mut self, request: &Request, is_offline: bool, now: Mono) -> Option<Command> {
        self.is_fresh = true;
        let first = request.ids.keys.first()?;
        let (command, id) = (request.command.clone(), request.ids.shown.clone());
        let known = self.index.get(first).and_then(|serial| self.entries.get(serial));
        match known.map(|known| (known.standing, known.print == request.print)) {
            // A request that is sent again because its answer did not come is a new attempt.
            Some((Standing::Open | Standing::Answered | Standing::InPart, true)) => {
                self.is_fresh = false;
                return Some(Command::Repeated { command, id });
            }
            Some((Standing::Open, false)) => return Some(Command::IdReused { command, id }),
            // Ids may come round again.
            _ => {}
        }
        for (at, key) in request.ids.keys.iter().enumerate() {
            let taken = self.index.get(key).is_some_and(|serial| self.open.contains(serial));
            if at == 0 || !taken {
                self.index.insert(*key, request.serial);
            }
        }
        let keys = request.ids.keys.as_slice().into();
        let (reply, print, qos) = (request.ids.reply, request.print, request.qos);
        let (has_waited, since) = (is_offline, (!is_offline).then_some(now));
        let standing = Standing::Open;
        let entry = Entry { sent: now, id, command, qos, has_waited, since, keys, reply, print, standing };
        self.entries.insert(request.serial, entry);
        self.open.insert(request.serial);
        None
    }

    /// Finds the command of an answer, and settles it. Nothing is said twice.
    pub(super) fn answer(
        &mut self,
        response: &Response,
        was_away: bool,
        now: Mono,
        edges: &mut Edges,
    ) -> Option<Command> {
        let status = response.status.clone();
        let found = response.ids.keys.iter().find_map(|key| self.index.get(key)).copied();
        let Some((serial, entry)) = found.and_then(|serial| Some((serial, self.entries.get_mut(&serial)?)))
        else {
            return Some(Command::Orphan { id: response.ids.shown.clone(), status, was_away });
        };
        let (command, id) = (entry.command.clone(), entry.id.clone());
        let before = entry.standing;
        if before == Standing::Answered {
            return Some(Command::AnsweredAgain { command, id, status });
        }
        // A moment before the request is of another order of things, and no time either.
        let was_away = entry.sent <= self.resumed || now < entry.sent;
        entry.standing = if &*status == "partial" { Standing::InPart } else { Standing::Answered };
        let said = Command::Answered {
            command,
            id,
            status,
            latency: (!was_away).then(|| now.since(entry.sent)),
            device: response.device,
            is_late: matches!(before, Standing::TimedOut | Standing::Dropped),
            has_waited: entry.has_waited,
            was_away,
        };
        edges.push((now, What::Command(said)));
        if before == Standing::Open {
            self.settle(serial, now, edges);
        }
        None
    }

    /// A command no longer waits.
    fn settle(&mut self, serial: u64, at: Mono, edges: &mut Edges) {
        self.open.remove(&serial);
        self.settled.push_back((at, serial));
        let Some(entry) = self.entries.get(&serial).filter(|entry| entry.has_waited) else { return };
        let Some(delivery) = self.delivery.as_mut() else { return };
        delivery.left = delivery.left.saturating_sub(1);
        match entry.standing {
            Standing::Answered | Standing::InPart => {
                delivery.answered += 1;
                delivery.in_order &= serial > delivery.last;
                delivery.last = delivery.last.max(serial);
            }
            Standing::TimedOut => delivery.unanswered += 1,
            Standing::Open | Standing::Dropped => {}
        }
        if delivery.left > 0 {
            return;
        }
        let Delivery { since, answered, unanswered, in_order, .. } = *delivery;
        self.delivery = None;
        if answered + unanswered > 0 {
            let said = Command::Delivered { answered, unanswered, in_order, took: at.since(since) };
            edges.push((at, What::Command(said)));
        }
    }

    /// The command that times out next, and the last moment at which it has not. Those behind it never do so before;
    /// what waits for the device stands behind what does not.
    fn next_timeout(&self, timeout: Micros) -> Option<(u64, Mono)> {
        let serial = *self.open.first()?;
        let since = self.entries.get(&serial)?.since?;
        Some((serial, since.plus(timeout).max(self.spared)))
    }

    pub(super) fn tick(&mut self, timeout: Micros, now: Mono, edges: &mut Edges) {
        while let Some((serial, deadline)) =
            self.next_timeout(timeout).filter(|(_, deadline)| *deadline < now)
        {
            self.expire(serial, timeout, deadline, edges);
        }
        while self.settled.front().is_some_and(|(at, _)| at.plus(timeout) < now) {
            self.forget_settled();
        }
    }

    /// A command that waits has no answer in time.
    fn expire(&mut self, serial: u64, timeout: Micros, at: Mono, edges: &mut Edges) {
        self.open.remove(&serial);
        let Some(entry) = self.entries.get_mut(&serial) else { return };
        entry.standing = Standing::TimedOut;
        let (command, id) = (entry.command.clone(), entry.id.clone());
        let was_away = entry.sent <= self.resumed;
        edges.push((at, What::Command(Command::TimedOut { command, id, after: timeout, was_away })));
        self.settle(serial, at, edges);
    }

    /// The same for one that is known by its id alone; nothing where none of that id waits.
    pub(super) fn time_out(&mut self, id: &str, timeout: Micros, at: Mono, edges: &mut Edges) {
        let found = self.waiting().find(|(_, entry)| *entry.id == *id).map(|(serial, _)| serial);
        if let Some(serial) = found {
            self.expire(serial, timeout, at, edges);
        }
    }

    pub(super) fn due(&self, timeout: Micros) -> Mono {
        let next = self.next_timeout(timeout).map(|(_, deadline)| deadline);
        let forgotten = self.settled.front().map(|(at, _)| at.plus(timeout));
        next.into_iter().chain(forgotten).min().map_or(Mono::NEVER, |last| last.plus(1))
    }

    pub(super) fn give_up(&mut self, serial: u64, now: Mono, edges: &mut Edges) {
        if let Some(entry) = self.entries.get_mut(&serial).filter(|entry| entry.standing == Standing::Open) {
            entry.standing = Standing::Dropped;
            self.settle(serial, now, edges);
        }
    }

    pub(super) fn forget_settled(&mut self) -> bool {
        let Some((_, serial)) = self.settled.pop_front() else { return false };
        let keys = self.entries.remove(&serial).map(|entry| entry.keys).unwrap_or_default();
        for key in keys {
            if self.index.get(&key) == Some(&serial) {
                self.index.remove(&key);
            }
        }
        true
    }

    /// How many wait for the device to be back.
    pub(super) fn queued(&self) -> usize {
        self.waiting().filter(|(_, entry)| entry.since.is_none()).count()
    }

    /// The device is back: the time of what waited for it begins.
    pub(super) fn back(&mut self, now: Mono) {
        if self.queued() == 0 {
            return;
        }
        let waited = self.waiting().filter(|(_, entry)| entry.has_waited).count();
        let left = u32::try_from(waited).unwrap_or(u32::MAX);
        for serial in &self.open {
            if let Some(entry) = self.entries.get_mut(serial) {
                entry.since.get_or_insert(now);
            }
        }
        let delivery = Delivery { since: now, left, answered: 0, unanswered: 0, last: 0, in_order: true };
        self.delivery = Some(delivery);
    }

    pub(super) fn resume(&mut self, timeout: Micros, now: Mono) {
        self.resumed = now;
        self.spared = now.plus(GRACE.min(timeout));
    }

    /// A message was missed when it was sent, and is known since this moment: of whatever waits then nobody knows how
    /// long it took.
    pub(super) fn missed(&mut self, at: Mono) {
        self.resumed = self.resumed.max(at);
    }

    pub(super) fn retained(&mut self, print: u64) -> bool {
        self.retained.replace(print) != Some(print)
    }
}
