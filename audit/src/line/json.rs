//! The JSON form: one object in one line, members in the order of `Key`, no spaces. Nothing here may write a member
//! twice or read a line whose first five members are not the five that every record has.

use super::cursor::{Cursor, Token};
use super::{Damage, Encoded, Flaw, decimal, literal, moment, value};
use crate::record::{Draft, Key, Kind, Level, Record, Type, Value};
use std::borrow::Cow;

const SEQ: &str = "{\"seq\":";
/// What stands between the number and the moment.
pub(super) const TS: &[u8] = b",\"ts\":\"";

pub(super) fn write(draft: &Draft) -> Encoded {
    let mut out = String::with_capacity(256);
    out.push_str(",\"ts\":\"");
    moment::push(draft.ts, &mut out);
    for (before, word) in [
        ("\",\"level\":\"", draft.level.word()),
        ("\",\"type\":\"", draft.kind.word()),
        ("\",\"event\":\"", &draft.event),
    ] {
        out.push_str(before);
        out.push_str(word);
    }
    out.push('"');
    for (key, value) in &draft.fields {
        out.push_str(",\"");
        out.push_str(key.word());
        out.push_str("\":");
        match value {
            Value::Text(text) => literal::push(text, false, &mut out),
            Value::Int(number) => value::push_int(*number, &mut out),
            Value::Float(number) => value::push_float(*number, &mut out),
            Value::Bool(yes) => value::push_bool(*yes, &mut out),
            Value::Time(at) => {
                out.push('"');
                moment::push(*at, &mut out);
                out.push('"');
            }
        }
    }
    out.push_str("}\n");
    Encoded { head: SEQ.to_owned(), tail: out }
}

/// The number at the start, and what follows it.
pub(super) fn seq(line: &[u8]) -> Option<(u64, &[u8])> {
    decimal(line.strip_prefix(SEQ.as_bytes())?)
}

pub(super) fn read(line: &str) -> Result<Record, Damage> {
    let mut cursor = Cursor::new(line);
    let (number, rest) = seq(line.as_bytes()).ok_or_else(|| cursor.wants("{\"seq\":number"))?;
    cursor.skip(line.len() - rest.len());
    let ts = cursor.member("ts", "a moment", |text| moment::parse(text.as_bytes()))?;
    let level = cursor.member("level", "a level", Level::from_word)?;
    let kind = cursor.member("type", "a type", Kind::from_word)?;
    let word = |text: &str| matches!(super::event_word(text), Cow::Borrowed(_)).then(|| text.to_owned());
    let event = cursor.member("event", "an event", word)?;
    let mut draft = Draft::new(ts, level, kind, event);
    while !cursor.eat("}") {
        let at = cursor.at();
        let name = cursor.name()?;
        let value_at = cursor.at();
        let token = cursor.token()?;
        let Some(key) = Key::from_word(name) else { continue };
        if draft.fields.last().is_some_and(|(last, _)| *last >= key) {
            return Err(Damage { at, flaw: Flaw::Order });
        }
        let value = value(token, key.ty()).ok_or(Damage { at: value_at, flaw: Flaw::Type })?;
        draft.fields.push((key, value));
    }
    if cursor.at() == line.len() {
        Ok(Record { seq: number, draft })
    } else {
        Err(cursor.wants("the end of the line"))
    }
}

fn value(token: Token<'_>, ty: Type) -> Option<Value> {
    match (token, ty) {
        (Token::Text(text), Type::Text) => Some(Value::Text(text.into())),
        (Token::Text(text), Type::Time) => value::read(&text, ty),
        (Token::Plain(text), Type::Int | Type::Float | Type::Bool) => value::read(text, ty),
        _ => None,
    }
}
