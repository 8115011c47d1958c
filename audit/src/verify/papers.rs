//! The manifest and the changes of keys in a folder. Every line must be signed by the key of its time and follow the
//! one before; of the segments that are gone only what is needed to prove the rest is kept in memory.

use super::report::{Report, Weight};
use super::torn::Torn;
use crate::evidence::chain::{Chain, KeyChange};
use crate::evidence::manifest::{Entry, Line, Lines, hash};
use crate::evidence::notes::Notes;
use crate::evidence::tree::{Hash, Range};
use crate::folder::{KEYS, MANIFEST};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Take};
use std::path::Path;

/// Of things that are many, so many are told one by one.
const FEW: u64 = 5;

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Goes on with `chain` as the folder says.
pub(super) fn read_keys(dir: &Path, chain: &mut Chain, report: &mut Report) -> io::Result<()> {
    let Some(file) = open(&dir.join(KEYS))? else { return Ok(()) };
    let mut notes = Notes::new(file);
    let mut number = 0_u64;
    while let Some(piece) = notes.read()? {
        number += 1;
        if !piece.whole {
            Torn::of(&piece, |text| KeyChange::parse(text).is_some()).tell(report, KEYS);
        } else if let Err(error) = chain.take(piece.text().unwrap_or_default()) {
            report.find(Weight::Tampered, KEYS, format!("change {number}: {error}"));
            break;
        }
    }
    Ok(())
}

/// How far a manifest reaches, before it is looked at closely.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reach {
    /// The number of the newest checkpoint that a line names.
    pub(super) checkpoint: Option<u64>,
    /// Records before this one are in segments that it names.
    pub(super) size: u64,
}

/// Reads that. Lines that are not right count as well: they are told when the manifest is read again.
pub(super) fn reach(dir: &Path) -> io::Result<Reach> {
    let mut reach = Reach::default();
    let Some(file) = open(&dir.join(MANIFEST))? else { return Ok(reach) };
    let mut lines = Lines::new(file);
    while let Some(line) = lines.read()? {
        if let Some(line) = Line::parse(&line) {
            reach.checkpoint = reach.checkpoint.max(Some(line.entry.checkpoint));
            reach.size = reach.size.max(line.entry.range_after.size());
        }
    }
    Ok(reach)
}

/// A segment that the manifest names, less its trees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    pub(super) first: u64,
    pub(super) bytes: u64,
    /// The root of the tree after it.
    pub(super) root: Hash,
}

/// What the manifest says.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    /// All segments that it names, by the size of the log after them.
    pub(super) named: BTreeMap<u64, Named>,
    /// The lines of those that are not before the first segment that is still there.
    pub(super) lines: BTreeMap<u64, Line>,
    /// The tree before that one, if a line says it.
    pub(super) before: Option<Range>,
    bad: u64,
}

impl Manifest {
    /// The file as it is now: lines that come later may be signed by keys that come later.
    pub(super) fn open(dir: &Path) -> io::Result<Option<Take<File>>> {
        let Some(file) = open(&dir.join(MANIFEST))? else { return Ok(None) };
        let bytes = file.metadata()?.len();
        Ok(Some(file.take(bytes)))
    }

    /// Reads it. `kept` is the first record that is still there.
    pub(super) fn read(
        file: Option<Take<File>>,
        chain: Option<&Chain>,
        kept: u64,
        report: &mut Report,
    ) -> io::Result<Self> {
        let mut manifest = Self::default();
        let Some(file) = file else { return Ok(manifest) };
        let mut lines = Lines::new(file);
        let (mut number, mut previous): (u64, Hash) = (0, [0; 32]);
        let mut tree = Range::new();
        while let Some(bytes) = lines.read()? {
            number += 1;
            if !bytes.ends_with(b"\n") {
                Torn::of_line(&bytes).tell(report, MANIFEST);
                break;
            }
            let before = std::mem::replace(&mut previous, hash(&bytes));
            let line = judge(&bytes, chain).and_then(|line| follows(line, &tree, before));
            match line {
                Ok((line, broken)) => {
                    if let Some(why) = broken {
                        manifest.tell(report, number, &why);
                    }
                    tree = line.entry.range_after.clone();
                    manifest.keep(line, kept);
                }
                Err(why) => manifest.tell(report, number, &why),
            }
        }
        if manifest.bad > FEW {
            report.find(Weight::Tampered, MANIFEST, format!("and {} more bad lines", manifest.bad - FEW));
        }
        Ok(manifest)
    }

    fn keep(&mut self, line: Line, kept: u64) {
        let entry = &line.entry;
        let (size, root) = (entry.range_after.size(), entry.range_after.root());
        let Entry { first_seq: first, bytes, .. } = *entry;
        self.named.insert(size, Named { first, bytes, root });
        if entry.range_after.size() == kept {
            self.before = Some(entry.range_after.clone());
        }
        if entry.first_seq >= kept {
            self.lines.insert(entry.first_seq, line);
        }
    }

    fn tell(&mut self, report: &mut Report, number: u64, why: &str) {
        self.bad += 1;
        if self.bad <= FEW {
            report.find(Weight::Tampered, MANIFEST, format!("line {number}: {why}"));
        }
    }
}

fn judge(bytes: &[u8], chain: Option<&Chain>) -> Result<Line, String> {
    let line = Line::parse(bytes).ok_or("not a line of a manifest")?;
    let Some(chain) = chain else { return Ok(line) };
    let key = line.check(chain.keys()).map_err(|error| error.to_string())?;
    if line.entry.origin != chain.keys()[key].name() {
        return Err("of another log".into());
    }
    if key != chain.index_at(line.entry.checkpoint) {
        return Err("signed by a key that was not valid for it".into());
    }
    Ok(line)
}

/// A line is of use also when it does not follow the one before it; then that is told.
fn follows(line: Line, tree: &Range, previous: Hash) -> Result<(Line, Option<String>), String> {
    let (first, expected) = (line.entry.first_seq, tree.size());
    let broken = match () {
        () if first < expected => return Err(format!("record {first} is in a segment before it already")),
        () if line.entry.previous != previous => {
            Some("the line before it is not the one that was there".to_owned())
        }
        () if first > expected => Some(format!("the records {expected} to {} are missing", first - 1)),
        () if line.entry.range_before != *tree => Some("its tree is not that of the line before".to_owned()),
        () => None,
    };
    Ok((line, broken))
}
