//! All devices of one broker (or one shard of it), bounded: arrivals in, findings and levels out. It owns its
//! devices alone; nothing here is shared, locked or asynchronous, and the time is told.

use crate::arrival::Arrival;
use crate::classify::{Verdict, classify};
use crate::decode::{Decoded, Member, Plan};
use crate::event::Event;
use crate::finding::{Finding, What};
use crate::interner::Names;
use crate::link::Link;
use crate::names::{ID_BYTES_MAX, bounded};
use crate::reason::Reason;
use crate::route::StreamId;
use crate::rules::{DeviceFrom, Expect, FleetRules, StreamRules};
use crate::stats::FleetStats;
use crate::time::{Mono, Now, Wall};
use crate::topics::{Found, Topics, identity, labels};
use crate::tracker::{Context, Edges, Tracker};
use crate::trackers::Roster;
use crate::trackers::presence::State;
use hashbrown::{HashSet, HashTable};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::hash::BuildHasher;

/// Names of points that one fleet may have.
pub(crate) const NAMES_MAX: usize = 1 << 20;

/// One device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Its identity.
    pub id: Box<str>,
    /// Values of the labels of `mqtt_device_info`.
    pub labels: Box<[Box<str>]>,
    /// When it was first heard of.
    pub first_seen: Wall,
    /// The last live message.
    pub last_message: Option<Wall>,
    /// When anything of it last arrived, on the fleet's clock.
    pub touched: Mono,
    /// What is tracked of it.
    pub roster: Roster,
}

/// The fleet.
#[derive(Debug)]
pub struct Fleet {
    pub(crate) rules: FleetRules,
    plans: Vec<Plan>,
    topics: Topics,
    pub(crate) names: RefCell<Names>,
    pub(crate) devices: Vec<Option<Device>>,
    due: Vec<Mono>,
    free: Vec<u32>,
    by_id: HashTable<u32>,
    hasher: foldhash::quality::RandomState,
    expected: HashSet<Box<str>, foldhash::quality::RandomState>,
    /// What is counted of all devices.
    pub stats: FleetStats,
    pub(crate) link: Link,
    findings: Vec<Finding>,
    scratch: Decoded,
    edges: Edges,
    pub(crate) series: crate::series::Series,
}

impl Fleet {
    /// A fleet without devices, that is not watched yet.
    pub fn new(rules: FleetRules) -> Self {
        Self {
            plans: rules.streams.iter().map(Plan::new).collect(),
            topics: Topics::new(&rules),
            names: RefCell::new(Names::new(NAMES_MAX)),
            devices: Vec::new(),
            due: Vec::new(),
            free: Vec::new(),
            by_id: HashTable::new(),
            hasher: foldhash::quality::RandomState::default(),
            expected: rules.expected.iter().cloned().collect(),
            stats: FleetStats::new(rules.streams.len()),
            link: Link::default(),
            findings: Vec::new(),
            scratch: Decoded::default(),
            edges: Edges::new(),
            series: crate::series::Series::default(),
            rules,
        }
    }

    /// The rules it judges by.
    pub fn rules(&self) -> &FleetRules {
        &self.rules
    }

    /// The names of points.
    pub fn names(&self) -> std::cell::Ref<'_, Names> {
        self.names.borrow()
    }

    /// The fleet's own clock.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// The broker was heard.
    pub fn alive(&mut self, now: Mono) {
        self.link.alive(now);
    }

    /// We are connected and subscribed (again).
    pub fn link_up(&mut self, now: Now) {
        if !self.link.up(now) {
            return;
        }
        let at = self.link.moment(now.mono);
        let context = Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names };
        for (device, due) in self.devices.iter_mut().zip(&mut self.due) {
            if let Some(device) = device {
                device.roster.resume(&context, at);
                *due = when(&context, device);
            }
        }
    }

    /// The connection is gone. What became true before the last proof of life is said; then the clock stands.
    pub fn link_down(&mut self, now: Now) {
        self.tick(now);
        self.link.down();
    }

    /// A message arrived.
    pub fn arrival(&mut self, arrival: &Arrival, now: Now) {
        self.link_up(now);
        self.link.alive(now.mono);
        let at = self.link.moment(now.mono);
        let topic = *self.topics.get(arrival.topic);
        let (stream, text) = match (topic.found, std::str::from_utf8(arrival.topic)) {
            (Found::Stream(stream), Ok(text)) => (stream, text),
            (Found::NoText, _) | (_, Err(_)) => return self.stats.bad_topics += 1,
            (Found::Nobody, _) => return self.stats.unmatched += 1,
        };
        let mut scratch = std::mem::take(&mut self.scratch);
        let rules = &self.rules.streams[usize::from(stream)];
        let plan = &self.plans[usize::from(stream)];
        let mut verdict = classify(arrival, rules, plan, &self.rules.limits, now.wall, &mut scratch);
        if arrival.retain {
            self.stats.retained_ignored += 1;
            verdict.reasons = crate::reason::Reasons::default();
        } else if topic.is_odd && verdict.malformed.is_none() {
            verdict.reasons.add(Reason::Topic);
        }
        let slot = self.whose(stream, text, topic.slot, &mut verdict, &scratch, now);
        self.stats.streams[usize::from(stream)].count(arrival.payload.len(), verdict.reasons);
        match slot {
            Some(slot) if !arrival.retain => {
                self.observe(slot, stream, text, arrival, &verdict, &scratch, at, now)
            }
            Some(_) => {}
            None => self.stats.devices_refused += 1,
        }
        self.scratch = scratch;
    }

    /// The device of a message: the one that spoke on this topic before, one that is known, or a new one.
    fn whose(
        &mut self,
        stream: StreamId,
        topic: &str,
        guess: Option<u32>,
        verdict: &mut Verdict,
        read: &Decoded,
        now: Now,
    ) -> Option<u32> {
        let rules = &self.rules.streams[usize::from(stream)];
        let named = match (&rules.device, read.device_id) {
            (DeviceFrom::Topic(_), _) => None,
            _ if verdict.malformed.is_some() => None,
            (_, Member::Text(name) | Member::Number(_, name)) => Some(read.text(verdict.payload, name)),
            (DeviceFrom::Payload(_), _) => {
                verdict.reasons.add(Reason::MissingField);
                None
            }
            (DeviceFrom::PayloadOrTopic(_), _) => None,
        };
        if let Some(slot) = guess {
            let by_topic = matches!(rules.device, DeviceFrom::Topic(_));
            let known = self.devices[slot as usize].as_ref();
            if by_topic || named.is_some_and(|name| known.is_some_and(|device| *device.id == *name)) {
                return Some(slot);
            }
        }
        let id = named.filter(|name| !name.is_empty()).map(|name| bounded(name, ID_BYTES_MAX).into_owned());
        let id = id.unwrap_or_else(|| identity(rules, topic));
        let slot = self.find(&id).or_else(|| self.add(id, stream, topic, now))?;
        self.topics.get(topic.as_bytes()).slot = Some(slot);
        Some(slot)
    }

    /// The slot of a known device.
    fn find(&self, id: &str) -> Option<u32> {
        let id = &*bounded(id, ID_BYTES_MAX);
        let same = |slot: &u32| self.devices[*slot as usize].as_ref().is_some_and(|device| *device.id == *id);
        self.by_id.find(self.hasher.hash_one(id), same).copied()
    }

    /// Takes up a new device if there is room.
    fn add(&mut self, id: String, stream: StreamId, topic: &str, now: Now) -> Option<u32> {
        let at = self.link.moment(now.mono);
        let device = Device {
            labels: labels(&self.rules.labels, &self.rules.streams[usize::from(stream)], topic),
            id: id.into(),
            first_seen: now.wall,
            last_message: None,
            touched: at,
            roster: Roster::default(),
        };
        let found = Finding { at, wall: now.wall, device: device.id.clone(), what: What::FirstSeen };
        let slot = self.insert(device)?;
        self.findings.push(found);
        Some(slot)
    }

    pub(crate) fn insert(&mut self, device: Device) -> Option<u32> {
        if self.by_id.len() >= self.rules.limits.devices_max {
            return None;
        }
        let hash = self.hasher.hash_one(&*device.id);
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.devices.push(None);
                self.due.push(Mono::NEVER);
                u32::try_from(self.devices.len() - 1).ok()?
            }
        };
        let context = Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names };
        self.due[slot as usize] = when(&context, &device);
        self.devices[slot as usize] = Some(device);
        let Self { devices, hasher, by_id, .. } = self;
        by_id.insert_unique(hash, slot, |slot| {
            devices[*slot as usize].as_ref().map_or(0, |device| hasher.hash_one(&*device.id))
        });
        Some(slot)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one call, of which each argument is one part of a message"
    )]
    fn observe(
        &mut self,
        slot: u32,
        stream: StreamId,
        topic: &str,
        arrival: &Arrival,
        verdict: &Verdict,
        read: &Decoded,
        at: Mono,
        now: Now,
    ) {
        static NOTHING: Decoded = Decoded::nothing();
        let rules = &self.rules.streams[usize::from(stream)];
        let event = Event {
            stream,
            rules,
            live: true,
            bytes: arrival.payload.len(),
            reasons: verdict.reasons,
            malformed: verdict.malformed,
            decoded: if verdict.malformed.is_some() { &NOTHING } else { read },
            payload: verdict.payload,
            lone_point: topic.rsplit('/').next().unwrap_or(topic),
            expected: None,
            age: verdict.age,
        };
        let context = Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names };
        let Some(device) = self.devices[slot as usize].as_mut() else { return };
        let refused = device.roster.stuck.refused;
        device.roster.observe(&context, &event, at, &mut self.edges);
        device.touched = at;
        device.last_message = rules.kind.is_heartbeat().then_some(now.wall).or(device.last_message);
        self.due[slot as usize] = when(&context, device);
        self.stats.points_refused += device.roster.stuck.refused - refused;
        let counts = &mut self.stats.streams[usize::from(stream)];
        if let Some(age) = event.age {
            counts.ages.observe(age.max(0.0));
        }
        if let Some(interval) = device.roster.cadence.fresh() {
            counts.intervals.observe_micros(interval);
        }
        if let (Expect::Learn, Some(habit)) = (rules.expect, device.roster.cadence.learned(stream)) {
            self.stats.typical[usize::from(stream)] = Some(habit);
        }
        self.say(slot, now);
    }

    /// Turns the edges of one device into findings, in the order in which they became true.
    fn say(&mut self, slot: u32, now: Now) {
        if self.edges.is_empty() {
            return;
        }
        let Some(device) = self.devices[slot as usize].as_ref() else { return self.edges.clear() };
        self.edges.sort_by_key(|(at, _)| *at);
        let moment = self.link.moment(now.mono);
        for (at, what) in self.edges.drain(..) {
            let wall = now.wall.minus(moment.since(at));
            self.findings.push(Finding { at, wall, device: device.id.clone(), what });
        }
    }

    /// Time passed. Call it about once a second; nothing depends on how often.
    pub fn tick(&mut self, now: Now) {
        self.link.check_calendar(now);
        let known = self.link.known();
        for slot in 0..self.due.len() {
            if self.due[slot] <= known {
                self.tick_device(slot, known, now);
            }
        }
    }

    fn tick_device(&mut self, slot: usize, known: Mono, now: Now) {
        let context = Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names };
        let Some(device) = self.devices[slot].as_mut() else { return self.due[slot] = Mono::NEVER };
        device.roster.tick(&context, known, &mut self.edges);
        let forget = forget_at(&context, device);
        self.due[slot] = when(&context, device);
        let expected = self.expected.contains(&device.id);
        let slot = u32::try_from(slot).unwrap_or(u32::MAX);
        if forget <= known && !expected {
            self.edges.push((forget, What::Forgotten));
            self.say(slot, now);
            self.remove(slot);
        } else {
            if forget <= known {
                // A device that must exist is never forgotten; it is looked at again in a while.
                self.due[slot as usize] = known.plus(crate::time::SECOND * 3600);
            }
            self.say(slot, now);
        }
    }

    /// Forgets a device at once, as an operator wishes; false when it is not known.
    pub fn forget(&mut self, id: &str) -> bool {
        let slot = self.find(id);
        slot.inspect(|slot| self.remove(*slot)).is_some()
    }

    fn remove(&mut self, slot: u32) {
        let Some(device) = self.devices[slot as usize].take() else { return };
        let hash = self.hasher.hash_one(&*device.id);
        if let Ok(entry) = self.by_id.find_entry(hash, |known| *known == slot) {
            entry.remove();
        }
        self.due[slot as usize] = Mono::NEVER;
        self.free.push(slot);
        self.series.remove(slot);
        // Topics remember slots, and this one may soon be somebody else's.
        self.topics.clear();
    }

    /// Takes the findings made since the last call.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }

    /// Chooses which devices have series of their own. To be called before a `report::Walk` begins.
    pub fn choose_series(&mut self, now: Mono) {
        self.series.choose(&self.devices, self.rules.limits.device_series_max, now);
    }

    /// Every device.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.iter().flatten()
    }

    /// One device.
    pub fn device(&self, id: &str) -> Option<&Device> {
        self.find(id).and_then(|slot| self.devices[slot as usize].as_ref())
    }

    /// Devices that must exist and were never heard of.
    pub fn never_seen(&self) -> impl Iterator<Item = &str> {
        self.rules.expected.iter().map(|id| &**id).filter(|id| self.find(id).is_none())
    }

    /// How many devices are in each state.
    pub fn count_states(&self) -> States {
        let mut states = States { never_seen: self.never_seen().count(), ..States::default() };
        for device in self.devices() {
            match device.roster.presence.state() {
                State::Online => states.online += 1,
                State::Offline => states.offline += 1,
                State::Unknown => states.unknown += 1,
            }
        }
        states
    }

    /// The rules of a stream.
    pub fn stream(&self, stream: StreamId) -> Option<&StreamRules> {
        self.rules.streams.get(usize::from(stream))
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names }
    }
}

/// Devices by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct States {
    /// They speak.
    pub online: usize,
    /// They are silent.
    pub offline: usize,
    /// Only heard of.
    pub unknown: usize,
    /// They must exist, and were never heard of.
    pub never_seen: usize,
}

/// When a device must be looked at next.
fn when(context: &Context, device: &Device) -> Mono {
    device.roster.due(context).min(forget_at(context, device))
}

fn forget_at(context: &Context, device: &Device) -> Mono {
    context.rules.forget_after.map_or(Mono::NEVER, |after| device.touched.plus(after))
}
