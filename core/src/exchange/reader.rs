//! Reads messages of command streams for those who track no devices: what a message says of a command, and by what the
//! same message is known when it comes over another connection. It must read what `Fleet` reads, and keep nothing.

use super::{Heard, Said, hash};
use crate::arrival::Arrival;
use crate::classify::classify;
use crate::decode::{Decoded, Plan};
use crate::route::StreamId;
use crate::rules::{CommandRules, FleetRules, Kind, Limits, StreamRules};
use crate::time::Wall;

/// See the head of this file.
#[derive(Debug)]
pub struct Reader {
    streams: Vec<(StreamRules, Plan)>,
    rules: CommandRules,
    limits: Limits,
    scratch: Decoded,
}

impl Reader {
    /// By the rules of a fleet.
    pub fn new(rules: &FleetRules) -> Self {
        Self {
            streams: rules.streams.iter().map(|stream| (stream.clone(), Plan::new(stream))).collect(),
            rules: rules.commands.clone(),
            limits: rules.limits,
            scratch: Decoded::default(),
        }
    }

    /// What a message says; its request has no number yet.
    pub fn read(&mut self, stream: StreamId, topic: &str, arrival: &Arrival<'_>) -> Said {
        let Some((rules, plan)) = self.streams.get(usize::from(stream)) else { return Said::Nothing };
        if !is_exchange(rules.kind) {
            return Said::Nothing;
        }
        let mut verdict = classify(arrival, rules, plan, &self.limits, Wall::default(), &mut self.scratch);
        if verdict.malformed.is_some() {
            return Said::Nothing;
        }
        let document = self.scratch.document(verdict.payload);
        let heard = Heard { arrival, topic, stream: rules, rules: &self.rules, document };
        Said::read(&heard, &mut verdict.reasons)
    }
}

/// Whether messages of this kind are requests or answers.
pub fn is_exchange(kind: Kind) -> bool {
    matches!(kind, Kind::Command | Kind::Response)
}

/// The hash by which an answer on a topic of anybody's is known, of the topic and the correlation data; none where
/// there is no such data.
pub(crate) fn reply(topic: Option<&[u8]>, correlation: Option<&[u8]>) -> Option<u64> {
    topic.zip(correlation.filter(|data| !data.is_empty())).map(|(topic, data)| hash(&[topic, data]))
}

/// A hash of everything that makes a message, whichever connection brought it.
pub fn print(arrival: &Arrival<'_>) -> u64 {
    let none: &[u8] = &[];
    let (topic, data) = (arrival.response_topic.unwrap_or(none), arrival.correlation.unwrap_or(none));
    hash(&[arrival.topic, arrival.payload, topic, data])
}
