//! What is looked for when a message comes: its stream, and its device as far as the topic and announcements tell. Nothing
//! here may look at a payload.

use super::slots::Slots;
use crate::decode::Habit;
use crate::route::StreamId;
use crate::rules::{FleetRules, StatusRules, StreamRules};
use crate::topics::{Announced, Found, Topic, is_odd_beside_spaces};
use std::sync::Arc;

/// What is looked for when a message comes.
#[derive(Clone, Debug)]
pub(super) struct Sought<'a> {
    pub(super) stream: StreamId,
    pub(super) topic: &'a str,
    /// The number of the topic.
    pub(super) key: u32,
    /// What was learned of the payloads of the topic.
    pub(super) habit: Habit,
    /// The topic has what most take for mistakes.
    pub(super) is_odd: bool,
    /// The device that spoke there last.
    pub(super) guess: Option<u32>,
    /// Where the message leads.
    pub(super) found: Found,
    /// Every message of the topic leads there.
    pub(super) is_certain: bool,
    /// The message is a piece of one.
    pub(super) is_piece: bool,
    /// The device that the message names.
    pub(super) named: Option<&'a str>,
    pub(super) announced: Option<Arc<Announced>>,
}

impl<'a> Sought<'a> {
    /// What a message of this topic looks for that leads where `found` says.
    pub(super) fn of(
        (found, stream): (Found, StreamId),
        topic: &'a str,
        known: &Topic,
        devices: &Slots,
    ) -> Self {
        Self {
            stream,
            topic,
            key: known.key,
            habit: known.habit,
            is_odd: known.is_odd,
            guess: known.slot.filter(|_| known.is_certain()).and_then(|guess| devices.still(guess)),
            found,
            is_certain: known.is_certain(),
            is_piece: false,
            named: None,
            announced: None,
        }
    }

    /// The device, where neither topic nor payload has to tell.
    pub(super) fn name(&self) -> Option<&str> {
        let announced = self.announced.as_ref().filter(|_| matches!(self.found, Found::Announced(_)));
        self.named.or_else(|| announced.map(|announced| &*announced.device))
    }

    /// Whether the topic has mistakes, as far as they are mistakes for its stream.
    pub(super) fn is_odd(&self, rules: &FleetRules) -> bool {
        let is_without = || !rules.streams[usize::from(self.stream)].spaces;
        self.is_odd && (is_without() || is_odd_beside_spaces(self.topic))
    }

    /// Whether the topic may still be announced by somebody.
    pub(super) fn is_free(&self, rules: &FleetRules) -> bool {
        self.announced.is_none() && rules.streams[usize::from(self.stream)].pattern.as_str() == "#"
    }

    pub(super) fn status<'r>(&'r self, rules: &'r StreamRules) -> Option<&'r StatusRules> {
        let announced = self.announced.as_ref().filter(|_| matches!(self.found, Found::Announced(_)));
        announced.and_then(|announced| announced.status.as_ref()).or(rules.status.as_deref())
    }
}
