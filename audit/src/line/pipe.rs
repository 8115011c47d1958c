//! The pipe form, that of the seeds: moment, level and type, then `key=value`, all between ` | `. A value is bare or
//! a literal in which the bar is escaped, so that a bar is always the end of a field. Nothing here may write another.

use super::cursor::is_name;
use super::{Damage, Encoded, Flaw, decimal, literal, moment, value};
use crate::record::{Draft, Key, Kind, Level, Record, Type, Value};
use std::borrow::Cow;

pub(super) const BETWEEN: &str = " | ";
const SEQ: &str = "seq=";

pub(super) fn write(draft: &Draft) -> Encoded {
    let mut head = String::with_capacity(64);
    moment::push(draft.ts, &mut head);
    for word in [draft.level.word(), draft.kind.word(), SEQ] {
        head.push_str(BETWEEN);
        head.push_str(word);
    }
    let mut tail = String::with_capacity(256);
    tail.push_str(" | event=");
    tail.push_str(&draft.event);
    for (key, value) in &draft.fields {
        tail.push_str(BETWEEN);
        tail.push_str(key.word());
        tail.push('=');
        match value {
            Value::Text(text) if literal::is_bare(text) => tail.push_str(text),
            Value::Text(text) => literal::push(text, true, &mut tail),
            Value::Int(number) => value::push_int(*number, &mut tail),
            Value::Float(number) => value::push_float(*number, &mut tail),
            Value::Bool(yes) => value::push_bool(*yes, &mut tail),
            Value::Time(at) => moment::push(*at, &mut tail),
        }
    }
    tail.push('\n');
    Encoded { head, tail }
}

/// The number, and what follows it.
pub(super) fn seq(line: &[u8]) -> Option<(u64, &[u8])> {
    let mut rest = line.get(moment::BYTES..)?.strip_prefix(BETWEEN.as_bytes())?;
    for _ in 0..2 {
        let word = rest.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
        rest = rest.get(word..)?.strip_prefix(BETWEEN.as_bytes())?;
    }
    decimal(rest.strip_prefix(SEQ.as_bytes())?)
}

pub(super) fn read(line: &str) -> Result<Record, Damage> {
    let mut parts = Parts { line, at: 0, end: false };
    let ts = parts.next("a moment", |text| moment::parse(text.as_bytes()))?;
    let level = parts.next("a level", Level::from_word)?;
    let kind = parts.next("a type", Kind::from_word)?;
    let number = |text: &str| match decimal(text.strip_prefix(SEQ)?.as_bytes())? {
        (number, []) => Some(number),
        _ => None,
    };
    let seq = parts.next("seq=number", number)?;
    let event = parts.next("event=word", |text| {
        let word = text.strip_prefix("event=")?;
        matches!(super::event_word(word), Cow::Borrowed(_)).then(|| word.to_owned())
    })?;
    let mut draft = Draft::new(ts, level, kind, event);
    while !parts.end {
        let at = parts.at;
        let (name, text) = parts.next("key=value", |text| {
            let (name, text) = text.split_once('=')?;
            is_name(name).then_some((name, text))
        })?;
        let value_at = at + name.len() + 1;
        let key = Key::from_word(name);
        let value = field(text, key.map(Key::ty)).map_err(|flaw| Damage { at: value_at, flaw })?;
        let (Some(key), Some(value)) = (key, value) else { continue };
        if draft.fields.last().is_some_and(|(last, _)| *last >= key) {
            return Err(Damage { at, flaw: Flaw::Order });
        }
        draft.fields.push((key, value));
    }
    Ok(Record { seq, draft })
}

/// The value of a field; none when no type is known for it, which is checked all the same.
fn field(text: &str, ty: Option<Type>) -> Result<Option<Value>, Flaw> {
    let bare = literal::is_bare(text);
    match ty {
        Some(Type::Text) | None if bare => Ok(ty.map(|_| Value::Text(text.into()))),
        Some(Type::Text) | None => {
            let (inner, length) = literal::split(text).ok_or(Flaw::Text)?;
            let whole = if length == text.len() { literal::unescape(inner, true).ok() } else { None };
            let meaning = whole.ok_or(Flaw::Text)?;
            Ok(ty.map(|_| Value::Text(meaning.into())))
        }
        Some(ty) => value::read(text, ty).map(Some).ok_or(Flaw::Type),
    }
}

/// What stands between the bars, one after the other.
struct Parts<'a> {
    line: &'a str,
    at: usize,
    /// The line has no further part.
    end: bool,
}

impl<'a> Parts<'a> {
    fn next<T>(&mut self, what: &'static str, read: impl FnOnce(&'a str) -> Option<T>) -> Result<T, Damage> {
        let bad = Damage { at: self.at, flaw: Flaw::Expected(what) };
        if self.end {
            return Err(bad);
        }
        let rest = &self.line[self.at..];
        let part = if let Some((part, _)) = rest.split_once(BETWEEN) {
            self.at += part.len() + BETWEEN.len();
            part
        } else {
            self.at = self.line.len();
            self.end = true;
            rest
        };
        read(part).ok_or(bad)
    }
}
