//! A log that tests write by hand: lines go into files, and the evidence is told, in the order in which the writer
//! does it. Its clock is a number, so that a minute costs nothing.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use watchkeeper_audit::evidence::Sealer;
use watchkeeper_audit::folder::{self, segment_name};
use watchkeeper_audit::line::{Format, encode};
use watchkeeper_audit::log::disk::RealDisk;
use watchkeeper_audit::log::seal::{Seal, SegmentFacts};
use watchkeeper_audit::record::{Draft, Key, Kind, Level};
use watchkeeper_audit::sources::life;
use watchkeeper_audit::verify::{Options, Report, verify};
use watchkeeper_core::time::Wall;

/// A log under construction.
pub(crate) struct TestLog {
    parent: TempDir,
    pub(crate) sealer: Sealer,
    pub(crate) now: i64,
    pub(crate) next: u64,
    /// First record of the segment that is being written.
    pub(crate) first: u64,
    /// What was made of records, to be told in the log.
    pub(crate) told: Vec<Draft>,
}

impl TestLog {
    pub(crate) fn new() -> Self {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("audit");
        fs::create_dir(&dir).unwrap();
        let sealer = Sealer::new(&dir, "watchkeeper", None);
        let mut log =
            Self { parent, sealer, now: 1_795_242_660_000_000, next: 0, first: 0, told: Vec::new() };
        log.open();
        log.told.clear();
        log
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.parent.path().join("audit")
    }

    pub(crate) fn beside(&self, ending: &str) -> PathBuf {
        self.parent.path().join(format!("audit{ending}"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    /// As after a stop, of whatever kind.
    pub(crate) fn open(&mut self) {
        self.sealer = Sealer::new(&self.dir(), "watchkeeper", None);
        let covered = self.sealer.open(&RealDisk, Wall(self.now)).unwrap();
        let segments = folder::list(&self.dir()).unwrap();
        self.next = covered.closed;
        for (at, segment) in segments.iter().enumerate() {
            if self.sealer.entry(segment.first).is_some() {
                continue;
            }
            let text = fs::read(&segment.path).unwrap();
            self.sealer.skip(segment.first);
            self.sealer.begin(segment.first);
            let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
            lines.iter().filter(|line| line.ends_with(b"\n")).for_each(|line| self.sealer.push(line));
            self.next = self.sealer.size();
            if at + 1 < segments.len() {
                self.sealer.close(&RealDisk, &facts(segment.first, self.next), Wall(self.now)).unwrap();
            } else {
                self.first = segment.first;
            }
        }
        if covered.signed > self.next {
            self.sealer.skip(covered.signed);
            self.next = covered.signed;
            self.begin();
        }
        if segments.is_empty() {
            self.begin();
        }
        self.seal();
        self.told = self.sealer.due(&RealDisk, Wall(self.now)).unwrap();
    }

    fn begin(&mut self) {
        self.first = self.next;
        self.sealer.begin(self.next);
        fs::write(self.path(&segment_name(self.next)), b"").unwrap();
    }

    pub(crate) fn put(&mut self, draft: &Draft) {
        let format = if self.next.is_multiple_of(3) { Format::Pipe } else { Format::Json };
        let line = encode(draft, format).line(self.next);
        let mut file = OpenOptions::new().append(true).open(self.path(&segment_name(self.first))).unwrap();
        file.write_all(line.as_bytes()).unwrap();
        self.sealer.push(line.as_bytes());
        self.next += 1;
        self.now += 1_000;
    }

    /// So many records.
    pub(crate) fn add(&mut self, count: u64) {
        for _ in 0..count {
            let draft = Draft::new(Wall(self.now), Level::Info, Kind::Command, "command_requested");
            self.put(&draft.text(Key::Cmd, "start"));
        }
    }

    /// A checkpoint, half a second later.
    pub(crate) fn seal(&mut self) {
        self.now += 500_000;
        self.sealer.checkpoint(&RealDisk, Wall(self.now)).unwrap();
    }

    /// A minute in which nothing happens.
    pub(crate) fn idle(&mut self) {
        self.now += 60_000_000;
        self.sealer.checkpoint(&RealDisk, Wall(self.now)).unwrap();
    }

    pub(crate) fn rotate(&mut self, pack: bool) {
        let first = self.first;
        self.seal();
        self.sealer.close(&RealDisk, &facts(first, self.next), Wall(self.now)).unwrap();
        self.begin();
        if pack {
            let (raw, packed) = (self.path(&segment_name(first)), self.path(&folder::packed_name(first)));
            watchkeeper_audit::search::index::compress(&raw, &packed).unwrap();
            fs::remove_file(raw).unwrap();
        }
    }

    /// Prunes the first segment, as the writer does: the record first.
    pub(crate) fn prune(&mut self, first: u64) {
        let facts = self.sealer.entry(first).unwrap();
        let (file, last) = (segment_name(first), facts.segment.last);
        let segment = life::Segment { file: &file, first, last, bytes: facts.segment.bytes, sha256: "" };
        self.put(&life::pruned(Wall(self.now), segment, "count"));
        self.seal();
        for name in [segment_name(first), folder::packed_name(first), folder::index_name(first)] {
            let _ = fs::remove_file(self.path(&name));
        }
    }

    pub(crate) fn rotate_key(&mut self) {
        self.sealer.rotate_key(&RealDisk, Wall(self.now)).unwrap();
        self.seal();
    }

    pub(crate) fn stop(&mut self) {
        self.put(&life::stopped(Wall(self.now), "asked"));
        self.seal();
    }

    pub(crate) fn verify(&self) -> Report {
        verify(&self.dir(), &options())
    }

    /// The last checkpoint.
    pub(crate) fn signed(&self) -> String {
        self.sealer.signed().unwrap().text
    }

    pub(crate) fn vkey(&self) -> String {
        fs::read_to_string(self.beside(".vkey")).unwrap().trim().to_owned()
    }
}

/// With nothing to wait for, in this thread.
pub(crate) fn options() -> Options {
    Options { patience: std::time::Duration::ZERO, threads: 1, ..Options::default() }
}

fn facts(first: u64, next: u64) -> SegmentFacts {
    SegmentFacts { first, last: next - 1, first_ts: Wall(0), last_ts: Wall(1), bytes: 0 }
}

/// A folder as it is, to be put back.
pub(crate) fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}
