//! The two texts of a record, and the way back. Whatever strangers put into a topic, a client id or a payload, one
//! record is one line, and splitting a pipe line at ` | ` is always right. Nothing here may touch a file, panic on
//! what it reads, or write a line that it cannot read.
//!
//! The place in the log is not known when a record becomes text; so there are a head and a tail, and the writer puts
//! the number between them.

mod cursor;
mod cut;
mod fields;
mod json;
mod literal;
mod moment;
mod pipe;
#[cfg(test)]
pub(crate) mod tests;
mod value;

pub use fields::{Fields, fields};
pub use literal::{is_bare, is_escaped};

use crate::record::{Draft, Record};
use std::borrow::Cow;
use watchkeeper_core::time::Wall;

/// The longest line, with its line end and with the longest sequence number.
pub const LINE_BYTES_MAX: usize = 65_536;

/// The longest event word; longer ones are cut.
const EVENT_BYTES_MAX: usize = 64;
/// Digits of the largest sequence number.
const SEQ_BYTES_MAX: usize = 20;

/// How a record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// An object of JSON.
    Json,
    /// Fields between vertical bars.
    Pipe,
}

/// A line without its number: the line is head, number in decimal, tail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// What stands before the number.
    pub head: String,
    /// What stands after it, with the line end.
    pub tail: String,
}

impl Encoded {
    /// The line with this number, line end included.
    pub fn line(&self, seq: u64) -> String {
        format!("{}{seq}{}", self.head, self.tail)
    }

    /// How long the line is with the longest number.
    pub fn bytes_max(&self) -> usize {
        self.head.len() + SEQ_BYTES_MAX + self.tail.len()
    }
}

/// Why a line is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}: {flaw}")]
pub struct Damage {
    /// Where, in bytes from the start of the line.
    pub at: usize,
    /// What.
    pub flaw: Flaw,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Longer than any line of ours.
    #[error("the line is longer than 64 KiB")]
    TooLong,
    /// Something else stands where the grammar wants this.
    #[error("{0} is expected here")]
    Expected(&'static str),
    /// A literal without end, with a wrong escape, or with a character that must be escaped.
    #[error("this text is not written as a record's")]
    Text,
    /// A key out of its order, or twice.
    #[error("this key is not in its place")]
    Order,
    /// Not what this key's values are.
    #[error("the value is not of its key's type")]
    Type,
}

/// A record as text, cut where it would be longer than a line may be.
pub fn encode(draft: &Draft, format: Format) -> Encoded {
    let draft = cut::in_order(draft);
    let whole = write(&draft, format);
    if whole.bytes_max() <= LINE_BYTES_MAX { whole } else { write(&cut::to_fit(&draft, format), format) }
}

fn write(draft: &Draft, format: Format) -> Encoded {
    match format {
        Format::Json => json::write(draft),
        Format::Pipe => pipe::write(draft),
    }
}

/// A line, without its line end, as a record. Keys that this version does not know are passed over.
pub fn parse(line: &str) -> Result<Record, Damage> {
    if line.len() >= LINE_BYTES_MAX {
        return Err(Damage { at: LINE_BYTES_MAX, flaw: Flaw::TooLong });
    }
    if line.starts_with('{') { json::read(line) } else { pipe::read(line) }
}

/// The number of a line, without reading the rest.
pub fn seq(line: &[u8]) -> Option<u64> {
    let (number, _) = if line.first() == Some(&b'{') { json::seq(line) } else { pipe::seq(line) }?;
    Some(number)
}

/// The moment of a line, without reading the rest.
pub fn ts(line: &[u8]) -> Option<Wall> {
    if line.first() != Some(&b'{') {
        return moment::parse(line.get(..moment::BYTES)?);
    }
    let (_, rest) = json::seq(line)?;
    moment::parse(rest.strip_prefix(json::TS)?.get(..moment::BYTES)?)
}

/// A moment as a record writes it: 27 bytes.
pub fn moment(at: Wall) -> String {
    let mut out = String::with_capacity(moment::BYTES);
    moment::push(at, &mut out);
    out
}

/// Reads a moment as a record writes it, and in no other form.
pub fn parse_moment(text: &str) -> Option<Wall> {
    moment::parse(text.as_bytes())
}

/// What stands between the quotes of a text in a line of this form; without quotes where the form needs none. A
/// search for this finds the text wherever it is.
pub fn escaped(text: &str, format: Format) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    literal::push_inner(text, format == Format::Pipe, &mut out);
    Cow::Owned(out)
}

/// The event word as a record may have it: small letters, digits and underscores.
pub(crate) fn event_word(event: &str) -> Cow<'_, str> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if event.len() <= EVENT_BYTES_MAX && !event.is_empty() && event.bytes().all(good) {
        return Cow::Borrowed(event);
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let word: String = event.chars().map(plain).take(EVENT_BYTES_MAX).collect();
    Cow::Owned(if word.is_empty() { "unnamed".to_owned() } else { word })
}

/// The digits at the start, and what follows: no sign, no zero before others.
fn decimal(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let zero = digits > 1 && bytes[0] == b'0';
    if digits == 0 || digits > SEQ_BYTES_MAX || zero {
        return None;
    }
    let (digits, rest) = bytes.split_at(digits);
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((number, rest))
}
