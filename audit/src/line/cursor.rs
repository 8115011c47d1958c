//! A place in a JSON line, moving to the right. It must never panic and never go back.

use super::{Damage, Flaw, literal, value};
use serde::de::IgnoredAny;
use std::borrow::Cow;

#[derive(Debug)]
pub(super) struct Cursor<'a> {
    line: &'a str,
    at: usize,
}

/// A value of JSON.
#[derive(Debug)]
pub(super) enum Token<'a> {
    /// Text, without its escapes.
    Text(Cow<'a, str>),
    /// A number, `true`, `false`, or something of a later version, as it stands.
    Plain(&'a str),
}

impl<'a> Cursor<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Self { line, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn rest(&self) -> &'a str {
        self.line.get(self.at..).unwrap_or_default()
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    pub(super) fn wants(&self, what: &'static str) -> Damage {
        Damage { at: self.at, flaw: Flaw::Expected(what) }
    }

    /// Goes past `text` if it stands here.
    pub(super) fn eat(&mut self, text: &str) -> bool {
        let here = self.rest().starts_with(text);
        if here {
            self.at += text.len();
        }
        here
    }

    /// A member of text that has to be here.
    pub(super) fn member<T>(
        &mut self,
        name: &'static str,
        what: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Damage> {
        let here = self.at;
        let bad = Damage { at: here, flaw: Flaw::Expected(what) };
        if self.name()? != name {
            return Err(bad);
        }
        match self.token()? {
            Token::Text(text) => read(&text).ok_or(bad),
            Token::Plain(_) => Err(bad),
        }
    }

    /// The name of the next member; goes past the colon.
    pub(super) fn name(&mut self) -> Result<&'a str, Damage> {
        if !self.eat(",") {
            return Err(self.wants("a comma or the end"));
        }
        let (name, length) = literal::split(self.rest()).ok_or_else(|| self.wants("a key"))?;
        if !is_name(name) {
            return Err(self.wants("a key"));
        }
        self.at += length;
        if self.eat(":") { Ok(name) } else { Err(self.wants("a colon")) }
    }

    /// The next value.
    pub(super) fn token(&mut self) -> Result<Token<'a>, Damage> {
        let rest = self.rest();
        if rest.starts_with('"') {
            let (inner, length) = literal::split(rest).ok_or(Damage { at: self.at, flaw: Flaw::Text })?;
            let text = literal::unescape(inner, false)
                .map_err(|at| Damage { at: self.at + 1 + at, flaw: Flaw::Text })?;
            self.at += length;
            return Ok(Token::Text(text));
        }
        let length = plain_length(rest).ok_or_else(|| self.wants("a value"))?;
        self.at += length;
        Ok(Token::Plain(&rest[..length]))
    }
}

/// True for what may be the key of any version.
pub(super) fn is_name(name: &str) -> bool {
    let more = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'.';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(more)
}

/// How long the value is that stands here and is no text.
fn plain_length(rest: &str) -> Option<usize> {
    if let Some(word) = ["true", "false", "null"].iter().find(|word| rest.starts_with(**word)) {
        return Some(word.len());
    }
    if rest.starts_with(['{', '[']) {
        let length = nested_length(rest)?;
        return serde_json::from_str::<IgnoredAny>(&rest[..length]).ok().map(|_| length);
    }
    value::number_length(rest.as_bytes())
}

/// Up to the bracket that closes the one at the start. Only versions to come write such values.
pub(super) fn nested_length(rest: &str) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        match rest.as_bytes().get(at)? {
            b'"' => at += literal::split(&rest[at..])?.1 - 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            byte if *byte < 0x20 => return None,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}
