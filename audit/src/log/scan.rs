//! Reads a segment again after a restart, and tells records from what a crash or somebody else left between them.
//! What can be read is kept: damage between records is passed over and counted, and only what no record follows is
//! to be cut. Nothing here writes.

use super::lines;
use super::seal::Seal;
use super::segment::widen;
use crate::line;
use watchkeeper_core::time::Wall;

/// A jump of the numbers that is no mistyped digit: so many records may have been on their way at once.
pub(super) const JUMP_MAX: u64 = 8_192;
/// Damage that is longer is not kept until it is known what follows.
const PENDING_BYTES_MAX: usize = 16 << 20;

/// What is known of a segment while it is read.
pub(super) struct Scan<'a> {
    seal: &'a mut dyn Seal,
    /// Number that the next record should have.
    pub next: u64,
    /// Where the last record ends, and where reading is.
    pub end: u64,
    pub read: u64,
    /// Number of the first record that no checkpoint covers, and where it begins if it was seen.
    pub signed: u64,
    pub unsigned_at: Option<u64>,
    /// Earliest and latest `ts`.
    pub span: Option<(Wall, Wall)>,
    /// Lines between records that are none, and numbers that are missing.
    pub damaged: u64,
    pub missing: u64,
    /// Lines that may be damage or a torn end, with the numbers that they claim.
    pending: Vec<(Option<u64>, Vec<u8>)>,
    pending_bytes: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(seal: &'a mut dyn Seal, first: u64, signed: u64) -> Self {
        Self {
            seal,
            next: first,
            end: 0,
            read: 0,
            signed,
            unsigned_at: None,
            span: None,
            damaged: 0,
            missing: 0,
            pending: Vec::new(),
            pending_bytes: 0,
        }
    }

    /// One more line, or a part of one.
    pub(super) fn line(&mut self, line: &[u8]) {
        // The very last number has no next one.
        let number = lines::number(line).filter(|number| *number >= self.next && *number < u64::MAX);
        self.read += line.len() as u64;
        let expected = self.next + self.pending.len() as u64;
        let before = self.pending.last().and_then(|(claimed, _)| *claimed);
        match number {
            Some(number) if number == expected => {
                // Every line in between has kept its place, whatever became of its text: it counts as it stands.
                self.damaged += self.pending.len() as u64;
                for (_, damaged) in std::mem::take(&mut self.pending) {
                    self.seal.push(&damaged);
                }
                self.accept(number, line);
            }
            // Two neighbours that agree are right, and the numbers before them are missing.
            Some(number) if before.is_some_and(|before| before + 1 == number && before >= self.next) => {
                if let Some((_, first)) = self.pending.pop() {
                    self.jump(number - 1);
                    self.accept(number - 1, &first);
                }
                self.accept(number, line);
            }
            number => {
                self.pending_bytes += line.len();
                let kept = if self.pending_bytes <= PENDING_BYTES_MAX { line.to_vec() } else { Vec::new() };
                self.pending.push((number, kept));
            }
        }
    }

    /// There is no further line. A last one that stands alone behind damage is kept when its number is likely.
    pub(super) fn finish(&mut self) {
        let Some((Some(number), line)) = self.pending.pop() else { return };
        if number.saturating_sub(self.next) <= JUMP_MAX && !line.is_empty() {
            self.jump(number);
            self.accept(number, &line);
        }
    }

    fn accept(&mut self, number: u64, line: &[u8]) {
        self.seal.push(line);
        if number >= self.signed {
            // Whatever stands between it and the record before belongs to it.
            self.unsigned_at.get_or_insert(self.end);
        }
        self.next = number + 1;
        self.end = self.read;
        self.pending.clear();
        self.pending_bytes = 0;
        if let Some(ts) = line::ts(line) {
            self.span = Some(widen(self.span, ts));
        }
    }

    fn jump(&mut self, to: u64) {
        self.damaged += self.pending.len() as u64;
        self.missing += to - self.next;
        self.pending.clear();
        self.seal.skip(to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::disk::Disk;
    use crate::log::seal::{Covered, ManifestFacts, SegmentFacts, Signed};
    use crate::record::Draft;
    use std::io;

    /// Writes down what it is told.
    #[derive(Default)]
    struct Told(Vec<String>, u64);

    impl Seal for Told {
        fn open(&mut self, _: &dyn Disk, _: Wall) -> io::Result<Covered> {
            Ok(Covered::default())
        }
        fn entry(&self, _: u64) -> Option<ManifestFacts> {
            None
        }
        fn begin(&mut self, _: u64) {}
        fn skip(&mut self, next: u64) {
            self.0.push(format!("to {next}"));
        }
        fn push(&mut self, line: &[u8]) {
            self.0.push(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
        }
        fn size(&self) -> u64 {
            self.1
        }
        fn checkpoint(&mut self, _: &dyn Disk, _: Wall) -> io::Result<()> {
            Ok(())
        }
        fn signed(&self) -> Option<Signed> {
            None
        }
        fn close(&mut self, _: &dyn Disk, _: &SegmentFacts, _: Wall) -> io::Result<ManifestFacts> {
            Err(io::ErrorKind::Unsupported.into())
        }
        fn due(&mut self, _: &dyn Disk, _: Wall) -> io::Result<Vec<Draft>> {
            Ok(Vec::new())
        }
    }

    /// Each word is a line: a number is a record, anything else damage, and with `~` it has no end. What the evidence
    /// must be told, the number of the next record, the bytes that are left over, lines damaged, numbers missing.
    fn check(words: &str, told: &[&str], next: u64, cut: u64, damaged: u64, missing: u64) {
        let mut seal = Told::default();
        let mut scan = Scan::new(&mut seal, 5, 0);
        for word in words.split_whitespace() {
            let torn = word.strip_suffix('~');
            let end = if torn.is_some() { "" } else { "\n" };
            let number = torn.unwrap_or(word);
            let line = match number.parse::<u64>() {
                Ok(number) => format!("{{\"seq\":{number},\"ts\":\"2026-11-21T06:31:00.123456Z\"}}{end}"),
                Err(_) => format!("{number}{end}"),
            };
            scan.line(line.as_bytes());
        }
        scan.finish();
        let found = (scan.next, scan.read - scan.end, scan.damaged, scan.missing);
        assert_eq!(found, (next, cut, damaged, missing), "{words}");
        let short = |line: &String| {
            line.strip_prefix("{\"seq\":")
                .map_or(line.clone(), |rest| rest.split(',').next().unwrap().to_owned())
        };
        assert_eq!(seal.0.iter().map(short).collect::<Vec<_>>(), told, "{words}");
    }

    #[test]
    fn records_are_kept_whatever_stands_between_them_and_only_a_torn_end_is_cut() {
        let line = "{\"seq\":8,\"ts\":\"2026-11-21T06:31:00.123456Z\"}\n".len() as u64;
        check("", &[], 5, 0, 0, 0);
        check("5 6 7", &["5", "6", "7"], 8, 0, 0, 0);
        // The end of a crash: a part of a line, blocks of zeros.
        check("5 6 7~", &["5", "6"], 7, line - 1, 0, 0);
        check("5 6 \0\0\0~", &["5", "6"], 7, 3, 0, 0);
        check("\0\0", &[], 5, 3, 0, 0);
        // One line was altered: it counts where it stands.
        check("5 x 7 8", &["5", "x", "7", "8"], 9, 0, 1, 0);
        check("5 90 7 8", &["5", "90", "7", "8"], 9, 0, 1, 0);
        // Lines were taken out, or grown together.
        check("5 8 9", &["5", "to 8", "8", "9"], 10, 0, 0, 2);
        check("5 x 8 9", &["5", "to 8", "8", "9"], 10, 0, 1, 2);
        check("5 8", &["5", "to 8", "8"], 9, 0, 0, 2);
        // Numbers go back: no records of this one.
        check("5 6 5 6", &["5", "6"], 7, 2 * line, 0, 0);
    }

    #[test]
    fn a_number_far_away_at_the_end_is_no_record() {
        let mut seal = Told::default();
        let mut scan = Scan::new(&mut seal, 0, 0);
        scan.line(b"{\"seq\":0,\"ts\":\"2026-11-21T06:31:00.123456Z\"}\n");
        scan.line(b"{\"seq\":9000000,\"ts\":\"2026-11-21T06:31:00.123456Z\"}\n");
        scan.finish();
        assert_eq!((scan.next, scan.span.is_some()), (1, true));
    }
}
