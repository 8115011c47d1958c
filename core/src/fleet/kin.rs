//! What belongs together: devices that speak through another, clients and their devices, messages that are judged as of
//! another stream. Nothing here may be guessed: what is not known is not said.

use super::message::Message;
use super::passing::when;
use super::slots::Slots;
use super::{Device, Fleet};
use crate::event::{Counted, Event};
use crate::names::{ID_BYTES_MAX, bounded};
use crate::route::StreamId;
use crate::rules::{DeviceFrom, FleetRules, Name, Part, Statement, StreamRules};
use crate::time::{Micros, Mono, Now, SECOND};
use crate::topics::fill;
use crate::tracker::Context;
use crate::trackers::presence::Departure;
use hashbrown::HashMap;

/// What the broker says of a client counts after so long, unless the device is heard meanwhile.
pub(super) const HOLD_OFF: Micros = 5 * SECOND;

/// Who belongs to whom.
#[derive(Debug, Default)]
pub(super) struct Kin {
    /// By the identity of a parent, those that speak through it.
    children: ByName,
    /// By the id of a client, its devices.
    pub(super) clients: ByName,
    /// By stream: as whose its points count, and its numbers.
    joins: Vec<(Option<StreamId>, Option<StreamId>)>,
}

impl Kin {
    pub(super) fn new(rules: &FleetRules) -> Self {
        let id = |name: &Option<Box<str>>| {
            let at = rules.streams.iter().position(|stream| Some(&stream.name) == name.as_ref())?;
            StreamId::try_from(at).ok()
        };
        let joins = (0..).zip(&rules.streams).map(|(own, of)| {
            // Names that have that of their topic in front are told apart by themselves, where it is all of it.
            let points = id(&of.kin.joins).or((of.kin.point_prefix && names_topic(of)).then_some(own));
            (points, id(&of.kin.sequence_with))
        });
        Self { joins: joins.collect(), ..Self::default() }
    }

    /// As whose points and numbers those of a stream count.
    pub(super) fn joined<'a>(
        &self,
        stream: StreamId,
        rules: &'a FleetRules,
    ) -> (Option<(StreamId, &'a StreamRules)>, Counted<'a>) {
        let (points, numbers) = self.joins[usize::from(stream)];
        let of = |id: StreamId| (id, &rules.streams[usize::from(id)]);
        let own = &rules.streams[usize::from(stream)];
        let counted = match numbers {
            None => Counted::Here,
            Some(_) if own.kin.parent.is_some() => Counted::Elsewhere,
            Some(id) if own.kin.sequence_begins => Counted::Anew(of(id)),
            Some(id) => Counted::With(of(id)),
        };
        (points.map(of), counted)
    }

    /// A device is gone for good.
    pub(super) fn forget(&mut self, slot: u32, device: &Device) {
        take_out(&mut self.children, device.parent.as_deref(), slot);
        take_out(&mut self.clients, device.client.as_deref(), slot);
    }
}

/// Slots by a name.
type ByName = HashMap<Box<str>, Vec<u32>, foldhash::quality::RandomState>;

fn put_in(map: &mut ByName, name: &str, slot: u32) {
    map.entry(name.into()).or_default().push(slot);
}

fn take_out(map: &mut ByName, name: Option<&str>, slot: u32) {
    let Some((name, slots)) = name.and_then(|name| map.get_mut(name).map(|slots| (name, slots))) else {
        return;
    };
    slots.retain(|known| *known != slot);
    if slots.is_empty() {
        map.remove(name);
    }
}

/// Notes a name in a device, and the device under that name.
fn rename(field: &mut Option<Box<str>>, map: &mut ByName, name: &str, slot: u32) {
    let name = bounded(name, ID_BYTES_MAX);
    if field.as_deref() != Some(&*name) {
        take_out(map, field.as_deref(), slot);
        *field = Some((&*name).into());
        put_in(map, &name, slot);
    }
}

impl Fleet {
    /// A topic that is new for a device may say through whom it speaks, and as which client.
    pub(super) fn relate(&mut self, slot: u32, stream: StreamId, topic: &str) {
        let Self { rules, devices, kin, .. } = self;
        let rules = &rules.streams[usize::from(stream)];
        if let Some(Name::Topic(parts)) = &rules.kin.parent {
            let parent = fill(parts, &rules.pattern, topic);
            set_parent(devices, kin, slot, &parent);
        }
        if let Some(parts) = &rules.kin.client {
            let client = fill(parts, &rules.pattern, topic);
            if let Some(device) = devices.get_mut(slot) {
                rename(&mut device.client, &mut kin.clients, &client, slot);
            }
        }
    }

    /// Finds everything out anew, after the devices were restored.
    pub(crate) fn relate_all(&mut self) {
        let Self { devices, kin, .. } = self;
        for (slot, device) in (0u32..).zip(devices.iter()) {
            let Some(device) = device else { continue };
            if let Some(parent) = device.parent.as_deref() {
                put_in(&mut kin.children, parent, slot);
            }
            if let Some(client) = device.client.as_deref() {
                put_in(&mut kin.clients, client, slot);
            }
        }
    }

    /// A number that the parent counts together with those of its other devices.
    pub(super) fn count_with_parent(&mut self, slot: u32, message: &Message, at: Mono, now: Now) {
        let stream = message.sought.stream;
        let (_, Some(with)) = self.kin.joins[usize::from(stream)] else { return };
        if self.rules.streams[usize::from(stream)].kin.parent.is_none() {
            return;
        }
        let Some(parent) = self.parent_of(slot, stream, message.sought.topic, now) else { return };
        let event = message.event(&self.rules, &self.kin, message.said, self.watched());
        let rules = &self.rules.streams[usize::from(with)];
        let event = Event { lone_point: "", ..event.as_of(Some((with, rules))) };
        let context = Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names };
        let Some(device) = self.devices.get_mut(parent) else { return };
        device.roster.sequence.join(&context, &event, at, &mut self.edges);
        device.touched = at;
        let due = when(&context, device);
        self.due[parent as usize] = due;
        self.earliest = self.earliest.min(due);
        self.say(parent, now);
    }

    /// The parent of a device, which is made known where it was not.
    fn parent_of(&mut self, slot: u32, stream: StreamId, topic: &str, now: Now) -> Option<u32> {
        let device = self.devices[slot as usize].as_ref()?;
        let (parent, guess) = (device.parent.as_deref()?, device.parent_slot);
        let is = |slot: &u32| self.devices[*slot as usize].as_ref().is_some_and(|of| &*of.id == parent);
        let known = guess.filter(is).or_else(|| self.find(parent));
        let is_fresh = |slot: &u32| self.due[*slot as usize] > self.link.known();
        let found = if let Some(found) = known.filter(is_fresh) {
            found
        } else {
            let parent = parent.to_owned();
            let kept = known.filter(|slot| self.is_kept(*slot, now));
            let is_ours = self.homes.keeps(&parent);
            kept.or_else(|| is_ours.then(|| self.add(parent, stream, topic, now)).flatten())?
        };
        self.devices.get_mut(slot)?.parent_slot = Some(found);
        Some(found)
    }

    /// What speaks through a device goes with it; by a kept statement, what was not heard since we watch.
    pub(super) fn children_leave(&mut self, slot: u32, is_kept: bool, at: Mono, now: Now) {
        let Some(id) = self.devices[slot as usize].as_ref().map(|device| device.id.clone()) else { return };
        self.children_of_leave(&id, is_kept, at, now);
    }

    /// Whether devices are known here that speak through this one.
    pub(super) fn has_children(&self, id: &str) -> bool {
        self.kin.children.contains_key(id)
    }

    /// The same of one that may live in another shard.
    pub(super) fn children_of_leave(&mut self, id: &str, is_kept: bool, at: Mono, now: Now) {
        let Some(children) = self.kin.children.get(id) else { return };
        for child in children.clone() {
            if !self.is_kept(child, now) {
                continue;
            }
            let Some(device) = self.devices.get_mut(child) else { continue };
            let presence = &mut device.roster.presence;
            if is_kept {
                let gone = Statement::Gone(Departure::Parent);
                presence.kept(gone, (self.watched_since, HOLD_OFF), at, &mut self.edges);
            } else {
                presence.leave(Departure::Parent, HOLD_OFF, at);
                device.roster.session.end();
            }
            self.look_again(child, now);
        }
    }

    /// Something other than a message changed a device.
    pub(super) fn look_again(&mut self, slot: u32, now: Now) {
        let context = Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names };
        let Some(device) = self.devices[slot as usize].as_ref() else { return };
        let due = when(&context, device);
        self.due[slot as usize] = due;
        self.earliest = self.earliest.min(due);
        self.say(slot, now);
    }
}

pub(super) fn set_parent(devices: &mut Slots, kin: &mut Kin, slot: u32, parent: &str) {
    let Some(device) = devices.get_mut(slot) else { return };
    if *device.id != *parent {
        rename(&mut device.parent, &mut kin.children, parent, slot);
    }
}
/// Whether two topics of a device that a stream takes never give points the same name: what is not of the device is in it.
fn names_topic(rules: &StreamRules) -> bool {
    let DeviceFrom::Topic(device) = &rules.device else { return false };
    let Some((first, last)) = rules.kin.point_name else { return false };
    let of_device = |at: usize| device.contains(&Part::Capture(at));
    (0..rules.pattern.captures().count()).all(|at| (first..=last).contains(&at) || of_device(at))
}
