//! One message on its way to its device: what was read of it, and the event that it becomes. Nothing here may change a
//! device.

use super::kin::Kin;
use super::sought::Sought;
use crate::arrival::Arrival;
use crate::classify::Verdict;
use crate::decode::Decoded;
use crate::event::Event;
use crate::exchange::{Heard, Said};
use crate::route::capture;
use crate::rules::{CommandRules, FleetRules, Kind, Origin, Statement, StreamRules};
use crate::time::Mono;
use crate::topics::Found;

/// A message that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) sought: &'a Sought<'a>,
    pub(super) arrival: &'a Arrival<'a>,
    pub(super) verdict: &'a Verdict<'a>,
    pub(super) read: &'a Decoded,
    pub(super) said: &'a Said,
    pub(super) statement: Option<Statement>,
}

impl<'a> Message<'a> {
    /// What it means. `said` is what is left of it for this device, `link` how often we were away and since when we are
    /// not.
    pub(super) fn event(
        &self,
        rules: &'a FleetRules,
        kin: &Kin,
        said: &'a Said,
        link: (u32, Mono),
    ) -> Event<'a> {
        static NOTHING: Decoded = Decoded::nothing();
        let (breaks, watched_since) = link;
        let Self { verdict, sought, .. } = *self;
        let stream = &rules.streams[usize::from(sought.stream)];
        let (points_of, sequence_of) = kin.joined(sought.stream, rules);
        Event {
            stream: sought.stream,
            rules: stream,
            live: !self.arrival.retain,
            dup: self.arrival.dup,
            breaks,
            bytes: self.arrival.payload.len(),
            reasons: verdict.reasons,
            malformed: verdict.malformed,
            decoded: if verdict.malformed.is_some() { &NOTHING } else { self.read },
            payload: verdict.payload,
            topic_text: sought.topic,
            lone_point: lone_point(stream, sought),
            topic: sought.key,
            expected: None,
            age: verdict.age,
            said,
            is_offline: false,
            watched_since,
            statement: self.statement,
            expires: sought.announced.as_ref().and_then(|announced| announced.expires),
            points_of,
            sequence_of,
        }
    }
}

/// The name of a point that the payload does not name.
pub(super) fn lone_point<'a>(rules: &StreamRules, sought: &'a Sought<'a>) -> &'a str {
    let topic = sought.topic;
    if let (Found::Announced(_), Some(announced)) = (sought.found, &sought.announced) {
        return &announced.name;
    }
    let named = rules.kin.point_name.and_then(|(first, last)| capture(&rules.pattern, topic, first, last));
    named.unwrap_or_else(|| topic.rsplit('/').next().unwrap_or(topic))
}

/// Whether a message makes a device known that was not. What others say of one does not, and neither does an empty message
/// on a status topic or one of a convention, which only takes away what the broker kept; but where it is a mistake, it is one of
/// a device.
pub(super) fn makes_known(
    rules: &StreamRules,
    verdict: &Verdict,
    arrival: &Arrival,
    statement: Option<Statement>,
) -> bool {
    let may_be_kept =
        rules.kind == Kind::Presence || rules.origin == Origin::Preset && verdict.malformed.is_none();
    let takes_back = may_be_kept && arrival.payload.is_empty() && statement.is_none();
    rules.kind != Kind::Info && !takes_back
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
