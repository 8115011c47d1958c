//! From readings to edges: what became true of each client's queue since the reading before. Levels are kept of so many
//! clients at most, the deepest first. Time and what is known of devices are passed in; nothing here may know a source.

use super::Queue;
use super::level::{Drain, Level};
use crate::finding::QueueTurn;
use crate::time::{Micros, Mono, Now, SECOND, Wall};
use hashbrown::HashMap;
use std::collections::VecDeque;

/// When an edge is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// This share of the limit is high.
    pub high: f64,
    /// At this share it is no longer.
    pub low: f64,
    /// Full within this time is soon.
    pub full_in: Micros,
    /// The oldest is too old.
    pub stale_after: Micros,
    /// So long a queue may stand still while its client is there.
    pub stuck_after: Micros,
    /// So many returns within `flap_within` are too many.
    pub flaps: usize,
    /// The time for these.
    pub flap_within: Micros,
    /// So many clients are judged.
    pub clients_max: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            high: 0.8,
            low: 0.6,
            full_in: 3600 * SECOND,
            stale_after: 3600 * SECOND,
            stuck_after: 600 * SECOND,
            flaps: 5,
            flap_within: 600 * SECOND,
            clients_max: 100_000,
        }
    }
}

/// What is known of the device behind a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Whether it speaks.
    pub online: Option<bool>,
    /// Times it came, as we saw it.
    pub connects: u64,
    /// Messages of it that are missing.
    pub lost: u64,
    /// Whether what waited for it last was answered in order, and how often that was seen.
    pub in_order: Option<(u64, bool)>,
}

/// What is known of one client.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is the state of one pair of edges, and none excludes another"
)]
struct Client {
    /// Who tells of it; what another told is no measure.
    source: usize,
    level: Level,
    facts: Facts,
    /// Messages missing when the queue last became shorter.
    lost: u64,
    /// Deliveries that were seen when the draining began.
    deliveries: u64,
    /// When it was back, the newest last; only while they are few.
    returns: VecDeque<Mono>,
    is_high: bool,
    is_growing: bool,
    is_stale: bool,
    is_stuck: bool,
    is_flapping: bool,
    /// Since when it is high or growing.
    near_since: Option<Wall>,
}

/// The judge of one broker's queues.
#[derive(Debug, Default)]
pub struct Judge {
    rules: Rules,
    clients: HashMap<Box<str>, Client, foldhash::fast::RandomState>,
    /// Clients for which there was no room.
    pub refused: u64,
}

impl Judge {
    /// A judge who knows nobody.
    pub fn new(rules: Rules) -> Self {
        Self { rules, clients: HashMap::default(), refused: 0 }
    }

    /// Levels of a client.
    pub fn level(&self, client: &str) -> Option<&Level> {
        self.clients.get(client).map(|client| &client.level)
    }

    /// Clients whose queue is too full or grows too fast, and since when.
    pub fn near_limit(&self) -> impl Iterator<Item = (&str, Wall)> {
        self.clients.iter().filter_map(|(id, client)| Some((&**id, client.near_since?)))
    }

    /// A client of which nothing is told any more.
    pub fn forget(&mut self, client: &str) {
        self.clients.remove(client);
    }

    /// A reading of one client by one source.
    pub fn reading(
        &mut self,
        source: usize,
        queue: &Queue,
        facts: Facts,
        now: Now,
        edges: &mut Vec<QueueTurn>,
    ) {
        let is_known = self.clients.get(&*queue.client_id).is_some_and(|client| client.source == source);
        if !is_known {
            self.clients.remove(&*queue.client_id);
        }
        if !is_known && self.clients.len() >= self.rules.clients_max {
            self.refused += 1;
            return;
        }
        let client = self.clients.entry(queue.client_id.as_str().into()).or_default();
        if !is_known {
            client.source = source;
            client.begin(queue, facts);
        }
        client.losses(queue, facts, edges);
        client.returns(&self.rules, queue, facts, now, edges);
        client.drains(queue, facts, now, edges);
        client.level.last = queue.clone();
        if let Some(depth) = queue.depth {
            client.level.measure(depth, now);
            client.stands(&self.rules, depth, facts, now, edges);
            client.fills(&self.rules, depth, now, edges);
            let is_near = client.is_high || client.is_growing;
            client.near_since = is_near.then(|| client.near_since.unwrap_or(now.wall));
            client.ages(&self.rules, depth, now, edges);
        }
        client.facts = facts;
    }
}

/// Whether the client is there: as the source tells, else as we hear its device.
fn is_there(queue: &Queue, facts: Facts) -> Option<bool> {
    queue.connected.or(facts.online)
}

impl Client {
    /// What was before we looked is nobody's edge.
    fn begin(&mut self, queue: &Queue, facts: Facts) {
        self.level.last = queue.clone();
        self.facts = facts;
        self.lost = facts.lost;
    }

    /// What vanished without being delivered.
    fn losses(&mut self, queue: &Queue, facts: Facts, edges: &mut Vec<QueueTurn>) {
        let last = &self.level.last;
        // A counter that fell began anew with its session.
        let dropped = queue.dropped.zip(last.dropped).map_or(0, |(now, before)| now.saturating_sub(before));
        if dropped > 0 {
            self.level.dropped += dropped;
            edges.push(QueueTurn::Dropped { count: dropped });
        }
        let was_away = last.connected == Some(false) && queue.connected == Some(false);
        let gone = last.depth.zip(queue.depth).map_or(0, |(before, now)| before.saturating_sub(now));
        // What the broker says it dropped did not expire.
        let expired = gone.saturating_sub(dropped);
        // Who was there between two looks has had them.
        let was_heard = facts.connects > self.facts.connects;
        if was_away && !was_heard && expired > 0 && queue.dropped >= last.dropped {
            self.level.expired += expired;
            edges.push(QueueTurn::Expired { count: expired });
        }
    }

    /// It comes and goes: seen by the source, or heard by us.
    fn returns(&mut self, rules: &Rules, queue: &Queue, facts: Facts, now: Now, edges: &mut Vec<QueueTurn>) {
        let was_there = is_there(&self.level.last, self.facts);
        let seen = u64::from(was_there == Some(false) && is_there(queue, facts) == Some(true));
        let heard = facts.connects.saturating_sub(self.facts.connects);
        for _ in 0..seen.max(heard).min(rules.flaps as u64) {
            self.returns.push_back(now.mono);
        }
        while self.returns.len() > rules.flaps
            || self.returns.front().is_some_and(|at| now.mono.since(*at) > rules.flap_within)
        {
            self.returns.pop_front();
        }
        let times = self.returns.len();
        if !self.is_flapping && times >= rules.flaps {
            self.is_flapping = true;
            edges.push(QueueTurn::Flapping { times: times as u64, within: rules.flap_within });
        } else if self.is_flapping && times == 0 {
            self.is_flapping = false;
            edges.push(QueueTurn::Steady);
        }
    }

    /// From the return of a client with a queue to the end of the queue.
    fn drains(&mut self, queue: &Queue, facts: Facts, now: Now, edges: &mut Vec<QueueTurn>) {
        let was_there = is_there(&self.level.last, self.facts);
        let is_there = is_there(queue, facts);
        let waited = self.level.last.depth.unwrap_or(0);
        if is_there == Some(true) && was_there == Some(false) && waited > 0 {
            let from = waited.max(queue.depth.unwrap_or(0));
            self.level.drain = Some(Drain { from, began: now.mono });
            self.deliveries = self.facts.in_order.map_or(0, |(count, _)| count);
        }
        if is_there == Some(false) {
            self.level.drain = None;
        }
        if let Some(drain) = self.level.drain
            && queue.depth == Some(0)
        {
            let seen = facts.in_order.filter(|(count, _)| *count > self.deliveries);
            let in_order = seen.map(|(_, in_order)| in_order);
            edges.push(QueueTurn::Drained { count: drain.from, took: now.mono.since(drain.began), in_order });
            self.level.drain = None;
        }
    }

    /// The queue stays as it is, though its client is there and misses nothing.
    fn stands(&mut self, rules: &Rules, depth: u64, facts: Facts, now: Now, edges: &mut Vec<QueueTurn>) {
        let is_there = is_there(&self.level.last, facts) == Some(true);
        let is_less = self.level.floor.is_none_or(|(floor, _)| depth < floor);
        if !is_there || depth == 0 {
            self.level.floor = None;
        } else if is_less || facts.lost > self.lost {
            self.level.floor = Some((depth, now.mono));
        }
        self.lost = facts.lost;
        let lasted = self.level.floor.map(|(_, since)| now.mono.since(since));
        match lasted.filter(|lasted| *lasted >= rules.stuck_after) {
            Some(lasted) if !self.is_stuck => {
                self.is_stuck = true;
                edges.push(QueueTurn::Stuck { depth, lasted });
            }
            None if self.is_stuck => {
                self.is_stuck = false;
                edges.push(QueueTurn::Moves { depth });
            }
            _ => {}
        }
    }

    fn fills(&mut self, rules: &Rules, depth: u64, now: Now, edges: &mut Vec<QueueTurn>) {
        if let (Some(share), Some(limit)) = (self.level.share(), self.level.last.limit_messages) {
            if !self.is_high && share >= rules.high {
                self.is_high = true;
                edges.push(QueueTurn::High { depth, limit });
            } else if self.is_high && share <= rules.low {
                self.is_high = false;
                edges.push(QueueTurn::Cleared { depth });
            }
        }
        let full_in = self.level.full_in();
        let (rate, is_measured) = (self.level.growth.unwrap_or(0.0), self.level.is_measured(now));
        match full_in {
            Some(full_in) if !self.is_growing && is_measured && full_in <= rules.full_in => {
                self.is_growing = true;
                edges.push(QueueTurn::Growing { depth, rate, full_in });
            }
            full_in if self.is_growing && full_in.is_none_or(|full_in| full_in > 2 * rules.full_in) => {
                self.is_growing = false;
                edges.push(QueueTurn::Settled { depth });
            }
            _ => {}
        }
    }

    fn ages(&mut self, rules: &Rules, depth: u64, now: Now, edges: &mut Vec<QueueTurn>) {
        let age = self.level.age(now).unwrap_or(0);
        if !self.is_stale && age >= rules.stale_after {
            self.is_stale = true;
            edges.push(QueueTurn::Stale { depth, age });
        } else if self.is_stale && age < rules.stale_after / 2 {
            self.is_stale = false;
            edges.push(QueueTurn::Fresh { depth });
        }
    }
}
