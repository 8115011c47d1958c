//! What all sources of one broker tell, laid over each other: for each client the first source that tells of it counts,
//! is judged and is shown. Bounded by what the sources are limited to. Nothing here may ask a source.

use super::judge::Judge;
use super::rules::{Facts, Rules};
use super::{Queue, Reading};
use crate::finding::{QueueTurn, Queueing};
use crate::time::{Micros, Mono, Now, SECOND, Wall};
use hashbrown::{HashMap, HashSet};

/// A client that has series keeps them so long, so that a graph does not flicker.
const SERIES_AT_LEAST: Micros = 600 * SECOND;

/// Clients near their limit that are named.
const NAMED: usize = 5;

type Map<V> = HashMap<Box<str>, V, foldhash::fast::RandomState>;

/// The sources of one broker, the strongest first.
#[derive(Debug, Default)]
pub struct Board {
    sources: Vec<Told>,
    judge: Judge,
    /// Clients with series, and since when.
    chosen: Map<Mono>,
    series_max: usize,
}

/// What one source told last.
#[derive(Debug, Default)]
struct Told {
    state: ShownSource,
    /// It does not see queues, but whom something waits for.
    is_inferred: bool,
    queues: Map<Queue>,
}

/// How a source is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShownSource {
    /// Its name.
    pub name: Box<str>,
    /// The moment of the newest snapshot that is ok.
    pub taken_at: Option<Wall>,
    /// Whether the last attempt was; none: there was none yet.
    pub is_up: Option<bool>,
    /// Why it was not, and since when it is not.
    pub error: Option<(String, Wall)>,
    /// Clients that it told of.
    pub clients: usize,
    /// Clients beyond its limit.
    pub refused: u64,
}

/// One client's queue and what it means.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownQueue {
    /// As the source told it.
    pub queue: Queue,
    /// The source.
    pub source: Box<str>,
    /// The moment of which it is true.
    pub taken_at: Option<Wall>,
    /// The share of what may wait that does.
    pub share: Option<f64>,
    /// Messages a second.
    pub growth: Option<f64>,
    /// Time until it is full.
    pub full_in: Option<Micros>,
    /// The deepest it was, and when.
    pub high_water: Option<(u64, Wall)>,
    /// Age of the oldest message.
    pub age: Option<Micros>,
    /// Messages that vanished while the client was away.
    pub expired: u64,
    /// Whether it has series of its own.
    pub has_series: bool,
}

/// Everything that is known of the queues of one broker.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    /// The sources, the strongest first.
    pub sources: Vec<ShownSource>,
    /// The deepest first; the broker as a whole, whose client id is empty, at the end.
    pub queues: Vec<ShownQueue>,
    /// Clients without series.
    pub suppressed: usize,
    /// Clients that are near their limit, those that have been for longest.
    pub near_limit: Vec<Box<str>>,
    /// How many there are.
    pub near_limit_count: usize,
    /// Since when the first of them is.
    pub near_limit_since: Option<Wall>,
}

impl Board {
    /// Of sources with these names; so many clients have series.
    pub fn new<'a>(sources: impl IntoIterator<Item = &'a str>, rules: Rules, series_max: usize) -> Self {
        let told = |name: &str| Told {
            state: ShownSource { name: name.into(), ..ShownSource::default() },
            ..Told::default()
        };
        Self {
            sources: sources.into_iter().map(told).collect(),
            judge: Judge::new(rules),
            chosen: Map::default(),
            series_max,
        }
    }

    /// A source that sees no queues, only for whom something waits.
    pub fn infers(&mut self, source: usize) {
        if let Some(told) = self.sources.get_mut(source) {
            told.is_inferred = true;
        }
    }

    /// What was known before this run; it makes no edges.
    pub fn restore(&mut self, source: usize, at: Option<Wall>, queues: Vec<Queue>) {
        let Some(told) = self.sources.get_mut(source) else { return };
        told.state.taken_at = at;
        told.state.clients = queues.len();
        told.queues = queues.into_iter().map(|queue| (queue.client_id.as_str().into(), queue)).collect();
    }

    /// A source did not tell; what it told before stands.
    pub fn failed(&mut self, source: usize, error: String, now: Now) {
        let Some(Told { state, .. }) = self.sources.get_mut(source) else { return };
        let since = state.error.as_ref().map_or(now.wall, |(_, since)| *since);
        state.error = Some((error, since));
        state.is_up = Some(false);
    }

    /// A source told; gives what became true.
    pub fn reading(
        &mut self,
        source: usize,
        reading: &Reading,
        facts: &dyn Fn(&str) -> Facts,
        now: Now,
    ) -> Vec<Queueing> {
        let (mut found, mut edges) = (Vec::new(), Vec::new());
        let Some(told) = self.sources.get_mut(source) else { return found };
        let map =
            reading.queues.iter().map(|queue| (queue.client_id.as_str().into(), queue.clone())).collect();
        let before = std::mem::replace(&mut told.queues, map);
        told.state = ShownSource {
            name: told.state.name.clone(),
            taken_at: Some(reading.as_of.unwrap_or(now.wall)),
            is_up: Some(true),
            error: None,
            clients: reading.queues.len(),
            refused: reading.refused,
        };
        let (name, is_inferred) = (told.state.name.clone(), told.is_inferred);
        self.leave(source, before.into_keys(), &mut found);
        for queue in &reading.queues {
            // The broker as a whole is no client.
            if queue.client_id.is_empty() || self.is_told_before(source, &queue.client_id) {
                continue;
            }
            self.takes_over(source, &queue.client_id, &mut found);
            self.judge.reading(source, queue, facts(&queue.client_id), now, &mut edges);
            let client: Box<str> = queue.client_id.as_str().into();
            // That a device is back ends what is inferred, whether or not it has had anything.
            edges.retain(|turn| !is_inferred || !matches!(turn, QueueTurn::Drained { .. }));
            let of = |turn: QueueTurn| Queueing { client: client.clone(), source: name.clone(), turn };
            found.extend(edges.drain(..).map(of));
        }
        found
    }

    /// What a source said of clients of which it tells no longer is over, whether or not another tells of them.
    fn leave(&mut self, source: usize, before: impl Iterator<Item = Box<str>>, found: &mut Vec<Queueing>) {
        for client in before {
            let is_told = self.sources.get(source).is_some_and(|told| told.queues.contains_key(&client));
            if !is_told && self.judge.source(&client) == Some(source) {
                self.forget(source, &client, found);
            }
        }
    }

    /// What a weaker source said of a client is over when a stronger one tells of it.
    fn takes_over(&mut self, source: usize, client: &str, found: &mut Vec<Queueing>) {
        if let Some(other) = self.judge.source(client).filter(|other| *other != source) {
            self.forget(other, client, found);
        }
    }

    fn forget(&mut self, source: usize, client: &str, found: &mut Vec<Queueing>) {
        let mut edges = Vec::new();
        self.judge.forget(client, &mut edges);
        let name = self.sources.get(source).map(|told| told.state.name.clone()).unwrap_or_default();
        let of = |turn| Queueing { client: client.into(), source: name.clone(), turn };
        found.extend(edges.into_iter().map(of));
    }

    fn is_told_before(&self, source: usize, client: &str) -> bool {
        self.sources[..source].iter().any(|told| told.queues.contains_key(client))
    }

    /// Everything as it is now.
    pub fn shown(&mut self, now: Now) -> Shown {
        let mut queues = self.effective(now);
        queues.sort_unstable_by(|one, other| {
            rank(&other.queue)
                .cmp(&rank(&one.queue))
                .then_with(|| one.queue.client_id.cmp(&other.queue.client_id))
        });
        let suppressed = self.choose(&mut queues, now.mono);
        let mut near: Vec<(Wall, Box<str>)> =
            self.judge.near_limit().map(|(id, since)| (since, id.into())).collect();
        near.sort_unstable();
        let (near_limit_count, near_limit_since) = (near.len(), near.first().map(|(since, _)| *since));
        let near_limit = near.into_iter().take(NAMED).map(|(_, id)| id).collect();
        let sources = self.sources.iter().map(|told| told.state.clone()).collect();
        Shown { sources, queues, suppressed, near_limit, near_limit_count, near_limit_since }
    }

    /// Of each client what the first source tells that tells of it.
    fn effective(&self, now: Now) -> Vec<ShownQueue> {
        let mut seen: HashSet<&str, foldhash::fast::RandomState> = HashSet::default();
        let each = self.sources.iter().flat_map(|told| told.queues.iter().map(move |of| (told, of)));
        each.filter(|(_, (client, _))| seen.insert(client))
            .map(|(told, (_, queue))| self.show(queue, &told.state, now))
            .collect()
    }

    fn show(&self, queue: &Queue, state: &ShownSource, now: Now) -> ShownQueue {
        let level = self.judge.level(&queue.client_id);
        ShownQueue {
            queue: queue.clone(),
            source: state.name.clone(),
            taken_at: state.taken_at,
            share: level.and_then(super::Level::share),
            growth: level.and_then(|level| level.growth),
            full_in: level.and_then(super::Level::full_in),
            high_water: level.and_then(|level| level.high_water),
            age: level.and_then(|level| level.age(now)),
            expired: level.map_or(0, |level| level.expired),
            has_series: false,
        }
    }

    /// Who has series: who has had them for a short time, then the deepest. Gives how many have none.
    fn choose(&mut self, queues: &mut [ShownQueue], now: Mono) -> usize {
        let mut clients: Vec<&mut ShownQueue> =
            queues.iter_mut().filter(|shown| !shown.queue.client_id.is_empty()).collect();
        let all = clients.len();
        if all > self.series_max {
            let chosen = &self.chosen;
            let is_young = |shown: &ShownQueue| {
                chosen.get(&*shown.queue.client_id).is_some_and(|since| now.since(*since) < SERIES_AT_LEAST)
            };
            // They come the deepest first, and a stable sort keeps them so.
            clients.sort_by_key(|shown| !is_young(shown));
            clients.truncate(self.series_max);
        }
        let mut chosen = Map::default();
        for shown in clients {
            let client: Box<str> = shown.queue.client_id.as_str().into();
            let since = self.chosen.get(&client).copied().unwrap_or(now);
            shown.has_series = true;
            chosen.insert(client, since);
        }
        let suppressed = all - chosen.len();
        self.chosen = chosen;
        suppressed
    }
}

/// The deepest first, what is not known after what is, the broker as a whole last.
fn rank(queue: &Queue) -> (bool, Option<u64>) {
    (!queue.client_id.is_empty(), queue.depth)
}
