//! What devices announce of their topics: which says that they are there, in which words, and how long a value holds.
//! It is the discovery of Home Assistant, as others speak it, too. Nothing here may take a topic from a stream that names
//! it, and a template that is not understood says nothing.

mod entity;

use super::Fleet;
use super::sought::Sought;
use crate::arrival::Arrival;
use crate::decode::Decoded;
use crate::reason::Reasons;
use crate::rules::Kind;
use crate::time::Now;
use crate::topics::{Announced, identity};
use crate::trackers::presence::State;
use entity::{Found, What, announcements, whose};
use hashbrown::HashMap;

/// Short retained messages on topics that nobody has announced yet: a broker sends what it keeps in any order.
#[derive(Debug, Default)]
pub(super) struct Early {
    kept: HashMap<Box<[u8]>, Box<[u8]>, foldhash::quality::RandomState>,
}

impl Early {
    /// Keeps a message that may be a statement, while there is room.
    pub(super) fn keep(&mut self, arrival: &Arrival) {
        const MANY: usize = 4096;
        const SHORT: usize = 64;
        const NAME: usize = 256;
        let fits = arrival.payload.len() <= SHORT && arrival.topic.len() <= NAME;
        if fits && (self.kept.len() < MANY || self.kept.contains_key(arrival.topic)) {
            self.kept.insert(arrival.topic.into(), arrival.payload.into());
        }
    }
}

impl Fleet {
    /// A message that announces topics.
    pub(super) fn discovery(&mut self, arrival: &Arrival, sought: &Sought, read: &mut Decoded, now: Now) {
        let at = usize::from(sought.stream);
        let moment = self.link.moment(now.mono);
        let limits = self.rules.limits;
        let is_small = arrival.payload.len() <= limits.payload_bytes_max;
        let bounds = crate::classify::bounds(&limits);
        let text = match read.read(arrival.payload, &self.plans[at], bounds) {
            Ok(text) if is_small && !arrival.payload.is_empty() => text,
            // An empty message takes an announcement back; what it said of topics is still true of them.
            Ok(_) => return self.count_announcement(arrival, sought, Reasons::default(), moment),
            Err(malformed) => {
                let reasons =
                    if arrival.payload.is_empty() { Reasons::default() } else { malformed.reason.into() };
                return self.count_announcement(arrival, sought, reasons, moment);
            }
        };
        self.count_announcement(arrival, sought, Reasons::default(), moment);
        let Some(root) = read.document(text).root() else { return };
        let device = whose(root).unwrap_or_else(|| identity(&self.rules.streams[at], sought.topic));
        let kin = &self.rules.streams[at].kin;
        let stream = |name: &Option<Box<str>>| name.as_ref().and_then(|name| self.stream_named(name));
        let (values, presence) = (stream(&kin.state_stream), stream(&kin.availability_stream));
        let commands = stream(&kin.command_stream);
        for Found { topic, name, what } in announcements(root) {
            let (stream, status, expires) = match what {
                What::Values(expires) => (values, None, expires),
                What::Presence(status) => (presence, Some(status), None),
                What::Commands => (commands, None, None),
            };
            let Some(stream) = stream else { continue };
            let what =
                Announced { stream, device: device.as_str().into(), name: name.into(), status, expires };
            self.announce(&topic, what, now);
        }
    }

    fn announce(&mut self, topic: &str, mut what: Announced, now: Now) {
        if let Some(known) = self.topics.announced(topic.as_bytes()) {
            if self.rank(known) > self.rank(&what) {
                return;
            }
            if known.device != what.device && what.status.is_some() {
                // What several devices share says nothing of one of them.
                what.device = topic.rsplit_once('/').map_or(topic, |(parent, _)| parent).into();
            } else {
                what.expires = known.expires.into_iter().chain(what.expires).min();
            }
            if **known == what {
                return;
            }
        }
        if self.topics.make_room(topic.as_bytes()) {
            self.shapes.clear();
        }
        let known = *self.topics.get(topic.as_bytes());
        let before = known.slot.and_then(|guess| self.devices.still(guess));
        // Of a topic whose stream depends on the payload no device is remembered.
        let by_topic = || self.find(topic.rsplit_once('/').map_or(topic, |(parent, _)| parent));
        let before = before.or_else(|| (!known.is_certain()).then(by_topic).flatten());
        let device = what.device.clone();
        if !self.topics.announce(topic.as_bytes(), what) {
            self.stats.announcements_refused += 1;
            return;
        }
        // What was known of the topic was forgotten with that.
        self.shapes.forget(known.habit);
        if let Some(slot) = before {
            self.forget_mistaken(slot, &device);
        }
        if let Some(payload) = self.early.kept.remove(topic.as_bytes()) {
            self.hear_again(topic, &payload, now);
        }
    }

    /// A topic may be announced twice: who tells of presence there may show that as a value, too, and a value may be set
    /// where it is told.
    fn rank(&self, what: &Announced) -> u8 {
        let is_told = self.rules.streams[usize::from(what.stream)].kind == Kind::Info;
        if what.status.is_some() { 2 } else { u8::from(!is_told) }
    }

    /// A device that was only made of a kept message on a topic that turns out to be another's.
    fn forget_mistaken(&mut self, slot: u32, device: &str) {
        let is_mistaken = self.devices[slot as usize].as_ref().is_some_and(|known| {
            let is_unheard = known.roster.presence.state() == State::Unknown && known.last_message.is_none();
            is_unheard && *known.id != *device && !self.expected.contains(&known.id)
        });
        if is_mistaken {
            self.remove(slot);
        }
    }

    /// What the broker had sent before it sent the announcement.
    fn hear_again(&mut self, topic: &str, payload: &[u8], now: Now) {
        let known = *self.topics.get(topic.as_bytes());
        let found = self.decide(known.found, payload);
        let crate::topics::Found::Announced(stream) = found else { return };
        let kept = self.topics.announced(topic.as_bytes()).is_some_and(|what| self.homes.keeps(&what.device));
        if !kept {
            return;
        }
        let mut sought =
            Sought { is_piece: true, ..Sought::of((found, stream), topic, &known, &self.devices) };
        sought.announced = self.topics.announced(topic.as_bytes()).cloned();
        let arrival = Arrival { retain: true, ..Arrival::live(topic, payload) };
        self.hear(&arrival, &sought, &mut Decoded::default(), now);
    }
}
