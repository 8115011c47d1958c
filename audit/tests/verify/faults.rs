//! The evidence on a disk that fails, and in a process that ends, at every single step: what was signed stays good,
//! nothing is signed twice, and no signature is lost for ever.

use crate::failing::{Failing, How};
use crate::sealed::options;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use tempfile::TempDir;
use watchkeeper_audit::evidence::Sealer;
use watchkeeper_audit::folder::{CHECKPOINTS, KEYS, MANIFEST, segment_name};
use watchkeeper_audit::line::{Format, encode};
use watchkeeper_audit::log::disk::RealDisk;
use watchkeeper_audit::log::seal::{Seal, SegmentFacts};
use watchkeeper_audit::record::{Draft, Kind, Level};
use watchkeeper_audit::verify::verify;
use watchkeeper_core::time::Wall;

/// To read, remove, create and write the file of the hashes of a segment.
const LEAVES_STEPS: i64 = 4;

struct Run {
    parent: TempDir,
    disk: Failing,
    sealer: Sealer,
    now: i64,
    first: u64,
    next: u64,
}

/// Every call is made again until it succeeds; none when the process is gone.
macro_rules! until_well {
    ($run:expr, $call:expr) => {
        loop {
            match $call {
                Ok(value) => break value,
                Err(_) if matches!($run.disk.how, How::Gone | How::HalfGone) => return false,
                Err(_) => {}
            }
        }
    };
}

impl Run {
    fn new(disk: Failing) -> Self {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("audit");
        fs::create_dir(&dir).unwrap();
        let sealer = Sealer::new(&dir, "watchkeeper", None);
        Self { parent, disk, sealer, now: 1_795_242_660_000_000, first: 0, next: 0 }
    }

    fn dir(&self) -> PathBuf {
        self.parent.path().join("audit")
    }

    fn wall(&mut self) -> Wall {
        self.now += 400_000;
        Wall(self.now)
    }

    fn add(&mut self, count: u64) {
        for _ in 0..count {
            let draft = Draft::new(Wall(self.now), Level::Info, Kind::System, "x");
            let line = encode(&draft, Format::Json).line(self.next);
            let path = self.dir().join(segment_name(self.first));
            let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
            file.write_all(line.as_bytes()).unwrap();
            self.sealer.push(line.as_bytes());
            self.next += 1;
        }
    }

    fn checkpoint(&mut self) -> bool {
        let now = self.wall();
        until_well!(self, self.sealer.checkpoint(&self.disk, now));
        true
    }

    fn rotate(&mut self) -> bool {
        let (facts, now) = (self.facts(), self.wall());
        until_well!(self, self.sealer.close(&self.disk, &facts, now));
        self.first = self.next;
        self.sealer.begin(self.next);
        fs::write(self.dir().join(segment_name(self.next)), b"").unwrap();
        true
    }

    fn facts(&self) -> SegmentFacts {
        SegmentFacts { first: self.first, last: self.next - 1, first_ts: Wall(0), last_ts: Wall(1), bytes: 0 }
    }

    fn rotate_key(&mut self) -> bool {
        let now = self.wall();
        until_well!(self, self.sealer.rotate_key(&self.disk, now));
        true
    }

    /// Some of everything. False when the process is gone.
    fn life(&mut self) -> bool {
        let now = self.wall();
        until_well!(self, self.sealer.open(&self.disk, now));
        self.sealer.begin(0);
        fs::write(self.dir().join(segment_name(0)), b"").unwrap();
        let mut go = self.checkpoint();
        for round in 0..2 {
            self.add(if go { 3 } else { 0 });
            go = go && self.checkpoint() && (round == 0 || self.rotate_key()) && self.checkpoint();
            self.add(if go { 2 } else { 0 });
            go = go && self.rotate();
        }
        self.add(u64::from(go));
        go && self.checkpoint()
    }

    /// Starts again on a disk that is well, as the writer does.
    fn restart(&mut self) {
        self.sealer = Sealer::new(&self.dir(), "watchkeeper", None);
        let now = self.wall();
        self.sealer.open(&RealDisk, now).unwrap();
        let segments = watchkeeper_audit::folder::list(&self.dir()).unwrap();
        for (at, segment) in segments.iter().enumerate() {
            if self.sealer.entry(segment.first).is_some() {
                continue;
            }
            self.first = segment.first;
            self.sealer.begin(segment.first);
            let text = fs::read(&segment.path).unwrap();
            text.split_inclusive(|byte| *byte == b'\n').for_each(|line| self.sealer.push(line));
            self.next = self.sealer.size();
            if at + 1 < segments.len() {
                let (facts, now) = (self.facts(), self.wall());
                self.sealer.close(&RealDisk, &facts, now).unwrap();
            }
        }
        let now = self.wall();
        self.sealer.checkpoint(&RealDisk, now).unwrap();
        let told = self.sealer.due(&RealDisk, now).unwrap();
        let told: Vec<_> =
            told.iter().map(|draft| &*draft.event).filter(|event| *event != "key_created").collect();
        assert!(told.is_empty(), "{told:?}");
    }
}

fn verified(run: &Run, what: &str) -> u8 {
    let report = verify(&run.dir(), &options());
    assert!(matches!(report.exit(), 0 | 2), "{what}\n{}", report.to_text());
    report.exit()
}

fn steps() -> i64 {
    let mut run = Run::new(Failing::at(i64::MAX, How::Once));
    assert!(run.life());
    assert_eq!(verified(&run, "no fault"), 0);
    i64::MAX - run.disk.left()
}

#[test]
fn a_step_that_fails_is_taken_again_and_everything_is_signed_once() {
    let steps = steps();
    assert!(steps > 50, "{steps}");
    for how in [How::Once, How::Half] {
        for step in 0..steps {
            let mut run = Run::new(Failing::at(step, how));
            assert!(run.life());
            assert_eq!(verified(&run, &format!("{how:?} at {step}")), 0, "{how:?} at {step}");
            run.restart();
            assert_eq!(verified(&run, &format!("{how:?} at {step}, started again")), 0);
        }
    }
}

#[test]
fn a_process_that_ends_at_any_step_leaves_nothing_that_looks_tampered_and_goes_on() {
    let steps = steps();
    for how in [How::Gone, How::HalfGone] {
        for step in 0..steps {
            let mut run = Run::new(Failing::at(step, how));
            // The last steps write the hashes that only name a bad record: life goes on without them.
            assert!(!run.life() || steps - step <= LEAVES_STEPS, "{how:?} at {step} of {steps}");
            if run.dir().join(segment_name(0)).exists() {
                verified(&run, &format!("{how:?} at {step}"));
                run.restart();
                assert_eq!(
                    verified(&run, &format!("{how:?} at {step}, started again")),
                    0,
                    "{how:?} at {step}"
                );
            }
        }
    }
}

#[test]
fn what_was_written_last_is_written_once_more_when_the_log_is_opened() {
    let mut run = Run::new(Failing::at(i64::MAX, How::Once));
    assert!(run.life());
    let now = run.wall();
    run.sealer = Sealer::new(&run.dir(), "watchkeeper", None);
    run.disk.seen.lock().unwrap().clear();
    run.sealer.open(&run.disk, now).unwrap();
    let seen = run.disk.seen.lock().unwrap().clone();
    for file in [CHECKPOINTS, MANIFEST, KEYS] {
        let path = run.dir().join(file);
        let refreshed = seen.iter().position(|seen| *seen == path.with_extension("refreshed"));
        let read = seen.iter().position(|seen| *seen == path);
        assert!(refreshed.is_some() && refreshed < read, "{file}: {seen:?}");
    }
}

#[test]
fn checkpoints_of_what_was_pruned_go_without_a_look_at_those_that_stay() {
    let mut run = Run::new(Failing::at(i64::MAX, How::Once));
    assert!(run.life());
    for _ in 0..300 {
        run.add(1);
        assert!(run.checkpoint());
    }
    assert!(run.rotate());
    let bytes = |run: &Run| fs::metadata(run.dir().join(CHECKPOINTS)).unwrap().len();
    let before = bytes(&run);
    assert!(before > 64 * 1024, "{before}");
    // It is known after a start as well, when it was read.
    run.restart();
    let segments = watchkeeper_audit::folder::list(&run.dir()).unwrap();
    for segment in &segments[..segments.len() - 1] {
        fs::remove_file(&segment.path).unwrap();
    }
    run.disk.seen.lock().unwrap().clear();
    run.add(1);
    assert!(run.checkpoint() && run.rotate());
    assert!(!run.disk.seen.lock().unwrap().contains(&run.dir().join(CHECKPOINTS)));
    assert!(bytes(&run) < 8 * 1024, "{} of {before}", bytes(&run));
    run.add(1);
    assert!(run.checkpoint());
    // There is no record of the pruning in this log; the rest is proved.
    let told = verify(&run.dir(), &options()).to_text();
    assert!(told.contains("2/5 segments valid, 3/3 checkpoints valid, 0 records after"), "{told}");
}
