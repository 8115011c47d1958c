//! What changed in documents that are published as settings: the last document of each topic is remembered, and the
//! next is compared with it value by value. The memory is bounded, so that no flood of topics can fill it; a topic
//! that was forgotten is seen anew. A secret must never be remembered, only that it is another.

use super::message::{Message, SAID_BYTES_MAX, last_level, shown};
use crate::mask::{HIDDEN, Mask};
use crate::record::{Draft, Key, Kind, Level, Value};
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};

/// How much is remembered.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Topics.
    pub topics_max: usize,
    /// Bytes of all paths and values.
    pub bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { topics_max: 4_096, bytes_max: 8 << 20 }
    }
}

/// A document with more values than this is compared as a whole.
const LEAVES_MAX: usize = 1_024;
/// A longer document is compared as a whole.
const DOCUMENT_BYTES_MAX: usize = 65_536;
/// So much is shown of a value.
const SHOWN_BYTES_MAX: usize = 256;
/// So many records are written for one message.
const RECORDS_MAX: usize = 64;
/// What a value takes besides its text, roughly.
const LEAF_BYTES: usize = 96;

/// The documents of all topics.
#[derive(Debug)]
pub struct Changes {
    mask: Mask,
    limits: Limits,
    topics: HashMap<Box<[u8]>, Document>,
    bytes: usize,
    /// Counts the messages: which topic was looked at last.
    now: u64,
    digest: RandomState,
}

/// A document: its values by their paths.
#[derive(Debug)]
struct Document {
    leaves: BTreeMap<String, Leaf>,
    bytes: usize,
    used: u64,
}

/// A value: what of it may be shown, and a digest that tells it from others.
#[derive(Clone, Debug)]
struct Leaf {
    shown: Box<str>,
    digest: u64,
}

impl Changes {
    /// Nothing is known yet.
    pub fn new(mask: Mask, limits: Limits) -> Self {
        Self { mask, limits, topics: HashMap::new(), bytes: 0, now: 0, digest: RandomState::new() }
    }

    /// How many bytes are remembered, and of how many topics.
    pub fn size(&self) -> (usize, usize) {
        (self.bytes, self.topics.len())
    }

    /// What a message on a topic of settings changes, in the order of the paths. Nothing, when it repeats what is known.
    pub fn observe(&mut self, message: &Message<'_>) -> Vec<Draft> {
        self.now += 1;
        let before = self.topics.remove(message.topic);
        if let Some(before) = &before {
            self.bytes -= before.bytes;
        }
        if message.payload.is_empty() {
            let removed = base(message, "config_removed");
            return before.map(|_| self.finish(removed)).into_iter().collect();
        }
        let secret = self.mask.key(&last_level(message.topic));
        let leaves = if secret { self.whole(message.payload, HIDDEN) } else { self.leaves(message.payload) };
        let drafts = match &before {
            None => vec![base(message, "config_seen").int(Key::Count, leaves.len())],
            Some(before) => changes(message, &before.leaves, &leaves),
        };
        self.remember(message.topic, leaves);
        drafts.into_iter().map(|draft| self.finish(draft)).collect()
    }

    fn finish(&self, draft: Draft) -> Draft {
        self.mask.draft(draft)
    }

    fn remember(&mut self, topic: &[u8], leaves: BTreeMap<String, Leaf>) {
        let values: usize =
            leaves.iter().map(|(path, leaf)| path.len() + leaf.shown.len() + LEAF_BYTES).sum();
        let bytes = topic.len() + values;
        if bytes > self.limits.bytes_max / 4 {
            return;
        }
        while self.topics.len() >= self.limits.topics_max || self.bytes + bytes > self.limits.bytes_max {
            self.forget();
        }
        self.bytes += bytes;
        self.topics.insert(topic.into(), Document { leaves, bytes, used: self.now });
    }

    /// Forgets the eighth that was not looked at for longest: many at once, so that a flood of topics costs little.
    fn forget(&mut self) {
        let mut used: Vec<u64> = self.topics.values().map(|document| document.used).collect();
        let eighth = used.len() / 8;
        let (_, border, _) = used.select_nth_unstable(eighth);
        let border = *border;
        self.topics.retain(|_, document| document.used > border);
        self.bytes = self.topics.values().map(|document| document.bytes).sum();
    }

    /// The values of a document; one value for what is none, is too long or has too many.
    fn leaves(&self, payload: &[u8]) -> BTreeMap<String, Leaf> {
        let whole = || match std::str::from_utf8(payload) {
            Ok(text) => self.whole(payload, &shown(&self.mask, text)),
            Err(_) => self.whole(payload, &format!("{} bytes", payload.len())),
        };
        if payload.len() > DOCUMENT_BYTES_MAX {
            return whole();
        }
        let Ok(document) = serde_json::from_slice::<Json>(payload) else { return whole() };
        let mut leaves = BTreeMap::new();
        self.flatten("$", &document, &self.mask.json(&document), &mut leaves);
        if leaves.len() > LEAVES_MAX { whole() } else { leaves }
    }

    fn whole(&self, payload: &[u8], shown: &str) -> BTreeMap<String, Leaf> {
        BTreeMap::from([("$".to_owned(), self.leaf(shown, payload))])
    }

    /// Walks through the document and through what may be shown of it, side by side.
    fn flatten(&self, path: &str, value: &Json, masked: &Json, leaves: &mut BTreeMap<String, Leaf>) {
        if leaves.len() > LEAVES_MAX {
            return;
        }
        match (value, masked) {
            (Json::Object(members), Json::Object(shown)) if !members.is_empty() => {
                let hidden = Json::from(HIDDEN);
                for (name, member) in members {
                    let name = self.mask.text(name);
                    let shown = shown.get(&*name).unwrap_or(&hidden);
                    self.flatten(&member_path(path, &name), member, shown, leaves);
                }
            }
            (Json::Array(elements), Json::Array(shown)) if !elements.is_empty() => {
                for (at, (element, shown)) in elements.iter().zip(shown).enumerate() {
                    self.flatten(&format!("{path}[{at}]"), element, shown, leaves);
                }
            }
            _ => {
                let shown = masked.as_str().map_or_else(|| masked.to_string(), str::to_owned);
                leaves.insert(path.to_owned(), self.leaf(&shown, value.to_string().as_bytes()));
            }
        }
    }

    fn leaf(&self, shown: &str, value: &[u8]) -> Leaf {
        let end = (0..=SHOWN_BYTES_MAX.min(shown.len())).rev().find(|at| shown.is_char_boundary(*at));
        Leaf { shown: shown[..end.unwrap_or_default()].into(), digest: self.digest.hash_one(value) }
    }
}

fn base(message: &Message<'_>, event: &'static str) -> Draft {
    let draft = Draft::new(message.at, Level::Info, Kind::Config, event)
        .text(Key::Broker, message.broker)
        .text(Key::Stream, message.stream)
        .text(Key::Device, message.device.unwrap_or_default())
        .bytes(Key::Topic, message.topic);
    if message.retain { draft.flag(Key::Retain, true) } else { draft }
}

fn changes(
    message: &Message<'_>,
    before: &BTreeMap<String, Leaf>,
    after: &BTreeMap<String, Leaf>,
) -> Vec<Draft> {
    let gone = before
        .iter()
        .filter(|(path, _)| !after.contains_key(*path))
        .map(|(path, old)| (path, Some(old), None));
    let other = after.iter().map(|(path, new)| (path, before.get(path), Some(new)));
    let other = other.filter(|(_, old, new)| old.map(|leaf| leaf.digest) != new.map(|leaf| leaf.digest));
    let mut all: Vec<_> = gone.chain(other).collect();
    all.sort_by_key(|(path, ..)| *path);
    let told = if all.len() > RECORDS_MAX { RECORDS_MAX - 1 } else { all.len() };
    let mut drafts: Vec<Draft> =
        all[..told].iter().map(|(path, old, new)| change(message, path, *old, *new)).collect();
    if told < all.len() {
        let more = base(message, "config_changed").int(Key::Count, all.len() - told);
        drafts.push(more.text(Key::Details, "and so many values more"));
    }
    drafts
}

/// One value; without an old one it is new, without a new one it is gone.
fn change(message: &Message<'_>, path: &str, old: Option<&Leaf>, new: Option<&Leaf>) -> Draft {
    let mut draft = base(message, "config_changed").short(Key::Details, path, SAID_BYTES_MAX);
    for (key, leaf) in [(Key::Old, old), (Key::New, new)] {
        if let Some(leaf) = leaf {
            draft = draft.with(key, Value::Text(leaf.shown.clone()));
        }
    }
    draft
}

/// The path of a member as RFC 9535 writes it.
fn member_path(path: &str, name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(plain) {
        return format!("{path}.{name}");
    }
    let mut out = format!("{path}['");
    for c in name.chars() {
        match c {
            '\'' | '\\' => write!(out, "\\{c}"),
            c if c.is_control() => write!(out, "\\u{:04x}", u32::from(c)),
            c => write!(out, "{c}"),
        }
        .expect("a string takes everything");
    }
    out + "']"
}

#[cfg(test)]
mod tests;
