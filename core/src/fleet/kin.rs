//! What belongs together: devices that speak through another, clients and their devices, messages that are judged as of
//! another stream, and sessions. Nothing here may be guessed: what is not known is not said.

use super::message::Message;
use super::passing::when;
use super::{Device, Fleet};
use crate::arrival::Arrival;
use crate::broker::clients::Change;
use crate::broker::event::{ClientEvent, What as Happened};
use crate::classify::Verdict;
use crate::decode::Decoded;
use crate::event::{Counted, Event};
use crate::names::{ID_BYTES_MAX, bounded};
use crate::reason::Reason;
use crate::route::StreamId;
use crate::rules::{FleetRules, Format, Kind, Name, Statement, StatusRules, StreamRules};
use crate::time::{Micros, Mono, Now, SECOND, Wall};
use crate::topics::{Announced, Found, Topic, fill};
use crate::tracker::Context;
use crate::trackers::presence::{Departure, Told};
use hashbrown::HashMap;
use std::sync::Arc;

/// What the broker says of a client counts after so long, unless the device is heard meanwhile.
const HOLD_OFF: Micros = 5 * SECOND;

/// An event that is older than this is not of now, in microseconds.
const PAST: i64 = 60_000_000;

/// What is looked for when a message comes.
#[derive(Clone, Debug)]
pub(super) struct Sought<'a> {
    pub(super) stream: StreamId,
    pub(super) topic: &'a str,
    /// The number of the topic.
    pub(super) key: u32,
    /// The topic has mistakes.
    pub(super) is_odd: bool,
    /// The device that spoke there last.
    pub(super) guess: Option<u32>,
    /// Every message of the topic belongs to this stream.
    pub(super) is_certain: bool,
    /// The message is a piece of one.
    pub(super) is_piece: bool,
    /// The device that the message names.
    pub(super) named: Option<&'a str>,
    /// The stream is the one that was announced.
    pub(super) by_announcement: bool,
    pub(super) announced: Option<Arc<Announced>>,
}

impl<'a> Sought<'a> {
    pub(super) fn of(stream: StreamId, topic: &'a str, known: &Topic, found: Found) -> Self {
        let is_certain = !matches!(known.found, Found::Perhaps(..));
        Self {
            stream,
            topic,
            key: known.key,
            is_odd: known.is_odd,
            guess: known.slot.filter(|_| is_certain),
            is_certain,
            is_piece: false,
            named: None,
            by_announcement: matches!(found, Found::Announced(_)),
            announced: None,
        }
    }

    /// The device, where neither topic nor payload has to tell.
    pub(super) fn name(&self) -> Option<&str> {
        let announced = self.announced.as_ref().filter(|_| self.by_announcement);
        self.named.or_else(|| announced.map(|announced| &*announced.device))
    }

    /// Whether the topic may still be announced by somebody.
    pub(super) fn is_free(&self, rules: &FleetRules) -> bool {
        self.announced.is_none() && rules.streams[usize::from(self.stream)].pattern.as_str() == "#"
    }

    fn status<'r>(&'r self, rules: &'r StreamRules) -> Option<&'r StatusRules> {
        let announced = self.announced.as_ref().filter(|_| self.by_announcement);
        announced.and_then(|announced| announced.status.as_ref()).or(rules.status.as_deref())
    }
}

/// Who belongs to whom.
#[derive(Debug, Default)]
pub(super) struct Kin {
    /// By the identity of a parent, those that speak through it.
    children: ByName,
    /// By the id of a client, its devices.
    clients: ByName,
    /// By stream: as whose its points count, and its numbers.
    joins: Vec<(Option<StreamId>, Option<StreamId>)>,
}

impl Kin {
    pub(super) fn new(rules: &FleetRules) -> Self {
        let id = |name: &Option<Box<str>>| {
            let at = rules.streams.iter().position(|stream| Some(&stream.name) == name.as_ref())?;
            StreamId::try_from(at).ok()
        };
        let joins = rules.streams.iter().map(|of| (id(&of.kin.joins), id(&of.kin.sequence_with)));
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
    /// What a message says of presence; a word that nobody knows is an error.
    pub(super) fn statement(
        &self,
        arrival: &Arrival,
        sought: &Sought,
        verdict: &mut Verdict,
        read: &Decoded,
    ) -> Option<Statement> {
        let rules = &self.rules.streams[usize::from(sought.stream)];
        let status = sought.status(rules).filter(|_| verdict.malformed.is_none())?;
        let said = status.read(verdict.payload, read.document(verdict.payload));
        // An empty message only takes away what the broker kept.
        if said.is_none() && rules.kind == Kind::Presence && !arrival.payload.is_empty() {
            verdict.reasons.add(Reason::Status);
        }
        said
    }

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
            if let Some(device) = devices[slot as usize].as_mut() {
                rename(&mut device.client, &mut kin.clients, &client, slot);
            }
        }
    }

    /// Finds everything out anew, after the devices were restored.
    pub(crate) fn relate_all(&mut self) {
        let Self { devices, kin, .. } = self;
        for (slot, device) in (0u32..).zip(devices) {
            let Some(device) = device else { continue };
            if let Some(parent) = device.parent.as_deref() {
                put_in(&mut kin.children, parent, slot);
            }
            if let Some(client) = device.client.as_deref() {
                put_in(&mut kin.clients, client, slot);
            }
        }
    }

    /// Gives the metrics that came without a name the names that the device told once.
    pub(super) fn resolve(&mut self, slot: u32, read: &mut Decoded) {
        if read.metrics().is_empty() {
            return;
        }
        let names = self.names.borrow();
        let Some(device) = &self.devices[slot as usize] else { return };
        self.stats.aliases_unknown += read.resolve(|alias| device.roster.session.alias(alias, &names));
    }

    /// What a statement of a session amounts to: a birth begins one, and a death of another than the last is none.
    pub(super) fn settle_session(&mut self, slot: u32, message: &Message) -> Option<Statement> {
        let Message { sought, statement, verdict, read, .. } = *message;
        let Self { rules, devices, names, .. } = self;
        let (stream, max) = (&rules.streams[usize::from(sought.stream)], rules.limits.points_per_device_max);
        let Some(device) = devices[slot as usize].as_mut() else { return statement };
        if let (Some(Name::Payload(path)), None) = (&stream.kin.parent, verdict.malformed) {
            let parent = read.document(verdict.payload).find(path).and_then(crate::decode::Leaf::word);
            if let Some(parent) = parent {
                set_parent(devices, &mut self.kin, slot, parent);
            }
            return statement;
        }
        let (Some(status), Some(said)) = (sought.status(stream), statement) else { return statement };
        let number = status.session.as_ref().and_then(|path| match stream.format {
            Format::Sparkplug => read.session(),
            _ => read.document(verdict.payload).find(path)?.raw().parse().ok(),
        });
        let session = &mut device.roster.session;
        match said {
            Statement::Gone(_)
                if status.session.is_some() && session.is_stale(number, status.session_grows) =>
            {
                self.stats.stale_departures += 1;
                return None;
            }
            Statement::Gone(_) if stream.format == Format::Sparkplug => session.end(),
            Statement::Gone(_) => {}
            Statement::Online | Statement::Asleep => {
                if stream.format == Format::Sparkplug {
                    self.stats.points_refused += session.learn(read, &mut names.borrow_mut(), max);
                }
                if status.session.is_some() {
                    session.begin(number);
                }
            }
        }
        statement
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
        let Some(device) = self.devices[parent as usize].as_mut() else { return };
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
        let found = match known.filter(|slot| self.due[*slot as usize] > self.link.known()) {
            Some(found) => found,
            None => {
                let parent = parent.to_owned();
                let kept = known.filter(|slot| self.is_kept(*slot, now));
                kept.or_else(|| self.add(parent, stream, topic, now))?
            }
        };
        self.devices[slot as usize].as_mut()?.parent_slot = Some(found);
        Some(found)
    }

    /// What speaks through a device goes with it.
    pub(super) fn children_leave(&mut self, slot: u32, at: Mono, now: Now) {
        let Some(id) = self.devices[slot as usize].as_ref().map(|device| device.id.clone()) else { return };
        let Some(children) = self.kin.children.get(&id).filter(|children| !children.is_empty()) else {
            return;
        };
        for child in children.clone() {
            if child == slot || !self.is_kept(child, now) {
                continue;
            }
            let Some(device) = self.devices[child as usize].as_mut() else { continue };
            device.roster.session.end();
            device.roster.presence.leave(Departure::Parent, HOLD_OFF, at);
            self.look_again(child, now);
        }
    }

    /// A kept statement.
    pub(super) fn keep_statement(&mut self, slot: u32, message: &Message, at: Mono) {
        let Some(statement) = self.settle_session(slot, message) else { return };
        let hold_off = self.rules.streams[usize::from(message.sought.stream)].hold_off;
        let Some(device) = self.devices[slot as usize].as_mut() else { return };
        let since = (self.watched_since, hold_off);
        device.roster.presence.kept(statement, since, at, &mut self.edges);
        let context = Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names };
        let due = when(&context, device);
        self.due[slot as usize] = due;
        self.earliest = self.earliest.min(due);
    }

    /// The broker tells what became of a client. Whose it is must be certain: the client id is that of a device, or a
    /// stream says so; else nothing is made of it.
    pub fn client_event(&mut self, event: &ClientEvent, now: Now) {
        let (Some(client), Happened::Changed(change, cause)) = (&event.client, event.what) else { return };
        // While we are away our clock stands, and what is so when we are back is told then.
        if !self.link.is_up() {
            return;
        }
        let told = match change {
            Change::Connected => Told::Came,
            Change::Disconnected => Told::Went(cause.into()),
            Change::Refused => return,
        };
        let by_id = self.find(client);
        let by_rule = self.kin.clients.get(&**client).cloned().unwrap_or_default();
        let at = self.link.moment(now.mono);
        for slot in by_rule.into_iter().chain(by_id) {
            if !self.is_kept(slot, now) {
                continue;
            }
            let Some(device) = self.devices[slot as usize].as_mut() else { continue };
            // A log that is read late tells of the past, and who was heard since is there.
            let is_past =
                |at: &Wall| now.wall.0.saturating_sub(at.0) > PAST && device.last_message > Some(*at);
            if told != Told::Came && event.at.as_ref().is_some_and(is_past) {
                continue;
            }
            device.roster.presence.told(told, HOLD_OFF, at, &mut self.edges);
            self.look_again(slot, now);
            if let Told::Went(_) = told {
                self.children_leave(slot, at, now);
            }
        }
    }

    /// Something other than a message changed a device.
    fn look_again(&mut self, slot: u32, now: Now) {
        let context = Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names };
        let Some(device) = self.devices[slot as usize].as_ref() else { return };
        let due = when(&context, device);
        self.due[slot as usize] = due;
        self.earliest = self.earliest.min(due);
        self.say(slot, now);
    }
}

fn set_parent(devices: &mut [Option<Device>], kin: &mut Kin, slot: u32, parent: &str) {
    let Some(device) = devices[slot as usize].as_mut() else { return };
    if *device.id != *parent {
        rename(&mut device.parent, &mut kin.children, parent, slot);
    }
}
