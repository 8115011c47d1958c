//! The end of a file that grows may be torn: the machine stopped, or the log is just writing. What is torn is the
//! beginning of what would be there; anything else at the end was put there by somebody, or is what is left of
//! something that was whole.

use super::report::{Report, Weight};
use crate::evidence::notes::Piece;

const SIGNATURE: &[u8] = "— ".as_bytes();
/// Base64 of an id and a signature.
const WORD_BYTES: usize = 92;
/// What every text of ours begins with.
const TEXT: &[u8] = b"watchkeeper";
const LINE: &[u8] = b"{\"origin\":\"";
const LINE_SIGNATURE: &[u8] = b",\"signature\":\"";

/// What stands at the end of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Torn {
    /// The beginning of an entry.
    Entry,
    /// Something else.
    Junk,
}

fn begins(bytes: &[u8], with: &[u8]) -> bool {
    bytes.iter().zip(with).all(|(is, wanted)| is == wanted)
}

/// `— name base64`, or the beginning of that.
fn begins_signature(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(SIGNATURE) else { return begins(line, SIGNATURE) };
    let mut words = rest.splitn(2, |byte| *byte == b' ');
    let (_, Some(word)) = (words.next(), words.next()) else { return !rest.contains(&b'\n') };
    let (word, ended) = word.strip_suffix(b"\n").map_or((word, false), |word| (word, true));
    let plain = word.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
    plain && (word.len() == WORD_BYTES || !ended && word.len() < WORD_BYTES)
}

impl Torn {
    /// Of a note; `is_text` says whether a whole text is one.
    pub(super) fn of(piece: &Piece, is_text: impl FnOnce(&str) -> bool) -> Self {
        let split = memchr::memmem::find(&piece.note, b"\n\n");
        let fits = match split {
            None => begins(&piece.note, TEXT) && memchr::memmem::find(&piece.note, SIGNATURE).is_none(),
            Some(end) => {
                let (text, rest) = (&piece.note[..=end], &piece.note[end + 2..]);
                std::str::from_utf8(text).is_ok_and(is_text)
                    && !text.contains(&SIGNATURE[0])
                    && rest.split_inclusive(|byte| *byte == b'\n').all(begins_signature)
            }
        };
        if fits { Self::Entry } else { Self::Junk }
    }

    /// Of a line of the manifest, without its line end.
    pub(super) fn of_line(line: &[u8]) -> Self {
        let signature =
            memchr::memmem::find(line, LINE_SIGNATURE).map(|at| &line[at + LINE_SIGNATURE.len()..]);
        let closed =
            signature.and_then(|word| word.iter().position(|byte| *byte == b'"').map(|at| &word[at..]));
        let fits = begins(line, LINE) && closed.is_none_or(|end| b"\"}".starts_with(end));
        if fits { Self::Entry } else { Self::Junk }
    }

    pub(super) fn tell(self, report: &mut Report, file: &str) {
        match self {
            Self::Entry => report.find(Weight::Incomplete, file, "what stands at the end is not whole"),
            Self::Junk => report.find(Weight::Tampered, file, "what stands at the end is none of the log's"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::notes::Notes;

    const HEAD: &str = "watchkeeper/1\ntext\n\n— watchkeeper/1 ";

    fn torn(file: &str) -> Torn {
        let piece = Notes::new(file.as_bytes()).read().unwrap().unwrap();
        assert!(!piece.whole, "{file}");
        Torn::of(&piece, |text| text == "watchkeeper/1\ntext\n")
    }

    #[test]
    fn the_beginning_of_a_note_is_torn_and_anything_else_is_not() {
        let note = format!("{HEAD}{}\n", "A".repeat(WORD_BYTES));
        for end in (1..=note.len()).filter(|end| note.is_char_boundary(*end)) {
            assert_eq!(torn(&note[..end]), Torn::Entry, "{end}");
        }
        for junk in [
            "junk",
            "watchkeeper/1\ntexT\n\n",
            "watchkeeper/1\ntext\n\n\n",
            "watchkeeper/1\ntext\nK— watchkeeper/1 AAAA\n\n",
            &format!("{note}K"),
            &note.replace("A\n", "A*\n"),
            &note.replace("A\n", "*\n"),
            &note.replace("AA\n", "\n"),
            &note.replace("/1 A", "/1\nA"),
        ] {
            assert_eq!(torn(junk), Torn::Junk, "{junk}");
        }
    }

    #[test]
    fn the_beginning_of_a_line_is_torn_and_anything_else_is_not() {
        let line = b"{\"origin\":\"w\",\"bytes\":1,\"signature\":\"AAAA\"}";
        for end in 1..=line.len() {
            assert_eq!(Torn::of_line(&line[..end]), Torn::Entry, "{end}");
        }
        assert_eq!(Torn::of_line(&[&line[..], b"K"].concat()), Torn::Junk);
        assert_eq!(Torn::of_line(b"junk"), Torn::Junk);
    }
}
