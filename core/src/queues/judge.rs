//! From readings to edges: what became true of each client's queue since the reading before. Levels are kept of so many
//! clients at most, the deepest first. Time and what is known of devices are passed in; nothing here may know a source.

use super::Queue;
use super::level::{Drain, Level};
use super::rules::{Facts, Rules};
use crate::finding::QueueTurn;
use crate::time::{Mono, Now, Wall};
use hashbrown::HashMap;
use std::collections::VecDeque;

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
    /// When it was looked at last.
    read: Option<Mono>,
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

    /// Who tells of a client.
    pub fn source(&self, client: &str) -> Option<usize> {
        self.clients.get(client).map(|client| client.source)
    }

    /// A client of which its source tells no longer: what was true of its queue is over.
    pub fn forget(&mut self, client: &str, edges: &mut Vec<QueueTurn>) {
        if let Some(client) = self.clients.remove(client) {
            client.ends(edges);
        }
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
            self.forget(&queue.client_id, edges);
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
        let moved = client.has_moved(queue);
        client.level.last = queue.clone();
        client.read = Some(now.mono);
        if let Some(depth) = queue.depth {
            client.level.measure(depth, now);
            client.stands(&self.rules, depth, moved, facts, now, edges);
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
    /// What was true of it is over, since nobody tells of it.
    fn ends(self, edges: &mut Vec<QueueTurn>) {
        let depth = None;
        edges.extend(self.is_high.then_some(QueueTurn::Cleared { depth }));
        edges.extend(self.is_growing.then_some(QueueTurn::Settled { depth }));
        edges.extend(self.is_stale.then_some(QueueTurn::Fresh { depth }));
        edges.extend(self.is_stuck.then_some(QueueTurn::Moves { depth }));
        edges.extend(self.is_flapping.then_some(QueueTurn::Steady));
    }

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
            // When it came back within the time since the last look is not known: what is told is the most it can be.
            self.level.drain = Some(Drain { from, began: self.read.unwrap_or(now.mono) });
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

    /// Whether messages left the queue since the last look, as far as the source tells: a depth that is as before may
    /// be that of other messages.
    fn has_moved(&self, queue: &Queue) -> bool {
        let last = &self.level.last;
        let is_less = queue.depth.zip(last.depth).is_some_and(|(now, before)| now < before);
        let is_another =
            |now: Option<u64>, before: Option<u64>| now.is_some() && before.is_some() && now != before;
        is_less
            || (queue.oldest.is_some() && last.oldest.is_some() && queue.oldest != last.oldest)
            || is_another(queue.inflight, last.inflight)
            || is_another(queue.dropped, last.dropped)
    }

    /// The queue stays as it is, though its client is there and misses nothing.
    fn stands(
        &mut self,
        rules: &Rules,
        depth: u64,
        moved: bool,
        facts: Facts,
        now: Now,
        edges: &mut Vec<QueueTurn>,
    ) {
        let is_there = is_there(&self.level.last, facts) == Some(true);
        if !is_there || depth == 0 {
            self.level.still = None;
        } else if moved || self.level.still.is_none() || facts.lost > self.lost {
            self.level.still = Some(now.mono);
        }
        self.lost = facts.lost;
        let lasted = self.level.still.map(|since| now.mono.since(since));
        match lasted.filter(|lasted| *lasted >= rules.stuck_after) {
            Some(lasted) if !self.is_stuck => {
                self.is_stuck = true;
                edges.push(QueueTurn::Stuck { depth, lasted });
            }
            None if self.is_stuck => {
                self.is_stuck = false;
                edges.push(QueueTurn::Moves { depth: Some(depth) });
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
                edges.push(QueueTurn::Cleared { depth: Some(depth) });
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
                edges.push(QueueTurn::Settled { depth: Some(depth) });
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
            edges.push(QueueTurn::Fresh { depth: Some(depth) });
        }
    }
}
