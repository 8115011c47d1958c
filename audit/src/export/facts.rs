//! What a record says, to be taken piece by piece: what no form has taken is there at the end, so that nothing is
//! forgotten. Nothing here may know a form.

use crate::line::{self, Format, fields};
use crate::record::{Draft, Key, Kind, Level, Record, Value};
use serde_json::{Map, Value as Json};
use watchkeeper_core::time::Wall;

/// A record and its line.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) line: &'a str,
    pub(super) origin: &'a str,
    pub(super) seq: u64,
    pub(super) ts: Wall,
    pub(super) level: Level,
    pub(super) kind: Kind,
    pub(super) event: String,
    rest: Draft,
    /// Keys of later versions, with their values as text.
    later: Vec<(String, String)>,
}

/// The keys that every record has.
const FIRST: [&str; 5] = ["seq", "ts", "level", "type", "event"];

impl<'a> Facts<'a> {
    pub(super) fn new(line: &'a str, origin: &'a str, record: Record) -> Self {
        let unknown = |key: &str| Key::from_word(key).is_none() && !FIRST.contains(&key);
        let later = fields(line)
            .filter(|(key, _)| unknown(key))
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .collect();
        let Record { seq, draft } = record;
        let (ts, level, kind, event) = (draft.ts, draft.level, draft.kind, draft.event.to_string());
        Self { line, origin, seq, ts, level, kind, event, rest: draft, later }
    }

    /// The value of a key, which is then no longer here.
    pub(super) fn take(&mut self, key: Key) -> Option<Value> {
        let at = self.rest.fields.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        Some(self.rest.fields.remove(at).1)
    }

    /// The same as JSON.
    pub(super) fn json(&mut self, key: Key) -> Option<Json> {
        self.take(key).map(|value| to_json(&value))
    }

    /// The text of a key, which stays here.
    pub(super) fn text(&self, key: Key) -> Option<&str> {
        match self.rest.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A number of a key, which stays here.
    pub(super) fn float(&self, key: Key) -> Option<f64> {
        match self.rest.get(key) {
            Some(Value::Float(number)) => Some(*number),
            _ => None,
        }
    }

    /// A moment of a key, which stays here.
    pub(super) fn time(&self, key: Key) -> Option<Wall> {
        match self.rest.get(key) {
            Some(Value::Time(at)) => Some(*at),
            _ => None,
        }
    }

    /// What nobody has taken.
    pub(super) fn rest(&self) -> impl Iterator<Item = (&str, Value)> {
        let known = self.rest.fields.iter().map(|(key, value)| (key.word(), value.clone()));
        let later = self.later.iter().map(|(key, value)| (&**key, Value::Text(value.as_str().into())));
        known.chain(later)
    }

    /// The same as members of an object.
    pub(super) fn rest_json(&self) -> Map<String, Json> {
        self.rest().map(|(key, value)| (key.to_owned(), to_json(&value))).collect()
    }

    /// One sentence for people.
    pub(super) fn sentence(&self) -> String {
        self.text(Key::Details).filter(|details| !details.is_empty()).unwrap_or(&self.event).to_owned()
    }

    /// Whether it worked, as far as the record says.
    pub(super) fn worked(&self) -> Option<bool> {
        let result = self.text(Key::Result).unwrap_or_default().to_ascii_lowercase();
        match result.as_str() {
            "success" | "ok" | "done" | "completed" => return Some(true),
            "failure" | "failed" | "error" | "rejected" | "denied" | "timeout" => return Some(false),
            _ => {}
        }
        match &*self.event {
            "client_connected" => Some(true),
            "client_refused" | "publish_denied" | "subscribe_denied" | "write_failed" => Some(false),
            _ => None,
        }
    }

    /// The line as JSON, with keys of later versions as text.
    pub(super) fn ndjson(&self) -> String {
        let line = line::encode(&self.rest, Format::Json).line(self.seq);
        let line = line.trim_end();
        if self.later.is_empty() {
            return line.to_owned();
        }
        let later: Map<String, Json> =
            self.later.iter().map(|(key, value)| (key.clone(), Json::from(value.as_str()))).collect();
        let later = super::plain(&Json::Object(later));
        format!("{},{}", line.trim_end_matches('}'), later.trim_start_matches('{'))
    }
}

pub(super) fn to_json(value: &Value) -> Json {
    match value {
        Value::Text(text) => Json::from(&**text),
        Value::Int(number) => Json::from(*number),
        Value::Float(number) => Json::from(*number),
        Value::Bool(yes) => Json::from(*yes),
        Value::Time(at) => Json::from(line::moment(*at)),
    }
}

/// A value as text, for forms that know nothing else.
pub(super) fn to_text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => ryu::Buffer::new().format(*number).to_owned(),
        Value::Bool(yes) => yes.to_string(),
        Value::Time(at) => line::moment(*at),
    }
}

/// An object of what is there.
pub(super) fn object<const N: usize>(members: [(&str, Option<Json>); N]) -> Json {
    members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect::<Map<_, _>>()
        .into()
}

/// The same; none when nothing is there.
pub(super) fn some_object<const N: usize>(members: [(&str, Option<Json>); N]) -> Option<Json> {
    let object = object(members);
    object.as_object().is_some_and(|members| !members.is_empty()).then_some(object)
}
