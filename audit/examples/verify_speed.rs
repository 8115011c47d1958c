//! How quick signing and verifying are, as figures to look at and not as a verdict:
//! `cargo run --release -p watchkeeper-audit --example verify_speed -- [MB] [FOLDER]`.
//! It writes a log of so many megabytes of records, says what the evidence cost, and verifies it with one thread and
//! with all, raw and compressed, beside `sha256sum` over the same bytes. A log that is not valid ends it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use watchkeeper_audit::evidence::Sealer;
use watchkeeper_audit::folder::{packed_name, segment_name};
use watchkeeper_audit::line::{Format, encode};
use watchkeeper_audit::log::disk::RealDisk;
use watchkeeper_audit::log::seal::{Seal, SegmentFacts};
use watchkeeper_audit::record::{Draft, Key, Kind, Level};
use watchkeeper_audit::verify::{Options, verify};
use watchkeeper_core::time::Wall;

const SEGMENT_BYTES: usize = 10 << 20;
/// Records between two checkpoints, as at 30,000 a second.
const EVERY: usize = 15_000;

fn draft(number: u64) -> Draft {
    let at = Wall(1_795_242_660_123_456 + i64::try_from(number).unwrap_or(0) * 33);
    Draft::new(at, Level::Info, Kind::Command, "command_requested")
        .text(Key::Broker, "main")
        .text(Key::Device, &format!("area1/line{}/tempcontroller{}", number % 7, number % 1_000))
        .text(Key::Topic, "plant/area1/line2/tempcontroller01/command/request")
        .int(Key::Qos, 1)
        .text(Key::Cmd, "set_threshold")
        .text(Key::CmdId, &format!("cmd-{number}"))
        .int(Key::PayloadBytes, 117)
}

struct Cost {
    push: Duration,
    sign: Duration,
    signs: u32,
    records: u64,
}

/// Writes the log; the lines are made beforehand, so that only the evidence is timed.
fn write(dir: &Path, bytes: usize) -> std::io::Result<Cost> {
    let mut sealer = Sealer::new(dir, "watchkeeper", None);
    let mut cost = Cost { push: Duration::ZERO, sign: Duration::ZERO, signs: 0, records: 0 };
    let now = Wall(1_795_242_660_000_000);
    sealer.open(&RealDisk, now)?;
    sealer.checkpoint(&RealDisk, now)?;
    let mut written = 0;
    while written < bytes {
        let first = sealer.size();
        let mut lines = Vec::new();
        while lines.iter().map(String::len).sum::<usize>() < SEGMENT_BYTES.min(bytes - written) {
            let from = first + lines.len() as u64;
            lines
                .extend((from..from + 1_000).map(|number| encode(&draft(number), Format::Json).line(number)));
        }
        sealer.begin(first);
        let mut file = fs::File::create(dir.join(segment_name(first)))?;
        file.write_all(lines.concat().as_bytes())?;
        for chunk in lines.chunks(EVERY) {
            let begin = Instant::now();
            for line in chunk {
                sealer.push(line.as_bytes());
            }
            cost.push += begin.elapsed();
            let begin = Instant::now();
            sealer.checkpoint(&RealDisk, now)?;
            cost.sign += begin.elapsed();
            cost.signs += 1;
        }
        let last = sealer.size() - 1;
        let facts = SegmentFacts { first, last, first_ts: now, last_ts: now, bytes: 0 };
        sealer.close(&RealDisk, &facts, now)?;
        written += lines.iter().map(String::len).sum::<usize>();
        cost.records += lines.len() as u64;
    }
    sealer.begin(sealer.size());
    fs::File::create(dir.join(segment_name(sealer.size())))?;
    sealer.checkpoint(&RealDisk, now)?;
    Ok(cost)
}

fn told(what: &str, dir: &Path, threads: usize, out: &mut impl Write) -> std::io::Result<()> {
    let options = Options { threads, patience: Duration::ZERO, ..Options::default() };
    let mut best = Duration::MAX;
    let mut report = verify(dir, &options);
    for _ in 0..3 {
        let begin = Instant::now();
        report = verify(dir, &options);
        best = best.min(begin.elapsed());
    }
    let bytes: u64 = report.segments.iter().map(|segment| segment.bytes).sum();
    let speed = bytes as f64 * 1e-9 / best.as_secs_f64();
    writeln!(out, "{what}: {speed:.2} GB/s ({bytes} bytes in {best:?}), exit {}", report.exit())?;
    if report.exit() == 0 { Ok(()) } else { Err(std::io::Error::other(report.to_text())) }
}

/// What reading the same bytes and hashing them once costs other programs.
fn floor(script: &str, dir: &Path, out: &mut impl Write) -> std::io::Result<()> {
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let begin = Instant::now();
        let command = format!("{script} > /dev/null");
        let status = Command::new("sh").args(["-c", &command]).current_dir(dir).status()?;
        if !status.success() {
            return writeln!(out, "{script}: {status}");
        }
        best = best.min(begin.elapsed());
    }
    writeln!(out, "{script}: {best:?}")
}

fn main() -> std::io::Result<()> {
    let mut words = std::env::args().skip(1);
    let megabytes: usize = words.next().and_then(|word| word.parse().ok()).unwrap_or(100);
    let folder =
        words.next().unwrap_or_else(|| std::env::temp_dir().join("verify_speed").display().to_string());
    let dir = Path::new(&folder).join("audit");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&dir)?;
    let mut out = std::io::stdout().lock();

    let cost = write(&dir, megabytes * 1_000_000)?;
    let (records, signs) = (cost.records as f64, f64::from(cost.signs));
    let push = cost.push.as_secs_f64() / records;
    let sign = cost.sign.as_secs_f64() / signs;
    writeln!(
        out,
        "{} records: {:.0} ns each, a checkpoint {:.0} us with its sync",
        cost.records,
        push * 1e9,
        sign * 1e6
    )?;
    let share = (push * 30_000.0 + sign * 2.0) * 100.0;
    writeln!(out, "at 30,000 records/s and two checkpoints/s: {share:.2} % of a core")?;

    floor("cat audit-*.log | sha256sum", &dir, &mut out)?;
    told("raw, one thread", &dir, 1, &mut out)?;
    told("raw, all threads", &dir, 0, &mut out)?;
    let mut first = 0;
    for segment in watchkeeper_audit::folder::list(&dir)? {
        if segment.bytes > 0 {
            watchkeeper_audit::search::index::compress(&segment.path, &dir.join(packed_name(segment.first)))?;
            fs::remove_file(&segment.path)?;
            first += segment.bytes;
        }
    }
    writeln!(out, "{first} bytes compressed")?;
    floor("zstd -dcq audit-*.zst | sha256sum", &dir, &mut out)?;
    told("compressed, one thread", &dir, 1, &mut out)?;
    told("compressed, all threads", &dir, 0, &mut out)?;
    fs::remove_dir_all(&folder)
}
