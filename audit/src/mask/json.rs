//! Documents without their secrets, as a value and as text. Nothing here may change what it does not hide.

use super::{HIDDEN, Mask, text};
use serde::de::IgnoredAny;
use serde_json::Value;
use std::borrow::Cow;
use std::ops::Range;

/// Members that say what the value beside them is called, and those that are that value.
const NAMES: &[&str] = &["name", "key", "field", "param", "parameter", "setting", "option", "id"];
const VALUES: &[&str] = &["value", "val", "old", "new", "old_value", "new_value", "default"];

/// Documents that are nested deeper are no JSON to us, as they are none to most readers. Each level takes some of the
/// stack, and a topic alone has room for more of them than any stack; so this counts for everything that is nested
/// in a text, documents inside of the texts of a document among it.
pub(super) const DEPTH_MAX: usize = 128;

pub(super) fn value(mask: &Mask, document: &Value) -> Value {
    match document {
        Value::Object(members) => {
            let named = members.iter().any(|(name, value)| {
                NAMES.contains(&&**name) && value.as_str().is_some_and(|name| mask.key(name))
            });
            let member = |(name, member): (&String, &Value)| {
                let hide = mask.key(name) || (named && VALUES.contains(&&**name));
                (mask.text(name).into_owned(), if hide { hidden(member) } else { value(mask, member) })
            };
            Value::Object(members.iter().map(member).collect())
        }
        Value::Array(elements) => elements.iter().map(|element| value(mask, element)).collect(),
        Value::String(text) => Value::String(mask.text(text).into_owned()),
        other => other.clone(),
    }
}

fn hidden(value: &Value) -> Value {
    if value.is_null() { Value::Null } else { Value::from(HIDDEN) }
}

/// None for what is no JSON, and for what is nested deeper than `room`.
pub(super) fn text<'a>(mask: &Mask, document: &'a str, room: usize) -> Option<Cow<'a, str>> {
    // Its reader passes over values without going into them, and so sets no limit of its own to how deep they are.
    if is_deeper(document, room) || serde_json::from_str::<IgnoredAny>(document).is_err() {
        return None;
    }
    let mut walk = Walk { mask, text: document, at: 0, copied: 0, out: String::new(), room };
    walk.value();
    if walk.copied == 0 && walk.out.is_empty() {
        return Some(Cow::Borrowed(document));
    }
    walk.out.push_str(&document[walk.copied..]);
    Some(Cow::Owned(walk.out))
}

/// Whether more brackets than this are open at some place. Those inside of texts are none.
fn is_deeper(document: &str, room: usize) -> bool {
    let (mut depth, mut quoted) = (0_usize, false);
    let mut bytes = document.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if quoted => _ = bytes.next(),
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > room {
            return true;
        }
    }
    false
}

/// A walk through a document that is known to be JSON, and not too deep.
struct Walk<'a> {
    mask: &'a Mask,
    text: &'a str,
    at: usize,
    /// Up to here the document is in `out`.
    copied: usize,
    out: String,
    /// So many levels may still be nested in what comes.
    room: usize,
}

impl<'a> Walk<'a> {
    fn value(&mut self) {
        self.blanks();
        match self.peek() {
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b'"' => _ = self.string(),
            _ => self.plain(),
        }
    }

    fn nested(&mut self, walk: fn(&mut Self)) {
        let room = self.room;
        self.room = room.saturating_sub(1);
        walk(self);
        self.room = room;
    }

    fn array(&mut self) {
        while self.more(b']') {
            self.value();
        }
    }

    fn object(&mut self) {
        let mut named = false;
        // Where the values stand that are secrets if a name beside them says so.
        let mut suspects: Vec<Range<usize>> = Vec::new();
        while self.more(b'}') {
            let name = self.string();
            self.blanks();
            self.at += 1;
            self.blanks();
            if self.mask.key(&name) {
                self.hide();
            } else if NAMES.contains(&&*name) && self.peek() == b'"' {
                let called = self.string();
                named |= self.mask.key(&called);
            } else if VALUES.contains(&&*name) {
                let from = self.place();
                self.value();
                suspects.push(from..self.place());
            } else {
                self.value();
            }
        }
        if named {
            self.hide_again(&suspects);
        }
    }

    /// Goes past the bracket that opens or the comma; false at the one that closes, past which it goes, too.
    fn more(&mut self, close: u8) -> bool {
        self.blanks();
        let sign = self.peek();
        self.at += 1;
        if sign == close {
            return false;
        }
        self.blanks();
        // Right after the opening bracket stands the closing one where there is nothing inside.
        if sign != b',' && self.peek() == close {
            self.at += 1;
            return false;
        }
        true
    }

    /// A text, masked as such; gives what it was.
    fn string(&mut self) -> String {
        let from = self.at;
        let literal = self.literal();
        let meaning: String = serde_json::from_str(literal).unwrap_or_default();
        if let Cow::Owned(masked) = text::hide(self.mask, &meaning, self.room) {
            self.replace(from, &Value::from(masked).to_string());
        }
        meaning
    }

    fn hide(&mut self) {
        let from = self.at;
        self.pass();
        if &self.text[from..self.at] != "null" {
            self.replace(from, "\"***\"");
        }
    }

    /// Goes past a value without a look into it.
    fn pass(&mut self) {
        let mut depth = 0_usize;
        loop {
            self.blanks();
            match self.peek() {
                b'"' => _ = self.literal(),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                b',' | b':' => self.at += 1,
                _ => self.plain(),
            }
            if depth == 0 || self.at >= self.text.len() {
                return;
            }
        }
    }

    fn literal(&mut self) -> &'a str {
        let from = self.at;
        let bytes = self.text.as_bytes();
        self.at += 1;
        while let Some(byte) = bytes.get(self.at) {
            self.at += match byte {
                b'"' => break,
                b'\\' => 2,
                _ => 1,
            };
        }
        self.at += 1;
        self.text.get(from..self.at).unwrap_or_default()
    }

    fn plain(&mut self) {
        let end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
        let rest = &self.text.as_bytes()[self.at.min(self.text.len())..];
        self.at += rest.iter().position(end).unwrap_or(rest.len()).max(1);
    }

    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or_default()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// What stands from `from` to here becomes something else.
    fn replace(&mut self, from: usize, with: &str) {
        self.out.push_str(&self.text[self.copied..from]);
        self.out.push_str(with);
        self.copied = self.at;
    }

    /// Where the next byte comes to stand in what is written.
    fn place(&self) -> usize {
        self.out.len() + self.at - self.copied
    }

    /// Hides what was passed already; the places are in order and apart.
    fn hide_again(&mut self, places: &[Range<usize>]) {
        self.out.push_str(&self.text[self.copied..self.at]);
        self.copied = self.at;
        let Some(first) = places.first().map(|place| place.start) else { return };
        let tail = self.out.split_off(first);
        let mut done = first;
        for place in places {
            self.out.push_str(&tail[done - first..place.start - first]);
            let value = &tail[place.start - first..place.end - first];
            self.out.push_str(if value == "null" { value } else { "\"***\"" });
            done = place.end;
        }
        self.out.push_str(&tail[done - first..]);
    }
}
