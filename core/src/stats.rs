//! What is counted of the whole fleet, per stream. Counted when it happens and never recounted, so that the
//! sums stay right when devices are forgotten or have no series of their own.

use crate::finding::What;
use crate::reason::{Reason, Reasons};
use crate::sample::Histogram;
use crate::tally::Tally;
use crate::time::Micros;

/// Upper bounds of publish intervals, in seconds.
pub const INTERVAL_BOUNDS: &[f64] =
    &[0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 86400.0];

/// Upper bounds of message ages, in seconds.
pub const AGE_BOUNDS: &[f64] = &[0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0];

/// So many habits make something typical; the burst of one device says nothing of others.
const HABITS_MIN: u32 = 3;

/// The counts of one stream.
#[derive(Clone, Debug)]
pub struct StreamStats {
    /// Messages, whatever they were.
    pub messages: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Messages with this reason.
    pub errors: [u64; Reason::ALL.len()],
    /// Messages with any reason.
    pub bad: u64,
    /// Intervals between the live messages of a device.
    pub intervals: Histogram,
    /// Ages of live messages by their own timestamp.
    pub ages: Histogram,
}

impl Default for StreamStats {
    fn default() -> Self {
        Self {
            messages: 0,
            bytes: 0,
            errors: [0; Reason::ALL.len()],
            bad: 0,
            intervals: Histogram::new(INTERVAL_BOUNDS),
            ages: Histogram::new(AGE_BOUNDS),
        }
    }
}

impl StreamStats {
    /// Counts a message.
    pub fn count(&mut self, bytes: usize, reasons: Reasons) {
        self.messages += 1;
        self.bytes += bytes as u64;
        self.bad += u64::from(!reasons.is_empty());
        for reason in reasons.iter() {
            self.errors[reason as usize] += 1;
        }
    }
}

/// The counts of the whole fleet.
#[derive(Clone, Debug, Default)]
pub struct FleetStats {
    /// By stream, in the order of the rules.
    pub streams: Vec<StreamStats>,
    /// The slowest habit on this stream, once there are enough to speak of any: what a device is judged by as long
    /// as its own is not known.
    pub typical: Vec<Option<Micros>>,
    /// How many habits were learned on each stream, and the slowest.
    pub habits: Vec<(u32, Micros)>,
    /// Retained messages, which say nothing about now.
    pub retained_ignored: u64,
    /// Messages on topics that no stream takes.
    pub unmatched: u64,
    /// Messages on topics that are no text.
    pub bad_topics: u64,
    /// Devices beyond the limit.
    pub devices_refused: u64,
    /// Their messages.
    pub messages_refused: u64,
    /// Messages lost, over all devices, forgotten ones included.
    pub lost: u64,
    /// Messages missed while we were not listening, likewise.
    pub missed: u64,
    /// Points beyond the limits, over all devices, forgotten ones included.
    pub points_refused: u64,
    /// Metrics that came with an alias alone, which no birth had explained.
    pub aliases_unknown: u64,
    /// Departures of another session than the one that began last.
    pub stale_departures: u64,
    /// Announced topics for which there was no room.
    pub announcements_refused: u64,
    /// Messages of devices that other shards keep, since the start.
    pub skipped: u64,
    /// Commands, alarms and events.
    pub tally: Tally,
}

impl FleetStats {
    /// Notes a habit that was learned; true when it makes known what is typical of its stream.
    pub fn note_habit(&mut self, stream: usize, habit: Micros, is_first: bool) -> bool {
        let (count, slowest) = &mut self.habits[stream];
        *count = count.saturating_add(u32::from(is_first));
        *slowest = habit.max(*slowest);
        if *count < HABITS_MIN {
            return false;
        }
        let was_unknown = self.typical[stream].is_none();
        // The slowest: to wait too long for a device that is not known yet is better than to miss it too soon.
        self.typical[stream] = self.typical[stream].max(Some(*slowest));
        was_unknown
    }

    /// Counts what was found.
    pub fn note(&mut self, what: &What) {
        match what {
            What::Gap { lost, .. } => self.lost = self.lost.saturating_add(*lost),
            What::Missed { missed, .. } => self.missed = self.missed.saturating_add(*missed),
            what => self.tally.note(what),
        }
    }

    /// Zeroes for so many streams.
    pub fn new(streams: usize) -> Self {
        Self {
            streams: vec![StreamStats::default(); streams],
            typical: vec![None; streams],
            habits: vec![(0, 0); streams],
            ..Self::default()
        }
    }
}
