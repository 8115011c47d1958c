//! What becomes true of the fleet as a whole: a promise about times is broken, too many operations fail.

use crate::operations::Operation;
use crate::time::{Micros, seconds};

/// Everything that can become true of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Service {
    /// Answers, or our own messages there and back, are slower than was promised.
    SlaBroken {
        /// Which promise: `command_p95`, `publish_p99`.
        sla: Box<str>,
        /// The percentile of the window.
        value: Micros,
        /// What was promised.
        limit: Micros,
    },
    /// They are quick enough again, or too few to be judged.
    SlaKept {
        /// Which promise.
        sla: Box<str>,
        /// The percentile of the window.
        value: Micros,
        /// What was promised.
        limit: Micros,
    },
    /// Too many operations of a type fail.
    FailuresHigh {
        /// The type.
        operation: Operation,
        /// Their share in the window.
        ratio: f64,
    },
    /// Few enough again.
    FailuresNormal {
        /// The type.
        operation: Operation,
        /// Their share in the window.
        ratio: f64,
    },
}

impl Service {
    /// One sentence for people.
    pub fn details(&self) -> String {
        match self {
            Self::SlaBroken { sla, value, limit } => {
                format!("{sla} is {:.3} s, promised are {:.3} s", seconds(*value), seconds(*limit))
            }
            Self::SlaKept { sla, value, limit } => {
                let (value, limit) = (seconds(*value), seconds(*limit));
                format!("{sla} is {value:.3} s or not judged, promised are {limit:.3} s, as it should be")
            }
            Self::FailuresHigh { operation, ratio } => {
                format!("{:.1} % of all operations of type {} fail", ratio * 100.0, operation.as_str())
            }
            Self::FailuresNormal { operation, ratio } => {
                let operation = operation.as_str();
                format!("{:.1} % of all operations of type {operation} fail, as it should be", ratio * 100.0)
            }
        }
    }

    /// The event's name in records and metrics.
    pub fn event(&self) -> &'static str {
        match self {
            Self::SlaBroken { .. } => "sla_broken",
            Self::SlaKept { .. } => "sla_kept",
            Self::FailuresHigh { .. } => "failures_high",
            Self::FailuresNormal { .. } => "failures_normal",
        }
    }
}
