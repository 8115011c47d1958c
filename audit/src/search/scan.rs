//! Looks through texts for answers. What a line means is decided here and nowhere else; where texts come from is not
//! known here.

use super::count::Counting;
use super::plan::Hits;
use super::query::{Answer, Query};
use super::work::Desk;
use crate::line::{self, LINE_BYTES_MAX};
use std::sync::Arc;

/// Which records of a text count.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// The file that the text is from.
    pub(super) file: Arc<str>,
    /// First number that belongs into the segment.
    pub(super) first: u64,
    /// First number of the next segment.
    pub(super) next: Option<u64>,
    /// Only numbers above this.
    pub(super) above: Option<u64>,
    /// Only numbers below this.
    pub(super) below: Option<u64>,
}

impl Scope {
    /// Whether a record of this number belongs into the segment.
    fn has(&self, seq: u64) -> bool {
        seq >= self.first && self.next.is_none_or(|next| seq < next)
    }
}

/// What was found in a piece of the log.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The lines, one after the other, without line ends.
    pub(super) text: String,
    /// Where each ends, and its number.
    pub(super) ends: Vec<(usize, u64)>,
    /// First and last number in the piece, answers or not.
    pub(super) span: Option<(u64, u64)>,
    pub(super) scanned: u64,
    /// Lines that are no records, and records that do not belong here.
    pub(super) damaged: u64,
    pub(super) strays: u64,
    pub(super) file: Option<Arc<str>>,
    /// Parts that could not be read: from, to, why.
    pub(super) holes: Vec<(u64, u64, String)>,
}

impl Found {
    /// The lines with their numbers.
    pub(super) fn lines(&self) -> impl DoubleEndedIterator<Item = (u64, &str)> {
        let start = |n: usize| if n == 0 { 0 } else { self.ends[n - 1].0 };
        (0..self.ends.len()).map(move |n| (self.ends[n].1, &self.text[start(n)..self.ends[n].0]))
    }
}

/// Looks through a text of whole lines, in the order of the log.
pub(super) fn text(text: &[u8], scope: &Scope, desk: &Desk<'_>, found: &mut Found, counting: &mut Counting) {
    // What stands behind the last line end is being written, or torn.
    let Some(end) = memchr::memrchr(b'\n', text) else { return };
    let text = &text[..=end];
    found.scanned += text.len() as u64;
    see_span(text, scope, found);
    let mut hits = Hits::new(&desk.plan.prefilter);
    let mut from = 0;
    while let Some(hit) = hits.next(text, from) {
        let start = memchr::memrchr(b'\n', &text[from..hit]).map_or(from, |at| from + at + 1);
        let end = memchr::memchr(b'\n', &text[hit..]).map_or(text.len(), |at| hit + at);
        if !line(&text[start..end], scope, desk.query, found, counting) {
            hits.missed();
        }
        from = end + 1;
        if from >= text.len() {
            break;
        }
    }
}

/// From the first to the last record that belongs here. What a write that failed has left behind bears numbers of the
/// next segment, and whoever goes on behind these would miss the records that have them now.
fn see_span(text: &[u8], scope: &Scope, found: &mut Found) {
    let body = text.strip_suffix(b"\n").unwrap_or(text);
    let own = |line: &[u8]| line::seq(line).filter(|seq| scope.has(*seq));
    let first = body.split(|byte| *byte == b'\n').find_map(own);
    let last = body.rsplit(|byte| *byte == b'\n').find_map(own);
    for seq in [first, last].into_iter().flatten() {
        found.span = Some(found.span.map_or((seq, seq), |(low, high)| (low.min(seq), high.max(seq))));
    }
}

/// Takes in a line that may be an answer; false when it is none.
fn line(bytes: &[u8], scope: &Scope, query: &Query, found: &mut Found, counting: &mut Counting) -> bool {
    let Some((seq, line)) = record(bytes) else {
        found.damaged += u64::from(!bytes.is_empty());
        return false;
    };
    if !scope.has(seq) {
        found.strays += 1;
        return false;
    }
    let in_scope = scope.above.is_none_or(|above| seq > above) && scope.below.is_none_or(|below| seq < below);
    if !in_scope || !query.matches(line) {
        return false;
    }
    if query.answer == Answer::Lines {
        found.text.push_str(line);
        found.ends.push((found.text.len(), seq));
    } else {
        counting.add(line, &query.answer);
    }
    true
}

/// A line is a record for a search when it has a number, is text and is no longer than a line may be.
pub(super) fn record(bytes: &[u8]) -> Option<(u64, &str)> {
    // A record never ends so; whoever edited the file may have put it there.
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let seq = line::seq(bytes).filter(|_| bytes.len() < LINE_BYTES_MAX)?;
    Some((seq, std::str::from_utf8(bytes).ok()?))
}
