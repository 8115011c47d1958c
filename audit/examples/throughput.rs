//! How many records become durable in a second, beside a bare loop of append and fdatasync with equal batches on the
//! same disk in the same run. Writes below the folder it is given (default: a temporary one in the working folder),
//! and removes what it wrote.
//!
//!     cargo run --release -p watchkeeper-audit --example throughput [FOLDER]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use watchkeeper_audit::log::{Config, Log, Parts};
use watchkeeper_audit::record::{Draft, Key, Kind, Level};
use watchkeeper_core::time::Wall;

/// Records that may be on their way at once; the last is what the gate allows.
const WINDOWS: [u64; 5] = [1, 20, 100, 1_000, 8_192];
const TIME: Duration = Duration::from_secs(2);
/// The loop and the log take turns, because the disk of a shared machine has moods; the best of each counts.
const TURNS: usize = 3;

/// What is durable, and who waits for it.
#[derive(Default)]
struct Durable {
    mark: Mutex<u64>,
    commits: AtomicU64,
    moved: Condvar,
}

impl Durable {
    fn report(&self, mark: u64) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        *self.mark.lock().unwrap_or_else(PoisonError::into_inner) = mark;
        self.moved.notify_one();
    }

    /// Waits until at least this mark is durable.
    fn reach(&self, mark: u64) -> u64 {
        let mut durable = self.mark.lock().unwrap_or_else(PoisonError::into_inner);
        while *durable < mark {
            durable = self.moved.wait(durable).unwrap_or_else(PoisonError::into_inner);
        }
        *durable
    }
}

fn draft() -> Draft {
    Draft::new(Wall(1_795_242_660_123_456), Level::Info, Kind::Command, "command_sent")
        .text(Key::Broker, "main")
        .text(Key::Device, "hall-3/line-2/tc-004711")
        .text(Key::Topic, "plant/hall-3/line-2/tc-004711/command/request")
        .text(Key::Cmd, "set_interval")
        .text(Key::CmdId, "cmd-000123")
}

/// Whatever goes wrong here ends it.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Records and commits in a second.
struct Rate {
    records: f64,
    commits: f64,
}

fn log(root: &Path, window: u64, turn: usize) -> Outcome<Rate> {
    let durable = Arc::new(Durable::default());
    let report = Arc::clone(&durable);
    let mut config = Config::new(root.join(format!("log-{window}-{turn}")));
    (config.rotate_bytes, config.keep_bytes, config.compress) = (1 << 30, 4 << 30, false);
    let parts = Parts::real(&config);
    let (log, handle) = Log::open_with(config, parts, Box::new(move |mark| report.report(mark)))?;
    let (draft, began) = (draft(), Instant::now());
    let (mut sent, mut done) = (0, 0);
    while began.elapsed() < TIME {
        while sent - done < window && handle.append_marked(&draft, sent + 1).is_ok() {
            sent += 1;
        }
        done = durable.reach(done + 1);
    }
    durable.reach(sent);
    let took = began.elapsed().as_secs_f64();
    let commits = durable.commits.load(Ordering::Relaxed);
    if !log.stop(Duration::from_secs(10)) {
        return Err("the log did not stop in time".into());
    }
    Ok(Rate { records: sent as f64 / took, commits: commits as f64 / took })
}

/// A file, lines of the same length, so many at once, and an fdatasync after each write.
fn bare(root: &Path, batch: u64, turn: usize, line: &str) -> Outcome<Rate> {
    let mut file = File::create_new(root.join(format!("bare-{batch}-{turn}")))?;
    let text = line.repeat(usize::try_from(batch)?);
    let (began, mut commits) = (Instant::now(), 0_u64);
    while began.elapsed() < TIME {
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        commits += 1;
    }
    let took = began.elapsed().as_secs_f64();
    Ok(Rate { records: (commits * batch) as f64 / took, commits: commits as f64 / took })
}

#[expect(clippy::print_stdout, reason = "a table is what it is for")]
fn main() -> Outcome<()> {
    let root = match std::env::args_os().nth(1) {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir_in(".")?,
    };
    let line =
        watchkeeper_audit::line::encode(&draft(), watchkeeper_audit::line::Format::Json).line(1_000_000);
    println!("a record has {} bytes", line.len());
    println!("window | log: records/s  commits/s  batch | bare loop, equal batch: records/s | share");
    for window in WINDOWS {
        let (mut ours, mut theirs) = (Rate { records: 0.0, commits: 0.0 }, 0.0_f64);
        for turn in 0..TURNS {
            let rate = log(root.path(), window, turn)?;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a batch is small")]
            let batch = (rate.records / rate.commits).round().max(1.0) as u64;
            theirs = theirs.max(bare(root.path(), batch, turn, &line)?.records);
            if rate.records > ours.records {
                ours = rate;
            }
        }
        let batch = ours.records / ours.commits;
        println!(
            "{window:>6} | {:>13.0}  {:>9.0}  {batch:>5.0} | {theirs:>34.0} | {:>5.2}",
            ours.records,
            ours.commits,
            ours.records / theirs
        );
    }
    Ok(())
}
