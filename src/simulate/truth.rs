//! What was really sent, so that a watcher's account can be held against it. The names of the fields are the format
//! of the truth file, described in docs/simulate.md; they must only ever be added to.

use super::fault::{FaultCounts, Malformation};
use super::plan::STUCK_SAMPLES;
use serde::Serialize;
use std::collections::BTreeMap;

/// Entries that a list of one device holds; the counts beside it stay exact. Only an endless run gets there.
const LISTED_MAX: usize = 10_000;

/// The whole truth file.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Truth {
    /// 1; raised when a field changes its meaning.
    pub(crate) format: u32,
    /// Of the run.
    pub(crate) seed: u64,
    /// What was asked for.
    pub(crate) settings: SettingsTruth,
    /// Every PUBLISH below reached the broker exactly once: nothing was sent again and everything was confirmed.
    pub(crate) exact: bool,
    /// The run was stopped before it was over.
    pub(crate) stopped: bool,
    /// RFC 3339.
    pub(crate) started: String,
    /// RFC 3339.
    pub(crate) ended: String,
    /// Sums over the devices.
    pub(crate) totals: Totals,
    /// What the connections went through.
    pub(crate) connections: LinkTruth,
    /// Commands that the backend sent.
    pub(crate) commands: CommandTruth,
    /// By device, in order of their numbers.
    pub(crate) devices: Vec<DeviceTruth>,
}

/// What was asked for; no user name and no password.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SettingsTruth {
    pub(crate) broker: String,
    pub(crate) prefix: String,
    pub(crate) devices: usize,
    pub(crate) points: usize,
    pub(crate) interval_seconds: f64,
    pub(crate) jitter: f64,
    pub(crate) rounds: Option<u64>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) faults: FaultCounts,
}

/// What the connections went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct LinkTruth {
    /// Connections that broke and were made anew.
    pub(crate) lost: u64,
    /// messages sent again on a new connection: the broker may have had them before.
    pub(crate) resent: u64,
    /// messages for which no confirmation came in time.
    pub(crate) unconfirmed: u64,
    /// Commands that the devices answered.
    pub(crate) responses: u64,
    /// Commands that a device had no room for.
    pub(crate) responses_refused: u64,
}

/// Commands that the backend sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct CommandTruth {
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    pub(crate) unanswered: u64,
}

/// Sums over the devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Totals {
    pub(crate) sent: u64,
    pub(crate) valid: u64,
    pub(crate) errors: BTreeMap<&'static str, u64>,
    pub(crate) malformed: BTreeMap<Malformation, u64>,
    pub(crate) gaps: u64,
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) reordered: u64,
    pub(crate) resets: u64,
    pub(crate) stuck_points: u64,
    pub(crate) stuck_points_at_end: u64,
    pub(crate) silent_devices: u64,
    pub(crate) late_injected: u64,
    pub(crate) early_injected: u64,
    pub(crate) intervals_late: u64,
    pub(crate) intervals_early: u64,
}

/// What one device sent on its telemetry topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct DeviceTruth {
    pub(crate) device: String,
    pub(crate) topic: String,
    /// All messages, the malformed and the duplicates among them.
    pub(crate) sent: u64,
    /// Those without any error.
    pub(crate) valid: u64,
    /// The others by reason; each has exactly one.
    pub(crate) errors: BTreeMap<&'static str, u64>,
    /// The unreadable ones by kind.
    pub(crate) malformed: BTreeMap<Malformation, u64>,
    pub(crate) first_sequence: Option<u64>,
    pub(crate) last_sequence: Option<u64>,
    pub(crate) gap_count: u64,
    /// Sequence numbers that were left out.
    pub(crate) lost: u64,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) duplicated: u64,
    pub(crate) reordered: u64,
    pub(crate) resets: u64,
    pub(crate) stuck: Vec<Stuck>,
    /// Points that stand still at the end, their value repeated more than 10 times.
    pub(crate) stuck_at_end: u64,
    /// It fell silent for ever after so many messages.
    pub(crate) silent_after: Option<u64>,
    pub(crate) pauses: Vec<Pause>,
    pub(crate) late_injected: u64,
    pub(crate) early_injected: u64,
    /// Intervals between two messages, as planned, that are more than 10 % too long.
    pub(crate) intervals_late: u64,
    /// The same, too short; the second message of a duplicated or swapped pair is one.
    pub(crate) intervals_early: u64,
}

/// Sequence numbers that were left out, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Gap {
    pub(crate) first_missing: u64,
    pub(crate) last_missing: u64,
}

/// A point that stood still.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Stuck {
    pub(crate) point: String,
    pub(crate) value: f64,
    /// The PUBLISH of this device, counted from 1, that had the value first.
    pub(crate) from_message: u64,
    pub(crate) from_sequence: u64,
    /// Equal samples in a row.
    pub(crate) samples: u64,
    /// The value was repeated more than 10 times.
    #[serde(rename = "stuck")]
    pub(crate) enough: bool,
    /// It still stands still.
    pub(crate) at_end: bool,
}

/// A device that said nothing for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Pause {
    pub(crate) after_message: u64,
    pub(crate) rounds: u64,
}

/// Adds to a list that must not grow for ever; the place of the new entry, if it was taken.
pub(crate) fn list<T>(to: &mut Vec<T>, entry: T) -> Option<usize> {
    (to.len() < LISTED_MAX).then(|| {
        to.push(entry);
        to.len() - 1
    })
}

impl DeviceTruth {
    /// Fills what only the end can tell.
    pub(crate) fn close(&mut self) {
        for stuck in &mut self.stuck {
            stuck.enough = stuck.samples >= STUCK_SAMPLES;
        }
        self.stuck_at_end = self.stuck.iter().filter(|stuck| stuck.enough && stuck.at_end).count() as u64;
    }
}

impl LinkTruth {
    /// Adds what another connection went through.
    pub(crate) fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.resent += other.resent;
        self.unconfirmed += other.unconfirmed;
        self.responses += other.responses;
        self.responses_refused += other.responses_refused;
    }
}

impl Totals {
    /// Sums over closed devices.
    pub(crate) fn of(devices: &[DeviceTruth]) -> Self {
        let mut sum = Self::default();
        for device in devices {
            sum.add(device);
        }
        sum
    }

    fn add(&mut self, device: &DeviceTruth) {
        self.sent += device.sent;
        self.valid += device.valid;
        for (reason, count) in &device.errors {
            *self.errors.entry(reason).or_default() += count;
        }
        for (how, count) in &device.malformed {
            *self.malformed.entry(*how).or_default() += count;
        }
        self.gaps += device.gap_count;
        self.lost += device.lost;
        self.duplicated += device.duplicated;
        self.reordered += device.reordered;
        self.resets += device.resets;
        self.stuck_points += device.stuck.iter().filter(|stuck| stuck.enough).count() as u64;
        self.stuck_points_at_end += device.stuck_at_end;
        self.silent_devices += u64::from(device.silent_after.is_some());
        self.late_injected += device.late_injected;
        self.early_injected += device.early_injected;
        self.intervals_late += device.intervals_late;
        self.intervals_early += device.intervals_early;
    }
}
