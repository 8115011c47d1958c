//! What the configuration means for the core: streams and their checks, limits, error ratio. Checked before
//! it gets here; nothing in this file may fail.

use crate::expr::CrossCheck;
use crate::names::{Level, Pattern};
use crate::path::Path;
use crate::time::{Micros, SECOND};
use serde::{Deserialize, Serialize};

mod commands;
mod fleet;

pub use commands::{CommandRules, Known, Parameter, ParameterType, Sla, TakenFrom};
pub use fleet::{ErrorRules, FleetRules, Limits};

/// What a stream carries, which decides who is heard on it and what its messages mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Measurements, sent by the device.
    Telemetry,
    /// Requests to the device, sent by others: no sign of life.
    Command,
    /// Answers of the device.
    Response,
    /// Alarm transitions.
    Alarm,
    /// Things that happened.
    Event,
    /// Will and status messages.
    Presence,
    /// Settings, sent by either side: no sign of life.
    Config,
    /// Health of the device itself: heap, boots, resets.
    System,
}

impl Kind {
    /// True when the device itself publishes here, so that a message proves that it lives.
    pub fn is_heartbeat(self) -> bool {
        !matches!(self, Kind::Command | Kind::Config | Kind::Presence)
    }

    /// True when the members of a message mean something together, so that all of them are read.
    pub fn is_envelope(self) -> bool {
        !matches!(self, Kind::Telemetry | Kind::Presence)
    }

    /// True when messages come at intervals that can be judged.
    pub fn is_periodic(self) -> bool {
        matches!(self, Kind::Telemetry | Kind::System)
    }

    /// True when each message is an audit record, whether the stream asks for it or not.
    pub fn is_audited(self) -> bool {
        matches!(self, Kind::Command | Kind::Response | Kind::Alarm | Kind::Config)
    }
}

/// How payloads are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// JSON when it begins like a document, else a number, else text.
    Auto,
    /// JSON.
    Json,
    /// One number as text.
    Number,
    /// UTF-8 text.
    Text,
}

/// Where the identity of a device comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum DeviceFrom {
    /// Text and captures, such as `{area}/{line}/{device}`.
    Topic(Box<[Part]>),
    /// A member of the payload; where it is missing, the topic without its last level, and an error.
    Payload(Path),
    /// A member of the payload where there is one, else the topic without its last level.
    PayloadOrTopic(Path),
}

/// A piece of an identity template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Taken as it is.
    Text(Box<str>),
    /// The n-th capture of the pattern.
    Capture(usize),
}

/// When a message is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// One per so many microseconds.
    Every(Micros),
    /// The device's own habit.
    Learn,
}

/// When a value that stands still is stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StuckAfter {
    /// Repeated more than so many times in a row.
    Repeats(u32),
    /// The same for longer than so many microseconds.
    For(Micros),
}

/// One `[[stream]]`, as meant.
#[derive(Clone, Debug)]
pub struct StreamRules {
    /// Label value of `stream`.
    pub name: Box<str>,
    /// Which topics belong to it.
    pub pattern: Pattern,
    /// What its messages mean.
    pub kind: Kind,
    /// How they are read.
    pub format: Format,
    /// Whose they are.
    pub device: DeviceFrom,
    /// Where the payload says when it was made.
    pub timestamp: Option<Path>,
    /// Older than this is `stale_timestamp`, further ahead than this `future_timestamp`.
    pub max_age: Option<Micros>,
    /// Where the payload carries its sequence number.
    pub sequence: Option<Path>,
    /// Numbers wrap to 0 at this one; 0: they do not wrap.
    pub sequence_modulus: u64,
    /// How long a missing number may still arrive.
    pub reorder_window: Micros,
    /// When the next message is due.
    pub expect: Expect,
    /// Share of the expected interval that a message may be early or late.
    pub tolerance: f64,
    /// Silence after which the device is offline; none: three expected intervals, at least 30 s.
    pub offline_after: Option<Micros>,
    /// Silence beyond that, in which a return is a flap and no departure.
    pub hold_off: Micros,
    /// Where the points are; none: every number of the payload.
    pub points: Option<Path>,
    /// Where a point has its value, from the point; none: the point is the value.
    pub point_value: Option<Path>,
    /// Where a point has its status, from the point.
    pub point_status: Option<Path>,
    /// Fewer points are `too_few_points`.
    pub point_min: Option<u32>,
    /// A value below or above is `range`.
    pub range: Option<(f64, f64)>,
    /// Another status is `status`; empty: not checked.
    pub statuses: Vec<Box<str>>,
    /// When a point is stuck.
    pub stuck_after: StuckAfter,
    /// How far a value may wander and still stand still.
    pub stuck_tolerance: f64,
    /// Members that must equal what the points say.
    pub cross_checks: Vec<CrossCheck>,
    /// Each message is an audit record, also where its kind alone would not make it one.
    pub audit: bool,
    /// Whether the payload is part of the record; else its length and hash are.
    pub audit_payload: bool,
}

impl StreamRules {
    /// A stream with every setting at its default.
    pub fn new(name: &str, pattern: Pattern) -> Self {
        let device = DeviceFrom::by_default(&pattern);
        Self {
            name: name.into(),
            pattern,
            kind: Kind::Telemetry,
            format: Format::Auto,
            device,
            timestamp: None,
            max_age: None,
            sequence: None,
            sequence_modulus: 0,
            reorder_window: 2 * SECOND,
            expect: Expect::Learn,
            tolerance: 0.1,
            offline_after: None,
            hold_off: 5 * SECOND,
            points: None,
            point_value: None,
            point_status: None,
            point_min: None,
            range: None,
            statuses: Vec::new(),
            stuck_after: StuckAfter::Repeats(10),
            stuck_tolerance: 0.0,
            cross_checks: Vec::new(),
            audit: false,
            audit_payload: false,
        }
    }

    /// Whether each message is an audit record.
    pub fn is_audited(&self) -> bool {
        self.audit || self.kind.is_audited()
    }

    /// Silence after which a device that should speak every `expected` is offline.
    pub fn offline_after(&self, expected: Option<Micros>) -> Option<Micros> {
        const LEAST: Micros = 30 * SECOND;
        self.offline_after.or_else(|| expected.map(|every| every.saturating_mul(3).max(LEAST)))
    }
}

/// The member that names a device where no other is configured.
pub const DEVICE_ID: &str = "$.device_id";

/// The same, without the `$.`.
pub(crate) const DEVICE_MEMBER: &str = "device_id";

impl DeviceFrom {
    /// The `{device}` capture; without one, the payload's `device_id`, else the topic without its last level.
    pub fn by_default(pattern: &Pattern) -> Self {
        match pattern.captures().position(|name| name == "device") {
            Some(at) => Self::Topic(Box::new([Part::Capture(at)])),
            None => Self::PayloadOrTopic(Path::member(DEVICE_MEMBER)),
        }
    }

    /// Reads `device = "…"`: a path, or text with captures of `pattern`. The error says what is wrong.
    pub fn parse(text: &str, pattern: &Pattern) -> Result<Self, String> {
        if text.starts_with('$') {
            let path = Path::parse(text).map_err(|error| error.to_string())?;
            return if path.is_many() {
                Err("a device is one member of the payload; * is for points".to_owned())
            } else {
                Ok(Self::Payload(path))
            };
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let close = rest[open..].find('}').ok_or("{ is never closed")? + open;
            let name = &rest[open + 1..close];
            let at = pattern.captures().position(|capture| capture == name).ok_or_else(|| {
                let known: Vec<&str> = pattern.captures().collect();
                format!("the filter has no capture {{{name}}}; it has {known:?}")
            })?;
            if open > 0 {
                parts.push(Part::Text(rest[..open].into()));
            }
            parts.push(Part::Capture(at));
            rest = &rest[close + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        if parts.iter().any(|part| matches!(part, Part::Capture(_))) {
            Ok(Self::Topic(parts.into()))
        } else {
            Err("an identity needs a capture such as {device}, or a path such as $.device_id".to_owned())
        }
    }
}

/// Where a label of `mqtt_device_info` comes from in the topics of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelFrom {
    /// The n-th capture.
    Capture(usize),
    /// The level so far from the end (0: the last) of the n-th capture, which stands for many.
    FromEnd(usize, usize),
}

impl LabelFrom {
    /// Finds `label` among the captures; `area` and `line` are also the last two levels of `{site...}`.
    pub fn find(pattern: &Pattern, label: &str) -> Option<Self> {
        if let Some(at) = pattern.captures().position(|name| name == label) {
            return Some(Self::Capture(at));
        }
        let site = pattern.captures().position(|name| name == "site")?;
        let many =
            pattern.levels().iter().any(|level| matches!(level, Level::Many(name) if &**name == "site"));
        match label {
            "line" if many => Some(Self::FromEnd(site, 0)),
            "area" if many => Some(Self::FromEnd(site, 1)),
            _ => None,
        }
    }
}
