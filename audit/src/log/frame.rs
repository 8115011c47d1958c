//! How a record travels through the queue to the thread that writes: the queue carries bytes, so what the writer has
//! to know of a record stands in front of its text. Frames live as long as the process; no file ever has one.

use crate::line::Encoded;
use crate::record::Kind;
use watchkeeper_core::time::{Mono, Wall};

/// What stands in front of a record's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    /// What it is a record of.
    pub kind: Kind,
    /// What is reported once it is durable; 0 is nothing.
    pub mark: u64,
    /// When it became true.
    pub ts: Wall,
    /// When it was appended.
    pub since: Mono,
}

/// What comes out of the queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// A record: what stands before its number, and after it.
    Record { meta: Meta, head: &'a [u8], tail: &'a [u8] },
    /// Time has passed.
    Tick,
    /// All that is to come has come: sign it.
    Seal,
}

pub(super) const TICK: &[u8] = &[1];
pub(super) const SEAL: &[u8] = &[2];
const RECORD: u8 = 0;
/// Tag and kind, three numbers of eight bytes, one of four.
const META_BYTES: usize = 2 + 3 * 8 + 4;

/// How long the frame of a record is.
pub(super) fn bytes(text: &Encoded) -> usize {
    META_BYTES + text.head.len() + text.tail.len()
}

/// Writes the frame of a record.
pub(super) fn put(meta: &Meta, text: &Encoded, out: &mut Vec<u8>) {
    out.clear();
    out.reserve(bytes(text));
    out.push(RECORD);
    out.push(meta.kind as u8);
    out.extend_from_slice(&meta.mark.to_le_bytes());
    out.extend_from_slice(&meta.ts.0.to_le_bytes());
    out.extend_from_slice(&meta.since.0.to_le_bytes());
    // A line has at most 64 KiB.
    out.extend_from_slice(&u32::try_from(text.head.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(text.head.as_bytes());
    out.extend_from_slice(text.tail.as_bytes());
}

/// Reads a frame; nothing when it is none, which only a mistake of ours could cause.
pub(super) fn take(bytes: &[u8]) -> Option<Frame<'_>> {
    match bytes {
        TICK => return Some(Frame::Tick),
        SEAL => return Some(Frame::Seal),
        _ => {}
    }
    let (&[tag, kind], rest) = bytes.split_first_chunk::<2>()?;
    let (mark, rest) = rest.split_first_chunk::<8>()?;
    let (ts, rest) = rest.split_first_chunk::<8>()?;
    let (since, rest) = rest.split_first_chunk::<8>()?;
    let (head, rest) = rest.split_first_chunk::<4>()?;
    let (head, tail) = rest.split_at_checked(u32::from_le_bytes(*head) as usize)?;
    let meta = Meta {
        kind: *Kind::ALL.get(usize::from(kind))?,
        mark: u64::from_le_bytes(*mark),
        ts: Wall(i64::from_le_bytes(*ts)),
        since: Mono(u64::from_le_bytes(*since)),
    };
    (tag == RECORD).then_some(Frame::Record { meta, head, tail })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_back_and_no_cut_one_is_taken_for_another() {
        let text = Encoded { head: "{\"seq\":".into(), tail: ",…}\n".into() };
        let meta = Meta { kind: Kind::System, mark: 7, ts: Wall(-1), since: Mono(9) };
        let mut out = b"old".to_vec();
        put(&meta, &text, &mut out);
        assert_eq!(out.len(), bytes(&text));
        let (head, tail) = (text.head.as_bytes(), text.tail.as_bytes());
        assert_eq!(take(&out), Some(Frame::Record { meta, head, tail }));
        for cut in 0..META_BYTES + text.head.len() {
            assert_eq!(take(&out[..cut]), None, "{cut}");
        }
        assert_eq!((take(TICK), take(SEAL)), (Some(Frame::Tick), Some(Frame::Seal)));
    }

    #[test]
    fn every_kind_has_the_place_that_its_number_says() {
        for (at, kind) in Kind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, at);
        }
    }
}
