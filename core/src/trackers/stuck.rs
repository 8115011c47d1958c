//! Values that stand still while their device keeps publishing. A point is stuck when its value was repeated
//! more often in a row, or for longer, than its class allows, within a tolerance of the first one; it is free
//! again when the value moves. Report-on-change is not stuck: only what is published is compared.

use crate::decode::{PointReading, Value};
use crate::event::Event;
use crate::finding::What;
use crate::interner::{NameId, Names};
use crate::lean;
use crate::route::StreamId;
use crate::rules::{Kind, StreamRules};
use crate::time::Mono;
use crate::tracker::{Context, Edges, Tracker};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

mod point;
#[cfg(test)]
mod tests;

pub use point::Point;

/// The points of one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stuck {
    streams: Vec<Points>,
    /// Points that were not taken up because the device has too many, or the fleet too many names.
    pub refused: u64,
    still: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Points {
    stream: StreamId,
    topic: u32,
    /// The name of its topic, which tells points of one name apart and names what the payload does not.
    channel: NameId,
    list: Vec<Point>,
}

impl Points {
    /// The name by which a point is shown.
    fn name<'a>(&self, point: Point, several: bool, names: &'a Names) -> Cow<'a, str> {
        shown(names.get(point.name), names.get(self.channel), several)
    }

    /// The name of a point that the payload does not name: that of the topic, which may be longer than its last level. None
    /// where several topics are one, as those are that come when a device has very many.
    fn lone(&self, event: &Event, reading: &PointReading, names: &Names) -> Option<NameId> {
        if event.points_of.is_some() || !event.decoded.text(event.payload, reading.name).is_empty() {
            return None;
        }
        let name = names.get(self.channel);
        let before = event.topic_text.strip_suffix(name);
        let is_end = before.is_some_and(|before| before.is_empty() || before.ends_with('/'));
        (is_end || name == event.lone_point).then_some(self.channel)
    }

    /// Where the point of this name stands; most devices send their points in one order, so the next place
    /// is tried first.
    #[inline]
    fn place(&self, name: &str, lone: Option<NameId>, next: usize, names: &Names) -> Option<usize> {
        if lone.is_some() {
            return self.list.iter().position(|point| Some(point.name) == lone);
        }
        if self.list.get(next).is_some_and(|point| names.get(point.name) == name) {
            return Some(next);
        }
        self.search(name, next, names)
    }

    #[cold]
    fn search(&self, name: &str, next: usize, names: &Names) -> Option<usize> {
        let id = names.find(name)?;
        let (before, after) = self.list.split_at(next.min(self.list.len()));
        let found = after.iter().position(|point| point.name == id).map(|at| at + before.len());
        found.or_else(|| before.iter().position(|point| point.name == id))
    }
}

impl Stuck {
    /// How many points the device has.
    pub fn points(&self) -> usize {
        self.streams.iter().map(|stream| stream.list.len()).sum()
    }

    /// How many of them are stuck.
    pub fn stuck(&self) -> u32 {
        self.still
    }

    /// Every point with its stream.
    pub fn iter(&self) -> impl Iterator<Item = (StreamId, Point)> {
        self.streams.iter().flat_map(|stream| stream.list.iter().map(|point| (stream.stream, *point)))
    }

    /// Every point with its stream and the name it is shown by: where several topics of one stream have points,
    /// the last level of the topic comes before the name.
    pub fn named<'a>(&'a self, names: &'a Names) -> impl Iterator<Item = (StreamId, Cow<'a, str>, Point)> {
        self.streams.iter().flat_map(move |of| {
            let several = self.shares_stream(of);
            of.list.iter().map(move |point| (of.stream, of.name(*point, several, names), *point))
        })
    }

    fn shares_stream(&self, of: &Points) -> bool {
        self.streams.iter().filter(|other| other.stream == of.stream && !other.list.is_empty()).count() > 1
    }

    /// The device is silent: nothing of it is stuck any more.
    pub fn release(&mut self, context: &Context, at: Mono, edges: &mut Edges) {
        let names = context.names.borrow();
        for (stream, name, point) in self.named(&names) {
            if let (true, Some(rules)) = (point.run.is_stuck(), context.stream(stream)) {
                edges.push((at, unstuck(rules, &name)));
            }
        }
        self.streams.iter_mut().flat_map(|of| &mut of.list).for_each(Point::restart);
        self.still = 0;
    }

    /// Where the points of a topic are; none when there is no room for its name.
    fn topic(&mut self, event: &Event, names: &mut Names) -> Option<usize> {
        let (stream, topic) = (event.stream, event.topic);
        if let Some(at) = self.streams.iter().position(|of| of.stream == stream && of.topic == topic) {
            return Some(at);
        }
        let channel = self.channel(event, names)?;
        lean::push(&mut self.streams, Points { stream, topic, channel, list: Vec::new() });
        Some(self.streams.len() - 1)
    }
}

impl Stuck {
    /// The name of a topic: that of its lone point, or with so many levels more that no other topic of the stream has it.
    fn channel(&self, event: &Event, names: &mut Names) -> Option<NameId> {
        let topic = event.topic_text;
        let ends = topic.rmatch_indices('/').skip(1).map(|(at, _)| &topic[at + 1..]);
        let mut taken = None;
        for name in std::iter::once(event.lone_point).chain(ends).chain([topic]) {
            let Some(id) = names.intern(name) else { break };
            if !self.streams.iter().any(|of| of.stream == event.stream && of.channel == id) {
                return Some(id);
            }
            taken = taken.or(Some(id));
        }
        taken
    }
}

/// The point of a plain number is named by its topic already.
fn shown<'a>(name: &'a str, channel: &str, several: bool) -> Cow<'a, str> {
    if several && name != channel { Cow::Owned(format!("{channel}.{name}")) } else { Cow::Borrowed(name) }
}

fn unstuck(rules: &StreamRules, point: &str) -> What {
    What::Unstuck { stream: rules.name.clone(), point: point.into() }
}

fn turned(is_stuck: bool, rules: &StreamRules, name: &str, point: &Point, now: Mono) -> What {
    if !is_stuck {
        return unstuck(rules, name);
    }
    let lasted = now.since(point.since);
    What::Stuck { stream: rules.name.clone(), point: name.into(), value: point.value, lasted }
}

impl Stuck {
    /// Takes over the numbers that streams have in a new configuration.
    pub(super) fn renumber(&mut self, new: &dyn Fn(StreamId) -> Option<StreamId>) {
        self.streams.retain_mut(|of| new(of.stream).map(|id| of.stream = id).is_some());
        self.still = self.iter().map(|(_, point)| u32::from(point.run.is_stuck())).sum();
    }
}

impl Tracker for Stuck {
    fn observe(&mut self, context: &Context, event: &Event, now: Mono, edges: &mut Edges) {
        // A boot count or the least free heap stands still and is right to.
        if event.rules.kind != Kind::Telemetry {
            return;
        }
        self.refused += u64::from(event.decoded.points_refused);
        if event.points().is_empty() {
            return;
        }
        let mut names = context.names.borrow_mut();
        let Some(at) = self.topic(event, &mut names) else {
            self.refused += event.points().len() as u64;
            return;
        };
        let several = self.shares_stream(&self.streams[at]);
        let others = self.points() - self.streams[at].list.len();
        let room = context.rules.limits.points_per_device_max.saturating_sub(others);
        let points = &mut self.streams[at];
        let mut next = 0;
        for reading in event.points() {
            let Value::Number(value) = reading.value else { continue };
            if !value.is_finite() {
                continue;
            }
            let name = event.point_name(reading);
            let lone = points.lone(event, reading, &names);
            if let Some(at) = points.place(name, lone, next, &names) {
                next = at + 1;
                let point = &mut points.list[at];
                if let Some(is_stuck) = point.sample(value, event.rules, now) {
                    self.still = if is_stuck { self.still + 1 } else { self.still - 1 };
                    let name = shown(names.get(point.name), names.get(points.channel), several);
                    edges.push((now, turned(is_stuck, event.rules, &name, point, now)));
                }
            } else if let Some(id) =
                (points.list.len() < room).then(|| lone.or_else(|| names.intern(name))).flatten()
            {
                if points.list.is_empty() {
                    // They come all at once, as a rule.
                    points.list.reserve_exact(event.points().len().min(room));
                }
                lean::push(&mut points.list, Point::new(id, value, now));
                next = points.list.len();
            } else {
                self.refused += 1;
            }
        }
    }

    fn tick(&mut self, _: &Context, _: Mono, _: &mut Edges) {}

    fn due(&self, _: &Context) -> Mono {
        Mono::NEVER
    }

    fn resume(&mut self, _: &Context, _: Mono) {}
}
