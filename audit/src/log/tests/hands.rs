//! Other hands in the folder, on a real disk, with threads: whatever is done to the segment that is being written is
//! noticed within a second and told, writing goes on, and what the open file still has is not lost.

use super::{draft, mark_of};
use crate::folder::{self, LINK, LOCK};
use crate::log::config::Config;
use crate::log::handle::LogHandle;
use crate::log::open::{Log, OpenError};
use crate::record::{Key, Level, Record, Value};
use crate::verify::{Options, verify};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use watchkeeper_core::time::Wall;

struct Scene {
    _root: tempfile::TempDir,
    dir: PathBuf,
    log: Log,
    handle: LogHandle,
    reported: Arc<AtomicU64>,
    marks: u64,
}

fn open(dir: &Path) -> Result<(Log, LogHandle, Arc<AtomicU64>), OpenError> {
    let config = Config::new(dir);
    let reported = Arc::new(AtomicU64::new(0));
    let report = Arc::clone(&reported);
    let on_durable = Box::new(move |mark| report.store(mark, Ordering::Release));
    let (log, handle) = Log::open(config, on_durable)?;
    Ok((log, handle, reported))
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// All records of a folder, as far as they are records.
fn records(dir: &Path) -> Vec<Record> {
    let mut records = Vec::new();
    for segment in folder::list(dir).unwrap() {
        let bytes = fs::read(&segment.path).unwrap();
        let bytes = if segment.closed { zstd::decode_all(&bytes[..]).unwrap() } else { bytes };
        let lines =
            bytes.split_inclusive(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
        records.extend(lines.filter_map(|line| crate::line::parse(line.strip_suffix('\n')?).ok()));
    }
    records
}

impl Scene {
    /// A log with ten durable records.
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("audit");
        let (log, handle, reported) = open(&dir).unwrap();
        let mut scene = Self { _root: root, dir, log, handle, reported, marks: 0 };
        scene.append(10);
        scene
    }

    fn append(&mut self, count: u64) {
        for _ in 0..count {
            self.marks += 1;
            self.handle.append_marked(&draft(self.marks, Wall(0)), self.marks).unwrap();
        }
        let (reported, marks) = (&self.reported, self.marks);
        until("durable", || reported.load(Ordering::Acquire) == marks);
    }

    fn live(&self) -> PathBuf {
        self.dir.join(fs::read_link(self.dir.join(LINK)).unwrap())
    }

    /// Waits until the log tells of it, and gives the record.
    fn told(&self, event: &str) -> Record {
        let began = Instant::now();
        let mut found = None;
        until(event, || {
            found = records(&self.dir).into_iter().find(|record| record.draft.event == event);
            found.is_some()
        });
        // A tick and a commit on a machine that does other things, too.
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        found.unwrap()
    }

    /// Goes on, stops, and says which marks are there; the numbers must have gaps only where this is told.
    fn end(mut self) -> (Vec<u64>, Vec<Record>) {
        self.append(5);
        assert!(self.log.stop(Duration::from_secs(20)));
        let records = records(&self.dir);
        let marks: Vec<u64> = records.iter().filter_map(mark_of).collect();
        // What is whole is proved to be, and what is not is not.
        let report = verify(&self.dir, &Options::default());
        let whole = marks.len() as u64 == self.marks && gapless(&records);
        assert_eq!(report.exit() == 0, whole, "{}", report.summary());
        (marks, records)
    }
}

fn gapless(records: &[Record]) -> bool {
    records.iter().enumerate().all(|(at, record)| record.seq == at as u64)
}

fn text(record: &Record, key: Key) -> String {
    match record.draft.get(key) {
        Some(Value::Text(text)) => text.to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_file_that_is_removed_is_written_anew_from_the_one_that_is_open() {
    let scene = Scene::new();
    fs::remove_file(scene.live()).unwrap();
    let told = scene.told("file_replaced");
    assert_eq!(text(&told, Key::Reason), "removed");
    let (marks, records) = scene.end();
    assert_eq!(marks, (1..=15).collect::<Vec<_>>());
    assert!(gapless(&records));
}

#[test]
fn a_file_that_is_renamed_is_written_anew_and_the_renamed_one_left_alone() {
    let scene = Scene::new();
    let aside = scene.dir.join("mine.log");
    fs::rename(scene.live(), &aside).unwrap();
    assert_eq!(text(&scene.told("file_replaced"), Key::Reason), "renamed");
    let before = fs::read(&aside).unwrap();
    let (marks, records) = scene.end();
    assert_eq!((marks.len(), gapless(&records)), (15, true));
    assert_eq!(memchr::memchr_iter(b'\n', &before).count(), 10);
}

#[test]
fn a_file_that_is_replaced_is_set_aside_and_ours_written_anew() {
    let scene = Scene::new();
    let live = scene.live();
    fs::remove_file(&live).unwrap();
    fs::write(&live, b"not ours\n").unwrap();
    let told = scene.told("file_replaced");
    let details = text(&told, Key::Details);
    let aside = details.strip_prefix("it is ").and_then(|rest| rest.strip_suffix(" now")).unwrap();
    assert_eq!(fs::read_to_string(scene.dir.join(aside)).unwrap(), "not ours\n");
    let (marks, records) = scene.end();
    assert_eq!((marks, gapless(&records)), ((1..=15).collect::<Vec<_>>(), true));
    assert!(records.iter().any(|record| text(record, Key::Reason) == "replaced"));
}

#[test]
fn a_file_that_is_cut_is_given_up_and_the_lost_range_is_told() {
    let scene = Scene::new();
    let live = scene.live();
    let whole = fs::read(&live).unwrap();
    let four = whole.split_inclusive(|byte| *byte == b'\n').take(4).map(<[u8]>::len).sum::<usize>();
    fs::File::options().write(true).open(&live).unwrap().set_len(four as u64 + 9).unwrap();
    let told = scene.told("file_replaced");
    assert_eq!(text(&told, Key::Reason), "truncated");
    assert_eq!(
        (told.draft.get(Key::First), told.draft.get(Key::Last)),
        (Some(&Value::Int(4)), Some(&Value::Int(9)))
    );
    assert!(told.seq >= 10, "the numbers go on");
    assert_eq!(told.draft.level, Level::Error);
    assert_eq!(
        scene.handle.status().verified.map(|verified| verified.exit),
        Some(1),
        "health says so at once"
    );
    let (marks, _) = scene.end();
    assert_eq!(marks, (1..=4).chain(11..=15).collect::<Vec<_>>());
}

#[test]
fn what_was_written_behind_a_cut_before_it_was_noticed_counts_for_no_line() {
    let mut scene = Scene::new();
    let live = scene.live();
    let whole = fs::read(&live).unwrap();
    let four = whole.split_inclusive(|byte| *byte == b'\n').take(4).map(<[u8]>::len).sum::<usize>();
    fs::File::options().write(true).open(&live).unwrap().set_len(four as u64 + 9).unwrap();
    scene.append(3);
    let told = scene.told("file_replaced");
    assert_eq!(
        (told.draft.get(Key::First), told.draft.get(Key::Last)),
        (Some(&Value::Int(4)), Some(&Value::Int(9)))
    );
    let (marks, _) = scene.end();
    assert_eq!(marks, (1..=4).chain(11..=18).collect::<Vec<_>>());
}

#[test]
fn what_somebody_else_writes_into_it_is_cut_off_and_told() {
    use std::io::Write;
    let scene = Scene::new();
    let forged: &[u8; 61] = b"{\"seq\":10,\"ts\":\"2026-11-21T06:31:00.000000Z\",\"level\":\"INFO\"}\n";
    fs::File::options().append(true).open(scene.live()).unwrap().write_all(forged).unwrap();
    let told = scene.told("file_replaced");
    assert_eq!(told.draft.get(Key::Bytes), Some(&Value::Int(61)));
    assert_eq!(text(&told, Key::Sha256).len(), 64);
    let (marks, records) = scene.end();
    assert_eq!((marks.len(), gapless(&records)), (15, true));
}

#[test]
fn changed_permissions_are_told_and_writing_goes_on() {
    let scene = Scene::new();
    let before = scene.handle.status().next;
    fs::set_permissions(scene.live(), fs::Permissions::from_mode(0o000)).unwrap();
    until("told", || scene.handle.status().next > before);
    fs::set_permissions(scene.live(), fs::Permissions::from_mode(0o640)).unwrap();
    let told = scene.told("file_replaced");
    assert_eq!(text(&told, Key::Details), "from 0640 to 0000");
    assert_eq!(scene.end().0.len(), 15);
}

#[test]
fn a_folder_that_is_removed_is_made_again_with_what_the_open_file_has() {
    let mut scene = Scene::new();
    fs::remove_dir_all(&scene.dir).unwrap();
    scene.append(1);
    assert_eq!(text(&scene.told("file_replaced"), Key::Reason), "folder removed");
    assert_eq!(fs::metadata(&scene.dir).unwrap().mode() & 0o777, 0o700);
    assert!(matches!(open(&scene.dir), Err(OpenError::InUse { .. })), "the lock is held again");
    let (marks, records) = scene.end();
    assert_eq!((marks.len(), gapless(&records)), (16, true));
}

#[test]
fn a_lock_that_is_removed_is_taken_again() {
    let scene = Scene::new();
    fs::remove_file(scene.dir.join(LOCK)).unwrap();
    assert_eq!(text(&scene.told("file_replaced"), Key::File), LOCK);
    assert!(matches!(open(&scene.dir), Err(OpenError::InUse { .. })));
    assert_eq!(scene.end().0.len(), 15);
}

#[test]
fn files_and_folder_have_their_modes_and_foreign_files_are_never_touched() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("audit");
    fs::create_dir(&dir).unwrap();
    let foreign = ["audit-checkpoints-1.log", "audit.log", "notes.tmp", "audit-1.log.zst", "core"];
    for name in foreign {
        fs::write(dir.join(name), name).unwrap();
    }
    fs::create_dir(dir.join(folder::segment_name(7))).unwrap();
    let (log, handle, _) = open(&dir).unwrap();
    handle.append(&draft(1, Wall(0))).unwrap();
    assert!(log.stop(Duration::from_secs(20)));
    for name in foreign {
        assert_eq!(fs::read_to_string(dir.join(name)).unwrap(), name);
    }
    let mode = |name: &str| fs::metadata(dir.join(name)).unwrap().mode() & 0o777;
    assert_eq!(mode(&folder::segment_name(0)), 0o640);
    let fresh = root.path().join("fresh");
    assert!(open(&fresh).is_ok_and(|(log, ..)| log.stop(Duration::from_secs(20))));
    assert_eq!(fs::metadata(&fresh).unwrap().mode() & 0o777, 0o700);
    assert_eq!(fs::read_link(fresh.join(LINK)).unwrap(), Path::new(&folder::segment_name(0)));
}
