//! All devices of one broker (or one shard of it), bounded: arrivals in, findings and levels out. It owns its
//! devices alone; nothing here is shared, locked or asynchronous, and the time is told.

use crate::busiest::Busiest;
use crate::decode::{Decoded, Plan, Shapes};
use crate::finding::Finding;
use crate::interner::Names;
use crate::labels::Labels;
use crate::link::Link;
use crate::mutes::Mutes;
use crate::route::StreamId;
use crate::rules::{FleetRules, StreamRules};
use crate::service::Judge;
use crate::shard::Homes;
use crate::specimen::Chooser;
use crate::stats::FleetStats;
use crate::time::{Mono, Wall};
use crate::topics::Topics;
use crate::tracker::{Context, Edges};
use crate::trackers::Roster;
use hashbrown::{HashSet, HashTable};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;

mod arrive;
mod choice;
mod discover;
mod kin;
mod message;
mod passing;
mod pieces;
mod recall;
mod roll;
mod saying;
mod sharing;
mod shed;
mod slots;
mod sought;
mod statements;
#[cfg(test)]
mod tests;
mod waiting;
mod whose;

pub use recall::Missed;
pub use roll::States;
pub use slots::Guess;

/// Names of points that one fleet may have.
pub(crate) const NAMES_MAX: usize = 1 << 20;

/// One device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Its identity.
    pub id: Box<str>,
    /// Values of the labels of `mqtt_device_info`.
    pub labels: Labels,
    /// When it was first heard of.
    pub first_seen: Wall,
    /// The last live message.
    pub last_message: Option<Wall>,
    /// When anything of it last arrived, on the fleet's clock.
    pub touched: Mono,
    /// What is tracked of it.
    pub roster: Roster,
    /// The device through which it speaks.
    pub parent: Option<Box<str>>,
    /// Where that was found last; it may be another's by now.
    #[serde(skip)]
    pub(crate) parent_slot: Option<u32>,
    /// The client id with which it connects, where its stream says.
    pub client: Option<Box<str>>,
}

/// The fleet.
#[derive(Debug)]
pub struct Fleet {
    pub(crate) rules: FleetRules,
    plans: Vec<Plan>,
    topics: Topics,
    pub(crate) names: RefCell<Names>,
    pub(crate) devices: slots::Slots,
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
    /// When the first and the last message of such a device came, while they come.
    refusing: Option<(Mono, Mono)>,
    /// When everybody was spared last.
    spared_all: Option<Mono>,
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
    apart: arrive::Apart,
    kin: kin::Kin,
    early: discover::Early,
    pub(crate) homes: Homes,
    shared: sharing::Shared,
}

impl Fleet {
    /// A fleet without devices, that is not watched yet.
    pub fn new(mut rules: FleetRules) -> Self {
        let homes = Homes::new(&rules);
        // Who must exist must exist in one shard.
        rules.expected.retain(|id| homes.keeps(id));
        Self {
            shared: sharing::Shared::new(&rules),
            homes,
            plans: rules.streams.iter().map(Plan::new).collect(),
            kin: kin::Kin::new(&rules),
            early: discover::Early::default(),
            topics: Topics::new(&rules),
            names: RefCell::new(Names::new(NAMES_MAX)),
            devices: slots::Slots::default(),
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
            refusing: None,
            spared_all: None,
            edges: Edges::new(),
            specimens: Chooser::default(),
            strays: Chooser::default(),
            waiting: waiting::Waiting::default(),
            judge: Judge::new(&rules),
            watched_since: Mono::default(),
            series: crate::series::Series::default(),
            apart: arrive::Apart::default(),
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

    /// The rules of a stream.
    pub fn stream(&self, stream: StreamId) -> Option<&StreamRules> {
        self.rules.streams.get(usize::from(stream))
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names }
    }
}
