//! What the configuration means for the core: streams and their checks, limits, error ratio. Checked before
//! it gets here; nothing in this file may fail.

use crate::expr::CrossCheck;
use crate::names::Pattern;
use crate::path::Path;
use crate::time::{Micros, SECOND};

mod commands;
mod device;
mod fleet;
mod kind;
mod only;
mod status;

pub use commands::{CommandRules, Known, Parameter, ParameterType, Sla, TakenFrom};
pub(crate) use device::DEVICE_MEMBER;
pub use device::{DEVICE_ID, DeviceFrom, LabelFrom, Part};
pub use fleet::{ErrorRules, FleetRules, Limits};
pub use kind::{Format, Kind};
pub use only::Only;
pub(crate) use only::is_in_capitals;
pub use status::{KinRules, Name, Statement, StatusRules, point_name, words};

/// When a message is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// One per so many microseconds.
    Every(Micros),
    /// The device's own habit.
    Learn,
    /// It speaks when there is something to say: no message is ever due, and silence says nothing.
    Never,
}

/// When a value that stands still is stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StuckAfter {
    /// Repeated more than so many times in a row.
    Repeats(u32),
    /// The same for longer than so many microseconds.
    For(Micros),
}

/// Why there is a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Somebody asked for it.
    Configured,
    /// A preset that is on has it.
    Preset,
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
    /// That silence counts after messages that have a point of this name; none: after any.
    pub offline_with: Option<Box<str>>,
    /// Silence beyond that, in which a return is a flap and no departure.
    pub hold_off: Micros,
    /// Where the points are; none: every number of the payload.
    pub points: Option<Path>,
    /// Every number below this place is a point, by its path from there; in a payload without such a place every number.
    pub points_below: Option<Path>,
    /// Members of these names, and what is below them, are no points wherever every number is one.
    pub no_points: Vec<Box<str>>,
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
    /// Which messages it takes of its topics.
    pub only: Only,
    /// Names in its topics are given by people: a space in one is no mistake.
    pub spaces: bool,
    /// One of a preset has series of its own once somebody speaks there.
    pub origin: Origin,
    /// What it says of presence; none: that who speaks is there, where its kind is a sign of life.
    pub status: Option<Box<StatusRules>>,
    /// What its messages belong together with.
    pub kin: KinRules,
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
            offline_with: None,
            hold_off: 5 * SECOND,
            points: None,
            points_below: None,
            no_points: Vec::new(),
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
            only: Only::default(),
            spaces: false,
            origin: Origin::Configured,
            status: None,
            kin: KinRules::default(),
        }
    }

    /// Whether messages come at intervals that can be judged.
    pub fn is_periodic(&self) -> bool {
        self.kind.is_periodic() && self.expect != Expect::Never
    }

    /// Whether it takes some payloads and leaves others to the next stream.
    pub fn is_picky(&self) -> bool {
        self.only.asks_payload() || self.status.as_ref().is_some_and(|status| status.only_known)
    }

    /// Whether a message with this payload belongs to it, as far as that depends on the payload.
    pub fn takes(&self, payload: &[u8]) -> bool {
        self.only.takes(payload)
            && self.status.as_ref().is_none_or(|status| !status.only_known || status.knows(payload))
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
