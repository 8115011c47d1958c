//! All devices of one broker (or one shard of it), bounded: arrivals in, findings and levels out. It owns its
//! devices alone; nothing here is shared, locked or asynchronous, and the time is told.

use crate::arrival::Arrival;
use crate::busiest::Busiest;
use crate::classify::{Verdict, classify_again};
use crate::decode::{Decoded, Plan, Shapes};
use crate::event::Event;
use crate::finding::Finding;
use crate::interner::Names;
use crate::link::Link;
use crate::mutes::Mutes;
use crate::reason::Reason;
use crate::route::StreamId;
use crate::rules::{Expect, FleetRules, StreamRules};
use crate::specimen::Chooser;
use crate::stats::FleetStats;
use crate::time::{Micros, Mono, Now, Wall};
use crate::topics::{Found, Topics, labels};
use crate::tracker::{Context, Edges, Tracker};
use crate::trackers::Roster;
use hashbrown::{HashSet, HashTable};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;

mod choice;
mod passing;
mod roll;
#[cfg(test)]
mod tests;
mod whose;

use passing::when;
pub use roll::States;

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
    /// No device is due before this moment.
    earliest: Mono,
    free: Vec<u32>,
    by_id: HashTable<u32>,
    hasher: foldhash::quality::RandomState,
    expected: HashSet<Box<str>, foldhash::quality::RandomState>,
    /// What is counted of all devices.
    pub stats: FleetStats,
    /// The busiest topics, those that no stream takes among them.
    pub busiest: Busiest,
    /// Devices that are muted.
    pub mutes: Mutes,
    pub(crate) link: Link,
    findings: Vec<Finding>,
    /// Lent to the message that is being read.
    scratch: Option<Box<Decoded>>,
    shapes: Shapes,
    /// Hashes of devices for which there was no room, as many as are remembered.
    refused: HashSet<u64, foldhash::fast::RandomState>,
    refused_at: Option<Mono>,
    edges: Edges,
    specimens: Chooser,
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
            earliest: Mono::NEVER,
            free: Vec::new(),
            by_id: HashTable::new(),
            hasher: foldhash::quality::RandomState::default(),
            expected: rules.expected.iter().cloned().collect(),
            stats: FleetStats::new(rules.streams.len()),
            busiest: Busiest::default(),
            mutes: Mutes::default(),
            link: Link::default(),
            findings: Vec::new(),
            scratch: None,
            shapes: Shapes::default(),
            refused: HashSet::default(),
            refused_at: None,
            edges: Edges::new(),
            specimens: Chooser::default(),
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

    /// A message arrived.
    pub fn arrival(&mut self, arrival: &Arrival, now: Now) {
        self.link_up(now);
        self.link.alive(now.mono);
        let at = self.link.moment(now.mono);
        if self.topics.make_room(arrival.topic) {
            self.shapes.clear();
        }
        let known = self.topics.get(arrival.topic);
        let topic = *known;
        let (stream, text) = match (topic.found, std::str::from_utf8(arrival.topic)) {
            (Found::Stream(stream), Ok(text)) => (stream, text),
            (found, _) => return self.nobodys(found, arrival, at, now.mono),
        };
        let mut scratch = self.scratch.take().unwrap_or_default();
        let rules = &self.rules.streams[usize::from(stream)];
        let plan = &self.plans[usize::from(stream)];
        let shapes = &mut self.shapes;
        let (limits, habit) = (&self.rules.limits, &mut known.habit);
        let mut verdict =
            classify_again(arrival, (rules, plan), limits, now.wall, &mut scratch, shapes, habit);
        let slot = self.whose(stream, text, topic.slot, &mut verdict, &scratch, now);
        if arrival.retain {
            self.stats.retained_ignored += 1;
            verdict.reasons = crate::reason::Reasons::default();
        } else if topic.is_odd && verdict.malformed.is_none() {
            verdict.reasons.add(Reason::Topic);
        }
        self.stats.streams[usize::from(stream)].count(arrival.payload.len(), verdict.reasons);
        if !arrival.retain {
            self.busiest.count(arrival.topic, arrival.payload.len(), !verdict.reasons.is_empty(), at);
        }
        self.choose(Some(stream), slot, verdict.reasons, verdict.malformed, now.mono);
        match slot {
            Some(slot) if !arrival.retain => {
                self.observe(slot, stream, (text, topic.key), arrival, &verdict, &scratch, at, now);
            }
            Some(_) => {}
            None => self.refuse(stream, text, &verdict, &scratch, now),
        }
        self.scratch = Some(scratch);
    }

    /// A message on a topic that leads to no stream.
    fn nobodys(&mut self, found: Found, arrival: &Arrival, at: Mono, now: Mono) {
        match found {
            Found::Nobody => self.stats.unmatched += 1,
            Found::NoText | Found::Stream(_) => self.no_text(arrival, now),
        }
        self.busiest.count(arrival.topic, arrival.payload.len(), found != Found::Nobody, at);
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one call, of which each argument is one part of a message"
    )]
    fn observe(
        &mut self,
        slot: u32,
        stream: StreamId,
        (topic, topic_key): (&str, u32),
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
            dup: arrival.dup,
            breaks: self.link.breaks(),
            bytes: arrival.payload.len(),
            reasons: verdict.reasons,
            malformed: verdict.malformed,
            decoded: if verdict.malformed.is_some() { &NOTHING } else { read },
            payload: verdict.payload,
            lone_point: topic.rsplit('/').next().unwrap_or(topic),
            topic: topic_key,
            expected: None,
            age: verdict.age,
        };
        let context = Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names };
        let Some(device) = self.devices[slot as usize].as_mut() else { return };
        let refused = device.roster.stuck.refused;
        let knew = device.roster.cadence.learned(stream, topic_key).is_some();
        device.roster.observe(&context, &event, at, &mut self.edges);
        if device.labels.len() != self.rules.labels.len() {
            device.labels = labels(&self.rules.labels, rules, topic);
        }
        device.touched = at;
        device.last_message = rules.kind.is_heartbeat().then_some(now.wall).or(device.last_message);
        let due = when(&context, device);
        self.due[slot as usize] = due;
        self.earliest = self.earliest.min(due);
        self.stats.points_refused += device.roster.stuck.refused - refused;
        self.count(slot, (stream, topic_key), verdict.age, knew);
        self.say(slot, now);
    }

    /// Takes what a message added to the counts of its stream.
    fn count(&mut self, slot: u32, (stream, topic): (StreamId, u32), age: Option<f64>, knew: bool) {
        let Some(Device { roster, .. }) = &self.devices[slot as usize] else { return };
        let counts = &mut self.stats.streams[usize::from(stream)];
        if let Some(age) = age {
            counts.ages.observe(age.max(0.0));
        }
        if let Some(interval) = roster.cadence.fresh() {
            counts.intervals.observe_micros(interval);
        }
        let Some(habit) = roster.cadence.learned(stream, topic) else { return };
        let learns = self.rules.streams[usize::from(stream)].expect == Expect::Learn;
        if learns && self.stats.note_habit(usize::from(stream), habit, !knew) {
            self.apply_typical(stream, habit);
        }
    }

    /// What is typical of a stream has become known: devices that wait for nothing now wait for that.
    fn apply_typical(&mut self, stream: StreamId, habit: Micros) {
        let at = self.link.known();
        let Some(rules) = self.rules.streams.get(usize::from(stream)) else { return };
        let context = Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names };
        for (device, due) in self.devices.iter_mut().zip(&mut self.due) {
            if let Some(device) = device {
                device.roster.presence.expect(stream, rules, habit, at);
                *due = when(&context, device);
            }
        }
        self.earliest = Mono(0);
    }

    /// Turns the edges of one device into findings, in the order in which they became true.
    fn say(&mut self, slot: u32, now: Now) {
        if self.edges.is_empty() {
            return;
        }
        let Some(device) = self.devices[slot as usize].as_ref() else { return self.edges.clear() };
        self.edges.sort_by_key(|(at, _)| *at);
        for (at, what) in self.edges.drain(..) {
            self.stats.note(&what);
            let wall = self.link.date(at, now);
            let muted = self.mutes.of(&device.id, wall).is_some();
            self.findings.push(Finding { at, wall, device: device.id.clone(), what, muted });
        }
    }

    /// Takes the findings made since the last call.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }

    /// The rules of a stream.
    pub fn stream(&self, stream: StreamId) -> Option<&StreamRules> {
        self.rules.streams.get(usize::from(stream))
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names }
    }
}
