//! The process is killed at random moments under load, over and over, on the same folder: every record that was
//! reported durable is in the log exactly once, no line is torn, and verification finds nothing altered.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use watchkeeper_audit::folder;
use watchkeeper_audit::line;
use watchkeeper_audit::log::{Config, Log};
use watchkeeper_audit::record::{Draft, Key, Kind, Level, Value};
use watchkeeper_audit::verify::{Options, verify};
use watchkeeper_core::time::Wall;

const FOLDER: &str = "WATCHKEEPER_TEST_KILLED";
const TEST: &str = "killed_at_any_moment_it_has_every_reported_record_once";
/// Marks of different lives are this far apart.
const LIFE: u64 = 1 << 32;
/// And begin so far in one: the lower half of none can be taken for the upper half of another.
const FIRST: u64 = 1 << 30;

/// Small segments, so that much happens; none goes.
fn config(dir: &Path) -> Config {
    let mut config = Config::new(dir);
    (config.rotate_bytes, config.keep_bytes, config.keep_files) = (64 << 10, 1 << 40, usize::MAX);
    config
}

/// Appends without end, and says on standard output which mark is durable.
fn live(dir: &Path, life: u64) -> ! {
    let report = Box::new(|mark: u64| {
        let _ = std::io::stdout().write_all(&mark.to_le_bytes()).and_then(|()| std::io::stdout().flush());
    });
    let (_log, handle) = Log::open(config(dir), report).unwrap();
    for mark in life * LIFE + FIRST.. {
        let draft = Draft::new(Wall(0), Level::Info, Kind::Command, "test").int(Key::Mid, mark);
        while handle.append_marked(&draft, mark).is_err() {
            std::thread::yield_now();
        }
    }
    unreachable!("there are enough numbers");
}

fn spawn(dir: &Path, life: u64) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", TEST, "--nocapture", "--quiet"])
        .env(FOLDER, format!("{life}:{}", dir.display()));
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// Lets it live for so long after its first report, kills it, and gives the last mark that it reported.
fn kill(mut child: Child, life: u64, after: Duration) -> u64 {
    let mut out = child.stdout.take().unwrap();
    // What the test harness prints comes first; marks of this life are told by their upper half.
    let (mut text, mut part) = (Vec::new(), [0; 4 << 10]);
    while find(&text, life).is_none() {
        let read = out.read(&mut part).unwrap();
        assert!(read > 0, "it ended by itself: {}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&part[..read]);
    }
    let killer = std::thread::spawn(move || {
        std::thread::sleep(after);
        child.kill().unwrap();
        child.wait().unwrap();
    });
    out.read_to_end(&mut text).unwrap();
    killer.join().unwrap();
    let from = find(&text, life).expect("something was reported");
    let marks = text[from..].as_chunks::<8>().0.iter().map(|mark| u64::from_le_bytes(*mark));
    marks.max().unwrap_or(life * LIFE)
}

/// Where the first mark of a life stands.
fn find(text: &[u8], life: u64) -> Option<usize> {
    let is_mark = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap()) / LIFE == life;
    text.windows(8).position(is_mark)
}

/// How often each mark is in the log; fails when a line is torn or a number missing.
fn marks(dir: &Path) -> HashMap<u64, u64> {
    let (mut found, mut next) = (HashMap::new(), 0);
    for segment in folder::list(dir).unwrap() {
        let bytes = std::fs::read(&segment.path).unwrap();
        let bytes = if segment.closed { zstd::decode_all(&bytes[..]).unwrap() } else { bytes };
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "torn: {}", segment.path.display());
        for text in text.lines() {
            let record = line::parse(text).unwrap();
            assert_eq!(record.seq, next, "{}", segment.path.display());
            next += 1;
            if let Some(Value::Int(mark)) = record.draft.get(Key::Mid) {
                *found.entry(mark.cast_unsigned()).or_default() += 1;
            }
        }
    }
    found
}

#[test]
fn killed_at_any_moment_it_has_every_reported_record_once() {
    if let Ok(told) = std::env::var(FOLDER) {
        let (life, dir) = told.split_once(':').unwrap();
        live(Path::new(dir), life.parse().unwrap());
    }
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("audit");
    let lives = if std::env::var("WATCHKEEPER_LONG").is_ok_and(|value| value == "1") { 1_000 } else { 15 };
    let mut reported = Vec::new();
    for life in 1..=lives {
        let after = Duration::from_micros(life * 7_919 % 40_000);
        reported.push((life, kill(spawn(&dir, life), life, after)));
    }
    // One more start cuts what the last kill has torn.
    let (log, _) = Log::open(config(&dir), Box::new(|_| ())).unwrap();
    assert!(log.stop(Duration::from_secs(30)));
    let found = marks(&dir);
    for (life, last) in reported {
        let missing = (life * LIFE + FIRST..=last).find(|mark| !found.contains_key(mark));
        assert_eq!(missing, None, "life {life}, reported up to {last}");
    }
    assert!(found.values().all(|count| *count == 1), "no record twice");
    let report = verify(&dir, &Options::default());
    assert!(matches!(report.exit(), 0 | 2), "{}", report.summary());
}
