//! The fields of a line, one after the other and without reading the whole: what a search looks at. It knows no keys,
//! so that lines of later versions have all theirs. It must never panic, never end late, and never fail: of a line
//! that is damaged it yields what can be told apart.

use super::cursor::nested_length;
use super::literal;
use memchr::{Memchr, memchr, memchr_iter};
use std::borrow::Cow;

/// Keys and values of a line; texts without quotes and escapes, everything else as it stands.
pub fn fields(line: &str) -> Fields<'_> {
    if line.starts_with('{') {
        return Fields { line, at: 1, form: Form::Json };
    }
    Fields { line, at: 0, form: Form::Pipe { bars: memchr_iter(b'|', line.as_bytes()), passed: 0 } }
}

/// See `fields`.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    line: &'a str,
    at: usize,
    form: Form<'a>,
}

#[derive(Clone, Debug)]
enum Form<'a> {
    Json,
    Pipe { bars: Memchr<'a>, passed: u8 },
}

/// What the first fields of a pipe line are, which stand there without their keys.
const FIRST: [&str; 3] = ["ts", "level", "type"];

impl<'a> Iterator for Fields<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.form {
            Form::Json => self.member(),
            Form::Pipe { bars, passed } => loop {
                let from = self.at;
                if from > self.line.len() {
                    return None;
                }
                let end = bars.next().unwrap_or(self.line.len());
                self.at = end + 1;
                let part = between(self.line, from, end);
                if let Some(key) = FIRST.get(usize::from(*passed)) {
                    *passed += 1;
                    return Some((Cow::Borrowed(key), Cow::Borrowed(part)));
                }
                // A part without a sign is no field; it stands in damaged lines only.
                let Some(sign) = part.bytes().position(|byte| byte == b'=') else { continue };
                return Some((Cow::Borrowed(&part[..sign]), text(&part[sign + 1..])));
            },
        }
    }
}

/// The part of the line, without the one space on either side that belongs to the bars.
fn between(line: &str, from: usize, end: usize) -> &str {
    let part = &line[from..end];
    let part = if from > 0 { part.strip_prefix(' ').unwrap_or(part) } else { part };
    if end < line.len() { part.strip_suffix(' ').unwrap_or(part) } else { part }
}

/// A value of the pipe form; what is no right literal stays as it stands.
fn text(value: &str) -> Cow<'_, str> {
    match literal::split(value) {
        Some((inner, length)) if length == value.len() => plain(inner),
        _ => Cow::Borrowed(value),
    }
}

fn plain(inner: &str) -> Cow<'_, str> {
    if memchr(b'\\', inner.as_bytes()).is_none() {
        return Cow::Borrowed(inner);
    }
    literal::unescape(inner, false).unwrap_or(Cow::Borrowed(inner))
}

impl<'a> Fields<'a> {
    fn member(&mut self) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
        let found = self.try_member();
        if found.is_none() {
            self.at = self.line.len();
        }
        found
    }

    fn try_member(&mut self) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
        let rest = self.line.get(self.at..)?;
        let rest = rest.strip_prefix(',').unwrap_or(rest);
        let (key, length) = literal::split(rest)?;
        let rest = rest[length..].strip_prefix(':')?;
        let (value, length) = match rest.as_bytes().first()? {
            b'"' => literal::split(rest).map(|(inner, length)| (plain(inner), length))?,
            b'{' | b'[' => nested_length(rest).map(|length| (Cow::Borrowed(&rest[..length]), length))?,
            _ => {
                let length = rest.bytes().position(|byte| byte == b',' || byte == b'}')?;
                (Cow::Borrowed(&rest[..length]), length)
            }
        };
        self.at = self.line.len() - rest.len() + length;
        Some((plain(key), value))
    }
}
