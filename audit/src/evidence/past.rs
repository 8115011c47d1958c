//! What the evidence in a folder says when the log is opened: how far the manifest reaches, what was signed last,
//! and whether what is read again is what was signed. Damage is told and never repaired: it is evidence, too.

use super::chain::Chain;
use super::checkpoint::Checkpoint;
use super::manifest::{Entry, Line, Lines, hash};
use super::marks::Marks;
use super::note;
use super::notes::Notes;
use super::tree::{Hash, Range};
use super::words::facts_of;
use crate::folder::{CHECKPOINTS, MANIFEST};
use crate::log::disk::Disk;
use crate::log::seal::{ManifestFacts, Signed};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Of the checkpoints, so many are looked at from the end until one is right.
const TAIL: usize = 64;

/// What was there.
#[derive(Default)]
pub(super) struct Past {
    /// The segments that the manifest names.
    pub(super) entries: BTreeMap<u64, ManifestFacts>,
    /// The tree after the last of them.
    pub(super) range: Range,
    /// Hash of the last line of the manifest.
    pub(super) last_line: Hash,
    /// Number of the next checkpoint.
    pub(super) next: u64,
    /// The last checkpoint that is right.
    pub(super) signed: Option<Signed>,
    /// File and details.
    pub(super) damages: Vec<(&'static str, String)>,
    /// Size and root of the last checkpoint, while what it covers is being read again.
    awaited: Option<(u64, Hash)>,
    altered: bool,
    /// Of the live segment, the first record that has another hash than it had.
    leaf_differs: Option<u64>,
    /// The size that was signed last, and where the manifest ends.
    signed_range: (u64, u64),
}

/// Records that are not what was signed.
pub(super) struct Altered {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) details: &'static str,
}

fn open(disk: &dyn Disk, path: &Path) -> io::Result<Option<Box<dyn Read + Send>>> {
    match disk.read(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Past {
    /// The last checkpoints, the newest last; and where all of them are.
    pub(super) fn checkpoints(disk: &dyn Disk, dir: &Path) -> io::Result<(Vec<String>, Marks)> {
        let (mut tail, mut marks) = (VecDeque::with_capacity(TAIL), Marks::default());
        let Some(file) = open(disk, &dir.join(CHECKPOINTS))? else { return Ok((Vec::new(), marks)) };
        let mut notes = Notes::new(file);
        while let Some(piece) = notes.read()?.filter(|piece| piece.whole) {
            if tail.len() == TAIL {
                tail.pop_front();
            }
            let text = piece.text().unwrap_or_default();
            marks.see(text.split('\n').nth(1).and_then(|size| size.parse().ok()), piece.at);
            tail.push_back(text.to_owned());
        }
        Ok((tail.into(), marks))
    }

    /// Reads the manifest and finds the last checkpoint that is right. `signed` says whether there must be one.
    pub(super) fn read(
        disk: &dyn Disk,
        dir: &Path,
        tail: &[String],
        chain: &Chain,
        signed: bool,
    ) -> io::Result<Self> {
        let mut past = Self::default();
        past.find_last(tail, chain);
        if tail.is_empty() && signed {
            past.damages.push((CHECKPOINTS, "there are records, and no checkpoint".into()));
        }
        if let Some(file) = open(disk, &dir.join(MANIFEST))? {
            past.read_manifest(Lines::new(file), chain)?;
        }
        let closed = past.range.size();
        past.signed_range = (closed, past.awaited.map_or(closed, |(size, _)| size));
        past.compare(&past.range.clone());
        Ok(past)
    }

    fn find_last(&mut self, tail: &[String], chain: &Chain) {
        for (bad, text) in tail.iter().rev().enumerate() {
            let Some(checkpoint) = right(text, chain) else { continue };
            self.next = checkpoint.number.saturating_add(1);
            self.awaited = Some((checkpoint.size, checkpoint.root));
            self.signed = Some(Signed { size: checkpoint.size, text: text.clone(), at: checkpoint.time });
            if bad > 0 {
                self.damages.push((CHECKPOINTS, format!("the last {bad} checkpoints are not right")));
            }
            return;
        }
        if !tail.is_empty() {
            self.damages.push((CHECKPOINTS, format!("none of the last {} checkpoints is right", tail.len())));
        }
    }

    fn read_manifest(&mut self, mut lines: Lines<impl Read>, chain: &Chain) -> io::Result<()> {
        let mut newest = 0;
        for number in 1_u64.. {
            let Some(bytes) = lines.read()?.filter(|line| line.ends_with(b"\n")) else { break };
            let previous = std::mem::replace(&mut self.last_line, hash(&bytes));
            let Some(line) = Line::parse(&bytes) else {
                self.damages.push((MANIFEST, format!("line {number} is not one of a manifest")));
                continue;
            };
            let key = chain.index_at(line.entry.checkpoint);
            if line.check(chain.keys()) != Ok(key) || line.entry.origin != chain.keys()[key].name() {
                self.damages.push((MANIFEST, format!("line {number} is not signed by the key of its time")));
                continue;
            }
            if line.entry.previous != previous {
                self.damages.push((MANIFEST, format!("line {number} does not follow the one before it")));
            }
            newest = newest.max(line.entry.checkpoint);
            self.take(&line.entry, line.sha256);
        }
        if newest >= self.next.max(1) {
            self.damages
                .push((CHECKPOINTS, format!("the checkpoints up to number {newest} are not all there")));
            self.next = newest.saturating_add(1);
        }
        Ok(())
    }

    fn take(&mut self, entry: &Entry, sha256: Hash) -> ManifestFacts {
        let facts = facts_of(entry, sha256);
        self.entries.insert(entry.first_seq, facts);
        if entry.range_after.size() >= self.range.size() {
            self.range = entry.range_after.clone();
        }
        facts
    }

    /// A segment was closed, and its line is on the disk.
    pub(super) fn closed(&mut self, entry: &Entry, sha256: Hash) -> ManifestFacts {
        self.last_line = sha256;
        self.take(entry, sha256)
    }

    /// Compares the tree with the last checkpoint, once it is as large.
    pub(super) fn compare(&mut self, range: &Range) {
        if let Some((size, root)) = self.awaited
            && range.size() >= size
        {
            self.awaited = None;
            self.altered = range.size() == size && range.root() != root;
        }
    }

    /// Of the segment that is being read again, this record has another hash than it had.
    pub(super) fn leaf_differs(&mut self, seq: Option<u64>) {
        self.leaf_differs = self.leaf_differs.or(seq);
    }

    /// What is not as it was signed, once.
    pub(super) fn altered(&mut self) -> Option<Altered> {
        if !std::mem::take(&mut self.altered) {
            return None;
        }
        let (closed, signed) = self.signed_range;
        let last = signed.saturating_sub(1);
        let exact = self.leaf_differs.filter(|seq| (closed..signed).contains(seq));
        let details = if exact.is_some() {
            "the records are not those that were signed"
        } else {
            "among these are records that are not those that were signed"
        };
        Some(Altered { first: exact.unwrap_or(closed), last, details })
    }
}

/// A checkpoint that the key of its number signed.
fn right(text: &str, chain: &Chain) -> Option<Checkpoint> {
    let opened = note::open(text, chain.keys()).ok()?;
    let checkpoint = Checkpoint::parse(opened.text)?;
    let key = chain.index_at(checkpoint.number);
    (opened.key == key && chain.keys()[key].name() == checkpoint.origin).then_some(checkpoint)
}
