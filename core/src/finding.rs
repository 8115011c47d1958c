//! Edges: what became true of a device, dated when it became true. The audit log is made of these.
//! Variants with a cause, never strings; nothing here may be a level.

use crate::time::{Micros, Mono, Wall};
use crate::trackers::presence::Departure;

mod alarm;
mod command;
mod health;
mod probe;
mod queue;
mod service;

pub use alarm::{Alarm, Turn};
pub use command::Command;
pub use health::{Change, Restart};
pub use probe::Probing;
pub use queue::{QueueTurn, Queueing};
pub use service::Service;

/// One edge.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// When it became true, on the fleet's clock.
    pub at: Mono,
    /// The same moment on the calendar.
    pub wall: Wall,
    /// Whose: the identity of the device; empty: of the fleet as a whole.
    pub device: Box<str>,
    /// What.
    pub what: What,
    /// The device is muted: nobody is to be woken for this.
    pub muted: bool,
}

/// Everything that can become true.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The first message of a device that was not known.
    FirstSeen,
    /// The device speaks (again).
    Online {
        /// How long it had been offline; none when it was not known.
        after: Option<Micros>,
    },
    /// Silence for longer than its class allows.
    Offline {
        /// The silence.
        silent: Micros,
        /// Why.
        reason: Departure,
    },
    /// It was silent for too long, and came back within the hold-off.
    Flap {
        /// The silence.
        silent: Micros,
        /// Why it seemed to be gone.
        reason: Departure,
    },
    /// No message when one was due.
    Late {
        /// Of this stream.
        stream: Box<str>,
        /// One was expected every so often.
        expected: Micros,
    },
    /// A value stands still.
    Stuck {
        /// Of this stream.
        stream: Box<str>,
        /// The point.
        point: Box<str>,
        /// The value.
        value: f64,
        /// How long it has stood still.
        lasted: Micros,
    },
    /// A value that stood still moves.
    Unstuck {
        /// Of this stream.
        stream: Box<str>,
        /// The point.
        point: Box<str>,
    },
    /// Too many bad messages.
    ErrorRatioHigh {
        /// The share of bad messages in the window.
        ratio: f64,
    },
    /// Few enough again.
    ErrorRatioNormal {
        /// The share of bad messages in the window.
        ratio: f64,
    },
    /// Numbers are missing, and did not arrive within the window.
    Gap {
        /// Of this stream.
        stream: Box<str>,
        /// The first that is missing.
        first: u64,
        /// The last.
        last: u64,
        /// How many; fewer than the range has where some arrived late.
        lost: u64,
    },
    /// Numbers are missing from a time in which we were not listening.
    Missed {
        /// Of this stream.
        stream: Box<str>,
        /// The first that is missing.
        first: u64,
        /// The last.
        last: u64,
        /// How many.
        missed: u64,
    },
    /// Messages came that had come before.
    Duplicate {
        /// Of this stream.
        stream: Box<str>,
        /// The lowest number.
        first: u64,
        /// The highest.
        last: u64,
        /// How many messages.
        count: u64,
        /// When the last of them came.
        at: Mono,
    },
    /// Messages came after later ones.
    Reordered {
        /// Of this stream.
        stream: Box<str>,
        /// The lowest number.
        first: u64,
        /// The highest.
        last: u64,
        /// How many messages.
        count: u64,
        /// When the last of them came.
        at: Mono,
    },
    /// The numbers began anew: the device restarted.
    Reset {
        /// Of this stream.
        stream: Box<str>,
        /// The highest number before.
        from: u64,
        /// The first number after.
        to: u64,
    },
    /// The numbers are in no order; they are not judged until they are.
    NoSequence {
        /// Of this stream.
        stream: Box<str>,
    },
    /// Of the fleet as a whole.
    Service(Service),
    /// Of a command.
    Command(Command),
    /// Of an alarm.
    Alarm(Alarm),
    /// It started anew.
    Restart(Restart),
    /// The free heap is in pieces too small to be of use.
    HeapFragmented {
        /// The share of it that no single allocation can have.
        share: f64,
    },
    /// It no longer is.
    HeapSound {
        /// The share of it that no single allocation can have.
        share: f64,
    },
    /// A setting is another.
    ConfigChanged(Change),
    /// Of a client's queue.
    Queue(Queueing),
    /// Of our own messages there and back.
    Probe(Probing),
    /// Silent for so long that nothing is kept.
    Forgotten,
    /// A mute came to its end.
    MuteEnded {
        /// Why it had been muted.
        reason: Box<str>,
    },
}

impl What {
    /// One sentence for people.
    pub fn details(&self) -> String {
        let seconds = crate::time::seconds;
        match self {
            Self::FirstSeen => "heard of for the first time".to_owned(),
            Self::Online { after: Some(after) } => format!("back after {:.1} s", seconds(*after)),
            Self::Online { after: None } => "speaks".to_owned(),
            Self::Offline { silent, reason } => gone(*silent, *reason),
            Self::Flap { silent, reason } => format!("{}, back within the hold-off", gone(*silent, *reason)),
            Self::Late { stream, expected } => {
                format!("{stream}: no message, one is expected every {:.1} s", seconds(*expected))
            }
            Self::Stuck { stream, point, value, lasted } => {
                format!("{stream}: point {point} stands still at {value} for {:.1} s", seconds(*lasted))
            }
            Self::Unstuck { stream, point } => format!("{stream}: point {point} moves again"),
            Self::ErrorRatioHigh { ratio } => format!("{:.1} % of its messages are bad", ratio * 100.0),
            Self::ErrorRatioNormal { ratio } => {
                format!("{:.1} % of its messages are bad, as it should be", ratio * 100.0)
            }
            Self::Gap { stream, first, last, lost } => format!("{stream}: missing {lost}: {first} to {last}"),
            Self::Missed { stream, first, last, missed } => {
                format!("{stream}: missing {missed} while we were not listening: {first} to {last}")
            }
            Self::Duplicate { stream, first, last, count, .. } => {
                format!("{stream}: duplicated {count}: {first} to {last}")
            }
            Self::Reordered { stream, first, last, count, .. } => {
                format!("{stream}: reordered {count}: {first} to {last}")
            }
            Self::Reset { stream, from, to } => format!("{stream}: numbers began anew at {to} after {from}"),
            Self::NoSequence { stream } => format!("{stream}: numbers are in no order and not judged"),
            Self::Command(command) => command.details(),
            Self::Service(service) => service.details(),
            Self::Alarm(alarm) => alarm.details(),
            Self::Restart(restart) => restart.details(),
            Self::HeapFragmented { share } => {
                format!("{:.1} % of the free heap are in small pieces", share * 100.0)
            }
            Self::HeapSound { share } => {
                format!("{:.1} % of the free heap are in small pieces, as it should be", share * 100.0)
            }
            Self::ConfigChanged(change) => change.details(),
            Self::Queue(queue) => queue.details(),
            Self::Probe(probing) => probing.details(),
            Self::Forgotten => "silent for so long that nothing of it is kept".to_owned(),
            Self::MuteEnded { reason } => format!("no longer muted, which it was because: {reason}"),
        }
    }

    /// Whether it is as it should be and too frequent to be kept beside what is not.
    pub fn is_routine(&self) -> bool {
        matches!(self, Self::Command(Command::Answered { is_late: false, .. }))
    }

    /// When it became true, where that is before it is said.
    pub fn since(&self) -> Option<Mono> {
        match self {
            Self::Duplicate { at, .. } | Self::Reordered { at, .. } => Some(*at),
            _ => None,
        }
    }

    /// The event's name in records and metrics.
    pub fn event(&self) -> &'static str {
        match self {
            Self::FirstSeen => "first_seen",
            Self::Online { .. } => "online",
            Self::Offline { .. } => "offline",
            Self::Flap { .. } => "flap",
            Self::Late { .. } => "late",
            Self::Stuck { .. } => "stuck",
            Self::Unstuck { .. } => "unstuck",
            Self::ErrorRatioHigh { .. } => "error_ratio_high",
            Self::ErrorRatioNormal { .. } => "error_ratio_normal",
            Self::Gap { .. } => "gap",
            Self::Missed { .. } => "missed",
            Self::Duplicate { .. } => "duplicate",
            Self::Reordered { .. } => "reordered",
            Self::Reset { .. } => "reset",
            Self::NoSequence { .. } => "no_sequence",
            Self::Command(command) => command.event(),
            Self::Service(service) => service.event(),
            Self::Alarm(alarm) => alarm.event(),
            Self::Restart(_) => "restart",
            Self::HeapFragmented { .. } => "heap_fragmented",
            Self::HeapSound { .. } => "heap_sound",
            Self::ConfigChanged(_) => "config_changed",
            Self::Queue(queue) => queue.event(),
            Self::Probe(probing) => probing.event(),
            Self::Forgotten => "forgotten",
            Self::MuteEnded { .. } => "mute_ended",
        }
    }
}

/// Why it went, and how long it had been silent by then.
fn gone(silent: Micros, reason: Departure) -> String {
    let silent = crate::time::seconds(silent);
    match reason {
        Departure::Silence => format!("silent for {silent:.1} s"),
        why => format!("{}, silent for {silent:.1} s", why.meaning()),
    }
}
