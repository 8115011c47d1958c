//! What a record says, before it is a line: a closed set of types and keys, so that what goes out comes back.
//! Nothing here may be written to a file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;
use watchkeeper_core::time::Wall;

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

/// A value; which variant it is follows from its key.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text.
    Text(Box<str>),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// A moment.
    Time(Wall),
}

/// A record that has no place in the log yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// When it became true.
    pub ts: Wall,
    /// How grave it is.
    pub level: Level,
    /// Its type.
    pub kind: Kind,
    /// What happened, `snake_case`.
    pub event: Cow<'static, str>,
    /// The rest, in the order of `Key`; each key at most once.
    pub fields: Vec<(Key, Value)>,
}

/// A record as it stands in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its place: gapless from 0, and the order of the log.
    pub seq: u64,
    /// What it says.
    pub draft: Draft,
}

impl Draft {
    /// A record without fields.
    pub fn new(ts: Wall, level: Level, kind: Kind, event: impl Into<Cow<'static, str>>) -> Self {
        Self { ts, level, kind, event: event.into(), fields: Vec::new() }
    }

    /// Sets a text; nothing is set when it is empty.
    #[must_use]
    pub fn text(self, key: Key, value: &str) -> Self {
        debug_assert_eq!(key.ty(), Type::Text);
        if value.is_empty() { self } else { self.with(key, Value::Text(value.into())) }
    }

    /// Sets a text that came as bytes: what is no UTF-8 in it becomes U+FFFD, and the bytes themselves stand in `raw`.
    #[must_use]
    pub fn bytes(self, key: Key, value: &[u8]) -> Self {
        if let Ok(text) = std::str::from_utf8(value) {
            return self.text(key, text);
        }
        let entry = format!("{}={}", key.word(), STANDARD.encode(value));
        let raw = match self.get(Key::Raw) {
            Some(Value::Text(raw)) => format!("{raw},{entry}"),
            _ => entry,
        };
        self.text(key, &String::from_utf8_lossy(value)).text(Key::Raw, &raw)
    }

    /// Sets a text of at most so many bytes; of a longer one the beginning, and `trunc` says how long it was.
    #[must_use]
    pub fn short(self, key: Key, value: &str, bytes_max: usize) -> Self {
        if value.len() <= bytes_max {
            return self.text(key, value);
        }
        let end = (0..=bytes_max).rev().find(|at| value.is_char_boundary(*at)).unwrap_or_default();
        self.with(key, Value::Text(value[..end].into())).cut(key, value.len())
    }

    /// Marks a text that was cut, and how long it was.
    #[must_use]
    pub fn cut(self, key: Key, bytes: usize) -> Self {
        let mark = format!("{}:{bytes}", key.word());
        let marks = match self.get(Key::Trunc) {
            Some(Value::Text(marks)) => format!("{marks},{mark}"),
            _ => mark,
        };
        self.text(Key::Trunc, &marks)
    }

    /// Sets a whole number.
    #[must_use]
    pub fn int(self, key: Key, value: impl TryInto<i64>) -> Self {
        debug_assert_eq!(key.ty(), Type::Int);
        self.with(key, Value::Int(value.try_into().unwrap_or(i64::MAX)))
    }

    /// Sets a number; what is no number is left out.
    #[must_use]
    pub fn float(self, key: Key, value: f64) -> Self {
        debug_assert_eq!(key.ty(), Type::Float);
        if value.is_finite() { self.with(key, Value::Float(value)) } else { self }
    }

    /// Sets yes or no.
    #[must_use]
    pub fn flag(self, key: Key, value: bool) -> Self {
        debug_assert_eq!(key.ty(), Type::Bool);
        self.with(key, Value::Bool(value))
    }

    /// Sets a moment.
    #[must_use]
    pub fn time(self, key: Key, value: Wall) -> Self {
        debug_assert_eq!(key.ty(), Type::Time);
        self.with(key, Value::Time(value))
    }

    /// Sets a value, in the place that its key has; one that was there is replaced.
    #[must_use]
    pub fn with(mut self, key: Key, value: Value) -> Self {
        match self.fields.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(at) => self.fields[at].1 = value,
            Err(at) => self.fields.insert(at, (key, value)),
        }
        self
    }

    /// The value of a key.
    pub fn get(&self, key: Key) -> Option<&Value> {
        let at = self.fields.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        Some(&self.fields[at].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_in_the_order_of_their_keys_whatever_came_first() {
        let draft = Draft::new(Wall(0), Level::Info, Kind::System, "start")
            .text(Key::Version, "1")
            .text(Key::Broker, "main")
            .text(Key::Broker, "other")
            .text(Key::User, "");
        let keys: Vec<Key> = draft.fields.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, [Key::Broker, Key::Version]);
        assert_eq!(draft.get(Key::Broker), Some(&Value::Text("other".into())));
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_and_what_is_too_long_is_marked() {
        let draft = Draft::new(Wall(0), Level::Info, Kind::System, "x")
            .bytes(Key::Topic, b"a\xFF")
            .bytes(Key::User, "ä".as_bytes())
            .short(Key::Cmd, "ääää", 3)
            .short(Key::Source, "12345", 4)
            .short(Key::Reason, "1234", 4);
        let text = |key| match draft.get(key) {
            Some(Value::Text(text)) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!((text(Key::Topic), text(Key::Raw)), (&"a\u{fffd}".into(), &"topic=Yf8=".into()));
        assert_eq!((text(Key::User), text(Key::Cmd)), (&"ä".into(), &"ä".into()));
        assert_eq!((text(Key::Reason), text(Key::Trunc)), (&"1234".into(), &"cmd:8,source:5".into()));
    }

    #[test]
    fn every_word_is_read_back_and_is_of_its_own() {
        for key in Key::ALL {
            assert_eq!(Key::from_word(key.word()), Some(*key));
        }
        for kind in Kind::ALL {
            assert_eq!(Kind::from_word(kind.word()), Some(*kind));
        }
    }
}
