//! What was learned from the last document of a topic need not be learned again: devices send one document
//! over and over, in which only numbers, dates and the texts of its outermost members change, its name among them. A shape
//! is that document cut at them: the text between, and what was read, with every place relative to the slot before it. It is
//! kept once for all topics that share it. A document that fits is valid JSON with the same members, so that comparing and
//! reading numbers is all the work there is; one that does not fit is read as if nothing had been learned.
//!
//! It must never yield anything but what the full reading would; a differential test and a fuzz target hold it
//! to that. The memory is bounded: when it has been full for long all is forgotten and learned anew.

use super::lexer::Lexer;
use super::{Claim, Decoded, Member, PointReading, Value, span};
use hashbrown::HashTable;
use place::{
    Near, Of, Place, Slot, is_date, is_name, is_plain, near, place, slot_at, stamp_length, string_end,
};
use shared::{ShapeId, Shared};
use std::hash::BuildHasher;

mod place;
mod shared;
#[cfg(test)]
mod tests;

/// Text between numbers that is kept at most.
const TEXT_MAX: usize = 8 << 20;

/// Memory for the shapes themselves.
const SHAPES_MAX: usize = 32 << 20;

/// When there is no room, so many documents must have been refused before all is forgotten: where more layouts are in use
/// than fit, forgetting them would not help.
const REFUSED_MAX: u32 = if cfg!(test) { 20 } else { 100_000 };

/// A timestamp longer than this is none.
const STAMP_MAX: usize = 64;

/// What is remembered of one topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Habit {
    shape: Option<ShapeId>,
    /// Whether that is still there.
    age: u16,
    /// Documents in a row that did not fit.
    misses: u8,
}

impl Habit {
    /// Whether anything was learned.
    pub fn is_known(self) -> bool {
        self.shape.is_some()
    }

    /// Whether to learn a document that did not fit: not the first one of a topic, which may be the only one,
    /// and less and less often on a topic whose documents never are alike.
    fn is_worth_learning(&mut self) -> bool {
        const PATIENCE: u8 = 16;
        self.misses = if self.misses == u8::MAX { u8::MAX - PATIENCE } else { self.misses + 1 };
        (2..PATIENCE).contains(&self.misses) || self.misses.is_multiple_of(PATIENCE)
    }
}

/// All shapes of a fleet.
#[derive(Debug, Default)]
pub struct Shapes {
    text: Vec<u8>,
    pieces: Vec<(u32, u32)>,
    index: HashTable<u32>,
    hasher: foldhash::quality::RandomState,
    shared: Shared,
    /// How often all was forgotten.
    age: u16,
    /// Documents for which there was no room.
    refused: u32,
    found: Vec<Slot>,
}

/// One learned document.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct Shape {
    /// What stands before each slot, and after the last one.
    pieces: Box<[u32]>,
    /// Which slots are plain text; the others are numbers.
    stamps: Box<[u16]>,
    points: Box<[Point]>,
    device_id: Place,
    timestamp: Place,
    sequence: Place,
    claims: Box<[(bool, Place)]>,
    points_refused: u32,
    points_seen: bool,
    strings: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Point {
    name: Near,
    value: Of,
    status: Place,
}

impl Shapes {
    /// Reads a document by what was learned; false when it does not fit, and then nothing of `out` is to be used.
    pub fn recall(&mut self, habit: &mut Habit, payload: &str, out: &mut Decoded) -> bool {
        let Self { text, pieces, shared, found, age, .. } = self;
        let known = habit.shape.filter(|_| habit.age == *age);
        let Some(shape) = known.and_then(|id| shared.get(id)) else { return false };
        let piece = |id: u32| {
            let (start, end) = pieces[id as usize];
            &text[start as usize..end as usize]
        };
        let fits = fit(shape, piece, payload, found);
        if fits {
            habit.misses = 0;
            fill(shape, found, out);
        }
        fits
    }

    /// Learns the document that was just read into `out`, in place of an older one, if that is worth it.
    pub fn learn(&mut self, habit: &mut Habit, payload: &str, out: &Decoded) {
        let room = self.text.len() + payload.len() <= TEXT_MAX && self.shared.bytes() <= SHAPES_MAX;
        if !habit.is_worth_learning() || payload.len() > TEXT_MAX {
            return;
        }
        if !room {
            self.refused += 1;
            if self.refused < REFUSED_MAX {
                return;
            }
            // Much of it may be of documents that nobody sends any more, and what is in use is soon learned again.
            self.clear();
        }
        if self.find_slots(payload, out).is_none() {
            return;
        }
        let found = std::mem::take(&mut self.found);
        if let Some(shape) = self.cut(payload, out, &found) {
            self.forget(*habit);
            (habit.shape, habit.age) = (self.shared.share(shape), self.age);
        }
        self.found = found;
    }

    /// A topic is forgotten, of which this was remembered.
    pub fn forget(&mut self, habit: Habit) {
        if let Some(id) = habit.shape.filter(|_| habit.age == self.age) {
            self.shared.leave(id);
        }
    }

    /// Forgets everything, and topics that remember shapes notice that.
    pub fn clear(&mut self) {
        *self = Self { hasher: self.hasher.clone(), age: self.age.wrapping_add(1), ..Self::default() };
    }

    /// Finds every number of a valid document, the timestamp, and the texts of the outermost members: where one is what
    /// is asked for it is found as it stands in the document at hand, and where nobody asks it does not matter.
    fn find_slots(&mut self, payload: &str, out: &Decoded) -> Option<()> {
        let stamp = match out.timestamp {
            Member::Text(text) if text.owned => return None,
            Member::Text(text) => {
                let (start, end) = (text.start as usize, text.end as usize);
                let plain = stamp_length(&payload.as_bytes()[start..]) == end - start;
                Some((start, end)).filter(|_| plain).map(Some)?
            }
            _ => None,
        };
        self.found.clear();
        let bytes = payload.as_bytes();
        let mut at = bytes.iter().position(|byte| !byte.is_ascii_whitespace())?;
        if !matches!(bytes[at], b'{' | b'[') {
            return None;
        }
        let mut depth = 0_usize;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' => {
                    let end = string_end(bytes, at + 1)?;
                    let changes =
                        || is_date(&bytes[at + 1..end]) || depth == 1 && is_plain(&bytes[at + 1..end]);
                    // Names of members never change what they are.
                    if stamp == Some((at + 1, end)) || changes() && !is_name(bytes, end) {
                        self.found.push(Slot { start: at + 1, end, number: 0.0, is_stamp: true });
                    }
                    at = end + 1;
                }
                b'{' | b'[' => {
                    depth += 1;
                    at += 1;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    at += 1;
                }
                b'-' | b'0'..=b'9' => {
                    let mut lexer: Lexer<true> = Lexer { text: payload, bytes, at };
                    let number = lexer.number().ok()?;
                    self.found.push(Slot { start: at, end: lexer.at, number, is_stamp: false });
                    at = lexer.at;
                }
                _ => at += 1,
            }
        }
        Some(())
    }

    fn cut(&mut self, payload: &str, out: &Decoded, found: &[Slot]) -> Option<Shape> {
        let bytes = payload.as_bytes();
        let starts = found.iter().map(|slot| slot.start).chain([bytes.len()]);
        let ends = std::iter::once(0).chain(found.iter().map(|slot| slot.end));
        let pieces = ends.zip(starts).map(|(from, to)| self.keep(&bytes[from..to])).collect::<Option<_>>()?;
        let stamps = found.iter().enumerate().filter(|(_, slot)| slot.is_stamp);
        let place = |member: Member| place(member, found);
        let points = out.points.iter().map(|point| {
            let value = match point.value {
                Value::Absent => Of::Absent,
                Value::Wrong => Of::Wrong,
                Value::Number(_) => Of::Slot(slot_at(point.value_at as usize, found)?),
            };
            Some(Point { name: near(point.name, found)?, value, status: place(point.status)? })
        });
        let claims = out.claims.iter().map(|claim| Some((claim.parent, place(claim.member)?)));
        Some(Shape {
            pieces,
            stamps: stamps.map(|(at, _)| u16::try_from(at).ok()).collect::<Option<_>>()?,
            points: points.collect::<Option<_>>()?,
            device_id: place(out.device_id)?,
            timestamp: place(out.timestamp)?,
            sequence: place(out.sequence)?,
            claims: claims.collect::<Option<_>>()?,
            points_refused: out.points_refused,
            points_seen: out.points_seen,
            strings: out.strings.as_str().into(),
        })
    }

    /// Keeps a piece of text once.
    fn keep(&mut self, piece: &[u8]) -> Option<u32> {
        let Self { text, pieces, index, hasher, .. } = self;
        let of = |id: u32| {
            let (start, end) = pieces[id as usize];
            &text[start as usize..end as usize]
        };
        let hash = hasher.hash_one(piece);
        if let Some(id) = index.find(hash, |id| of(*id) == piece) {
            return Some(*id);
        }
        let id = u32::try_from(pieces.len()).ok()?;
        let start = u32::try_from(text.len()).ok()?;
        text.extend_from_slice(piece);
        pieces.push((start, u32::try_from(text.len()).ok()?));
        let (text, pieces) = (&*text, &*pieces);
        index.insert_unique(hash, id, |id| {
            let (start, end) = pieces[*id as usize];
            hasher.hash_one(&text[start as usize..end as usize])
        });
        Some(id)
    }
}

impl Shape {
    fn bytes(&self) -> usize {
        size_of::<Self>()
            + size_of_val(&*self.pieces)
            + size_of_val(&*self.points)
            + size_of_val(&*self.claims)
            + self.strings.len()
    }
}

/// Walks along the document and finds its slots; false as soon as anything is not as it was.
fn fit<'a>(shape: &Shape, piece: impl Fn(u32) -> &'a [u8], payload: &str, found: &mut Vec<Slot>) -> bool {
    let bytes = payload.as_bytes();
    let mut lexer: Lexer<true> = Lexer { text: payload, bytes, at: 0 };
    let mut stamps = shape.stamps.iter().map(|at| usize::from(*at));
    let mut stamp = stamps.next();
    found.clear();
    let Some((last, before)) = shape.pieces.split_last() else { return false };
    for (at, id) in before.iter().enumerate() {
        let piece = piece(*id);
        if !bytes[lexer.at..].starts_with(piece) {
            return false;
        }
        lexer.at += piece.len();
        let start = lexer.at;
        let is_stamp = stamp == Some(at);
        let number = if is_stamp {
            stamp = stamps.next();
            lexer.at += stamp_length(&bytes[start..]);
            0.0
        } else {
            match lexer.peek() {
                Some(b'-' | b'0'..=b'9') => {}
                _ => return false,
            }
            match lexer.number() {
                Ok(number) => number,
                Err(_) => return false,
            }
        };
        found.push(Slot { start, end: lexer.at, number, is_stamp });
    }
    bytes[lexer.at..] == *piece(*last)
}

/// Fills in what was read, as the full reading would have.
fn fill(shape: &Shape, found: &[Slot], out: &mut Decoded) {
    let member = |place: Place| match place {
        Place::Absent => Member::Absent,
        Place::Other => Member::Other,
        Place::Text(near) => Member::Text(near.text(found)),
        Place::Slot(at) => {
            let slot = found[usize::from(at)];
            let text = span(slot.start, slot.end, false);
            if slot.is_stamp { Member::Text(text) } else { Member::Number(slot.number, text) }
        }
    };
    out.device_id = member(shape.device_id);
    out.timestamp = member(shape.timestamp);
    out.sequence = member(shape.sequence);
    out.points_refused = shape.points_refused;
    out.points_seen = shape.points_seen;
    out.strings.clear();
    out.strings.push_str(&shape.strings);
    // What only Sparkplug fills in is not in a document; it may be there from the message before.
    out.leaves.clear();
    out.metrics.clear();
    out.session = None;
    out.claims.clear();
    out.claims
        .extend(shape.claims.iter().map(|(parent, place)| Claim { parent: *parent, member: member(*place) }));
    out.points.clear();
    out.points.extend(shape.points.iter().map(|point| {
        let (value, value_at) = match point.value {
            Of::Absent => (Value::Absent, 0),
            Of::Wrong => (Value::Wrong, 0),
            Of::Slot(at) => {
                let slot = found[usize::from(at)];
                (Value::Number(slot.number), u32::try_from(slot.start).unwrap_or(u32::MAX))
            }
        };
        PointReading {
            name: point.name.text(found),
            value,
            status: member(point.status),
            value_at,
            matched: true,
        }
    }));
}
