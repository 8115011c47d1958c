//! The index file of a closed segment: what it says, and its bytes. It is a cache: whatever is not exactly as it was
//! written, or belongs to another file, is no index.
//!
//! Layout, little-endian: magic with version (8) · bytes of the body (4) · body · hash of the body (8) · rows of the
//! filters, each with its own hash: group after group, those of the tokens, then those of the runs of bytes.

use super::counters::Counters;
use crate::search::bloom;
use crate::search::frames::Entry;

const MAGIC: [u8; 8] = *b"WKIDX\0\0\x02";
/// Bytes before the body.
pub(super) const HEAD: usize = 12;
/// Bytes of a hash.
pub(super) const HASH: usize = 8;
/// A body is some 60 bytes a frame; what claims to be larger than this is damaged.
const BODY_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What the index says about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::search) struct FrameNote {
    /// Its bytes and its sum.
    pub(in crate::search) entry: Entry,
    /// Records in it.
    pub(in crate::search) records: u32,
    /// Lowest and highest sequence number; the first is above the last where there is no record.
    pub(in crate::search) seq: (u64, u64),
    /// Earliest and latest `ts`; everything, where one could not be read.
    pub(in crate::search) ts: (i64, i64),
}

impl FrameNote {
    /// A frame in which nothing was seen yet.
    pub(super) fn of(entry: Entry) -> Self {
        Self { entry, records: 0, seq: (u64::MAX, 0), ts: (i64::MAX, i64::MIN) }
    }

    /// A record of it was seen.
    pub(super) fn saw(&mut self, seq: u64) {
        self.records += 1;
        self.seq = (self.seq.0.min(seq), self.seq.1.max(seq));
    }

    /// When its records became true.
    pub(super) fn at(&mut self, ts: Option<i64>) {
        let (low, high) = ts.map_or((i64::MIN, i64::MAX), |ts| (ts, ts));
        self.ts = (self.ts.0.min(low), self.ts.1.max(high));
    }
}

/// Frames whose filters have the same number of blocks and lie together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::search) struct Group {
    /// How many frames.
    pub(in crate::search) frames: u32,
    /// Blocks of the filter of tokens of each.
    pub(in crate::search) blocks: u32,
    /// Blocks of the filter of runs of each; none where it would say too little.
    pub(in crate::search) gram_blocks: u32,
}

impl Group {
    /// Where a row begins, counted from the first of the group.
    pub(super) fn row_at(self, row: u32) -> u64 {
        let bytes = u64::from(self.frames) * bloom::BLOCK as u64 + HASH as u64;
        bytes.saturating_mul(u64::from(row))
    }
}

/// All but the filters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::search) struct Body {
    /// Length of the segment that it is about.
    pub(in crate::search) zst_bytes: u64,
    /// What tells this segment from others: `Table::fingerprint`.
    pub(in crate::search) fingerprint: u64,
    /// Lines that are no records.
    pub(in crate::search) damaged: u32,
    /// Keys that the filters know. A version that knows more keys must not conclude from the absence of theirs.
    pub(in crate::search) keys: Vec<String>,
    /// The frames, in the order of the file.
    pub(in crate::search) frames: Vec<FrameNote>,
    /// Their groups.
    pub(in crate::search) groups: Vec<Group>,
    /// What was counted, where it is whole.
    pub(in crate::search) counters: Option<Counters>,
}

/// The bytes of a body, with head and hash.
pub(super) fn encode(body: &Body) -> Vec<u8> {
    let mut out = Out(Vec::new());
    out.u64(body.zst_bytes);
    out.u64(body.fingerprint);
    out.u32(body.damaged);
    out.list(&body.keys, |out, key| out.text(key));
    out.list(&body.frames, |out, frame| {
        for number in [frame.entry.packed, frame.entry.raw, frame.entry.sum, frame.records] {
            out.u32(number);
        }
        for number in [frame.seq.0, frame.seq.1, frame.ts.0.cast_unsigned(), frame.ts.1.cast_unsigned()] {
            out.u64(number);
        }
    });
    out.list(&body.groups, |out, group| {
        out.u32(group.frames);
        out.u32(group.blocks);
        out.u32(group.gram_blocks);
    });
    out.list(body.counters.as_slice(), Out::counters);
    let mut bytes = MAGIC.to_vec();
    bytes.extend(u32::try_from(out.0.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(&out.0);
    bytes.extend(bloom::hash(&out.0, 0).to_le_bytes());
    bytes
}

struct Out(Vec<u8>);

impl Out {
    fn u32(&mut self, number: u32) {
        self.0.extend(number.to_le_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
        self.0.extend(text.as_bytes());
    }

    fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.u32(u32::try_from(items.len()).unwrap_or(u32::MAX));
        for item in items {
            each(self, item);
        }
    }

    fn counters(&mut self, counters: &Counters) {
        self.list(&counters.names, |out, name| out.text(name));
        self.list(&counters.minutes.iter().collect::<Vec<_>>(), |out, ((minute, kind, level), count)| {
            out.u64(minute.cast_unsigned());
            out.u32(u32::from(*kind) << 16 | u32::from(*level));
            out.u64(**count);
        });
        self.list(&counters.events.iter().collect::<Vec<_>>(), |out, ((kind, event), count)| {
            out.u32(u32::from(*kind) << 16 | u32::from(*event));
            out.u64(**count);
        });
    }
}

/// The length of the body with its hash, when this is the head of an index of this version.
pub(super) fn body_len(head: &[u8; HEAD]) -> Option<usize> {
    let len = u32::from_le_bytes(*head.last_chunk::<4>()?) as usize;
    (head.starts_with(&MAGIC) && len <= BODY_BYTES_MAX).then_some(len + HASH)
}

/// The body, when its hash is right.
pub(super) fn decode(bytes: &[u8]) -> Option<Body> {
    let (body, hash) = bytes.split_last_chunk::<HASH>()?;
    if bloom::hash(body, 0) != u64::from_le_bytes(*hash) {
        return None;
    }
    let mut from = In(body);
    let body = Body {
        zst_bytes: from.u64()?,
        fingerprint: from.u64()?,
        damaged: from.u32()?,
        keys: from.list(In::text)?,
        frames: from.list(In::frame)?,
        groups: from.list(|from| {
            Some(Group { frames: from.u32()?, blocks: from.u32()?, gram_blocks: from.u32()? })
        })?,
        counters: from.list(In::counters)?.pop(),
    };
    let grouped: u64 = body.groups.iter().map(|group| u64::from(group.frames)).sum();
    (from.0.is_empty() && grouped == body.frames.len() as u64).then_some(body)
}

struct In<'a>(&'a [u8]);

impl In<'_> {
    fn u32(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*number))
    }

    fn u64(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    fn text(&mut self) -> Option<String> {
        let len = self.u32()? as usize;
        let (text, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    fn list<T>(&mut self, mut each: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.u32()?;
        (0..count).map(|_| each(self)).collect()
    }

    fn frame(&mut self) -> Option<FrameNote> {
        Some(FrameNote {
            entry: Entry { packed: self.u32()?, raw: self.u32()?, sum: self.u32()? },
            records: self.u32()?,
            seq: (self.u64()?, self.u64()?),
            ts: (self.u64()?.cast_signed(), self.u64()?.cast_signed()),
        })
    }

    fn pair(&mut self) -> Option<(u16, u16)> {
        let both = self.u32()?;
        Some((u16::try_from(both >> 16).ok()?, u16::try_from(both & 0xFFFF).ok()?))
    }

    fn counters(&mut self) -> Option<Counters> {
        let mut counters = Counters::default();
        for name in self.list(Self::text)? {
            counters.name(&name)?;
        }
        let minutes = self.list(|from| Some((from.u64()?.cast_signed(), from.pair()?, from.u64()?)))?;
        counters.minutes =
            minutes.into_iter().map(|(at, (kind, level), count)| ((at, kind, level), count)).collect();
        counters.events = self.list(|from| Some((from.pair()?, from.u64()?)))?.into_iter().collect();
        Some(counters)
    }
}
