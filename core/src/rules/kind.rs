//! What a stream carries and how it is written. Nothing here may depend on one message.

use serde::{Deserialize, Serialize};

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
    /// What others say of a device or to it: counted, no sign of life, and nothing that makes a device known.
    Info,
    /// What tells which topics a device has, and what they mean.
    Discovery,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 10] = [
        Kind::Telemetry,
        Kind::Command,
        Kind::Response,
        Kind::Alarm,
        Kind::Event,
        Kind::Presence,
        Kind::Config,
        Kind::System,
        Kind::Info,
        Kind::Discovery,
    ];

    /// As the configuration spells it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Telemetry => "telemetry",
            Kind::Command => "command",
            Kind::Response => "response",
            Kind::Alarm => "alarm",
            Kind::Event => "event",
            Kind::Presence => "presence",
            Kind::Config => "config",
            Kind::System => "system",
            Kind::Info => "info",
            Kind::Discovery => "discovery",
        }
    }

    /// True when the device itself publishes here, so that a message proves that it lives.
    pub fn is_heartbeat(self) -> bool {
        !matches!(self, Kind::Command | Kind::Config | Kind::Presence | Kind::Info | Kind::Discovery)
    }

    /// True when the device itself, or the broker in its name, publishes here.
    pub fn is_of_device(self) -> bool {
        self.is_heartbeat() || self == Kind::Presence
    }

    /// True when the members of a message mean something together, so that all of them are read.
    pub fn is_envelope(self) -> bool {
        !matches!(self, Kind::Telemetry | Kind::Presence | Kind::Info | Kind::Discovery)
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
    /// The protobuf payload of Sparkplug B.
    Sparkplug,
}
