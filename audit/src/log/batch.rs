//! Records that wait for the disk. They have no number yet: that is given when they are laid out for writing, so
//! that something of our own can go out before them. Nothing here touches a file.

use super::frame::Meta;
use std::collections::VecDeque;
use watchkeeper_core::time::Mono;

/// One record that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub meta: Meta,
    /// Bytes before its number.
    head: usize,
    /// Bytes without its number.
    bytes: usize,
    /// Bytes that it takes in the gate; `None` when it never entered, or has left already.
    pub gate: Option<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Batch {
    text: Vec<u8>,
    /// Where the text of the first item begins.
    start: usize,
    items: VecDeque<Item>,
}

/// More room than this is given back when a batch is done.
const KEEP_BYTES: usize = 4 << 20;
/// Digits of the largest number.
const NUMBER_BYTES: usize = 20;

impl Batch {
    pub(super) fn push(&mut self, meta: Meta, head: &[u8], tail: &[u8], gate: Option<usize>) {
        self.text.extend_from_slice(head);
        self.text.extend_from_slice(tail);
        self.items.push_back(Item { meta, head: head.len(), bytes: head.len() + tail.len(), gate });
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Bytes that wait, numbers aside.
    pub(super) fn bytes(&self) -> usize {
        self.text.len() - self.start
    }

    /// When the oldest was appended.
    pub(super) fn oldest(&self) -> Option<Mono> {
        self.items.front().map(|item| item.meta.since)
    }

    /// How long the first line would be at most.
    pub(super) fn first_bytes(&self) -> Option<u64> {
        self.items.front().map(|item| (item.bytes + NUMBER_BYTES) as u64)
    }

    /// Lays lines out, the first with number `next`, as long as `fits` says that one more of such a length may come.
    /// Returns how many.
    pub(super) fn lay(
        &self,
        next: u64,
        piece: &mut Piece,
        mut fits: impl FnMut(&Piece, usize) -> bool,
    ) -> usize {
        let mut at = self.start;
        let mut laid = 0;
        for item in &self.items {
            if !fits(piece, item.bytes + NUMBER_BYTES) {
                break;
            }
            let (head, tail) = (at + item.head, at + item.bytes);
            piece.text.extend_from_slice(&self.text[at..head]);
            push_number(next + laid as u64, &mut piece.text);
            piece.text.extend_from_slice(&self.text[head..tail]);
            piece.ends.push(piece.text.len());
            (at, laid) = (tail, laid + 1);
        }
        laid
    }

    /// Takes the first items away.
    pub(super) fn take(&mut self, count: usize) -> impl Iterator<Item = Item> {
        let count = count.min(self.items.len());
        self.start += self.items.iter().take(count).map(|item| item.bytes).sum::<usize>();
        if count == self.items.len() {
            self.start = 0;
            self.text.clear();
            if self.text.capacity() > KEEP_BYTES {
                self.text = Vec::new();
            }
        }
        self.items.drain(..count)
    }

    /// All items, to be marked.
    pub(super) fn items_mut(&mut self) -> impl Iterator<Item = &mut Item> {
        self.items.iter_mut()
    }
}

/// Lines as they are about to be written.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub text: Vec<u8>,
    /// Where each line ends.
    pub ends: Vec<usize>,
}

impl Piece {
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.text[start..end])
    }
}

fn push_number(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [b'0'; NUMBER_BYTES];
    let mut at = NUMBER_BYTES;
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Kind;
    use watchkeeper_core::time::Wall;

    fn push(batch: &mut Batch, mark: u64) {
        let meta = Meta { kind: Kind::System, mark, ts: Wall(0), since: Mono(mark) };
        batch.push(meta, b"<", b">\n", Some(1));
    }

    #[test]
    fn lines_are_numbered_when_they_are_laid_out_and_stay_until_they_are_taken() {
        let (mut batch, mut piece) = (Batch::default(), Piece::default());
        for mark in 1..=4 {
            push(&mut batch, mark);
        }
        for (next, text) in [(8, "<8>\n<9>\n<10>\n"), (u64::MAX - 3, "")] {
            piece.clear();
            let laid = batch.lay(next, &mut piece, |piece, _| piece.ends.len() < 3);
            assert_eq!(laid, 3);
            assert!(text.is_empty() || piece.text == text.as_bytes());
        }
        assert_eq!(batch.take(3).map(|item| item.meta.mark).collect::<Vec<_>>(), [1, 2, 3]);
        push(&mut batch, 5);
        piece.clear();
        assert_eq!(batch.lay(0, &mut piece, |_, _| true), 2);
        assert_eq!(piece.lines().collect::<Vec<_>>(), [b"<0>\n", b"<1>\n"]);
        assert_eq!((batch.bytes(), batch.oldest(), batch.first_bytes()), (6, Some(Mono(4)), Some(23)));
        assert_eq!(batch.take(9).count(), 2);
        assert!(batch.is_empty() && batch.bytes() == 0 && batch.text.is_empty());
    }

    #[test]
    fn every_number_is_written_as_it_is() {
        for number in [0, 9, 10, 99_999, u64::MAX] {
            let mut out = Vec::new();
            push_number(number, &mut out);
            assert_eq!(out, number.to_string().as_bytes());
        }
    }
}
