//! The faults that a simulated fleet can have, and what each must be counted as. A message carries at most one,
//! and each maps to at most one reason. Nothing here may decide where a fault happens: that is the plan's job.

use serde::Serialize;

/// What is wrong with one message of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A payload that cannot be read, in place of a telemetry message; it uses up no sequence number.
    Malformed(Malformation),
    /// One temperature outside -50 to 200.
    OutOfRange,
    /// One status that nobody knows.
    BadStatus,
    /// Fewer than 45 points.
    TooFewPoints,
    /// A timestamp 120 s old.
    StaleTimestamp,
    /// A timestamp that is none.
    BadTimestamp,
    /// A summary that disagrees with the points.
    SummaryMismatch,
    /// So many sequence numbers are left out before this message.
    Gap(u64),
    /// The message is sent twice, back to back.
    Duplicate,
    /// This message and the next are sent back to back, the next one first.
    Reorder,
    /// The sequence starts again at 0 or 1.
    Restart(u64),
    /// The message comes too late; the schedule of the device moves with it.
    Late,
    /// The message comes too early; the schedule of the device moves with it.
    Early,
}

/// How a payload is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Malformation {
    /// Cut off after two thirds.
    Truncated,
    /// Single quotes in place of double ones.
    SingleQuotes,
    /// A comma before the last brace.
    TrailingComma,
    /// A key without quotes.
    UnquotedKey,
    /// `undefined` as a value.
    Undefined,
    /// A byte order mark in front.
    Bom,
    /// Bytes that are no UTF-8 inside a string.
    InvalidUtf8,
    /// No byte at all.
    Empty,
    /// 50,000 arrays in one another: 100,000 brackets.
    Deep,
    /// A NUL in front.
    NulLed,
}

impl Malformation {
    /// Every kind; they are dealt out in turn.
    pub(crate) const ALL: [Self; 10] = [
        Self::Truncated,
        Self::SingleQuotes,
        Self::TrailingComma,
        Self::UnquotedKey,
        Self::Undefined,
        Self::Bom,
        Self::InvalidUtf8,
        Self::Empty,
        Self::Deep,
        Self::NulLed,
    ];

    /// The reason under which it must be counted.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::InvalidUtf8 => "encoding",
            Self::Deep => "depth",
            _ => "json",
        }
    }
}

impl Fault {
    /// The reason under which it must be counted, where it makes a message invalid.
    pub(crate) fn reason(self) -> Option<&'static str> {
        match self {
            Self::Malformed(how) => Some(how.reason()),
            Self::OutOfRange => Some("range"),
            Self::BadStatus => Some("status"),
            Self::TooFewPoints => Some("too_few_points"),
            Self::StaleTimestamp => Some("stale_timestamp"),
            Self::BadTimestamp => Some("bad_timestamp"),
            Self::SummaryMismatch => Some("cross_check"),
            Self::Gap(_) | Self::Duplicate | Self::Reorder | Self::Restart(_) | Self::Late | Self::Early => {
                None
            }
        }
    }

    /// Whether it changes how many samples of a point arrive, so that it must keep away from stuck points.
    pub(crate) fn changes_samples(self) -> bool {
        matches!(self, Self::Duplicate | Self::Reorder | Self::TooFewPoints)
    }
}

/// How many of each fault a fleet has: injections, but for points and devices where the name says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct FaultCounts {
    /// Points whose value stands still; half of them to the end.
    pub(crate) stuck_points: u64,
    /// Devices that stop for ever.
    pub(crate) silent_devices: u64,
    /// Devices that pause for 40 s, or for 5 messages where that is longer, and come back.
    pub(crate) pausing_devices: u64,
    /// Payloads that cannot be read.
    pub(crate) malformed: u64,
    /// Temperatures out of range.
    pub(crate) out_of_range: u64,
    /// Unknown statuses.
    pub(crate) bad_status: u64,
    /// Messages with fewer than 45 points.
    pub(crate) too_few_points: u64,
    /// Timestamps 120 s old.
    pub(crate) stale_timestamps: u64,
    /// Timestamps that are none.
    pub(crate) bad_timestamps: u64,
    /// Summaries that disagree with the points.
    pub(crate) summary_mismatch: u64,
    /// Gaps in the sequence, of 1 to 20 numbers.
    pub(crate) gaps: u64,
    /// Messages sent twice.
    pub(crate) duplicates: u64,
    /// Pairs of messages swapped.
    pub(crate) reorders: u64,
    /// Sequences that start again.
    pub(crate) restarts: u64,
    /// Messages that come too late.
    pub(crate) late: u64,
    /// Messages that come too early.
    pub(crate) early: u64,
}

impl FaultCounts {
    /// A sensible mix for a fleet of this size: a few per cent of everything, as far as the run has room for it.
    pub(crate) fn mix(devices: u64, rounds: u64) -> Self {
        let some = |share: u64| (devices / share).max(1);
        let room = devices * rounds.saturating_sub(6);
        // Sixteen kinds, each message's neighbour left free: a 64th of the room each always fits.
        let each = some(10).min(room / 64);
        Self {
            stuck_points: if rounds >= 20 && devices > 3 { some(10) } else { 0 },
            silent_devices: if rounds >= 8 && devices > 3 { some(20) } else { 0 },
            pausing_devices: 0,
            malformed: (each * 2).max(u64::from(room >= 320) * 10),
            out_of_range: each,
            bad_status: each,
            too_few_points: each,
            stale_timestamps: each,
            bad_timestamps: each,
            summary_mismatch: each,
            gaps: each,
            duplicates: each,
            reorders: each,
            restarts: if rounds >= 12 { each.min(devices) } else { 0 },
            late: each,
            early: each,
        }
    }

    /// Each kind of message fault and how often it is wanted. `draw` makes the parts that vary.
    pub(crate) fn by_kind(&self, mut draw: impl FnMut(u64) -> u64) -> Vec<Fault> {
        let mut all = Vec::new();
        let mut add = |times: u64, make: &mut dyn FnMut(usize) -> Fault| {
            all.extend((0..usize::try_from(times).unwrap_or(usize::MAX)).map(make));
        };
        add(self.restarts, &mut |_| Fault::Restart(draw(2)));
        add(self.gaps, &mut |_| Fault::Gap(1 + draw(20)));
        add(self.duplicates, &mut |_| Fault::Duplicate);
        add(self.reorders, &mut |_| Fault::Reorder);
        add(self.too_few_points, &mut |_| Fault::TooFewPoints);
        add(self.malformed, &mut |n| Fault::Malformed(Malformation::ALL[n % Malformation::ALL.len()]));
        add(self.out_of_range, &mut |_| Fault::OutOfRange);
        add(self.bad_status, &mut |_| Fault::BadStatus);
        add(self.stale_timestamps, &mut |_| Fault::StaleTimestamp);
        add(self.bad_timestamps, &mut |_| Fault::BadTimestamp);
        add(self.summary_mismatch, &mut |_| Fault::SummaryMismatch);
        add(self.late, &mut |_| Fault::Late);
        add(self.early, &mut |_| Fault::Early);
        all
    }
}
