//! How fast the log is searched, beside ripgrep, grep, `zstd -dc | grep` and Python, in one run and on the same files.
//! It writes only to a temporary folder, which it removes, and prints a table. Sizes in MB may be given as arguments.
//!
//! `cargo run --release -p watchkeeper-audit --example search_speed -- 100 1000`

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that cannot go on ends")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use watchkeeper_audit::folder;
use watchkeeper_audit::line::{self, Format};
use watchkeeper_audit::record::{Draft, Key, Kind, Level};
use watchkeeper_audit::search::{Continue, Limits, Search, Words, index, stats};
use watchkeeper_core::time::Wall;

const SEGMENT: usize = 10 * 1024 * 1024;
/// What is found goes here, whoever finds it.
const OUT: &str = "watchkeeper-search-speed.out";
const TRIES: usize = 3;
const START: i64 = 1_795_242_600_000_000;

/// A question in our words and in those of the others.
struct Question {
    name: &'static str,
    words: fn() -> Words,
    /// Arguments of grep and ripgrep; empty where they cannot answer.
    grep: &'static [&'static str],
    python: &'static str,
}

const QUESTIONS: [Question; 9] = [
    Question {
        name: "literal, rare",
        words: || text("cmd-777777"),
        grep: &["-F", "cmd-777777"],
        python: "'cmd-777777' in l",
    },
    Question {
        name: "literal, absent",
        words: || text("cmd-x77777"),
        grep: &["-F", "cmd-x77777"],
        python: "'cmd-x77777' in l",
    },
    Question {
        name: "literal, 1 line of 6",
        words: || text("unit did not answer"),
        grep: &["-F", "unit did not answer"],
        python: "'unit did not answer' in l",
    },
    Question {
        name: "field, present",
        words: || Words { device: vec!["tc-004711".into()], ..Words::default() },
        grep: &["-F", "\"device\":\"tc-004711\""],
        python: "json.loads(l).get('device') == 'tc-004711'",
    },
    Question {
        name: "field, absent",
        words: || Words { device: vec!["tc-994711".into()], ..Words::default() },
        grep: &["-F", "\"device\":\"tc-994711\""],
        python: "json.loads(l).get('device') == 'tc-994711'",
    },
    Question {
        name: "two fields and a text",
        words: || Words {
            kind: vec!["COMMAND".into()],
            field: vec!["latency_ms>1950".into()],
            ..text("line-3")
        },
        grep: &["-E", "\"type\":\"COMMAND\".*line-3.*\"latency_ms\":19[5-9]"],
        python: "'line-3' in l and (r := json.loads(l))['type'] == 'COMMAND' and r.get('latency_ms', 0) > 1950",
    },
    Question {
        name: "regex with a literal",
        words: || Words { regex: Some("tc-0047[0-9]{2}.*timeout".into()), ..Words::default() },
        grep: &["-E", "tc-0047[0-9]{2}.*timeout"],
        python: "re.search('tc-0047[0-9]{2}.*timeout', l)",
    },
    Question {
        name: "regex without one",
        words: || Words { regex: Some("[a-f]{9}".into()), ..Words::default() },
        grep: &["-E", "[a-f]{9}"],
        python: "re.search('[a-f]{9}', l)",
    },
    Question {
        name: "count by device",
        words: || Words { by: Some("device".into()), ..Words::default() },
        grep: &[],
        python: "c.update([json.loads(l).get('device')])",
    },
];

fn text(text: &str) -> Words {
    Words { text: vec![text.into()], ..Words::default() }
}

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).map(|size| size.parse().unwrap()).collect();
    let sizes = if sizes.is_empty() { vec![100, 1000] } else { sizes };
    for megabytes in sizes {
        let dir = tempfile::tempdir().unwrap();
        let (raw, closed) = (dir.path().join("raw"), dir.path().join("closed"));
        write_log(&raw, megabytes * 1_000_000);
        let took = compress(&raw, &closed);
        let bare = dir.path().join("bare");
        std::fs::create_dir(&bare).unwrap();
        for path in paths(&closed, "zst") {
            std::fs::hard_link(&path, bare.join(path.file_name().unwrap())).unwrap();
        }
        println!(
            "\n{megabytes} MB, {} segments; compressed and indexed in {took:.1?}",
            paths(&raw, "log").len()
        );
        println!(
            "of the text {:.2} is left, its index {:.3}",
            share(&closed, "zst", &raw),
            share(&closed, "idx", &raw)
        );
        let begun = Instant::now();
        let stats = stats(&closed).unwrap();
        println!("stats of {} records: {:.2?}\n", stats.records, begun.elapsed());
        println!(
            "| question | found | raw | ripgrep | grep | Python | closed | without index | zstd -dc, grep |"
        );
        println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
        for question in &QUESTIONS {
            println!("{}", row(question, [&raw, &closed, &bare]));
        }
        println!("| newest 20 of a device | 20 | {} | | | | {} | | |", newest(&raw), newest(&closed));
    }
}

fn row(question: &Question, [raw, closed, bare]: [&Path; 3]) -> String {
    let (found, ours) = ours(question, raw);
    let (same, packed) = self::ours(question, closed);
    let (again, unindexed) = self::ours(question, bare);
    assert!(found == same && found == again);
    let [ripgrep, grep, pipe] = theirs(question, raw, closed);
    let head = "import sys,json,re,collections\nc=collections.Counter()\n";
    let script = format!(
        "{head}for p in sys.argv[1:]:\n for l in open(p):\n  if {}: sys.stdout.write(l)",
        question.python
    );
    let python = once(|| shell(Command::new("python3").arg("-c").arg(&script).args(paths(raw, "log"))));
    let name = question.name;
    format!("| {name} | {found} | {ours} | {ripgrep} | {grep} | {python} | {packed} | {unindexed} | {pipe} |")
}

/// The times of ripgrep, of grep, and of grep behind zstd.
fn theirs(question: &Question, raw: &Path, closed: &Path) -> [String; 3] {
    let [kind, pattern] = question.grep else { return Default::default() };
    let files = paths(raw, "log");
    let words = [if *kind == "-F" { "-F" } else { "-e" }, pattern];
    let ripgrep = best(|| shell(Command::new("rg").arg("--no-filename").args(words).args(&files)));
    let grep = best(|| shell(Command::new("grep").args(["-h", kind, pattern]).args(&files)));
    let script = format!("zstd -dc {}/*.zst | grep {kind} '{pattern}'", closed.display());
    let pipe = best(|| shell(Command::new("sh").args(["-c", &script])));
    [ripgrep, grep, pipe]
}

fn ours(question: &Question, dir: &Path) -> (u64, String) {
    let query = (question.words)().query(Wall(START)).unwrap();
    let mut found = 0;
    let time = best(|| {
        let mut out = std::io::BufWriter::with_capacity(
            1 << 16,
            std::fs::File::create(std::env::temp_dir().join(OUT)).unwrap(),
        );
        let mut each = |line: &str| {
            out.write_all(line.as_bytes()).unwrap();
            out.write_all(b"\n").unwrap();
            Continue::Continue(())
        };
        let summary = Search::run(dir, &query, &Limits::default(), &mut each).unwrap();
        assert!(summary.problems.is_empty(), "{:?}", summary.problems);
        found = summary.matches;
    });
    (found, time)
}

fn newest(dir: &Path) -> String {
    let words = Words {
        event: vec!["command_answered".into()],
        limit: Some("20".into()),
        order: Some("desc".into()),
        ..Words::default()
    };
    let query = words.query(Wall(START)).unwrap();
    best(|| {
        let mut each = |_: &str| Continue::Continue(());
        assert_eq!(Search::run(dir, &query, &Limits::default(), &mut each).unwrap().matches, 20);
    })
}

/// Into a file: into `/dev/null`, grep would stop at its first hit.
fn shell(command: &mut Command) {
    let out = std::fs::File::create(std::env::temp_dir().join(OUT)).unwrap();
    let status = command.stdout(out).stderr(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.code().is_some_and(|code| code < 2)), "{command:?}");
}

fn best(mut run: impl FnMut()) -> String {
    let times = (0..TRIES).map(|_| {
        let begun = Instant::now();
        run();
        begun.elapsed()
    });
    shown(times.min().unwrap())
}

fn once(mut run: impl FnMut()) -> String {
    let begun = Instant::now();
    run();
    shown(begun.elapsed())
}

fn shown(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn paths(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|have| have == extension)).collect();
    paths.sort();
    paths
}

fn share(dir: &Path, extension: &str, of: &Path) -> f64 {
    let bytes = |paths: Vec<PathBuf>| paths.iter().map(|path| path.metadata().unwrap().len()).sum::<u64>();
    bytes(paths(dir, extension)) as f64 / bytes(paths(of, "log")) as f64
}

fn compress(raw: &Path, closed: &Path) -> Duration {
    std::fs::create_dir(closed).unwrap();
    let begun = Instant::now();
    for path in paths(raw, "log") {
        let name = path.file_name().unwrap().to_str().unwrap();
        let (first, _) = folder::parse(name).unwrap();
        index::compress(&path, &closed.join(folder::packed_name(first))).unwrap();
    }
    begun.elapsed()
}

fn write_log(dir: &Path, bytes: usize) {
    std::fs::create_dir(dir).unwrap();
    let mut dice: u64 = 0x9E37_79B9_7F4A_7C15;
    let (mut seq, mut written) = (0, 0);
    while written < bytes {
        let first = seq;
        let mut text = String::with_capacity(SEGMENT + 1024);
        while text.len() < SEGMENT {
            text.push_str(&line::encode(&record(seq, &mut dice), Format::Json).line(seq));
            seq += 1;
        }
        written += text.len();
        std::fs::write(dir.join(folder::segment_name(first)), text).unwrap();
    }
}

fn record(seq: u64, dice: &mut u64) -> Draft {
    let mut below = |n: u64| {
        *dice ^= *dice << 13;
        *dice ^= *dice >> 7;
        *dice ^= *dice << 17;
        (*dice >> 20) % n
    };
    let device = format!("tc-{:06}", below(20_000));
    let ts = Wall(START + i64::try_from(seq).unwrap() * 10_000);
    let topic = format!("plant/area-{}/line-{}/{device}/command/response", below(4), below(9));
    let draft = match below(6) {
        0 => Draft::new(ts, Level::Warn, Kind::Command, "command_timeout")
            .text(Key::Reason, "timeout")
            .text(Key::Details, "the unit did not answer in the time that was agreed on"),
        1 => Draft::new(ts, Level::Info, Kind::Device, "online").text(Key::Transition, "offline to online"),
        _ => Draft::new(ts, Level::Info, Kind::Command, "command_answered")
            .text(Key::Result, "success")
            .text(Key::Cmd, "set_point")
            .text(Key::CmdId, &format!("cmd-{:06}", below(10_000_000)))
            .float(Key::LatencyMs, (below(2_000_000) as f64) / 1000.0),
    };
    draft
        .text(Key::Broker, "main")
        .text(Key::ClientId, &format!("unit-{device}"))
        .text(Key::Device, &device)
        .text(Key::Topic, &topic)
        .int(Key::Qos, 1)
        .int(Key::PayloadBytes, below(900))
}
