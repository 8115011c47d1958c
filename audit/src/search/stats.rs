//! What is in the log, in numbers. Compressed segments are counted by their index where they have one; the others
//! are read.

use super::closed::Closed;
use super::frames::Unpack;
use super::index::counters::{Counters, MINUTE};
use super::problem::{Problem, Problems};
use super::raw;
use super::run::Error;
use super::scan;
use super::shelf::{self, Place, Segment};
use crate::line;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};
use watchkeeper_core::time::Wall;

/// The log in numbers.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Segments, and how many of them are compressed.
    pub segments: u64,
    /// Of these, compressed.
    pub compressed: u64,
    /// Bytes of the segments on disk.
    pub bytes: u64,
    /// Bytes of their text.
    pub text_bytes: u64,
    /// Bytes of text in a compressed segment for each byte on disk; none without a compressed segment.
    pub ratio: Option<f64>,
    /// Records.
    pub records: u64,
    /// Number of the first and of the last record.
    pub seq: Option<(u64, u64)>,
    /// The earliest and the latest moment that a record is about.
    pub ts: Option<(Wall, Wall)>,
    /// Records by type.
    pub types: BTreeMap<String, u64>,
    /// Records by level.
    pub levels: BTreeMap<String, u64>,
    /// Records by type and event.
    pub events: BTreeMap<(String, String), u64>,
    /// Records by day, UTC, of their `ts`.
    pub days: BTreeMap<String, u64>,
    /// What was not as it should be; the rest was counted.
    pub problems: Vec<Problem>,
    /// How long it took.
    pub took: Duration,
}

/// Counts what is in the folder.
pub fn stats(dir: &Path) -> Result<Stats, Error> {
    let begun = Instant::now();
    let mut sum = Sum::default();
    for segment in &shelf::segments(dir)? {
        if let Err(error) = sum.segment(dir, segment) {
            let file = segment.name.to_string();
            sum.problems.say(Problem::Unreadable { file, why: error.to_string() });
        }
    }
    shelf::say_strangers(dir, &mut sum.problems);
    let mut stats = sum.stats;
    stats.ratio = (sum.packed.1 > 0).then(|| sum.packed.0 as f64 / sum.packed.1 as f64);
    stats.problems = sum.problems.into_list();
    stats.took = begun.elapsed();
    Ok(stats)
}

#[derive(Default)]
struct Sum {
    stats: Stats,
    problems: Problems,
    /// Text and packed bytes of the compressed segments.
    packed: (u64, u64),
}

impl Sum {
    fn segment(&mut self, dir: &Path, segment: &Segment) -> io::Result<()> {
        match shelf::find(dir, segment)? {
            Place::Raw(file) => self.raw(segment, &file),
            Place::Closed(file, path) => {
                let bytes = file.metadata()?.len();
                self.closed(segment, Closed::open(file, &path, &segment.name)?, bytes)
            }
            Place::Missing => Err(io::ErrorKind::NotFound.into()),
            Place::Pruned => Ok(()),
        }
    }

    fn raw(&mut self, segment: &Segment, file: &File) -> io::Result<()> {
        let len = file.metadata()?.len();
        self.stats.segments += 1;
        self.stats.bytes += len;
        self.stats.text_bytes += len;
        let mut counters = Counters::default();
        let mut buffer = Vec::new();
        let mut damaged = 0;
        let passed =
            raw::blocks(file, (0, len), len, &mut buffer, |text| damaged += self.count(text, &mut counters))?;
        self.add(segment, &counters, damaged + passed);
        Ok(())
    }

    fn closed(&mut self, segment: &Segment, closed: Closed, bytes: u64) -> io::Result<()> {
        let text = closed.frames.iter().map(|(_, entry)| u64::from(entry.raw)).sum::<u64>();
        self.stats.segments += 1;
        self.stats.compressed += 1;
        self.stats.bytes += bytes;
        self.stats.text_bytes += text;
        self.packed = (self.packed.0 + text, self.packed.1 + bytes);
        closed.problems.iter().for_each(|problem| self.problems.say(problem.clone()));
        let body = closed.index.as_ref().map(|index| &index.body);
        let timed =
            |body: &super::index::Body| body.frames.iter().all(|frame| frame.ts != (i64::MIN, i64::MAX));
        if let Some((body, counters)) =
            body.filter(|body| timed(body)).and_then(|body| Some((body, body.counters.as_ref()?)))
        {
            for frame in body.frames.iter().filter(|frame| frame.records > 0) {
                self.span(frame.seq, Some(frame.ts));
            }
            self.add(segment, counters, u64::from(body.damaged));
            return Ok(());
        }
        let (mut unpack, mut counters, mut damaged, mut text) =
            (Unpack::new()?, Counters::default(), 0, Vec::new());
        for (at, entry) in closed.frames {
            match unpack.read(&closed.file, at, entry, &mut text) {
                Ok(()) => damaged += self.count(&text, &mut counters),
                Err(error) => self.problems.say(Problem::Damaged {
                    file: segment.name.to_string(),
                    from: at,
                    to: at + u64::from(entry.packed),
                    why: error.to_string(),
                }),
            }
        }
        self.add(segment, &counters, damaged);
        Ok(())
    }

    /// Counts the records of a text; gives the lines that are none.
    fn count(&mut self, text: &[u8], counters: &mut Counters) -> u64 {
        let mut damaged = 0;
        for bytes in text.split_inclusive(|byte| *byte == b'\n') {
            let Some(bytes) = bytes.strip_suffix(b"\n") else { continue };
            let Some((seq, text)) = scan::record(bytes) else {
                damaged += u64::from(!bytes.is_empty());
                continue;
            };
            let ts = line::ts(bytes).map(|ts| ts.0);
            self.span((seq, seq), ts.map(|ts| (ts, ts)));
            let mut words = ["", "", ""].map(std::borrow::Cow::from);
            for (key, value) in line::fields(text).take(5) {
                if let Some(n) = ["type", "level", "event"].iter().position(|word| *word == key) {
                    words[n] = value;
                }
            }
            counters.add(ts.unwrap_or_default(), &words[0], &words[1], &words[2]);
        }
        damaged
    }

    fn span(&mut self, seq: (u64, u64), ts: Option<(i64, i64)>) {
        let stats = &mut self.stats;
        stats.seq = Some(stats.seq.map_or(seq, |have| (have.0.min(seq.0), have.1.max(seq.1))));
        if let Some((low, high)) = ts {
            let (low, high) = (Wall(low), Wall(high));
            stats.ts = Some(stats.ts.map_or((low, high), |have| (have.0.min(low), have.1.max(high))));
        }
    }

    fn add(&mut self, segment: &Segment, counters: &Counters, damaged: u64) {
        if damaged > 0 {
            self.problems.say(Problem::Lines { file: segment.name.to_string(), count: damaged });
        }
        let stats = &mut self.stats;
        for (&(minute, kind, level), &count) in &counters.minutes {
            let day = &Wall(minute.saturating_mul(MINUTE)).rfc3339()[..10];
            stats.records += count;
            for (map, word) in [
                (&mut stats.days, day),
                (&mut stats.types, counters.word(kind)),
                (&mut stats.levels, counters.word(level)),
            ] {
                add_to(map, word, count);
            }
        }
        for (&(kind, event), &count) in &counters.events {
            let key = (counters.word(kind).to_owned(), counters.word(event).to_owned());
            *stats.events.entry(key).or_default() += count;
        }
    }
}

fn add_to(map: &mut BTreeMap<String, u64>, word: &str, count: u64) {
    if let Some(sum) = map.get_mut(word) {
        *sum += count;
    } else {
        map.insert(word.to_owned(), count);
    }
}
