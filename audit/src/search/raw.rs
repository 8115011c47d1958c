//! Raw segments: read in blocks into one buffer, while the writer may append to them. A line belongs to the part of
//! the file in which it begins, so that parts can be looked through in any order and none is missed.

use crate::line::{self, LINE_BYTES_MAX};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Read at once: small enough for the second-level cache, where the search then finds it.
const BLOCK: usize = 256 * 1024;

/// Gives the whole lines that begin in `from..to` to `each`, block by block in the order of the file, of which `len`
/// bytes count. What follows the last line end is not given. Lines longer than a line may be are passed over; how many
/// there were is the answer.
pub(super) fn blocks(
    file: &File,
    (from, to): (u64, u64),
    len: u64,
    buffer: &mut Vec<u8>,
    mut each: impl FnMut(&[u8]),
) -> io::Result<u64> {
    let to = to.min(len);
    if from >= to {
        return Ok(0);
    }
    // One byte earlier: only so is it seen whether a line begins at `from`.
    let mut window = Window::new(file, from.saturating_sub(1), len, buffer);
    let (mut aligned, mut passed) = (from == 0, 0);
    loop {
        let more = window.fill()?;
        let mut start = 0;
        if !aligned {
            let Some(end) = memchr::memchr(b'\n', window.text()) else {
                window.pass(window.filled);
                if more && window.base() < to {
                    continue;
                }
                return Ok(passed);
            };
            start = end + 1;
            aligned = true;
        }
        // The last line that begins before `to` ends at the first line end at or behind `to - 1`.
        let last = usize::try_from((to - 1).saturating_sub(window.base())).unwrap_or(usize::MAX);
        let text = window.text();
        if start > last {
            return Ok(passed);
        }
        if let Some(end) = text.get(last..).and_then(|rest| memchr::memchr(b'\n', rest)) {
            each(&text[start..=last + end]);
            return Ok(passed);
        }
        if let Some(end) = memchr::memrchr(b'\n', &text[start..]) {
            each(&text[start..=start + end]);
            window.pass(start + end + 1);
        } else {
            window.pass(start);
        }
        if !more {
            return Ok(passed);
        }
        if window.filled >= LINE_BYTES_MAX {
            window.pass(window.filled);
            aligned = false;
            passed += 1;
        }
    }
}

/// A part of a file in a buffer that is filled up from behind.
struct Window<'a> {
    file: &'a File,
    /// Place in the file behind what is in the buffer.
    at: u64,
    len: u64,
    buffer: &'a mut Vec<u8>,
    filled: usize,
}

impl<'a> Window<'a> {
    fn new(file: &'a File, at: u64, len: u64, buffer: &'a mut Vec<u8>) -> Self {
        if buffer.len() < BLOCK + LINE_BYTES_MAX {
            *buffer = vec![0; BLOCK + LINE_BYTES_MAX];
        }
        Self { file, at, len, buffer, filled: 0 }
    }

    fn text(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// Place in the file of the first byte in the buffer.
    fn base(&self) -> u64 {
        self.at - self.filled as u64
    }

    /// Drops what was dealt with from the front.
    fn pass(&mut self, bytes: usize) {
        self.buffer.copy_within(bytes..self.filled, 0);
        self.filled -= bytes;
    }

    /// Reads on; false when nothing follows.
    fn fill(&mut self) -> io::Result<bool> {
        let left = usize::try_from(self.len.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let goal = self.filled + left.min(BLOCK);
        while self.filled < goal {
            match self.file.read_at(&mut self.buffer[self.filled..goal], self.at) {
                Ok(0) => return Ok(false),
                Ok(bytes) => {
                    self.filled += bytes;
                    self.at += bytes as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.at < self.len)
    }
}

/// The number of a line stands, with all its digits, within so many bytes of its start.
const BEFORE_SEQ_MAX: usize = 128;

/// Between which places the first record with a number of at least `seq` begins; found by halving, because numbers
/// only grow within a segment. Records before the first place are lower, those that begin behind the second are not.
pub(super) fn seek(file: &File, len: u64, seq: u64) -> io::Result<(u64, u64)> {
    const NEAR: u64 = 16 * 1024;
    let (mut low, mut high) = (0, len);
    let mut buffer = Vec::new();
    while high - low > NEAR {
        let middle = low + (high - low) / 2;
        match first_line(file, middle, high, &mut buffer)? {
            Some((at, number)) if number < seq => low = at,
            Some(_) => high = middle,
            // Nothing begins there: the end, or damage, behind which it is not known how it goes on.
            None if high - middle <= LINE_BYTES_MAX as u64 => high = middle,
            None => break,
        }
    }
    Ok((low, high))
}

/// The first record that begins behind `from`: its place and number.
fn first_line(file: &File, from: u64, to: u64, buffer: &mut Vec<u8>) -> io::Result<Option<(u64, u64)>> {
    let mut at = from;
    for size in [4 * 1024, LINE_BYTES_MAX as u64 + 4 * 1024] {
        buffer.resize(usize::try_from(size.min(to - from)).unwrap_or(0), 0);
        let read = file.read_at(buffer, from)?;
        let mut rest = &buffer[..read];
        while let Some(end) = memchr::memchr(b'\n', rest) {
            at += end as u64 + 1;
            rest = &rest[end + 1..];
            let whole = rest.len() >= BEFORE_SEQ_MAX || memchr::memchr(b'\n', rest).is_some();
            if whole && let Some(number) = line::seq(rest) {
                return Ok(Some((at, number)));
            }
        }
        at = from;
    }
    Ok(None)
}

/// The number of the last record.
pub(super) fn last_seq(file: &File, len: u64) -> io::Result<Option<u64>> {
    let mut buffer = Vec::new();
    for size in [4 * 1024, 2 * LINE_BYTES_MAX as u64] {
        buffer.resize(usize::try_from(size.min(len)).unwrap_or(0), 0);
        let read = file.read_at(&mut buffer, len.saturating_sub(size))?;
        let whole = &buffer[..read];
        let mut end = memchr::memrchr(b'\n', whole);
        while let Some(at) = end {
            let start = memchr::memrchr(b'\n', &whole[..at]).map(|at| at + 1);
            let begun = start.is_some() || size >= len;
            if begun && let Some(seq) = line::seq(&whole[start.unwrap_or(0)..at]) {
                return Ok(Some(seq));
            }
            end = start.map(|start| start - 1);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(text: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        file
    }

    fn parts(file: &File, len: u64, bounds: &[u64]) -> Vec<u8> {
        let mut all = Vec::new();
        let mut buffer = Vec::new();
        for range in bounds.windows(2) {
            let see = |text: &[u8]| {
                assert!(text.ends_with(b"\n"));
                all.extend_from_slice(text);
            };
            blocks(file, (range[0], range[1]), len, &mut buffer, see).unwrap();
        }
        all
    }

    #[test]
    fn however_a_file_is_parted_each_line_is_given_once_and_the_torn_one_never() {
        let mut text = Vec::new();
        for n in 0..3_000_usize {
            text.extend(std::iter::repeat_n(b"abcdefg"[n % 7], n * 7919 % 601));
            text.push(b'\n');
        }
        let whole = text.len();
        text.extend(b"torn");
        let (file, len) = (file(&text), text.len() as u64);
        assert!(whole > 3 * BLOCK);
        for step in [len, 300_000, 70_001, 997] {
            let mut bounds: Vec<u64> =
                (0..len).step_by(usize::try_from(step).unwrap()).chain([len]).collect();
            assert!(parts(&file, len, &bounds) == text[..whole], "in steps of {step}");
            // A line end just before, at and behind a bound.
            let at = text.iter().position(|byte| *byte == b'\n').unwrap() as u64 + 600;
            bounds.extend([at, at + 1, at + 2]);
            bounds.sort_unstable();
            assert!(parts(&file, len, &bounds) == text[..whole], "in steps of {step} and at line ends");
        }
        assert!(parts(&file, 1_000, &[0, 1_000]).len() <= 1_000, "what was appended since does not count");
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_counted_once_and_its_neighbours_are_given() {
        for long in [LINE_BYTES_MAX, 5 * BLOCK] {
            let text = [b"before\n".as_slice(), &vec![b'x'; long], b"\nbehind\n"].concat();
            let (file, len) = (file(&text), text.len() as u64);
            for step in [len, 100_000] {
                let (mut given, mut passed, mut buffer) = (Vec::new(), 0, Vec::new());
                for from in (0..len).step_by(usize::try_from(step).unwrap()) {
                    let see =
                        |text: &[u8]| given.extend(text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec));
                    passed += blocks(&file, (from, from + step), len, &mut buffer, see).unwrap();
                }
                given.retain(|line| !line.is_empty() && line.len() < LINE_BYTES_MAX);
                assert_eq!(given, [b"before".to_vec(), b"behind".to_vec()], "{long} {step}");
                assert!(passed <= 1 && (long < BLOCK || passed == 1), "{long} {step}: {passed}");
            }
        }
    }

    #[test]
    fn a_number_is_found_by_halving_whatever_stands_between() {
        let line = |seq: u64| {
            format!("{{\"seq\":{seq},\"x\":\"{}\"}}\n", "y".repeat(usize::try_from(seq * 31 % 900).unwrap()))
        };
        let lines: Vec<String> = (100..3_100).filter(|seq| seq % 3 != 0).map(line).collect();
        let text = lines.concat();
        let (file, len) = (file(text.as_bytes()), text.len() as u64);
        for seq in [0, 100, 101, 1_000, 2_999, 3_099, 3_100, u64::MAX] {
            let (low, high) = seek(&file, len, seq).unwrap();
            let mut at = 0;
            for line in &lines {
                let own: u64 = line[7..line.find(',').unwrap()].parse().unwrap();
                assert!(at >= low || own < seq, "{own} begins at {at}, before {low}");
                assert!(at <= high || own >= seq, "{own} begins at {at}, behind {high}");
                at += line.len() as u64;
            }
            assert!(high - low <= 16 * 1024);
        }
        assert_eq!(last_seq(&file, len).unwrap(), Some(3_098));
        assert_eq!(last_seq(&file, len - 1).unwrap(), Some(3_097), "a torn line is none");
        assert_eq!(last_seq(&file, 0).unwrap(), None);
    }
}
