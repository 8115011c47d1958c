//! What the writer holds: it takes each line that is on the disk into the tree, signs the tree, closes segments and
//! changes keys. It signs nothing that is not on the disk, gives no number to two checkpoints, and keeps one order
//! that the verifier relies on: key change, then checkpoint, then the manifest line of a segment that ends there,
//! then what follows.

use super::checkpoint::{Cause, Checkpoint};
use super::keys::{Keys, Log, Turn};
use super::leaves::Leaves;
use super::ledger::{self, Ledger};
use super::manifest::{self, Entry};
use super::marks::Marks;
use super::note;
use super::notes::{self, framed};
use super::past::Past;
use super::tidy;
use super::tree::{Range, leaf};
use super::words::said_of;
use crate::folder::{CHECKPOINTS, KEYS, MANIFEST, leaves_name};
use crate::log::disk::Disk;
use crate::log::seal::{Covered, ManifestFacts, Seal, SegmentFacts, Signed};
use crate::record::Draft;
use crate::sources::life;
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use watchkeeper_core::time::{Wall, micros};

/// The evidence of the log in one folder.
pub struct Sealer {
    dir: PathBuf,
    origin: String,
    key_every: Option<Duration>,
    checkpoints: Ledger,
    /// Where they are.
    marks: Marks,
    manifest: Ledger,
    /// What was there when the log was opened, and what of it is still to be compared.
    past: Past,
    /// None before the log was opened.
    keys: Option<Keys>,
    range: Range,
    segment: Segment,
    /// Number of the next checkpoint.
    next: u64,
    signed: Option<Signed>,
    /// Why the next checkpoint is made, if not for records or idleness.
    cause: Option<Cause>,
    key_stuck: bool,
    told: Vec<Draft>,
}

/// The segment that was begun last.
struct Segment {
    before: Range,
    bytes: u64,
    sha: Sha256,
    leaves: Leaves,
}

impl Segment {
    fn begin(dir: &Path, before: Range) -> Self {
        let leaves = Leaves::new(dir.join(leaves_name(before.size())));
        Self { before, bytes: 0, sha: Sha256::new(), leaves }
    }
}

fn ledgers(dir: &Path) -> (Ledger, Ledger) {
    (
        Ledger::new(dir.join(CHECKPOINTS), |disk, path| notes::whole_end(disk.read(path)?)),
        Ledger::new(dir.join(MANIFEST), |disk, path| manifest::whole_end(disk.read(path)?)),
    )
}

impl Sealer {
    /// Of the log in `dir`. `origin` is the first part of its name, should it begin now; `key_every` is how old a
    /// signing key becomes.
    pub fn new(dir: &Path, origin: &str, key_every: Option<Duration>) -> Self {
        let (checkpoints, manifest) = ledgers(dir);
        Self {
            dir: dir.to_owned(),
            origin: origin.to_owned(),
            key_every,
            checkpoints,
            marks: Marks::default(),
            manifest,
            past: Past::default(),
            keys: None,
            range: Range::new(),
            segment: Segment::begin(dir, Range::new()),
            next: 0,
            signed: None,
            cause: Some(Cause::Start),
            key_stuck: false,
            told: Vec::new(),
        }
    }

    /// The verifier key that signs now.
    pub fn vkey(&self) -> Option<String> {
        Some(self.keys.as_ref()?.current().verifier().to_string())
    }

    /// Has a new key sign from here on, whatever the age of the one before.
    pub fn rotate_key(&mut self, disk: &dyn Disk, now: Wall) -> io::Result<()> {
        let turn = Turn { number: self.next, size: self.range.size(), time: now };
        let change = keys_of(&mut self.keys)?.rotate(disk, turn)?;
        self.cause = Some(Cause::Key);
        self.told.push(life::key_rotated(now, &change.old.to_string(), &change.new.to_string(), change.size));
        Ok(())
    }

    fn sign(&mut self, disk: &dyn Disk, now: Wall) -> io::Result<()> {
        let keys = keys_of(&mut self.keys)?;
        keys.settle(disk)?;
        let size = self.range.size();
        let idle = self.signed.as_ref().is_some_and(|signed| signed.size == size);
        let checkpoint = Checkpoint {
            origin: keys.current().verifier().name().to_owned(),
            size,
            root: self.range.root(),
            time: now,
            number: self.next,
            cause: self.cause.unwrap_or(if idle { Cause::Idle } else { Cause::Records }),
            more: Vec::new(),
        };
        let text = note::sign(&checkpoint.text(), keys.current()).map_err(io::Error::other)?;
        let framed = framed(&text);
        self.checkpoints.append(disk, framed.as_bytes())?;
        self.marks.see(Some(size), self.checkpoints.bytes().saturating_sub(framed.len() as u64));
        self.signed = Some(Signed { size, text, at: now });
        self.next += 1;
        self.cause = None;
        if let Err(error) = keys.mark_used() {
            tracing::warn!(%error, "the signing key could not be marked as used");
        }
        self.write_leaves(disk);
        Ok(())
    }

    fn write_leaves(&mut self, disk: &dyn Disk) {
        let differs = self.segment.leaves.write(disk);
        self.past.leaf_differs(differs.map(|index| self.segment.before.size() + index));
    }

    fn entry_of(&self, facts: &SegmentFacts) -> Entry {
        Entry {
            origin: String::new(),
            first_seq: self.segment.before.size(),
            last_seq: self.range.size().saturating_sub(1),
            first_ts: facts.first_ts,
            last_ts: facts.last_ts,
            bytes: self.segment.bytes,
            sha256: self.segment.sha.clone().finalize().into(),
            leaves_sha256: self.segment.leaves.sha256(),
            range_before: self.segment.before.clone(),
            range_after: self.range.clone(),
            checkpoint: self.next.saturating_sub(1),
            previous: self.past.last_line,
        }
    }

    /// What is to be told, as records.
    fn tell(&mut self, now: Wall) {
        if let Some(altered) = self.past.altered() {
            self.told.push(life::log_altered(now, altered.first, altered.last, altered.details));
        }
        for (file, details) in self.past.damages.drain(..) {
            self.told.push(life::evidence_damaged(now, file, &details));
        }
        for (ledger, file) in [(&mut self.checkpoints, CHECKPOINTS), (&mut self.manifest, MANIFEST)] {
            self.told.extend(ledger.take_harm().map(|harm| life::file_replaced(now, file, harm.said())));
        }
        let notices = self.keys.as_mut().map(Keys::notices).unwrap_or_default();
        self.told.extend(notices.iter().map(|notice| said_of(notice, now)));
    }

    fn change_key_when_old(&mut self, disk: &dyn Disk, now: Wall) {
        let (Some(every), Some(keys)) = (self.key_every, &self.keys) else { return };
        let since = keys.since().unwrap_or(now);
        if now.0.saturating_sub(since.0) < i64::try_from(micros(every)).unwrap_or(i64::MAX) {
            return;
        }
        match self.rotate_key(disk, now) {
            Ok(()) => self.key_stuck = false,
            Err(error) if !self.key_stuck => {
                self.key_stuck = true;
                self.told
                    .push(life::key_at_risk(now, &format!("the signing key cannot be changed: {error}")));
            }
            Err(_) => {}
        }
    }
}

fn keys_of(keys: &mut Option<Keys>) -> io::Result<&mut Keys> {
    keys.as_mut().ok_or_else(|| io::Error::other("the evidence was not opened"))
}

impl Seal for Sealer {
    fn open(&mut self, disk: &dyn Disk, _: Wall) -> io::Result<Covered> {
        *self = Self::new(&self.dir, &self.origin, self.key_every);
        for file in [CHECKPOINTS, MANIFEST, KEYS] {
            ledger::refresh(disk, &self.dir.join(file));
        }
        let (tail, marks) = Past::checkpoints(disk, &self.dir)?;
        self.marks = marks;
        self.checkpoints.open(disk)?;
        let names = disk.list(&self.dir)?;
        let files = [CHECKPOINTS, MANIFEST, KEYS];
        let segments = names.iter().any(|name| crate::folder::parse(name).is_some());
        let log = Log {
            exists: segments || names.iter().any(|name| files.contains(&name.as_str())),
            last_note: tail.last().cloned(),
        };
        let keys = self.keys.insert(Keys::open(disk, &self.dir, &self.origin, &log)?);
        let signed_before = segments && keys.is_used();
        self.past = Past::read(disk, &self.dir, &tail, keys.chain(), signed_before)?;
        self.manifest.open(disk)?;
        self.range = self.past.range.clone();
        self.next = self.past.next;
        self.signed.clone_from(&self.past.signed);
        self.segment = Segment::begin(&self.dir, self.range.clone());
        let signed = self.signed.as_ref().map_or(0, |signed| signed.size);
        Ok(Covered { closed: self.range.size(), signed })
    }

    fn entry(&self, first: u64) -> Option<ManifestFacts> {
        self.past.entries.get(&first).copied()
    }

    fn begin(&mut self, first: u64) {
        self.range.skip_to(first);
        self.segment = Segment::begin(&self.dir, self.range.clone());
    }

    fn skip(&mut self, next: u64) {
        self.segment.leaves.skip(next.saturating_sub(self.range.size()));
        self.range.skip_to(next);
        self.past.compare(&self.range);
    }

    fn push(&mut self, line: &[u8]) {
        let leaf = leaf(line);
        self.range.push(leaf);
        self.segment.bytes += line.len() as u64;
        self.segment.sha.update(line);
        self.segment.leaves.push(&leaf);
        self.past.compare(&self.range);
    }

    fn size(&self) -> u64 {
        self.range.size()
    }

    fn checkpoint(&mut self, disk: &dyn Disk, now: Wall) -> io::Result<()> {
        self.sign(disk, now)
    }

    fn signed(&self) -> Option<Signed> {
        self.signed.clone()
    }

    fn close(&mut self, disk: &dyn Disk, facts: &SegmentFacts, now: Wall) -> io::Result<ManifestFacts> {
        if self.segment.before.size() >= self.range.size() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a segment without records is not closed",
            ));
        }
        if self.cause == Some(Cause::Key)
            || self.signed.as_ref().is_none_or(|signed| signed.size < self.size())
        {
            self.cause = self.cause.or(Some(Cause::Rotation));
            self.sign(disk, now)?;
        }
        let mut entry = self.entry_of(facts);
        let signer = keys_of(&mut self.keys)?.current();
        signer.verifier().name().clone_into(&mut entry.origin);
        let line = entry.line(signer).map_err(io::Error::other)?;
        self.manifest.append(disk, line.as_bytes())?;
        let closed = self.past.closed(&entry, manifest::hash(line.as_bytes()));
        self.write_leaves(disk);
        tidy::tidy(disk, &self.dir, &mut self.checkpoints, &mut self.marks);
        Ok(closed)
    }

    fn due(&mut self, disk: &dyn Disk, now: Wall) -> io::Result<Vec<Draft>> {
        self.change_key_when_old(disk, now);
        self.tell(now);
        Ok(std::mem::take(&mut self.told))
    }
}
