//! What a record says, before it is a line: a closed set of types and keys, so that what goes out comes back.
//! Nothing here may be written to a file.

mod key;

pub use key::{Key, Kind, Level, Type};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;
use watchkeeper_core::time::Wall;

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
            assert!(key.word().len() <= 15, "lines are cut with keys of this length in mind: {key:?}");
            assert_eq!(Key::from_word(key.word()), Some(*key));
        }
        for kind in Kind::ALL {
            assert_eq!(Kind::from_word(kind.word()), Some(*kind));
        }
    }
}
