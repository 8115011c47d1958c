//! What the configuration means for a whole fleet: limits, the error ratio, and who must exist.

use super::{CommandRules, StreamRules};
use crate::secrets::Secrets;
use crate::shard::Shard;
use crate::sla::SlaRules;
use crate::time::{Micros, SECOND};
use std::sync::Arc;

/// `[errors]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ErrorRules {
    /// Length of the sliding window.
    pub window: Micros,
    /// A larger share of bad messages is a finding.
    pub threshold: f64,
    /// With fewer messages in the window nothing is said.
    pub minimum: u32,
}

impl Default for ErrorRules {
    fn default() -> Self {
        Self { window: 300 * SECOND, threshold: 0.05, minimum: 20 }
    }
}

/// `[limits]`, and the payload limit of the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Devices beyond this are refused and counted.
    pub devices_max: usize,
    /// Points of one device beyond this are refused and counted.
    pub points_per_device_max: usize,
    /// Devices with series of their own.
    pub device_series_max: usize,
    /// Deeper JSON is `depth`.
    pub json_depth_max: usize,
    /// Longer label values are cut, with a mark.
    pub label_bytes_max: usize,
    /// Larger payloads are `oversize` and not read.
    pub payload_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            devices_max: 100_000,
            points_per_device_max: 1024,
            device_series_max: 2000,
            json_depth_max: 64,
            label_bytes_max: 128,
            payload_bytes_max: 256 * 1024,
        }
    }
}

/// Everything the fleet of one broker is judged by.
#[derive(Clone, Debug, Default)]
pub struct FleetRules {
    /// Label value of `broker`.
    pub broker: Box<str>,
    /// The streams, in the order of the file.
    pub streams: Vec<StreamRules>,
    /// The labels of `mqtt_device_info`: captures, and behind them those that user properties of MQTT 5 give.
    pub labels: Vec<Box<str>>,
    /// The user properties that give the last labels, in their order.
    pub user_properties: Vec<Box<str>>,
    /// Devices that must exist.
    pub expected: Vec<Box<str>>,
    /// A device that was silent for so long is forgotten.
    pub forget_after: Option<Micros>,
    /// The error ratio.
    pub errors: ErrorRules,
    /// Commands and their answers.
    pub commands: CommandRules,
    /// The limits.
    pub limits: Limits,
    /// Whether point values are exported.
    pub values: bool,
    /// How long our own messages may take there and back; without a promise nobody is judged by it.
    pub publish: SlaRules,
    /// Which settings nobody must see.
    pub secrets: Arc<Secrets>,
    /// Which of its devices are kept here.
    pub shard: Shard,
}
