//! From payload bytes to readings: one file per format. A payload is read once, into a scratch that is reused,
//! and nothing is allocated for a message whose shape was seen before. It must never panic, whatever arrives,
//! and one bad member must never cost the rest of the message.

mod document;
mod json;
mod known;
mod lexer;
mod number;
mod plan;
mod shape;
mod sparkplug;
mod take;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use document::{Document, Is, Leaf, Leaves};
pub use plan::Plan;
pub use shape::{Habit, Shapes};
pub use sparkplug::Metric;

use crate::reason::Reason;
use crate::rules::Format;
use known::{NameFilter, NameIndex};
use std::hash::BuildHasher;

/// A piece of text: a range of the payload, or of the scratch where it had to be unescaped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text {
    start: u32,
    end: u32,
    owned: bool,
}

/// A member that was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Member {
    /// Not in the payload.
    #[default]
    Absent,
    /// Text.
    Text(Text),
    /// A number, and where it stands, for those who need every digit.
    Number(f64, Text),
    /// `null`, `true`, `false`, an object or an array.
    Other,
}

/// The value of a point.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Value {
    /// Not there, or `null`: no error.
    #[default]
    Absent,
    /// A number.
    Number(f64),
    /// Anything else.
    Wrong,
}

/// One point of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PointReading {
    /// Its name; empty: named by the topic.
    pub name: Text,
    /// Its value.
    pub value: Value,
    /// Its status.
    pub status: Member,
    /// Where the number of its value begins in the payload.
    value_at: u32,
    /// The end of the configured path was reached.
    matched: bool,
}

/// A cross-checked member.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Claim {
    /// The object that should hold it is there.
    pub parent: bool,
    /// The member.
    pub member: Member,
}

/// What one payload said. Reused from message to message.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The device's own name.
    pub device_id: Member,
    /// When it was made.
    pub timestamp: Member,
    /// Its sequence number.
    pub sequence: Member,
    /// Its points.
    pub points: Vec<PointReading>,
    /// Points beyond the limit, not in `points`.
    pub points_refused: u32,
    /// The container of the points was there.
    pub points_seen: bool,
    /// The cross-checked members, in the order of the rules.
    pub claims: Vec<Claim>,
    /// Every member, where the kind of the stream wants them all.
    leaves: Leaves,
    /// The metrics of Sparkplug.
    metrics: Vec<Metric>,
    /// The number of its session.
    session: Option<u64>,
    strings: String,
    names: NameFilter,
    index: Option<Box<NameIndex>>,
}

/// A payload that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Its one reason.
    pub reason: Reason,
    /// Byte offset of the first byte that is wrong.
    pub at: usize,
}

/// Limits of one reading.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Deepest nesting.
    pub depth_max: usize,
    /// Most points.
    pub points_max: usize,
}

impl Decoded {
    /// What was read of a payload that cannot be read.
    pub const fn nothing() -> Self {
        Self {
            device_id: Member::Absent,
            timestamp: Member::Absent,
            sequence: Member::Absent,
            points: Vec::new(),
            points_refused: 0,
            points_seen: false,
            claims: Vec::new(),
            leaves: Leaves::nothing(),
            metrics: Vec::new(),
            session: None,
            strings: String::new(),
            names: NameFilter { bits: [0; 64] },
            index: None,
        }
    }

    /// Reads a payload by the plan of its stream.
    pub fn read<'a>(&mut self, payload: &'a [u8], plan: &Plan, bounds: Bounds) -> Result<&'a str, Malformed> {
        /// Deeper nesting would need more stack than a thread may have, whatever the limit says.
        const DEPTH_MAX: usize = 512;
        let bounds = Bounds { depth_max: bounds.depth_max.min(DEPTH_MAX), ..bounds };
        self.clear(plan);
        if plan.format == Format::Sparkplug {
            return self.sparkplug(payload, plan.wanted, bounds).map(|()| "");
        }
        let text = std::str::from_utf8(payload)
            .map_err(|error| Malformed { reason: Reason::Encoding, at: error.valid_up_to() })?;
        match plan.format {
            Format::Json => self.json(text, plan, bounds)?,
            Format::Number => {
                let value = number::parse(text).ok_or(Malformed { reason: Reason::Type, at: 0 })?;
                self.lone_number(value);
            }
            Format::Text | Format::Sparkplug => {}
            Format::Auto if json::looks_like(payload) => self.json(text, plan, bounds)?,
            Format::Auto => {
                if let Some(value) = number::parse(text) {
                    self.lone_number(value);
                }
            }
        }
        Ok(text)
    }

    /// The same, by what was learned from the payloads before it on this topic.
    pub fn read_again<'a>(
        &mut self,
        payload: &'a [u8],
        plan: &Plan,
        bounds: Bounds,
        shapes: &mut Shapes,
        habit: &mut Habit,
    ) -> Result<&'a str, Malformed> {
        // A shape keeps what was asked for; where everything is, documents are few and seldom alike.
        if plan.whole || plan.format == Format::Sparkplug {
            return self.read(payload, plan, bounds);
        }
        if let (true, Ok(text)) = (habit.is_known(), std::str::from_utf8(payload))
            && shapes.recall(habit, text, self)
        {
            return Ok(text);
        }
        let text = self.read(payload, plan, bounds)?;
        shapes.learn(habit, text, self);
        Ok(text)
    }

    /// The text of a piece; `payload` is what `read` was given.
    #[inline]
    pub fn text<'a>(&'a self, payload: &'a str, piece: Text) -> &'a str {
        let source = if piece.owned { &self.strings } else { payload };
        source.get(piece.start as usize..piece.end as usize).unwrap_or("")
    }

    /// Puts a name before the names that the payload has, as in `switch:0.apower`; `payload` is what `read` was given.
    pub fn prefix(&mut self, payload: &str, prefix: &str) {
        for at in 0..self.points.len() {
            let Text { start, end, owned } = self.points[at].name;
            if start == end {
                continue;
            }
            let (from, piece) = (self.strings.len(), start as usize..end as usize);
            self.strings.push_str(prefix);
            self.strings.push('.');
            if owned {
                self.strings.extend_from_within(piece);
            } else {
                self.strings.push_str(payload.get(piece).unwrap_or(""));
            }
            self.points[at].name = span(from, self.strings.len(), true);
        }
    }

    /// The whole document, where the kind of the stream wants it; `payload` is what `read` was given.
    pub fn document<'a>(&'a self, payload: &'a str) -> Document<'a> {
        Document::new(&self.leaves, payload)
    }

    fn json(&mut self, text: &str, plan: &Plan, bounds: Bounds) -> Result<(), Malformed> {
        json::read(text, plan, bounds, self)?;
        if plan.whole {
            self.leaves.read(text);
        }
        if plan.points_below_each {
            self.points.retain(|point| point.matched);
        }
        Ok(())
    }

    fn lone_number(&mut self, value: f64) {
        self.points_seen = true;
        self.points.push(PointReading {
            value: Value::Number(value),
            matched: true,
            ..PointReading::default()
        });
    }

    fn clear(&mut self, plan: &Plan) {
        self.device_id = Member::Absent;
        self.timestamp = Member::Absent;
        self.sequence = Member::Absent;
        self.clear_points();
        self.claims.clear();
        self.claims.resize(plan.claims, Claim::default());
        self.strings.clear();
        self.leaves.clear();
        self.metrics.clear();
        self.session = None;
    }

    /// A container that occurs twice counts as it stands the second time, as any reader of JSON has it.
    fn clear_points(&mut self) {
        self.points.clear();
        self.points_refused = 0;
        self.points_seen = false;
        self.names.clear();
        if let Some(index) = self.index.as_mut().filter(|index| index.points > 0) {
            index.places.clear();
            index.points = 0;
        }
    }

    /// Begins the point of this name and returns where it stands; a name that occurs twice counts as it
    /// stands the second time. None: there are too many.
    #[inline]
    fn begin_point(&mut self, payload: &str, name: Text, points_max: usize) -> Option<usize> {
        let fresh = PointReading { name, ..PointReading::default() };
        let source = if name.owned { &self.strings } else { payload };
        if self.names.perhaps(source.as_bytes(), name.start as usize, name.end as usize)
            && let Some(at) = self.known_point(payload, name)
        {
            self.points[at] = fresh;
            return Some(at);
        }
        if self.points.len() >= points_max {
            self.points_refused += 1;
            return None;
        }
        self.points.push(fresh);
        Some(self.points.len() - 1)
    }

    /// Where the point of this name stands. A few are looked through; of many an index is kept, so that a payload
    /// of thousands of equal or strange names costs by its length.
    #[cold]
    fn known_point(&mut self, payload: &str, name: Text) -> Option<usize> {
        const FEW: usize = 32;
        if self.points.len() <= FEW {
            let wanted = self.text(payload, name);
            return self.points.iter().position(|point| self.text(payload, point.name) == wanted);
        }
        let mut index = self.index.take().unwrap_or_default();
        while index.points < self.points.len() {
            let known = self.text(payload, self.points[index.points].name);
            let hash = index.hasher.hash_one(known);
            // Names are unique among the points, so that none is there yet.
            index.places.insert_unique(hash, index.points, |at| {
                index.hasher.hash_one(self.text(payload, self.points[*at].name))
            });
            index.points += 1;
        }
        let wanted = self.text(payload, name);
        let same = |at: &usize| self.text(payload, self.points[*at].name) == wanted;
        let found = index.places.find(index.hasher.hash_one(wanted), same).copied();
        self.index = Some(index);
        found
    }

    fn own(&mut self, text: &str) -> Text {
        let start = self.strings.len();
        self.strings.push_str(text);
        span(start, self.strings.len(), true)
    }
}

fn span(start: usize, end: usize, owned: bool) -> Text {
    // A payload is at most 256 MiB, the most that MQTT can carry.
    Text {
        start: u32::try_from(start).unwrap_or(u32::MAX),
        end: u32::try_from(end).unwrap_or(u32::MAX),
        owned,
    }
}
