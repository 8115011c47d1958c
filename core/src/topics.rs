//! What a topic says before its payload is looked at: the stream, and whose it is. Found once and remembered,
//! so that the messages of a known topic cost one look-up. The memory is bounded: when it is full it is emptied
//! and fills again with what is still in use.

use crate::decode::Habit;
use crate::fleet::Guess;
use crate::labels::Labels;
use crate::names::{ID_BYTES_MAX, Pattern, bounded};
use crate::route::{StreamId, captures};
use crate::rules::{DeviceFrom, FleetRules, LabelFrom, Part, StatusRules, StreamRules};
use crate::streams::Streams;
use crate::time::Micros;
use hashbrown::HashMap;
use hashbrown::hash_map::EntryRef;
use std::borrow::Cow;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// What is known of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Where it leads.
    pub found: Found,
    /// It has spaces, empty levels or control characters, or begins or ends with `/`.
    pub is_odd: bool,
    /// The device that spoke on it last: for certain where the topic names it, a guess where the payload does.
    pub slot: Option<Guess>,
    /// What was learned of its payloads.
    pub habit: Habit,
    /// Somebody announced what it means, and something of that counts.
    pub is_announced: bool,
    /// A number for the topic that stays the same over restarts (FNV-1a, 32 bits).
    pub key: u32,
    /// Which shard keeps what comes on it; nobody asks where there is one alone.
    pub keeper: Keeper,
}

/// Which of several shards keeps the messages of a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keeper {
    /// Nobody has asked yet.
    #[default]
    Unknown,
    /// This one.
    Ours,
    /// Another.
    Others,
    /// The payload tells.
    ByPayload,
    /// Each keeps its part of them.
    All,
}

/// Where a topic leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// To this stream.
    Stream(StreamId),
    /// To the first where the payload is one of its words, else to the second.
    Perhaps(StreamId, Option<StreamId>),
    /// To the first where the payload is one of its words, else to the stream that somebody announced for it.
    Unless(StreamId, StreamId),
    /// To the stream that somebody announced for it.
    Announced(StreamId),
    /// Nobody takes it.
    Nobody,
    /// It is no text.
    NoText,
}

/// All topics that were seen of late.
#[derive(Debug)]
pub struct Topics {
    streams: Streams,
    announced: HashMap<Box<[u8]>, Arc<Announced>, foldhash::quality::RandomState>,
    known: HashMap<Vec<u8>, Topic, foldhash::quality::RandomState>,
    max: usize,
    /// Where a topic stands that is not kept.
    unkept: Topic,
    /// Topics in `known` that no stream takes.
    nobodys: usize,
}

/// Topics of which announcements are kept.
pub const ANNOUNCED_MAX: usize = 1 << 16;

/// What was announced of a topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Announced {
    /// Where it leads, if no stream but those for everything takes it.
    pub stream: StreamId,
    /// Whose it is then.
    pub device: Box<str>,
    /// The name of a value there that the payload does not name.
    pub name: Box<str>,
    /// What it says of presence.
    pub status: Option<StatusRules>,
    /// The silence after which what it says no longer holds.
    pub expires: Option<Micros>,
}

/// So many topics that no stream takes are remembered; the others are found out about each time. A flood of names that say
/// nothing must not take the memory that a fleet of this size might need.
const NOBODYS_MAX: usize = 1 << 14;

/// Longer topics are found out about each time: nobody sane has them, and they must not fill our memory.
const KEPT_BYTES_MAX: usize = 256;

impl Topics {
    /// Knows the rules, and no topic yet.
    pub fn new(rules: &FleetRules) -> Self {
        Self {
            streams: Streams::new(rules),
            announced: HashMap::default(),
            known: HashMap::default(),
            // Most devices speak on a handful of topics. Those of other shards are remembered, too.
            max: topics_max(rules).clamp(1024, 1 << 20),
            unkept: Topic::of_nobody(0),
            nobodys: 0,
        }
    }

    /// Empties the memory if it is full and the topic is new; true when it was emptied.
    pub fn make_room(&mut self, topic: &[u8]) -> bool {
        let kept = topic.len() <= KEPT_BYTES_MAX;
        let full = kept && self.known.len() >= self.max && !self.known.contains_key(topic);
        if full {
            self.known.clear();
            self.nobodys = 0;
        }
        full
    }

    /// Looks a topic up, or finds out about it. `make_room` comes first.
    pub fn get(&mut self, topic: &[u8]) -> &mut Topic {
        let Self { streams, announced, known, unkept, nobodys, .. } = self;
        let learn = || learn(streams, announced, topic);
        if topic.len() > KEPT_BYTES_MAX {
            *unkept = learn();
            return unkept;
        }
        match known.entry_ref(topic) {
            EntryRef::Occupied(known) => known.into_mut(),
            EntryRef::Vacant(place) => {
                let found = learn();
                let is_nobodys = found.found == Found::Nobody;
                if is_nobodys && *nobodys >= NOBODYS_MAX {
                    *unkept = found;
                    return unkept;
                }
                *nobodys += usize::from(is_nobodys);
                place.insert(found)
            }
        }
    }

    /// What was announced of a topic.
    pub fn announced(&self, topic: &[u8]) -> Option<&Arc<Announced>> {
        self.announced.get(topic)
    }

    /// Somebody announces what a topic means; false where there is no room for it.
    pub fn announce(&mut self, topic: &[u8], what: Announced) -> bool {
        let is_new = !self.announced.contains_key(topic);
        if is_new && self.announced.len() >= ANNOUNCED_MAX || topic.len() > KEPT_BYTES_MAX {
            return false;
        }
        self.announced.insert(topic.into(), Arc::new(what));
        let before = self.known.remove(topic);
        self.nobodys -= usize::from(before.is_some_and(|before| before.found == Found::Nobody));
        true
    }
}

fn topics_max(rules: &FleetRules) -> usize {
    let shards = usize::try_from(rules.shard.total()).unwrap_or(usize::MAX);
    rules.limits.devices_max.saturating_mul(4).saturating_mul(shards)
}

impl Topic {
    /// Whether every message of the topic goes one way, whatever its payload.
    pub fn is_certain(&self) -> bool {
        !matches!(self.found, Found::Perhaps(..) | Found::Unless(..))
    }

    fn of_nobody(key: u32) -> Self {
        Self {
            found: Found::Nobody,
            is_odd: true,
            slot: None,
            habit: Habit::default(),
            is_announced: false,
            key,
            keeper: Keeper::Unknown,
        }
    }
}

fn learn(
    streams: &Streams,
    announced: &HashMap<Box<[u8]>, Arc<Announced>, foldhash::quality::RandomState>,
    topic: &[u8],
) -> Topic {
    let key =
        topic.iter().fold(0x811c_9dc5_u32, |key, byte| (key ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    let unknown = Topic::of_nobody(key);
    let Ok(text) = std::str::from_utf8(topic) else { return Topic { found: Found::NoText, ..unknown } };
    let first = streams.first(text);
    let known = announced.get(topic);
    // A stream that takes every topic there is leaves them to whoever announces one.
    let is_broad = |stream: StreamId| streams.rules(stream).pattern.as_str() == "#";
    let is_free = first.is_none_or(is_broad);
    let found = match (first, known) {
        (_, Some(known)) if is_free => Found::Announced(known.stream),
        (Some(stream), _) if streams.rules(stream).is_picky() => {
            let other = streams.rest(text);
            match known.filter(|_| other.is_none_or(is_broad)) {
                Some(known) => Found::Unless(stream, known.stream),
                None => Found::Perhaps(stream, other),
            }
        }
        (Some(stream), _) => Found::Stream(stream),
        (None, _) => Found::Nobody,
    };
    Topic { found, is_odd: is_odd(text), is_announced: known.is_some(), ..unknown }
}

/// The mistakes that a topic can have and still be a topic.
pub fn is_odd(topic: &str) -> bool {
    topic.split('/').any(str::is_empty) || topic.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// The same where a space in a name is no mistake.
pub(crate) fn is_odd_beside_spaces(topic: &str) -> bool {
    let is_control = |c: char| c != ' ' && (c.is_whitespace() || c.is_control());
    topic.split('/').any(|level| level.trim().is_empty()) || topic.contains(is_control)
}

/// Whose message this is, by its topic alone. For streams whose payload names the device, the fallback: the
/// topic without its last level. Where that is nothing at all it is the whole topic: nobody can ask for a device
/// without a name.
pub fn identity(rules: &StreamRules, topic: &str) -> String {
    let id = match &rules.device {
        DeviceFrom::Topic(parts) => Cow::Owned(fill(parts, &rules.pattern, topic)),
        DeviceFrom::Payload(_) | DeviceFrom::PayloadOrTopic(_) | DeviceFrom::Members => {
            Cow::Borrowed(topic.rsplit_once('/').map_or(topic, |(parent, _)| parent))
        }
    };
    bounded(if id.is_empty() { topic } else { &id }, ID_BYTES_MAX).into_owned()
}

pub(crate) fn fill(parts: &[Part], pattern: &Pattern, topic: &str) -> String {
    let found = captures(pattern, topic);
    parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => &**text,
            Part::Capture(at) => found.get(*at).copied().unwrap_or(""),
        })
        .collect()
}

/// The values of the labels of `mqtt_device_info`; empty where the topic has none.
pub fn labels(rules: &FleetRules, stream: StreamId, topic: &str) -> Labels {
    let pattern = &rules.streams[usize::from(stream)].pattern;
    let found = captures(pattern, topic);
    // The last ones are what devices say besides, and no topic.
    let of_topics = rules.labels.len().saturating_sub(rules.user_properties.len());
    let value = |(at, label): (usize, &str)| -> Option<&str> {
        match LabelFrom::find(pattern, label).filter(|_| at < of_topics)? {
            LabelFrom::Capture(at) => found.get(at).copied(),
            LabelFrom::FromEnd(at, back) => found.get(at)?.rsplit('/').nth(back),
        }
    };
    let wanted = rules.labels.iter().map(|label| &**label).enumerate();
    let values = wanted.map(|label| bounded(value(label).unwrap_or(""), ID_BYTES_MAX));
    Labels::new(values.collect::<Vec<_>>().iter().map(|value| &**value))
}
