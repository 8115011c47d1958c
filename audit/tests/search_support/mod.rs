//! Logs by chance, and the plainest search there is: every line read by readers that share nothing with the crate's.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test uses a part of it, and fails where it cannot go on"
)]

pub mod plain;

use serde_json::Value as Json;
use std::fmt::Write as _;
use std::path::Path;
use watchkeeper_audit::folder;
use watchkeeper_audit::line::{self, Format};
use watchkeeper_audit::record::{Draft, Key, Kind, Level, Type, Value};
use watchkeeper_audit::search::{Continue, Limits, Query, Search, Summary, Words};
use watchkeeper_core::time::Wall;

pub const START: i64 = 1_795_242_600_000_000;

/// Numbers that are the same in every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % n as u64).unwrap()
    }

    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    pub fn odds(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

pub const TEXTS: [&str; 24] = [
    "tc-1",
    "tc-17",
    "tc-117",
    "plant/a/tc-17/telemetry",
    "he said \"no\"",
    "a | b",
    " | device=tc-17",
    "back\\slash",
    "line\nbreak",
    "tab\there",
    "\u{202e}rtl",
    "Größe",
    "GRÖSSE",
    "Kelvin \u{212a}",
    "nul\0",
    "{\"seq\":1}",
    "\"device\":\"tc-17\"",
    "-1.5",
    "007",
    "7",
    "",
    "x=y",
    "\\u0041",
    "emoji 😀",
];
const KEYS: [Key; 12] = [
    Key::Device,
    Key::ClientId,
    Key::Topic,
    Key::Qos,
    Key::Reason,
    Key::LatencyMs,
    Key::Details,
    Key::PayloadBytes,
    Key::ObservedAt,
    Key::Old,
    Key::Retain,
    Key::Code,
];
const EVENTS: [&str; 4] = ["online", "offline", "command_answered", "refused"];

pub fn draft(dice: &mut Dice, seq: u64) -> Draft {
    let jitter = i64::try_from(dice.below(600)).unwrap() * 1_000_000;
    let ts = Wall(START + i64::try_from(seq).unwrap() * 1_000_000 - jitter);
    let (level, kind, event) = (dice.one(Level::ALL), dice.one(Kind::ALL), dice.one(&EVENTS));
    let mut draft = Draft::new(ts, level, kind, event);
    for key in KEYS {
        if dice.odds(2) {
            continue;
        }
        let number = dice.one(&[0, 1, 2, 7, 500, -3]);
        let value = match key.ty() {
            Type::Text if key == Key::Device => Value::Text(dice.one(&TEXTS[..3]).into()),
            Type::Text => Value::Text(format!("{}{}", dice.one(&TEXTS), dice.one(&TEXTS)).into()),
            Type::Int => Value::Int(number),
            Type::Float => Value::Float(number as f64 * 0.5),
            Type::Bool => Value::Bool(number > 1),
            Type::Time => Value::Time(Wall(ts.0 + number * 1_000_000)),
        };
        draft = draft.with(key, value);
    }
    draft
}

/// The line of a record, without its line end.
pub fn line(dice: &mut Dice, seq: u64) -> String {
    let format = dice.one(&[Format::Json, Format::Pipe]);
    line::encode(&draft(dice, seq), format).line(seq).trim_end_matches('\n').to_owned()
}

pub fn lines(dice: &mut Dice, seqs: std::ops::Range<u64>) -> Vec<String> {
    seqs.map(|seq| line(dice, seq)).collect()
}

/// Writes lines as the segment that begins with the first of them.
pub fn segment(dir: &Path, first: u64, lines: &[String]) -> std::path::PathBuf {
    let path = dir.join(folder::segment_name(first));
    let text = lines.iter().fold(String::new(), |mut text, line| {
        writeln!(text, "{line}").unwrap();
        text
    });
    std::fs::write(&path, text).unwrap();
    path
}

/// Keys and values of a line, as they stand in it, read by other means than the crate's.
pub fn plain_fields(line: &str) -> Vec<(String, String)> {
    if line.starts_with('{') {
        let Json::Object(members) = serde_json::from_str(line).unwrap() else { panic!("{line}") };
        // Numbers as they are written, which the reader of JSON does not keep.
        let number = |key: &str| {
            let after = line.split_once(&format!("\"{key}\":")).unwrap().1;
            after[..after.find([',', '}']).unwrap()].to_owned()
        };
        let text = |key: &str, value: Json| if let Json::String(text) = value { text } else { number(key) };
        return members.into_iter().map(|(key, value)| (key.clone(), text(&key, value))).collect();
    }
    let parts: Vec<&str> = line.split(" | ").collect();
    let mut out: Vec<(String, String)> = ["ts", "level", "type"]
        .iter()
        .zip(&parts)
        .map(|(key, part)| ((*key).into(), (*part).into()))
        .collect();
    for part in &parts[3..] {
        let (key, value) = part.split_once('=').unwrap();
        let quoted = value.starts_with('"');
        let value = if quoted { serde_json::from_str(value).unwrap() } else { value.to_owned() };
        out.push((key.to_owned(), value));
    }
    out
}

pub fn seq_of(line: &str) -> u64 {
    plain_fields(line).iter().find(|(key, _)| key == "seq").unwrap().1.parse().unwrap()
}

pub fn query(words: &Words) -> Query {
    words.query(Wall(START)).unwrap_or_else(|wrong| panic!("{words:?}: {wrong:?}"))
}

/// All the lines that a search gives.
pub fn ask(dir: &Path, words: &Words) -> (Vec<String>, Summary) {
    let mut lines = Vec::new();
    let mut keep = |line: &str| {
        lines.push(line.to_owned());
        Continue::Continue(())
    };
    let summary = Search::run(dir, &query(words), &Limits::default(), &mut keep).unwrap();
    (lines, summary)
}

/// Everything, page by page.
pub fn walk(dir: &Path, words: &Words, page: u64) -> Vec<String> {
    let mut words = Words { limit: Some(page.to_string()), ..words.clone() };
    let mut all = Vec::new();
    loop {
        let (lines, summary) = ask(dir, &words);
        assert!(lines.len() as u64 <= page);
        all.extend(lines);
        words.cursor = summary.next_cursor;
        if words.cursor.is_none() {
            return all;
        }
    }
}
