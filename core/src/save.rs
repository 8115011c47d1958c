//! What survives a restart, with a version of its own. Streams are saved by name: a stream that the new configuration does
//! not have is left out, and nothing else suffers. It can be written in pieces, between which the fleet goes on, and is
//! nevertheless all of one moment.

use crate::broker::clients::Clients;
use crate::fleet::{Device, Fleet};
use crate::interner::Names;
use crate::link::Link;
use crate::mutes::Mutes;
use crate::report::Watched;
use crate::route::StreamId;
use crate::service::Judge;
use crate::stats::{FleetStats, StreamStats};
use crate::tally::Tally;
use crate::time::{Micros, Mono, Now};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;

/// Raised with every change of the layout.
pub const VERSION: u32 = 10;

/// A fleet as saved; `D` is a device or a reference to one.
#[derive(Debug, Serialize, Deserialize)]
pub struct Saved<D> {
    broker: String,
    link: Link,
    streams: Vec<SavedStream>,
    names: Vec<String>,
    labels: Vec<String>,
    retained_ignored: u64,
    unmatched: u64,
    bad_topics: u64,
    devices_refused: u64,
    messages_refused: u64,
    points_refused: u64,
    aliases_unknown: u64,
    stale_departures: u64,
    announcements_refused: u64,
    /// Of the broker; everything else that it says of itself it says again.
    clients: Clients,
    mutes: Mutes,
    lost: u64,
    missed: u64,
    tally: Tally,
    judge: Judge,
    logged: Logged,
    devices: Vec<D>,
}

/// How far a state and the log of messages agree, so that what only the log knows is recalled from it, and once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logged {
    /// Number of the first record that the state may not know; none: it knows of no log.
    pub next: Option<u64>,
    /// Hashes of messages that the state knows although their records are not before that one.
    pub taken: Vec<u64>,
    /// Hashes of messages that the state knows and the log does not have yet, in the order of their arrival.
    pub ahead: Vec<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedStream {
    name: String,
    messages: u64,
    bytes: u64,
    errors: Vec<u64>,
    bad: u64,
    intervals: (Vec<u64>, u64, f64),
    ages: (Vec<u64>, u64, f64),
    typical: Option<Micros>,
}

#[cfg(test)]
impl Saved<Device> {
    pub(crate) fn sort(&mut self) {
        self.devices.sort_by(|a, b| a.id.cmp(&b.id));
    }
}

impl<D> Saved<D> {
    /// The broker whose fleet this is.
    pub fn broker(&self) -> &str {
        &self.broker
    }
}

impl Watched {
    /// What is worth keeping of a broker and its fleet.
    pub fn save(&self) -> Saved<&Device> {
        Saved { clients: self.broker.clients.clone(), logged: self.logged.clone(), ..self.fleet.save() }
    }

    /// Begins to save what is so now: `copy` and `copied` give it in pieces, whatever happens meanwhile. The first piece is
    /// everything but the devices.
    ///
    /// # Errors
    ///
    /// It cannot be written in the form of postcard.
    pub fn begin_copy(&mut self) -> Result<Vec<u8>, postcard::Error> {
        let head =
            Saved { clients: self.broker.clients.clone(), logged: self.logged.clone(), ..self.fleet.head() };
        let mut bytes = postcard::to_stdvec(&head)?;
        // The list of devices is last: its length, then each of them.
        let none = bytes.pop();
        debug_assert_eq!(none, Some(0), "a list without members is its length");
        postcard::to_extend(&self.fleet.devices.begin_copy(), bytes)
    }

    /// Copies so many more devices; true when the copy has all of them.
    pub fn copy(&mut self, devices: usize) -> bool {
        self.fleet.devices.copy_more(devices)
    }

    /// What was copied since this was asked last. With the last of it the copy ends.
    ///
    /// # Errors
    ///
    /// A device cannot be written; the copy ends.
    pub fn copied(&mut self) -> Result<Vec<u8>, postcard::Error> {
        self.fleet.devices.copied()
    }

    /// Gives up a copy under way.
    pub fn end_copy(&mut self) {
        self.fleet.devices.end_copy();
    }

    /// Goes on from what was saved. Only for one that has seen nothing yet.
    /// Gives how many devices were left out, see `Fleet::restore`.
    pub fn restore(&mut self, mut saved: Saved<Device>) -> usize {
        self.broker.clients = std::mem::take(&mut saved.clients);
        self.logged = std::mem::take(&mut saved.logged);
        self.fleet.restore(saved)
    }
}

impl Fleet {
    /// What is worth keeping, without copying the devices.
    pub fn save(&self) -> Saved<&Device> {
        Saved { devices: self.devices().collect(), ..self.head() }
    }

    /// Everything but the devices.
    fn head(&self) -> Saved<&Device> {
        let mut link = self.link.clone();
        link.down();
        let streams = self.rules.streams.iter().zip(&self.stats.streams).zip(&self.stats.typical);
        let streams = streams.map(|((rules, counts), typical)| SavedStream {
            name: rules.name.to_string(),
            messages: counts.messages,
            bytes: counts.bytes,
            errors: counts.errors.to_vec(),
            bad: counts.bad,
            intervals: counts.intervals.parts(),
            ages: counts.ages.parts(),
            typical: *typical,
        });
        Saved {
            broker: self.rules.broker.to_string(),
            link,
            streams: streams.collect(),
            names: self.names.borrow().all().iter().map(ToString::to_string).collect(),
            labels: self.rules.labels.iter().map(ToString::to_string).collect(),
            retained_ignored: self.stats.retained_ignored,
            unmatched: self.stats.unmatched,
            bad_topics: self.stats.bad_topics,
            devices_refused: self.stats.devices_refused,
            messages_refused: self.stats.messages_refused,
            points_refused: self.stats.points_refused,
            aliases_unknown: self.stats.aliases_unknown,
            stale_departures: self.stats.stale_departures,
            announcements_refused: self.stats.announcements_refused,
            clients: Clients::default(),
            mutes: self.mutes.clone(),
            lost: self.stats.lost,
            missed: self.stats.missed,
            tally: self.stats.tally.clone(),
            judge: self.judge.clone(),
            logged: Logged::default(),
            devices: Vec::new(),
        }
    }

    /// Goes on from what was saved, as far as it is kept here. Only for a fleet that has seen nothing yet.
    /// Gives how many devices were left out, since they are another shard's.
    pub fn restore(&mut self, saved: Saved<Device>) -> usize {
        let new_ids: Vec<Option<StreamId>> =
            saved.streams.iter().map(|old| self.stream_named(&old.name)).collect();
        self.link = saved.link;
        // The clock must not run before somebody says that we watch.
        self.link.down();
        self.restore_counts(&saved.streams, &new_ids);
        self.stats.retained_ignored = saved.retained_ignored;
        self.stats.unmatched = saved.unmatched;
        self.stats.bad_topics = saved.bad_topics;
        self.stats.devices_refused = saved.devices_refused;
        self.stats.messages_refused = saved.messages_refused;
        self.stats.points_refused = saved.points_refused;
        self.stats.aliases_unknown = saved.aliases_unknown;
        self.stats.stale_departures = saved.stale_departures;
        self.stats.announcements_refused = saved.announcements_refused;
        self.mutes = saved.mutes;
        self.stats.lost = saved.lost;
        self.stats.missed = saved.missed;
        self.stats.tally = saved.tally;
        self.judge.restore(saved.judge);
        let streams = &self.rules.streams;
        self.stats.tally.keep_streams(|name| streams.iter().any(|rules| *rules.name == *name));
        let mut names = Names::new(saved.names.len().max(crate::fleet::NAMES_MAX));
        for name in &saved.names {
            names.intern(name);
        }
        self.names = RefCell::new(names);
        // Where each label stood in the old configuration.
        let position = |label: &str| saved.labels.iter().position(|saved| saved == label);
        let places: Vec<Option<usize>> = self.rules.labels.iter().map(|label| position(label)).collect();
        let mut left_out = 0;
        for mut device in saved.devices {
            // It was ours while there were fewer shards, or others; now another one speaks of it.
            if !self.homes.keeps(&device.id) {
                left_out += 1;
                continue;
            }
            device.roster.renumber(&|old| new_ids.get(usize::from(old)).copied().flatten());
            // A label that is new is known when the device is heard again.
            device.labels = device.labels.at(&places);
            self.insert(device);
        }
        self.relate_all();
        self.recount_commands(Now::default());
        // What became true before the end, and was not said, is dated by the saved calendar alone.
        self.look(self.link.known(), Now::default());
        left_out
    }

    fn restore_counts(&mut self, streams: &[SavedStream], new_ids: &[Option<StreamId>]) {
        let mut stats = FleetStats::new(self.rules.streams.len());
        for (saved, id) in streams.iter().zip(new_ids) {
            let Some(id) = id.map(usize::from) else { continue };
            let counts: &mut StreamStats = &mut stats.streams[id];
            counts.messages = saved.messages;
            counts.bytes = saved.bytes;
            counts.bad = saved.bad;
            for (count, saved) in counts.errors.iter_mut().zip(&saved.errors) {
                *count = *saved;
            }
            counts.intervals.restore(saved.intervals.clone());
            counts.ages.restore(saved.ages.clone());
            stats.typical[id] = saved.typical;
        }
        self.stats = stats;
    }

    /// The number of the stream of this name.
    pub fn stream_named(&self, name: &str) -> Option<StreamId> {
        self.rules
            .streams
            .iter()
            .position(|rules| *rules.name == *name)
            .and_then(|at| StreamId::try_from(at).ok())
    }

    /// The moment up to which the fleet knows what happened.
    pub fn known(&self) -> Mono {
        self.link.known()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::clients::{Cause, Change};
    use crate::rules::FleetRules;

    #[test]
    fn who_came_and_went_is_counted_on_after_a_restart() {
        let new = || Watched::new(Fleet::new(FleetRules::default()));
        let mut before = new();
        before.broker.clients.count(Change::Refused, Cause::Banned, 1);
        let bytes = postcard::to_stdvec(&before.save()).unwrap();
        let mut after = new();
        after.restore(postcard::from_bytes(&bytes).unwrap());
        assert_eq!(after.broker.clients, before.broker.clients);
        assert!(!after.broker.clients.is_empty());
    }
}
