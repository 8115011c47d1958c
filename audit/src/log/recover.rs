//! What is found in the folder at the start: the evidence is brought up to what the segments hold, what was torn is
//! cut and told, what was half done is done, and the numbers go on. It never removes a segment that has records, and
//! never touches a file that is not ours.

use super::closer::Job;
use super::config::COMMIT_BYTES;
use super::disk::Disk;
use super::failure::{Doing, Failure};
use super::lines;
use super::names::{Names, read_folder};
use super::rotate::hex;
use super::scan::{JUMP_MAX, Scan};
use super::seal::{Covered, ManifestFacts, Seal, SegmentFacts};
use super::segment::{Closed, Live};
use crate::folder::{packed_name, segment_name};
use crate::line::LINE_BYTES_MAX;
use crate::record::{Draft, Key};
use crate::sources::life;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use watchkeeper_core::time::Wall;

/// More than one piece cannot be torn.
const TORN_MAX: u64 = (COMMIT_BYTES + LINE_BYTES_MAX) as u64;

/// What the writer goes on with.
#[derive(Default)]
pub(super) struct Found {
    pub live: Option<Live>,
    /// Number of the next record.
    pub next: u64,
    pub closed: Vec<Closed>,
    /// To be told in the log.
    pub told: Vec<Draft>,
    pub jobs: Vec<Job>,
}

struct Recovery<'a> {
    dir: &'a Path,
    disk: &'a dyn Disk,
    seal: &'a mut dyn Seal,
    compress: bool,
    now: Wall,
    covered: Covered,
    found: Found,
}

/// Reads the folder.
pub(super) fn recover(
    dir: &Path,
    disk: &dyn Disk,
    seal: &mut dyn Seal,
    compress: bool,
    now: Wall,
) -> Result<Found, Failure> {
    let names = read_folder(dir, disk)?;
    let covered = seal.open(disk, now).doing(|| "reading manifest, checkpoints and keys".to_owned())?;
    let mut recovery = Recovery { dir, disk, seal, compress, now, covered, found: Found::default() };
    for (at, segment) in names.iter().enumerate() {
        recovery.segment(segment, names.get(at + 1).map(|next| next.first))?;
    }
    recovery.end()?;
    Ok(recovery.found)
}

impl Recovery<'_> {
    fn segment(&mut self, segment: &Names, next: Option<u64>) -> Result<(), Failure> {
        if let Some(entry) = self.seal.entry(segment.first) {
            return self.named(segment, entry, next);
        }
        if segment.first < self.covered.closed {
            // The manifest once had it and goes on after it. Verification tells; here it only must not be in the way.
            let last = next.unwrap_or(self.covered.closed).saturating_sub(1);
            self.close(segment, last, (segment.modified, segment.modified), None);
            return Ok(());
        }
        if segment.raw && segment.raw_bytes == 0 && next.is_some() {
            let name = segment_name(segment.first);
            return self.disk.remove(&self.dir.join(&name)).doing(|| format!("removing the empty {name}"));
        }
        if segment.first < self.seal.size() {
            // Records of these numbers were just read from another: this one is none of ours, and is left alone.
            let name = segment_name(segment.first);
            let reason = "a segment that begins within another one; it was left alone";
            self.found.told.push(life::file_replaced(self.now, &name, reason));
            return Ok(());
        }
        if segment.first > self.seal.size() && !self.is_likely(segment)? {
            // We made it ourselves if what was signed was more than what there was.
            if segment.first != self.covered.signed {
                let reason = "a segment without records whose number is not due; it was left alone";
                self.found.told.push(life::file_replaced(self.now, &segment_name(segment.first), reason));
            }
            return Ok(());
        }
        self.step_to(segment.first);
        self.seal.begin(segment.first);
        let read = self.replay(segment)?;
        // A crash leaves no more behind than one piece. What is longer is damage, and stays for whoever looks into it.
        let torn = read.bytes - read.end;
        if segment.raw && next.is_none() && torn <= TORN_MAX {
            if torn > 0 {
                self.cut(segment.first, read.end, read.bytes)?;
            }
            return self.resume(segment, &read);
        }
        if torn > 0 {
            let details =
                format!("the last {torn} bytes of the segment are no records; they were left there");
            self.found.told.push(life::records_missing(self.now, read.next, read.next, &details));
        }
        self.close_read(segment, &read)
    }

    /// Whether a segment that does not follow the one before is one of ours all the same: it has something in it, and
    /// unless it is near, its first line is the record that it is named after.
    fn is_likely(&self, segment: &Names) -> Result<bool, Failure> {
        if segment.raw && segment.raw_bytes == 0 {
            return Ok(false);
        }
        if segment.first - self.seal.size() <= JUMP_MAX {
            return Ok(true);
        }
        let name = if segment.raw { segment_name(segment.first) } else { packed_name(segment.first) };
        let first = lines::open(self.disk, &self.dir.join(&name), !segment.raw).and_then(lines::first);
        // What is compressed and damaged has no first line, which is another matter than a disk that fails.
        match first {
            Err(error) if error.raw_os_error().is_some() => Err(error).doing(|| format!("reading {name}")),
            first => Ok(first.is_ok_and(|line| lines::number(&line) == Some(segment.first))),
        }
    }

    /// Has the manifest name what could be read.
    fn close_read(&mut self, segment: &Names, read: &Read) -> Result<(), Failure> {
        let Some(span) = read.span else { return Ok(()) };
        if segment.raw {
            let path = self.dir.join(segment_name(segment.first));
            self.make_durable(&path, read).doing(|| format!("syncing {}", path.display()))?;
        }
        let (first, last) = (segment.first, read.next - 1);
        let facts = SegmentFacts { first, last, first_ts: span.0, last_ts: span.1, bytes: read.end };
        let doing = || format!("naming {} in the manifest", segment_name(first));
        let entry = self.seal.close(self.disk, &facts, self.now).doing(doing)?;
        self.close(segment, last, span, Some(entry));
        Ok(())
    }

    /// The manifest has it. What stands behind what it says was never acknowledged: an fsync failed there.
    fn named(&mut self, segment: &Names, entry: ManifestFacts, next: Option<u64>) -> Result<(), Failure> {
        let facts = entry.segment;
        let follows = next.is_none_or(|next| next == facts.last + 1);
        if segment.raw && !segment.packed && follows {
            let path = self.dir.join(segment_name(segment.first));
            let bytes = self.disk.stat(&path).doing(|| format!("looking at {}", path.display()))?.bytes;
            if bytes > facts.bytes {
                self.cut(segment.first, facts.bytes, bytes)?;
            }
        }
        if let Some(before) = self.found.closed.last().filter(|before| before.last + 1 < segment.first) {
            let details = "a segment that the manifest names is missing between others";
            let (first, last) = (before.last + 1, segment.first - 1);
            self.found.told.push(life::records_missing(self.now, first, last, details));
        }
        self.found.next = self.found.next.max(facts.last + 1);
        self.close(segment, facts.last, (facts.first_ts, facts.last_ts), Some(entry));
        Ok(())
    }

    fn close(&mut self, segment: &Names, last: u64, span: (Wall, Wall), entry: Option<ManifestFacts>) {
        let first = segment.first;
        if segment.raw && (self.compress || segment.packed) {
            self.found.jobs.push(Job::Compress { first, entry });
        }
        self.found.closed.push(Closed { first, last, span, bytes: segment.bytes, entry, going: false });
    }

    /// Reads it, and gives its lines to the evidence.
    fn replay(&mut self, segment: &Names) -> Result<Read, Failure> {
        let name = if segment.raw { segment_name(segment.first) } else { packed_name(segment.first) };
        let doing = || format!("reading {name}");
        let from = lines::open(self.disk, &self.dir.join(&name), !segment.raw).doing(doing)?;
        let mut scan = Scan::new(&mut *self.seal, segment.first, self.covered.signed);
        let whole = lines::each(from, |line| scan.line(line));
        scan.finish();
        if let Err(error) = whole {
            // What is compressed and damaged is read as far as it goes; a disk that fails is another matter.
            if segment.raw || error.raw_os_error().is_some() {
                return Err(error).doing(doing);
            }
            let details = format!("{name} cannot be read to its end: {error}");
            self.found.told.push(life::records_missing(self.now, scan.next, scan.next, &details));
        }
        let unsigned_at = scan.unsigned_at.unwrap_or(scan.end);
        let read = Read { next: scan.next, end: scan.end, bytes: scan.read, span: scan.span, unsigned_at };
        let (damaged, missing) = (scan.damaged, scan.missing);
        if damaged + missing > 0 {
            let details = format!(
                "{name}: {damaged} lines are no records, {missing} numbers are missing; nothing was removed"
            );
            self.found.told.push(life::records_missing(self.now, segment.first, read.next - 1, &details));
        }
        self.found.next = self.found.next.max(read.next);
        Ok(read)
    }

    /// Cuts the end off a segment, and tells how much and what it was.
    fn cut(&mut self, first: u64, from: u64, to: u64) -> Result<(), Failure> {
        let name = segment_name(first);
        let doing = || format!("cutting the torn end of {name}");
        let mut file = self.disk.append(&self.dir.join(&name)).doing(doing)?;
        let (mut hash, mut at) = (Sha256::new(), from);
        let mut part = vec![0; 64 << 10];
        loop {
            let read = file.read_at(at, &mut part).doing(doing)?;
            if read == 0 {
                break;
            }
            hash.update(&part[..read]);
            at += read as u64;
        }
        file.truncate(from).doing(doing)?;
        file.sync().doing(doing)?;
        let details = "the end of the segment was no whole record and never acknowledged; it was cut off";
        let draft = life::recovered(self.now, &name, to - from, details);
        self.found.told.push(draft.text(Key::Sha256, &hex(&hash.finalize())));
        Ok(())
    }

    /// The last segment is written on.
    fn resume(&mut self, segment: &Names, read: &Read) -> Result<(), Failure> {
        let name = segment_name(segment.first);
        let path: PathBuf = self.dir.join(&name);
        let doing = || format!("opening {name}");
        if read.span.is_none() && segment.first < self.covered.signed {
            // Nothing of it is left, and its first number is taken.
            return self.disk.remove(&path).doing(doing);
        }
        self.make_durable(&path, read).doing(doing)?;
        let unsigned = segment.first.max(self.covered.signed);
        if unsigned < read.next {
            self.found.told.push(life::unsigned_kept(self.now, &name, unsigned, read.next - 1));
        }
        let file = self.disk.append(&path).doing(doing)?;
        let mut live = Live::new(file, path, name.clone(), segment.first).doing(doing)?;
        live.bytes = read.end;
        live.count = read.next - segment.first;
        live.span = read.span;
        live.began = read.span.map(|span| span.0);
        live.torn = false;
        self.found.live = Some(live);
        Ok(())
    }

    /// Lines that were written and not synced when the process ended are records from now on. It may have ended
    /// because an fsync failed, so that one more does not do. What a checkpoint covers was synced before.
    fn make_durable(&self, path: &Path, read: &Read) -> std::io::Result<()> {
        self.disk.refresh(path, read.unsigned_at)
    }

    /// Records in front of this one are missing: said, and passed over.
    fn step_to(&mut self, first: u64) {
        let size = self.seal.size();
        if first > size {
            let details = "a segment is missing that the manifest does not name";
            self.found.told.push(life::records_missing(self.now, size, first - 1, details));
            self.seal.skip(first);
        }
    }

    /// What was signed is more than what is there: those numbers are not given again.
    fn end(&mut self) -> Result<(), Failure> {
        let next = self.found.next.max(self.covered.closed);
        let signed = self.covered.signed;
        self.found.next = next.max(signed);
        if signed <= next {
            return Ok(());
        }
        if let Some(live) = self.found.live.take() {
            let facts = live.facts();
            let doing = || format!("naming {} in the manifest", live.name);
            let entry = self.seal.close(self.disk, &facts, self.now).doing(doing)?;
            let segment = Names { first: live.first, raw: true, bytes: live.bytes, ..Names::default() };
            self.close(&segment, facts.last, (facts.first_ts, facts.last_ts), Some(entry));
        }
        let details = "a checkpoint covers more records than there are";
        self.found.told.push(life::log_truncated(self.now, next, signed - 1, details));
        self.seal.skip(signed);
        Ok(())
    }
}

/// What came of reading a segment.
struct Read {
    next: u64,
    /// Where its last record ends, and where it ends itself.
    end: u64,
    bytes: u64,
    span: Option<(Wall, Wall)>,
    /// Where the first of its records begins that no checkpoint covers.
    unsigned_at: u64,
}
