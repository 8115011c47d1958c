//! A file of notes, one after the other, an empty line behind each. No text of ours has an empty line or one that
//! begins like a signature; so an empty line after a signature ends a note, also after damage: one bad byte costs one
//! note, or two. Nothing here is checked; and however a file looks, no more than one note of it is held.

use std::io::{self, BufRead, BufReader, Read};

/// A note that is longer is cut, and then nothing opens it.
const NOTE_BYTES_MAX: usize = 64 * 1024;
const SIGNATURE: &[u8] = "— ".as_bytes();

/// A stretch of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it begins.
    pub at: u64,
    /// Where the next one begins.
    pub end: u64,
    /// The note, without the empty line behind it.
    pub note: Vec<u8>,
    /// The empty line is there. What is not whole is at the end of a file that is being written, or was when the
    /// machine stopped.
    pub whole: bool,
}

impl Piece {
    /// The note as text, if it is text.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.note).ok()
    }
}

/// Reads the notes of a file.
#[derive(Debug)]
pub struct Notes<R> {
    input: BufReader<R>,
    at: u64,
}

/// A note as it is appended to such a file.
pub fn framed(note: &str) -> String {
    format!("{note}\n")
}

/// Where the last whole note of a file ends.
pub fn whole_end(input: impl Read) -> io::Result<u64> {
    let (mut notes, mut end) = (Notes::new(input), 0);
    while let Some(piece) = notes.read()?.filter(|piece| piece.whole) {
        end = piece.end;
    }
    Ok(end)
}

impl<R: Read> Notes<R> {
    /// Begins at the start of `input`.
    pub fn new(input: R) -> Self {
        Self { input: BufReader::with_capacity(64 * 1024, input), at: 0 }
    }

    /// The next one; `None` at the end.
    pub fn read(&mut self) -> io::Result<Option<Piece>> {
        let mut piece = Piece { at: self.at, end: self.at, note: Vec::new(), whole: false };
        let mut after_signature = false;
        while !piece.whole {
            let before = piece.note.len();
            let line = self.line(&mut piece.note)?;
            piece.end += line.bytes;
            if !line.ended {
                break;
            }
            if after_signature && line.bytes == 1 {
                piece.note.truncate(before);
                piece.whole = true;
            }
            after_signature = line.head.starts_with(SIGNATURE);
        }
        self.at = piece.end;
        Ok((piece.end > piece.at).then_some(piece))
    }

    /// Reads to the end of a line and keeps of it what there is room for.
    fn line(&mut self, into: &mut Vec<u8>) -> io::Result<Line> {
        let mut line = Line { bytes: 0, ended: false, head: Vec::with_capacity(SIGNATURE.len()) };
        while !line.ended {
            let seen = match self.input.fill_buf() {
                Ok(seen) => seen,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if seen.is_empty() {
                break;
            }
            let end = memchr::memchr(b'\n', seen);
            let taken = end.map_or(seen.len(), |at| at + 1);
            line.ended = end.is_some();
            line.head.extend(seen[..taken].iter().take(SIGNATURE.len() - line.head.len()));
            let room = NOTE_BYTES_MAX.saturating_sub(into.len());
            into.extend_from_slice(&seen[..taken.min(room)]);
            self.input.consume(taken);
            line.bytes += taken as u64;
        }
        Ok(line)
    }
}

struct Line {
    bytes: u64,
    ended: bool,
    /// Enough of its first bytes to tell what it is.
    head: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(file: &[u8]) -> Vec<Piece> {
        let mut notes = Notes::new(file);
        std::iter::from_fn(|| notes.read().unwrap()).collect()
    }

    fn file() -> (Vec<String>, String) {
        let notes: Vec<String> =
            (0..4).map(|number| format!("origin\n{number}\n\n— origin AAAA\n— witness BBBB\n")).collect();
        let file = notes.iter().map(|note| framed(note)).collect();
        (notes, file)
    }

    #[test]
    fn notes_come_back_as_they_were_appended() {
        let (notes, file) = file();
        let read = pieces(file.as_bytes());
        assert_eq!(read.iter().map(|piece| piece.text().unwrap()).collect::<Vec<_>>(), notes);
        assert!(read.iter().all(|piece| piece.whole));
        assert!(read.windows(2).all(|pair| pair[0].end == pair[1].at));
        assert_eq!(pieces(b""), []);
    }

    #[test]
    fn a_cut_file_ends_with_something_that_is_not_whole() {
        let (_, file) = file();
        let ends: Vec<u64> = pieces(file.as_bytes()).iter().map(|piece| piece.end).collect();
        for cut in 1..file.len() {
            let read = pieces(&file.as_bytes()[..cut]);
            let last = read.last().unwrap();
            assert_eq!(last.end, cut as u64);
            assert_eq!(last.whole, ends.contains(&last.end), "cut at {cut}");
        }
    }

    #[test]
    fn one_bad_byte_costs_two_notes_at_most() {
        let (notes, file) = file();
        for at in 0..file.len() {
            for bit in 0..8 {
                let mut bytes = file.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let read = pieces(&bytes);
                assert_eq!(read.last().unwrap().end, file.len() as u64);
                let same = notes.iter().filter(|note| read.iter().any(|piece| piece.note == note.as_bytes()));
                assert!(same.count() >= 2, "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_note_without_end_does_not_fill_the_memory() {
        let long = "x".repeat(3 * NOTE_BYTES_MAX);
        for file in [
            long.clone(),
            format!("{long}\n"),
            format!("{}\n", "y\n".repeat(NOTE_BYTES_MAX)),
            "\n".repeat(3 * NOTE_BYTES_MAX),
        ] {
            let read = pieces(file.as_bytes());
            assert_eq!(read.len(), 1);
            assert!(read[0].note.len() <= NOTE_BYTES_MAX && !read[0].whole);
            assert_eq!(read[0].end, file.len() as u64);
        }
        let (notes, good) = self::file();
        let read = pieces(format!("{long}\n— a b\n\n{good}").as_bytes());
        assert_eq!(read.last().unwrap().text(), notes.last().map(String::as_str));
    }
}
