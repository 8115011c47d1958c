//! Frames of a closed segment without a usable seek table: the table was damaged, or another program packed the text.
//! A file may be made to look like frames all over; it must not keep a search busy for longer than a gigabyte would.

use super::frames::{Entry, FRAME_BYTES, FRAME_BYTES_MAX, MAGIC, sum_of};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use zstd::zstd_safe;

/// A frame found without a table: where it lies, and what its header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) at: u64,
    pub(super) entry: Entry,
}

/// Ranges of bytes in which there is no frame.
pub(super) type Holes = Vec<(u64, u64)>;

/// So many places that look like the beginning of a frame and are none are looked at; what follows is left unread. In
/// packed text there is none in a gigabyte: more of them were put there to keep us busy.
const WRONG_MAX: u32 = 256;
/// So many of them with all that a frame may have.
const LONG_MAX: u32 = 8;
/// Frames of ours fit into this, also when their text could not be packed.
const AHEAD_MIN: usize = FRAME_BYTES + FRAME_BYTES / 2;

/// Looks for frames in a file without a usable table. What cannot be read is said as a range of bytes.
pub(super) fn look(file: &File, len: u64) -> io::Result<(Vec<Found>, Holes)> {
    let (mut frames, mut holes) = (Vec::new(), Holes::new());
    let mut window = Window { file, len, bytes: Vec::new(), from: 0 };
    let (mut at, mut wrong, mut long) = (0, 0, 0);
    while at < len {
        window.reach(at)?;
        let mut found = frame_at(window.ahead(at));
        if found.is_none() && window.ahead(at).starts_with(&MAGIC) {
            wrong += 1;
            if long < LONG_MAX {
                window.fill(at, FRAME_BYTES_MAX)?;
                found = frame_at(window.ahead(at));
                long += u32::from(found.is_none());
                wrong -= u32::from(found.is_some());
            }
        }
        let ahead = window.ahead(at);
        if let Some((packed, raw)) = found {
            if let Some(raw) = raw {
                let entry = Entry { packed, raw, sum: sum_of(&ahead[..packed as usize]) };
                frames.push(Found { at, entry });
            }
            at += u64::from(packed);
        } else {
            let next = memchr::memmem::find(&ahead[1..], &MAGIC)
                .map_or(ahead.len().saturating_sub(3), |found| found + 1);
            let next = (at + next.max(1) as u64).min(len);
            let next = if wrong > WRONG_MAX { len } else { next };
            match holes.last_mut() {
                Some((_, end)) if *end == at => *end = next,
                _ => holes.push((at, next)),
            }
            at = next;
        }
    }
    Ok((frames, holes))
}

/// What is held of a file that is looked through from its start to its end.
struct Window<'a> {
    file: &'a File,
    len: u64,
    bytes: Vec<u8>,
    from: u64,
}

impl Window<'_> {
    fn ahead(&self, at: u64) -> &[u8] {
        let past = usize::try_from(at - self.from).unwrap_or(usize::MAX);
        self.bytes.get(past..).unwrap_or_default()
    }

    /// Sees to it that enough is ahead of a place, without reading the same again for each place; and gives back what
    /// only a long frame needed.
    fn reach(&mut self, at: u64) -> io::Result<()> {
        let ahead = self.ahead(at).len();
        let enough = ahead >= AHEAD_MIN || at + ahead as u64 == self.len;
        if enough && self.bytes.len() <= 2 * FRAME_BYTES { Ok(()) } else { self.fill(at, 2 * FRAME_BYTES) }
    }

    fn fill(&mut self, at: u64, most: usize) -> io::Result<()> {
        let bytes = usize::try_from(self.len - at).unwrap_or(usize::MAX).min(most);
        self.bytes.resize(bytes, 0);
        self.from = at;
        self.file.read_exact_at(&mut self.bytes, at)
    }
}

/// Length of the frame at the start of a window, and of its text; no text for a frame that is to be skipped.
fn frame_at(window: &[u8]) -> Option<(u32, Option<u32>)> {
    let packed = zstd_safe::find_frame_compressed_size(window).ok()?;
    let packed = u32::try_from(packed).ok().filter(|&packed| packed > 0)?;
    if !window.starts_with(&MAGIC) {
        return Some((packed, None));
    }
    let frame = &window[..packed as usize];
    let raw = match zstd_safe::get_frame_content_size(frame).ok()? {
        Some(raw) => raw,
        None => unpacked_len(frame)?,
    };
    Some((packed, Some(u32::try_from(raw).ok()?)))
}

/// A program that streams does not say how long the text is: it is unpacked to find out.
fn unpacked_len(frame: &[u8]) -> Option<u64> {
    let mut reader = zstd::stream::read::Decoder::new(frame).ok()?.single_frame();
    io::copy(&mut io::Read::take(&mut reader, FRAME_BYTES_MAX as u64 + 1), &mut io::sink()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn what_is_nothing_but_beginnings_of_frames_is_one_hole_at_once() {
        let bytes = MAGIC.repeat(4 << 20);
        let begun = std::time::Instant::now();
        let (found, holes) = look(&file(&bytes), bytes.len() as u64).unwrap();
        // Looked at one by one, they are read for hours.
        assert!(begun.elapsed().as_secs() < 30);
        assert_eq!((found.len(), holes), (0, vec![(0, bytes.len() as u64)]));
    }

    #[test]
    fn frames_are_found_between_what_is_none_and_at_the_edges_of_what_is_read_at_once() {
        let text = b"a line\n".repeat(1000);
        let frame = zstd::bulk::compress(&text, 3).unwrap();
        let noise: Vec<u8> = (0..5 * FRAME_BYTES).map(|n| u8::try_from(n * n % 251).unwrap()).collect();
        let (mut bytes, mut places) = (Vec::new(), Vec::new());
        for gap in [0, 0, 10, AHEAD_MIN, 2 * FRAME_BYTES - 5, FRAME_BYTES / 2 - 3, 4 * FRAME_BYTES + 1] {
            bytes.extend_from_slice(&noise[..gap]);
            bytes.extend_from_slice(if gap > 10 { &MAGIC } else { b"" });
            places.push(bytes.len() as u64);
            bytes.extend_from_slice(&frame);
        }
        let (found, _) = look(&file(&bytes), bytes.len() as u64).unwrap();
        assert_eq!(found.iter().map(|found| found.at).collect::<Vec<_>>(), places);
        assert!(found.iter().all(|found| found.entry.raw as usize == text.len()));
    }
}
