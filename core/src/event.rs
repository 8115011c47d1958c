//! What one message means: the stream it belongs to, what was read and what is wrong with it. A malformed
//! message is an event like any other: a fact about its device.

use crate::decode::{Decoded, Document, Is, Leaf, Malformed, PointReading};
use crate::exchange::Said;
use crate::reason::Reasons;
use crate::route::StreamId;
use crate::rules::{Statement, StreamRules};
use crate::time::{Micros, Mono};

/// One message, understood.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Index of its stream.
    pub stream: StreamId,
    /// Which of the topics of its stream it came on, as a number that stays the same over restarts.
    pub topic: u32,
    /// The rules of its stream.
    pub rules: &'a StreamRules,
    /// False: kept by the broker and sent because we subscribed; no sign of life.
    pub live: bool,
    /// The broker says that it may have sent this before.
    pub dup: bool,
    /// How often messages may have passed us by so far: our outages, and messages that we shed.
    pub breaks: u32,
    /// Bytes of the payload.
    pub bytes: usize,
    /// What is wrong with it.
    pub reasons: Reasons,
    /// Why it could not be read at all.
    pub malformed: Option<Malformed>,
    /// What was read; empty when malformed.
    pub decoded: &'a Decoded,
    /// The payload as text; empty when malformed.
    pub payload: &'a str,
    /// Its topic.
    pub topic_text: &'a str,
    /// Name of a point that the payload does not name: the last level of the topic.
    pub lone_point: &'a str,
    /// The interval that is expected on its stream, once that is known.
    pub expected: Option<Micros>,
    /// Seconds between its timestamp and its arrival, negative when it comes from the future.
    pub age: Option<f64>,
    /// What it says of a command.
    pub said: &'a Said,
    /// Its device is offline, and this message is no sign of life.
    pub is_offline: bool,
    /// Since when we have been watching without a break.
    pub watched_since: Mono,
    /// What it states of the presence of its device.
    pub statement: Option<Statement>,
    /// The silence after which what it says no longer holds, where that was announced.
    pub expires: Option<Micros>,
    /// The stream as whose its points are judged, where that is another.
    pub points_of: Option<(StreamId, &'a StreamRules)>,
    /// Where its number counts.
    pub sequence_of: Counted<'a>,
}

/// Where the sequence number of a message counts.
#[derive(Clone, Copy, Debug)]
pub enum Counted<'a> {
    /// With its stream.
    Here,
    /// With another stream of the same device.
    With((StreamId, &'a StreamRules)),
    /// The same, and the numbers begin with it.
    Anew((StreamId, &'a StreamRules)),
    /// With another device.
    Elsewhere,
}

impl<'a> Event<'a> {
    /// The whole document, where its kind wants it.
    pub fn document(&self) -> Document<'a> {
        self.decoded.document(self.payload)
    }

    /// The same as if it had come on another stream, all topics of which are one.
    #[must_use]
    pub fn as_of(&self, stream: Option<(StreamId, &'a StreamRules)>) -> Self {
        match stream {
            Some((stream, rules)) => Self { stream, rules, topic: 0, ..*self },
            None => *self,
        }
    }

    /// What happened, in the words of the payload or else of the topic.
    pub fn happened(&self) -> &'a str {
        self.document()
            .member("event")
            .filter(|said| said.is() == Is::Text)
            .map_or(self.lone_point, Leaf::raw)
    }

    /// The points that were read.
    pub fn points(&self) -> &'a [PointReading] {
        &self.decoded.points
    }

    /// The name of a point.
    pub fn point_name(&self, point: &PointReading) -> &'a str {
        match self.decoded.text(self.payload, point.name) {
            "" => self.lone_point,
            name => name,
        }
    }
}
