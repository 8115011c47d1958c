//! All devices of one broker (or one shard of it), bounded: arrivals in, findings and levels out. It owns its
//! devices alone; nothing here is shared, locked or asynchronous, and the time is told.

use crate::arrival::Arrival;
use crate::busiest::Busiest;
use crate::classify::classify_again;
use crate::decode::{Decoded, Plan, Shapes};
use crate::exchange::Said;
use crate::finding::Finding;
use crate::interner::Names;
use crate::link::Link;
use crate::mutes::Mutes;
use crate::reason::Reason;
use crate::route::StreamId;
use crate::rules::{Expect, FleetRules, Kind, StreamRules};
use crate::service::Judge;
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
mod message;
mod passing;
mod recall;
mod roll;
mod saying;
#[cfg(test)]
mod tests;
mod waiting;
mod whose;

use message::Message;
use passing::when;
pub use recall::Missed;
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
    /// Of topics that no stream takes, so that a flood of them takes no place from bad messages.
    strays: Chooser,
    waiting: waiting::Waiting,
    /// Promises, and operations that fail.
    pub judge: Judge,
    /// Since when we have been watching without a break.
    watched_since: Mono,
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
            strays: Chooser::default(),
            waiting: waiting::Waiting::default(),
            judge: Judge::new(&rules),
            watched_since: Mono::default(),
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
        self.receive(arrival, now, false);
    }

    /// The same, but what it says of a command is left for `catch_up`: something may have been sent before it that is
    /// still to come. None where it says nothing of that.
    pub fn arrival_apart(&mut self, arrival: &Arrival, now: Now) -> Option<Missed> {
        self.receive(arrival, now, true)
    }

    fn receive(&mut self, arrival: &Arrival, now: Now, apart: bool) -> Option<Missed> {
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
            (found, _) => {
                self.nobodys(found, arrival, at, now.mono);
                return None;
            }
        };
        let mut scratch = self.scratch.take().unwrap_or_default();
        let rules = &self.rules.streams[usize::from(stream)];
        let plan = &self.plans[usize::from(stream)];
        let shapes = &mut self.shapes;
        let (limits, habit) = (&self.rules.limits, &mut known.habit);
        let mut verdict =
            classify_again(arrival, (rules, plan), limits, now.wall, &mut scratch, shapes, habit);
        let mut said = message::said(arrival, text, (rules, &self.rules.commands), &mut verdict, &scratch);
        if let Said::Request(request) = &mut said {
            request.serial = self.waiting.number();
        }
        let slot = self.whose(stream, text, topic.slot, &mut verdict, &scratch, now);
        let missed = if apart { self.set_apart((stream, text), slot, &mut said) } else { None };
        if arrival.retain {
            self.stats.retained_ignored += 1;
            verdict.reasons = crate::reason::Reasons::default();
        } else if topic.is_odd && verdict.malformed.is_none() {
            verdict.reasons.add(Reason::Topic);
        }
        self.stats.streams[usize::from(stream)].count(arrival.payload.len(), verdict.reasons);
        if !arrival.retain {
            let is_bad = !verdict.reasons.is_empty();
            self.busiest.count(arrival.topic, arrival.payload.len(), is_bad, at);
            let is_numbered = self.rules.streams[usize::from(stream)].sequence.is_some();
            let device = slot.and_then(|slot| self.devices[slot as usize].as_ref());
            let muted = device.is_some_and(|device| self.mutes.of(&device.id, now.wall).is_some());
            self.judge.arrived(is_bad, is_numbered, muted, at);
        }
        self.choose(Some(stream), slot, verdict.reasons, verdict.malformed, now.mono);
        let (verdict, read) = (&verdict, &scratch);
        let message = Message { stream, topic: text, key: topic.key, arrival, verdict, read, said: &said };
        match slot {
            Some(slot) if arrival.retain => self.see_retained(slot, &message, at, now),
            Some(slot) => self.observe(slot, &message, at, now),
            None => self.refuse(stream, text, verdict, read, now),
        }
        self.scratch = Some(scratch);
        missed
    }

    /// A message on a topic that leads to no stream.
    fn nobodys(&mut self, found: Found, arrival: &Arrival, at: Mono, now: Mono) {
        match found {
            Found::Nobody => {
                self.stats.unmatched += 1;
                self.stray(arrival, now);
            }
            Found::NoText | Found::Stream(_) => self.no_text(arrival, now),
        }
        self.busiest.count(arrival.topic, arrival.payload.len(), found != Found::Nobody, at);
    }

    /// How often we were away, and since when we are not.
    fn watched(&self) -> (u32, Mono) {
        (self.link.breaks(), self.watched_since)
    }

    fn observe(&mut self, slot: u32, message: &Message, at: Mono, now: Now) {
        let Message { stream, topic, key: topic_key, verdict, said, .. } = *message;
        let asked = self.asked_elsewhere(said, slot);
        let rules = &self.rules.streams[usize::from(stream)];
        let said_here = if asked.is_some() { &Said::Nothing } else { said };
        let event = message.event(rules, said_here, self.watched());
        let context = Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names };
        let Some(device) = self.devices[slot as usize].as_mut() else { return };
        let (refused, commands) = (device.roster.stuck.refused, device.roster.commands.count());
        let alarms = device.roster.alarms.refused();
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
        self.stats.tally.alarms_refused += device.roster.alarms.refused() - alarms;
        self.waiting.count(commands, device.roster.commands.count());
        if rules.kind == Kind::Event {
            self.stats.tally.note_event(&rules.name, event.happened());
        }
        self.count(slot, (stream, topic_key), verdict.age, knew);
        self.say(slot, now);
        if *said != Said::Nothing {
            self.settle_commands((slot, asked), said, at, now);
        }
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

    /// The rules of a stream.
    pub fn stream(&self, stream: StreamId) -> Option<&StreamRules> {
        self.rules.streams.get(usize::from(stream))
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names }
    }
}
