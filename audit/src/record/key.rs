//! The words of a record: its levels, its types and its keys, each a closed set with one spelling. A word that was
//! written once must be read for ever; so words are added here and neither renamed nor taken away.

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// As it should be.
    Info,
    /// Somebody should look at it.
    Warn,
    /// Something failed.
    Error,
}

/// The type of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Clients come, go or are refused.
    Connection,
    /// Commands and their answers.
    Command,
    /// Alarms.
    Alarm,
    /// A configuration changed.
    Config,
    /// What an attacker, or somebody who looks for one, would care about.
    Security,
    /// Gap, loss, duplicate, reorder.
    Delivery,
    /// First seen, offline, online, restart, stuck, late.
    Device,
    /// Malformed or invalid payloads, sampled.
    Payload,
    /// Our own life.
    System,
}

macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// All of them, in the order of the manual.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As it is written in a record.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The one that is written so; case matters.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words!(Level { Info = "INFO", Warn = "WARN", Error = "ERROR" });

words!(Kind {
    Connection = "CONNECTION",
    Command = "COMMAND",
    Alarm = "ALARM",
    Config = "CONFIG",
    Security = "SECURITY",
    Delivery = "DELIVERY",
    Device = "DEVICE",
    Payload = "PAYLOAD",
    System = "SYSTEM",
});

/// What a value is. A key always has the same one, so that text without types (the pipe form) can be read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text.
    Text,
    /// A whole number.
    Int,
    /// A number; never NaN or infinite.
    Float,
    /// `true` or `false`.
    Bool,
    /// A moment, RFC 3339 with six decimals and `Z`.
    Time,
}

macro_rules! keys {
    ($($(#[$doc:meta])+ $variant:ident = $word:literal $type:ident),+ $(,)?) => {
        /// The keys that may follow `seq`, `ts`, `level`, `type` and `event`, in the order in which they are written.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Key { $($(#[$doc])+ $variant),+ }

        words!(Key { $($variant = $word),+ });

        impl Key {
            /// What its values are.
            pub const fn ty(self) -> Type {
                match self { $(Self::$variant => Type::$type),+ }
            }
        }
    };
}

keys! {
    /// The id that the sender gave the message.
    Id = "id" Text,
    /// Label of the broker.
    Broker = "broker" Text,
    /// Identity of the device.
    Device = "device" Text,
    /// MQTT client id.
    ClientId = "client_id" Text,
    /// MQTT user name, or who asked over HTTP.
    User = "user" Text,
    /// Address of the peer.
    SourceIp = "source_ip" Text,
    /// Topic of the message.
    Topic = "topic" Text,
    /// Quality of service it was delivered with.
    Qos = "qos" Int,
    /// Who caused it, as the payload says, or which part of ours saw it.
    Source = "source" Text,
    /// `success`, `failure`, or the status of a response.
    Result = "result" Text,
    /// Why.
    Reason = "reason" Text,
    /// Name of the command.
    Cmd = "cmd" Text,
    /// Id of the command.
    CmdId = "cmd_id" Text,
    /// From command to answer.
    LatencyMs = "latency_ms" Float,
    /// Id of the alarm.
    AlarmId = "alarm_id" Text,
    /// One sentence for people.
    Details = "details" Text,
    /// Length of the payload.
    PayloadBytes = "payload_bytes" Int,
    /// SHA-256 of the payload, hexadecimal.
    PayloadSha256 = "payload_sha256" Text,
    /// When we saw it, where that differs from `ts`.
    ObservedAt = "observed_at" Time,

    /// The stream.
    Stream = "stream" Text,
    /// The point.
    Point = "point" Text,
    /// The value of the point.
    Value = "value" Float,
    /// The value before a change.
    Old = "old" Text,
    /// The value after a change.
    New = "new" Text,
    /// Type of the alarm, or what happened in an event stream.
    Alarm = "alarm" Text,
    /// Priority of the alarm.
    Priority = "priority" Text,
    /// From which to which state.
    Transition = "transition" Text,
    /// First of a range.
    First = "first" Int,
    /// Last of a range.
    Last = "last" Int,
    /// How many.
    Count = "count" Int,
    /// How long, in seconds.
    Seconds = "seconds" Float,
    /// How many bytes.
    Bytes = "bytes" Int,
    /// A share, 0 to 1.
    Ratio = "ratio" Float,
    /// Port of the peer.
    SourcePort = "source_port" Int,
    /// `3.1.1` or `5`.
    Protocol = "protocol" Text,
    /// A return or reason code of MQTT.
    Code = "code" Int,
    /// MQTT 5 correlation data, hexadecimal.
    Correlation = "correlation" Text,
    /// The message was kept by the broker and sent because we subscribed.
    Retain = "retain" Bool,
    /// Packet id of the delivery.
    Mid = "mid" Int,
    /// The broker delivered this once more, and it is in the log already.
    Dup = "dup" Bool,
    /// Where it is.
    DuplicateOf = "duplicate_of" Int,
    /// The device was muted: nobody was to be woken for this.
    Muted = "muted" Bool,
    /// The payload, where a stream says that it is kept.
    Payload = "payload" Text,
    /// A file of ours.
    File = "file" Text,
    /// SHA-256 of that file, hexadecimal.
    Sha256 = "sha256" Text,
    /// What was asked of the log.
    Query = "query" Text,
    /// How many records that gave.
    Matches = "matches" Int,
    /// Version of the program.
    Version = "version" Text,
    /// A key, hash or other fingerprint.
    Fingerprint = "fingerprint" Text,
    /// What was not UTF-8 or not printable in its key, as base64: `topic=…`.
    Raw = "raw" Text,
    /// What was cut, and how long it was: `topic:70000`.
    Trunc = "trunc" Text,
}
