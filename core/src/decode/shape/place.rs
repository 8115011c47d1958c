//! Places in a document relative to the numbers and dates in it. What is here is arithmetic; it must never
//! decide what is worth learning.

use super::STAMP_MAX;
use crate::decode::{Member, Text, span};

/// The value of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Of {
    Absent,
    Wrong,
    Slot(u16),
}

/// A member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Place {
    #[default]
    Absent,
    Other,
    Text(Near),
    Slot(u16),
}

/// A piece of text by its distance from the end of the slot before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Near {
    /// Number of slots before it; `OWNED`: it is not in the document but in the strings.
    pub(super) after: u16,
    pub(super) distance: u16,
    pub(super) length: u16,
}

pub(super) const OWNED: u16 = u16::MAX;

/// A number or timestamp of the document at hand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) number: f64,
    pub(super) is_stamp: bool,
}

impl Near {
    pub(super) fn text(self, found: &[Slot]) -> Text {
        let base = match self.after {
            0 | OWNED => 0,
            n => found[usize::from(n) - 1].end,
        };
        let start = base + usize::from(self.distance);
        span(start, start + usize::from(self.length), self.after == OWNED)
    }
}

pub(super) fn near(text: Text, found: &[Slot]) -> Option<Near> {
    let length = u16::try_from(text.end - text.start).ok()?;
    if text.owned {
        return Some(Near { after: OWNED, distance: u16::try_from(text.start).ok()?, length });
    }
    let start = text.start as usize;
    let after = found.partition_point(|slot| slot.end <= start);
    let base = if after == 0 { 0 } else { found[after - 1].end };
    let after = u16::try_from(after).ok().filter(|after| *after != OWNED)?;
    Some(Near { after, distance: u16::try_from(start - base).ok()?, length })
}

pub(super) fn place(member: Member, found: &[Slot]) -> Option<Place> {
    Some(match member {
        Member::Absent => Place::Absent,
        Member::Other => Place::Other,
        Member::Number(_, text) => Place::Slot(slot_at(text.start as usize, found)?),
        Member::Text(text) if text.owned => Place::Text(near(text, found)?),
        Member::Text(text) => match slot_at(text.start as usize, found) {
            Some(slot) => Place::Slot(slot),
            None => Place::Text(near(text, found)?),
        },
    })
}

pub(super) fn slot_at(start: usize, found: &[Slot]) -> Option<u16> {
    found.binary_search_by_key(&start, |slot| slot.start).ok().and_then(|at| u16::try_from(at).ok())
}

/// Whether a text looks like a date, which changes with every message even where nobody asks for it.
pub(super) fn is_date(text: &[u8]) -> bool {
    const FORM: &[u8] = b"0000-00-";
    let alike = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
    text.len() >= FORM.len() && text.iter().zip(FORM).all(alike) && is_plain(text)
}

/// Whether a text may stand in a slot.
pub(super) fn is_plain(text: &[u8]) -> bool {
    stamp_length(text) == text.len()
}

/// Whether the string that ends here is the name of a member.
pub(super) fn is_name(bytes: &[u8], end: usize) -> bool {
    bytes[end + 1..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}

/// Where a string ends that begins at `at`, behind its quote.
pub(super) fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// How many plain characters stand before the closing quote of a text that may change.
pub(super) fn stamp_length(bytes: &[u8]) -> usize {
    let plain = |byte: &&u8| matches!(byte, b' ' | b'!' | b'#'..=b'[' | b']'..=b'~');
    bytes.iter().take(STAMP_MAX).take_while(plain).count()
}
