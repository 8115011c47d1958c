//! The writer without its threads, on a disk in memory and with a clock that stands still unless it is told to go:
//! what is told of faults, crashes and time can be tried step by step. What must hold is checked in one place.

mod crash;
mod faults;
mod hands;
mod ledger;
mod mem;
mod model;
mod rest;
mod restart;
mod threads;

use super::closer::Closer;
use super::config::{Config, Parts};
use super::frame;
use super::open::{OpenError, prepare};
use super::status::Status;
use super::writer::Writer;
use super::{lines, status};
use crate::folder;
use crate::line::{self, Format};
use crate::record::{Draft, Key, Kind, Level, Record, Value};
use ledger::Ledger;
use mem::MemDisk;
use std::cell::RefCell;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use watchkeeper_core::time::{Mono, Now, Wall};

const MIB: u64 = 1 << 20;
const DIR: &str = "/log";
/// The calendar when the clock stands at 0.
const EPOCH: i64 = 1_795_242_660_000_000;

/// Everything is tried, rather than a share of it: `./test --long`.
fn long() -> bool {
    std::env::var("WATCHKEEPER_LONG").is_ok_and(|value| value == "1")
}

/// A log in the hands of a test.
struct Rig {
    disk: MemDisk,
    writer: Writer,
    closer: Closer,
    time: Arc<AtomicU64>,
    reported: Arc<Mutex<u64>>,
    /// Marks go on over restarts.
    mark: u64,
    /// What was reported in the lives before, first and last mark of each; and where this one began.
    promised: Vec<(u64, u64)>,
    born: u64,
}

/// Small segments, without thresholds: each test says what it needs.
fn config() -> Config {
    let mut config = Config::new(DIR);
    (config.rotate_bytes, config.format) = (2_000, Format::Json);
    (config.space.space_left, config.space.admin_space_left, config.space.reserve) = (0, 0, 4_096);
    config
}

impl Rig {
    fn new(config: Config) -> Self {
        Self::open(MemDisk::new(MIB), config, 0).unwrap()
    }

    fn open(disk: MemDisk, config: Config, mark: u64) -> Result<Self, OpenError> {
        Self::open_at(disk, config, mark, Arc::default())
    }

    fn open_at(disk: MemDisk, config: Config, mark: u64, time: Arc<AtomicU64>) -> Result<Self, OpenError> {
        let (clock, packer) = (Arc::clone(&time), disk.clone());
        let parts = Parts {
            disk: Arc::new(disk.clone()),
            clock: Arc::new(move || now(clock.load(Ordering::Relaxed))),
            seal: Box::new(Ledger::new(Path::new(DIR))),
            compress: Arc::new(move |raw, to| compress(&packer, raw, to)),
            reindex: Arc::new(|_| Ok(false)),
            records_max: 64,
            bytes_max: 64 << 10,
        };
        let reported = Arc::new(Mutex::new(0));
        let report = Arc::clone(&reported);
        let on_durable = Box::new(move |mark| {
            let mut reported = report.lock().unwrap();
            assert!(mark >= *reported, "marks ascend");
            *reported = mark;
        });
        let (writer, closer) = prepare(config, parts, on_durable)?;
        Ok(Self { disk, writer, closer, time, reported, mark, promised: Vec::new(), born: mark })
    }

    /// The log on another disk, or after a restart on the same.
    fn again(self, disk: MemDisk) -> Result<Self, OpenError> {
        let (config, mark, time) = (self.writer.config.clone(), self.mark, Arc::clone(&self.time));
        let promised = self.promised();
        drop(self);
        Ok(Self { promised, ..Self::open_at(disk, config, mark, time)? })
    }

    /// Appends a record with the next mark, when there is room.
    fn append(&mut self) -> bool {
        let text = line::encode(&draft(self.mark + 1, self.now().wall), self.writer.config.format);
        let meta = frame::Meta {
            kind: Kind::Command,
            mark: self.mark + 1,
            ts: self.now().wall,
            since: self.now().mono,
        };
        let entered = self.writer.shared.gate.enter(frame::bytes(&text)).is_ok();
        if entered {
            self.mark += 1;
            let mut bytes = Vec::new();
            frame::put(&meta, &text, &mut bytes);
            self.writer.frame(&bytes);
        }
        entered
    }

    /// Appends so many, each with a commit of its own.
    fn commit(&mut self, records: u64) {
        for _ in 0..records {
            assert!(self.append(), "there is room");
            self.writer.idle();
        }
    }

    fn tick(&mut self, millis: u64) {
        self.time.fetch_add(millis * 1_000, Ordering::Relaxed);
        self.writer.frame(frame::TICK);
    }

    /// What the closer would have done by now.
    fn close(&mut self) {
        let _ = self.closer.retry();
        while let Ok(job) = self.closer.jobs.try_recv() {
            let _ = self.closer.take(job);
        }
    }

    fn now(&self) -> Now {
        now(self.time.load(Ordering::Relaxed))
    }

    fn status(&self) -> Status {
        self.writer.shared.copy(self.now())
    }

    fn blocked(&self) -> bool {
        matches!(self.status().state, status::State::Blocked { .. })
    }

    fn reported(&self) -> u64 {
        *self.reported.lock().unwrap()
    }

    fn records(&self) -> Vec<Record> {
        read(&self.disk)
    }

    /// Names of events, in their order, without the test's own.
    fn events(&self) -> Vec<String> {
        let events = self.records().into_iter().map(|record| record.draft.event.into_owned());
        events.filter(|event| event != "test").collect()
    }

    /// All marks that were reported so far.
    fn promised(&self) -> Vec<(u64, u64)> {
        let mut promised = self.promised.clone();
        promised.push((self.born + 1, self.reported()));
        promised
    }

    /// Every mark that was reported is there once, and the numbers have no gaps.
    fn check(&self) {
        check(&self.disk, &self.promised());
    }
}

fn now(micros: u64) -> Now {
    Now { mono: Mono(micros), wall: Wall(EPOCH + micros.cast_signed()) }
}

fn draft(mark: u64, ts: Wall) -> Draft {
    Draft::new(ts, Level::Info, Kind::Command, "test").int(Key::Mid, mark)
}

thread_local! {
    /// Made once: making it costs more than all it does here.
    static PACKER: RefCell<zstd::bulk::Compressor<'static>> =
        RefCell::new(zstd::bulk::Compressor::new(1).expect("memory"));
}

/// As the search compresses, but step by step on the disk of the test.
fn compress(disk: &MemDisk, raw: &Path, to: &Path) -> std::io::Result<()> {
    use super::disk::{Disk, write_all};
    let mut text = Vec::new();
    disk.read(raw)?.read_to_end(&mut text)?;
    let draft = PathBuf::from(format!("{}.tmp", to.display()));
    let _ = disk.remove(&draft);
    let mut file = disk.create(&draft)?;
    let written = write_all(&mut *file, &PACKER.with_borrow_mut(|packer| packer.compress(&text))?)
        .and_then(|()| file.sync());
    if written.is_err() {
        let _ = disk.remove(&draft);
    }
    written?;
    disk.rename(&draft, to)?;
    disk.sync_dir(to.parent().unwrap())
}

/// All records, as somebody reads them who knows nothing of the writer.
fn read(disk: &MemDisk) -> Vec<Record> {
    let mut records = Vec::new();
    for (path, packed) in segments(disk) {
        let from = lines::open(disk, &path, packed).unwrap();
        lines::each(from, |line| {
            let text = std::str::from_utf8(line).expect("text");
            let text =
                text.strip_suffix("\n").unwrap_or_else(|| panic!("torn in {}: {text}", path.display()));
            records.push(line::parse(text).unwrap_or_else(|flaw| panic!("{flaw} in {text}")));
        })
        .unwrap();
    }
    records
}

fn segments(disk: &MemDisk) -> Vec<(PathBuf, bool)> {
    let names = disk.names(Path::new(DIR));
    let mut found: Vec<_> = names.iter().filter_map(|name| folder::parse(name)).collect();
    found.sort_unstable();
    found.dedup_by_key(|(first, _)| *first);
    let path = |(first, packed): (u64, bool)| {
        let name = if packed { folder::packed_name(first) } else { folder::segment_name(first) };
        (Path::new(DIR).join(name), packed)
    };
    found.into_iter().map(path).collect()
}

fn mark_of(record: &Record) -> Option<u64> {
    match record.draft.get(Key::Mid) {
        Some(Value::Int(mark)) => u64::try_from(*mark).ok(),
        _ => None,
    }
}

/// What must hold whatever happened: no gap in the numbers, no record twice, and every mark that was promised there,
/// unless it was pruned.
fn check(disk: &MemDisk, promised: &[(u64, u64)]) {
    let records = read(disk);
    for pair in records.windows(2) {
        assert_eq!(pair[0].seq + 1, pair[1].seq, "no gaps: {:?} {:?}", pair[0], pair[1]);
    }
    let mut marks: Vec<u64> = records.iter().filter_map(mark_of).collect();
    let count = marks.len();
    marks.sort_unstable();
    marks.dedup();
    assert_eq!(marks.len(), count, "no record twice");
    let pruned = records.first().is_some_and(|record| record.seq > 0);
    let first = if pruned { marks.first().copied().unwrap_or(u64::MAX) } else { 1 };
    let promised = promised.iter().flat_map(|(from, to)| *from..=*to).filter(|mark| *mark >= first);
    let missing: Vec<_> = promised.filter(|mark| marks.binary_search(mark).is_err()).collect();
    assert!(missing.is_empty(), "reported and missing: {missing:?}");
}
