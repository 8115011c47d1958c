//! One message on its way to its device: what was read of it, and the event that it becomes. Nothing here may change a
//! device.

use crate::arrival::Arrival;
use crate::classify::Verdict;
use crate::decode::Decoded;
use crate::event::Event;
use crate::exchange::{Heard, Said};
use crate::route::StreamId;
use crate::rules::{CommandRules, Kind, StreamRules};
use crate::time::Mono;

/// A message that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) stream: StreamId,
    pub(super) topic: &'a str,
    /// The number of the topic.
    pub(super) key: u32,
    pub(super) arrival: &'a Arrival<'a>,
    pub(super) verdict: &'a Verdict<'a>,
    pub(super) read: &'a Decoded,
    pub(super) said: &'a Said,
}

impl<'a> Message<'a> {
    /// What it means. `said` is what is left of it for this device, `link` how often we were away and since when we are
    /// not.
    pub(super) fn event(&self, rules: &'a StreamRules, said: &'a Said, link: (u32, Mono)) -> Event<'a> {
        static NOTHING: Decoded = Decoded::nothing();
        let (breaks, watched_since) = link;
        let verdict = self.verdict;
        Event {
            stream: self.stream,
            rules,
            live: !self.arrival.retain,
            dup: self.arrival.dup,
            breaks,
            bytes: self.arrival.payload.len(),
            reasons: verdict.reasons,
            malformed: verdict.malformed,
            decoded: if verdict.malformed.is_some() { &NOTHING } else { self.read },
            payload: verdict.payload,
            lone_point: self.topic.rsplit('/').next().unwrap_or(self.topic),
            topic: self.key,
            expected: None,
            age: verdict.age,
            said,
            is_offline: false,
            watched_since,
        }
    }
}

/// What a message says of a command, with its reasons added; nothing where it is of another kind.
pub(super) fn said(
    arrival: &Arrival,
    topic: &str,
    (stream, rules): (&StreamRules, &CommandRules),
    verdict: &mut Verdict,
    read: &Decoded,
) -> Said {
    if verdict.malformed.is_some() || !matches!(stream.kind, Kind::Command | Kind::Response) {
        return Said::Nothing;
    }
    let heard = Heard { arrival, topic, stream, rules, document: read.document(verdict.payload) };
    Said::read(&heard, &mut verdict.reasons)
}
