//! Whose message it is: a device that is known, or a new one where there is room. Who is forgotten by now is
//! forgotten before it is asked.

use super::passing::when;
use super::sought::Sought;
use super::{Device, Fleet};
use crate::classify::Verdict;
use crate::decode::{Decoded, Member};
use crate::finding::{Finding, What};
use crate::labels::Labels;
use crate::names::{ID_BYTES_MAX, bounded};
use crate::reason::Reason;
use crate::route::StreamId;
use crate::rules::DeviceFrom;
use crate::time::{Mono, Now, SECOND};
use crate::topics::{identity, labels};
use crate::tracker::Context;
use crate::trackers::Roster;
use std::borrow::Cow;
use std::hash::BuildHasher;

/// The longest value of a user property that is kept whole: nothing else bounds what a stranger says there.
const PROPERTY_BYTES_MAX: usize = 256;

/// The labels that user properties give are the last ones. Of a name that is there twice the last value counts.
pub(super) fn relabel(wanted: &[Box<str>], said: &[(String, String)], labels: &mut Labels) {
    if wanted.is_empty() {
        return;
    }
    let first = labels.count().saturating_sub(wanted.len());
    let value = |wanted: &str| said.iter().rev().find(|(name, _)| *name == *wanted).map(|(_, value)| value);
    let new = wanted.iter().map(|name| bounded(value(name).map_or("", |value| value), PROPERTY_BYTES_MAX));
    let new: Vec<Cow<str>> = new.collect();
    let new = Labels::new(std::iter::repeat_n("", first).chain(new.iter().map(|value| &**value)));
    let updated = labels.updated(&new);
    if updated != *labels {
        *labels = updated;
    }
}

impl Fleet {
    /// The device of a message: the one that spoke on this topic before, one that is known, or a new one where the message
    /// makes one known.
    pub(super) fn whose(
        &mut self,
        (sought, makes_known): (&Sought, bool),
        verdict: &mut Verdict,
        read: &Decoded,
        now: Now,
    ) -> Option<u32> {
        let (stream, topic) = (sought.stream, sought.topic);
        let rules = &self.rules.streams[usize::from(stream)];
        let named = match (&rules.device, read.device_id) {
            _ if sought.name().is_some() => sought.name(),
            (DeviceFrom::Topic(_), _) => None,
            _ if verdict.malformed.is_some() => None,
            (_, Member::Text(name) | Member::Number(_, name)) => Some(read.text(verdict.payload, name)),
            (DeviceFrom::Payload(_), _) => {
                verdict.reasons.add(Reason::MissingField);
                None
            }
            (DeviceFrom::PayloadOrTopic(_) | DeviceFrom::Members, _) => None,
        };
        if let Some(slot) = sought.guess {
            let by_topic = matches!(rules.device, DeviceFrom::Topic(_));
            let known = self.devices[slot as usize].as_ref();
            let same = by_topic || named.is_some_and(|name| known.is_some_and(|device| *device.id == *name));
            if same && self.is_kept(slot, now) {
                return Some(slot);
            }
        }
        let id = named.filter(|name| !name.is_empty()).map(|name| bounded(name, ID_BYTES_MAX).into_owned());
        let id = id.unwrap_or_else(|| identity(&self.rules.streams[usize::from(stream)], topic));
        let known = self.find(&id).filter(|slot| self.is_kept(*slot, now));
        let slot = known.or_else(|| makes_known.then(|| self.add(id, stream, topic, now)).flatten())?;
        if sought.is_certain {
            self.topics.get(topic.as_bytes()).slot = Some(self.devices.guess(slot));
        }
        self.relabel(slot, stream, topic);
        self.relate(slot, stream, topic);
        Some(slot)
    }

    /// A topic that is new for a device may say more of it, or something else: the last word counts.
    fn relabel(&mut self, slot: u32, stream: StreamId, topic: &str) {
        let Some(device) = self.devices.get_mut(slot) else { return };
        let said = labels(&self.rules, stream, topic);
        device.labels =
            if device.labels.count() == said.count() { device.labels.updated(&said) } else { said };
    }

    /// Counts a device for which there is no room, once as long as it is remembered.
    pub(super) fn refuse(&mut self, sought: &Sought, verdict: &Verdict, read: &Decoded, now: Now) {
        const REMEMBERED: usize = 1 << 16;
        let (stream, topic) = (sought.stream, sought.topic);
        self.stats.messages_refused += 1;
        self.refusing = Some((self.refuses(now.mono).unwrap_or(now.mono), now.mono));
        let rules = &self.rules.streams[usize::from(stream)];
        let by_topic = verdict.malformed.is_some() || matches!(rules.device, DeviceFrom::Topic(_));
        let hash = match read.device_id {
            _ if sought.name().is_some() => self.hasher.hash_one(sought.name()),
            Member::Text(name) | Member::Number(_, name) if !by_topic => {
                self.hasher.hash_one(read.text(verdict.payload, name))
            }
            _ => self.hasher.hash_one(&*identity(rules, topic)),
        };
        // Beyond what is remembered the messages are still counted.
        if self.refused.len() < REMEMBERED && self.refused.insert(hash) {
            self.stats.devices_refused += 1;
        }
    }

    /// Since when devices are refused, never ten minutes apart on the shell's clock; none: not any more.
    pub fn refuses(&self, now: Mono) -> Option<Mono> {
        self.refusing.filter(|(_, last)| now.since(*last) < 600 * SECOND).map(|(first, _)| first)
    }

    /// The slot of a known device.
    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        let id = &*bounded(id, ID_BYTES_MAX);
        let same = |slot: &u32| self.devices[*slot as usize].as_ref().is_some_and(|device| *device.id == *id);
        self.by_id.find(self.hasher.hash_one(id), same).copied()
    }

    /// Takes up a new device if there is room.
    pub(super) fn add(&mut self, id: String, stream: StreamId, topic: &str, now: Now) -> Option<u32> {
        let at = self.link.moment(now.mono);
        let device = Device {
            labels: labels(&self.rules, stream, topic),
            id: id.into(),
            first_seen: now.wall,
            last_message: None,
            touched: at,
            roster: Roster::default(),
            parent: None,
            parent_slot: None,
            client: None,
        };
        if self.by_id.len() >= self.rules.limits.devices_max {
            // Some may only wait to be forgotten.
            self.look(at, now);
        }
        let muted = self.mutes.of(&device.id, now.wall).is_some();
        let found = Finding { at, wall: now.wall, device: device.id.clone(), what: What::FirstSeen, muted };
        let slot = self.insert(device)?;
        self.findings.push(found);
        Some(slot)
    }

    pub(crate) fn insert(&mut self, device: Device) -> Option<u32> {
        if self.by_id.len() >= self.rules.limits.devices_max {
            return None;
        }
        let hash = self.hasher.hash_one(&*device.id);
        let slot = if let Some(slot) = self.free.pop() {
            slot
        } else {
            self.devices.grow();
            crate::lean::push(&mut self.due, Mono::NEVER);
            u32::try_from(self.devices.len() - 1).ok()?
        };
        let context = Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names };
        let due = when(&context, &device);
        self.due[slot as usize] = due;
        self.earliest = self.earliest.min(due);
        self.devices.put(slot, device);
        let Self { devices, hasher, by_id, .. } = self;
        by_id.insert_unique(hash, slot, |slot| {
            devices[*slot as usize].as_ref().map_or(0, |device| hasher.hash_one(&*device.id))
        });
        Some(slot)
    }
}
