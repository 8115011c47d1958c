//! A fleet that several processes share: which messages are for this one, and what little it must take of the others'.
//! What is not ours is decided by its topic wherever that names the device, and is counted in nothing but how much of it
//! there was. Nothing here may make a device known.

use super::Fleet;
use super::message;
use super::sought::Sought;
use crate::arrival::Arrival;
use crate::decode::Decoded;
use crate::exchange::{Said, reply};
use crate::names::bounded;
use crate::reason::{Reason, Reasons};
use crate::route::StreamId;
use crate::rules::{DeviceFrom, FleetRules, Kind, Name, Part, Statement, StreamRules};
use crate::subject::Namer;
use crate::time::{Mono, Now};
use crate::topics::{Found, Keeper, Topic, identity};
use hashbrown::HashSet;
use std::collections::VecDeque;

/// What is needed where there are several shards, and only there.
#[derive(Debug)]
pub(super) struct Shared {
    namer: Option<Box<Namer>>,
    /// Requests to devices of other shards whose answers may come on anybody's topic, as many as may wait, by the hash of
    /// the answer, and in their order.
    asked: HashSet<u64, foldhash::fast::RandomState>,
    order: VecDeque<u64>,
    asked_max: usize,
    /// Devices that are named as a parent by the rules alone, such as a bridge, and those of them that are said to be gone.
    bridges: Vec<Box<str>>,
    gone: HashSet<Box<str>, foldhash::quality::RandomState>,
}

impl Shared {
    pub(super) fn new(rules: &FleetRules) -> Self {
        let is_whole = rules.shard.is_whole();
        Self {
            namer: (!is_whole).then(|| Box::new(Namer::new(rules))),
            asked: HashSet::default(),
            order: VecDeque::new(),
            asked_max: rules.commands.pending_max,
            bridges: rules.streams.iter().filter_map(bridge).collect(),
            gone: HashSet::default(),
        }
    }

    fn ask(&mut self, reply: u64) {
        if !self.asked.insert(reply) {
            return;
        }
        self.order.push_back(reply);
        if self.order.len() > self.asked_max
            && let Some(oldest) = self.order.pop_front()
        {
            self.asked.remove(&oldest);
        }
    }
}

/// The parent of all devices of a stream.
fn bridge(stream: &StreamRules) -> Option<Box<str>> {
    let Some(Name::Topic(parts)) = &stream.kin.parent else { return None };
    let text = |part: &Part| match part {
        Part::Text(text) => Some(text.to_string()),
        Part::Capture(_) => None,
    };
    parts.iter().map(text).collect::<Option<String>>().map(Into::into)
}

impl Fleet {
    /// Whether a message, or a piece of it, is for this shard.
    pub(super) fn is_for_us(&mut self, arrival: &Arrival, known: &Topic) -> bool {
        // What was chosen of the message before is not of this one.
        self.specimens.chosen = None;
        let keeper = match known.keeper {
            Keeper::Unknown => {
                let keeper = self.keeper(known.found, arrival.topic);
                self.topics.get(arrival.topic).keeper = keeper;
                keeper
            }
            known => known,
        };
        match keeper {
            Keeper::Unknown | Keeper::Ours | Keeper::All => true,
            Keeper::Others => false,
            Keeper::ByPayload => self.keeps_payload(arrival, known.found),
        }
    }

    /// Who keeps what comes on a topic.
    fn keeper(&self, found: Found, topic: &[u8]) -> Keeper {
        let ours = |is_ours| if is_ours { Keeper::Ours } else { Keeper::Others };
        let Ok(text) = std::str::from_utf8(topic) else { return ours(self.homes.keeps_topic(topic)) };
        match found {
            Found::Stream(stream) => self.keeper_of(stream, text),
            Found::Perhaps(first, other) => {
                let first = self.keeper_of(first, text);
                let other = other
                    .map_or_else(|| ours(self.homes.keeps_topic(topic)), |other| self.keeper_of(other, text));
                if first == other { first } else { Keeper::ByPayload }
            }
            Found::Announced(_) => ours(self.keeps_announced(topic)),
            Found::Unless(first, _) => {
                let (first, other) = (self.keeper_of(first, text), ours(self.keeps_announced(topic)));
                if first == other { first } else { Keeper::ByPayload }
            }
            Found::Nobody | Found::NoText => ours(self.homes.keeps_topic(topic)),
        }
    }

    fn keeps_announced(&self, topic: &[u8]) -> bool {
        self.topics.announced(topic).is_some_and(|announced| self.homes.keeps(&announced.device))
    }

    fn keeper_of(&self, stream: StreamId, topic: &str) -> Keeper {
        let rules = &self.rules.streams[usize::from(stream)];
        match rules.device {
            // What is announced of a topic must be known to everybody who hears it.
            _ if rules.kind == Kind::Discovery => Keeper::All,
            DeviceFrom::Members => Keeper::All,
            DeviceFrom::Topic(_) if self.homes.keeps(&identity(rules, topic)) => Keeper::Ours,
            DeviceFrom::Topic(_) => Keeper::Others,
            DeviceFrom::Payload(_) | DeviceFrom::PayloadOrTopic(_) => Keeper::ByPayload,
        }
    }

    /// Whose a message is whose topic does not tell.
    fn keeps_payload(&mut self, arrival: &Arrival, found: Found) -> bool {
        let found = self.decide(found, arrival.payload);
        if matches!(found, Found::Announced(_)) {
            return self.keeps_announced(arrival.topic);
        }
        let (Found::Stream(stream), Ok(topic)) = (found, std::str::from_utf8(arrival.topic)) else {
            return self.homes.keeps_topic(arrival.topic);
        };
        match self.keeper_of(stream, topic) {
            Keeper::Others => return false,
            Keeper::Unknown | Keeper::Ours | Keeper::All => return true,
            Keeper::ByPayload => {}
        }
        let rules = &self.rules.streams[usize::from(stream)];
        let namer = self.shared.namer.as_mut();
        namer.is_none_or(|namer| self.homes.keeps(&namer.device((stream, rules), topic, arrival.payload)))
    }

    /// A message of another shard's device. It may still be a kept word on a topic that is announced later, say that
    /// the parent of one of our devices is gone, or answer a command to one of them.
    pub(super) fn pass_over(&mut self, arrival: &Arrival, known: &Topic, now: Now) {
        self.stats.skipped += 1;
        let found = self.decide(known.found, arrival.payload);
        let stream = match found {
            Found::Stream(stream) | Found::Announced(stream) => stream,
            Found::Nobody | Found::Perhaps(..) if arrival.retain => return self.early.keep(arrival),
            _ => return,
        };
        let Ok(topic) = std::str::from_utf8(arrival.topic) else { return };
        let sought = Sought::of((found, stream), topic, known, &self.devices);
        let rules = &self.rules.streams[usize::from(stream)];
        let (kind, speaks) = (rules.kind, rules.status.is_some());
        if arrival.retain && !known.is_announced && sought.is_free(&self.rules) {
            self.early.keep(arrival);
        }
        match kind {
            Kind::Command if !arrival.retain => {
                if let Some(reply) = reply(arrival.response_topic, arrival.correlation) {
                    self.shared.ask(reply);
                }
            }
            Kind::Response if !arrival.retain => self.hear_answer(arrival, &sought, now),
            _ if speaks => self.hear_of_parent(arrival, &sought, now),
            _ => {}
        }
    }

    /// An answer on a topic of another shard's device may be that of one of ours.
    fn hear_answer(&mut self, arrival: &Arrival, sought: &Sought, now: Now) {
        let is_ours =
            reply(Some(arrival.topic), arrival.correlation).is_some_and(|reply| self.waiting.expects(reply));
        if !is_ours {
            return;
        }
        let mut scratch = self.scratch.take().unwrap_or_default();
        let mut verdict = self.classify(arrival, sought, &mut scratch, now);
        let rules = (&self.rules.streams[usize::from(sought.stream)], &self.rules.commands);
        let said = message::said(arrival, sought.topic, rules, &mut verdict, &scratch);
        self.scratch = Some(scratch);
        // No device of ours has this number: it is one that was asked, whoever answers.
        if let Some(asked) = self.asked_elsewhere(&said, u32::MAX) {
            self.settle_commands((asked, Some(asked)), &said, self.link.moment(now.mono), now);
        }
    }

    /// Another shard's device may be the parent of ours.
    fn hear_of_parent(&mut self, arrival: &Arrival, sought: &Sought, now: Now) {
        let rules = &self.rules.streams[usize::from(sought.stream)];
        if !matches!(rules.device, DeviceFrom::Topic(_)) {
            return;
        }
        let id = identity(rules, sought.topic);
        let is_bridge = self.shared.bridges.iter().any(|bridge| **bridge == *id);
        if !is_bridge && !self.has_children(&id) {
            return;
        }
        let mut scratch = self.scratch.take().unwrap_or_default();
        let mut verdict = self.classify(arrival, sought, &mut scratch, now);
        let statement = self.statement(arrival, sought, &mut verdict, &scratch);
        self.scratch = Some(scratch);
        let is_gone = matches!(statement, Some(Statement::Gone(_)));
        match statement {
            Some(_) if is_gone && is_bridge => {
                self.shared.gone.insert(id.as_str().into());
            }
            Some(_) => {
                self.shared.gone.remove(&*id);
            }
            None => {}
        }
        if is_gone {
            self.children_of_leave(&id, arrival.retain, self.link.moment(now.mono), now);
        }
    }

    /// Whether another shard's device is known to be gone that devices of ours may speak through.
    pub(super) fn is_bridge_gone(&self, id: &str) -> bool {
        self.shared.gone.contains(id)
    }

    /// Whether an answer belongs to a command to another shard's device.
    pub(super) fn answers_others(&self, said: &Said) -> bool {
        let Said::Response(response) = said else { return false };
        response.ids.reply.is_some_and(|reply| self.shared.asked.contains(&reply))
    }

    /// Whether a message that several shards hear is counted by this one: by what the topic alone says of it.
    pub(super) fn counts_topic(&self, sought: &Sought) -> bool {
        let rules = &self.rules.streams[usize::from(sought.stream)];
        self.homes.is_whole() || self.homes.keeps(&identity(rules, sought.topic))
    }

    /// Counts an announcement, which every shard hears.
    pub(super) fn count_announcement(
        &mut self,
        arrival: &Arrival,
        sought: &Sought,
        reasons: Reasons,
        at: Mono,
    ) {
        if self.counts_topic(sought) {
            self.count_message(arrival, sought.stream, reasons, at);
        }
    }

    /// Whether a piece of a message is of one of our devices.
    pub(super) fn keeps_piece(&self, sought: &Sought) -> bool {
        match sought.named.filter(|name| !name.is_empty()) {
            Some(name) => self.homes.keeps(&bounded(name, crate::names::ID_BYTES_MAX)),
            None => self.counts_topic(sought),
        }
    }

    /// What is wrong with a piece of another shard's device: the message is counted here, as a whole.
    pub(super) fn only_judge(
        &mut self,
        piece: &Arrival,
        sought: &Sought,
        scratch: &mut Decoded,
        now: Now,
    ) -> Reasons {
        let mut verdict = self.classify(piece, sought, scratch, now);
        self.statement(piece, sought, &mut verdict, scratch);
        let rules = (&self.rules.streams[usize::from(sought.stream)], &self.rules.commands);
        message::said(piece, sought.topic, rules, &mut verdict, scratch);
        if piece.retain {
            return Reasons::default();
        }
        if sought.is_odd(&self.rules) && verdict.malformed.is_none() {
            verdict.reasons.add(Reason::Topic);
        }
        verdict.reasons
    }
}

#[cfg(test)]
mod tests;
