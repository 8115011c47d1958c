//! What is in a folder, read in the order in which a log that goes on cannot seem to have lost anything.

use super::lines::Source;
use super::papers::{self, Manifest, Reach};
use super::replay::{Closed, Task};
use super::report::Report;
use super::saved::Saved;
use super::stamps::Stamps;
use super::{Options, Trouble, key};
use crate::evidence::chain::Chain;
use crate::evidence::tree::Range;
use crate::folder::{self, CHECKPOINTS, KEYS, MANIFEST, SegmentFile};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What is in a folder.
pub(super) struct Survey {
    pub(super) dir: PathBuf,
    /// The keys; none without a first one.
    pub(super) chain: Option<Chain>,
    /// The first one alone.
    pub(super) genesis: Option<Chain>,
    pub(super) reach: Reach,
    pub(super) stamps: Option<Stamps>,
    pub(super) segments: Vec<SegmentFile>,
    /// The last segment, if the manifest does not name it.
    pub(super) live: Option<Source>,
    pub(super) manifest: Manifest,
    pub(super) saved: Saved,
    pub(super) threads: usize,
}

impl Survey {
    pub(super) fn read(dir: &Path, options: &Options, report: &mut Report) -> Result<Self, Trouble> {
        let unreadable = |error| Trouble::Unusable(format!("{}: {error}", dir.display()));
        std::fs::read_dir(dir).map_err(unreadable)?;
        let key = key::find(dir, options.key.as_deref()).map_err(Trouble::Unusable)?;
        report.key = key.as_ref().map(ToString::to_string);
        let genesis = key.map(Chain::new);
        let threads = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };

        let reach = papers::reach(dir)?;
        let mut stamps = Stamps::open(&dir.join(CHECKPOINTS), threads)?;
        let segments = folder::list(dir)?;
        let manifest = Manifest::open(dir)?;
        let mut chain = genesis.clone();
        if let Some(chain) = &mut chain {
            papers::read_keys(dir, chain, report)?;
        }
        let files = [CHECKPOINTS, MANIFEST, KEYS];
        let empty = segments.is_empty() && files.iter().all(|file| !dir.join(file).exists());
        if empty && chain.is_none() {
            return Err(Trouble::Unusable(format!("{} has no audit log", dir.display())));
        }
        let last = segments.last().map(|segment| open(dir, segment)).transpose()?;
        let kept = segments.first().map_or(u64::MAX, |segment| segment.first);
        let manifest = Manifest::read(manifest, chain.as_ref(), kept, report)?;
        if overlooked(dir, &segments, &manifest) {
            return Err(Trouble::Changed);
        }
        let live =
            last.filter(|_| segments.last().is_some_and(|last| !manifest.lines.contains_key(&last.first)));
        if let Some(stamps) = &mut stamps {
            stamps.with(chain.as_ref());
        }
        let saved = options.since.as_ref().map(|path| Saved::read(path, chain.as_ref(), report));
        let saved = saved.transpose().map_err(Trouble::Unusable)?.unwrap_or_default();
        Ok(Self {
            dir: dir.to_owned(),
            chain,
            genesis,
            reach,
            stamps,
            segments,
            live,
            manifest,
            saved,
            threads,
        })
    }

    /// The tree before a segment, if anything but the segment before it says so.
    pub(super) fn tree_before(&self, first: u64) -> Option<Range> {
        if let Some(line) = self.manifest.lines.get(&first) {
            return Some(line.entry.range_before.clone());
        }
        if first == 0 {
            return Some(Range::new());
        }
        let before = self.manifest.named.get(&first).and_then(|named| self.manifest.lines.get(&named.first));
        let after = before.map(|line| line.entry.range_after.clone());
        after.or_else(|| self.manifest.before.clone().filter(|tree| tree.size() == first))
    }

    /// Whether this is the segment that is being written.
    pub(super) fn is_live(&self, index: usize) -> bool {
        self.live.is_some() && index + 1 == self.segments.len()
    }

    /// Where a segment ends: by its line in the manifest, or where the next one begins.
    pub(super) fn end_of(&self, index: usize) -> Option<u64> {
        let line = self.manifest.lines.get(&self.segments[index].first);
        let next = self.segments.get(index + 1).map(|next| next.first);
        line.map(|line| line.entry.range_after.size()).or(next)
    }

    /// What is to be done with a segment, but for the checkpoints in it.
    pub(super) fn task(&self, index: usize, start: Range) -> Result<Task, Trouble> {
        let segment = &self.segments[index];
        let live = self.live.as_ref().filter(|_| self.is_live(index));
        let source = live.map_or_else(|| open(&self.dir, segment), |live| Ok(live.clone()))?;
        let closed = self.manifest.lines.get(&segment.first).map(|line| Closed {
            after: line.entry.range_after.clone(),
            leaves_sha256: line.entry.leaves_sha256,
        });
        Ok(Task {
            source,
            start,
            anchors: Vec::new(),
            closed,
            end: self.end_of(index),
            limit: if live.is_some() { segment.bytes } else { u64::MAX },
            leaves: self.dir.join(folder::leaves_name(segment.first)),
            watch: self.segments[0].first > 0,
        })
    }
}

/// Whether a segment that the manifest names was passed over when the names were read: while it is compressed, it
/// has one name and then another, and who reads names may see neither.
fn overlooked(dir: &Path, segments: &[SegmentFile], manifest: &Manifest) -> bool {
    let (Some(first), Some(last)) = (segments.first(), segments.last()) else { return false };
    let before = manifest.named.get(&first.first).map(|named| named.first);
    let between = manifest.lines.range(..last.first).map(|(first, _)| *first);
    let is_there = |name: String| std::fs::symlink_metadata(dir.join(name)).is_ok_and(|meta| meta.is_file());
    let seen = |first: &u64| segments.binary_search_by_key(first, |segment| segment.first).is_ok();
    before
        .into_iter()
        .chain(between)
        .filter(|first| !seen(first))
        .any(|first| is_there(folder::segment_name(first)) || is_there(folder::packed_name(first)))
}

/// Opens a segment; what was raw when its name was read may be compressed by now.
fn open(dir: &Path, segment: &SegmentFile) -> Result<Source, Trouble> {
    let unreadable = |error| Trouble::Unusable(format!("{}: {error}", segment.path.display()));
    match File::open(&segment.path) {
        Ok(file) => return Ok(Source::new(file, segment.closed)),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(unreadable(error)),
    }
    match File::open(dir.join(folder::packed_name(segment.first))) {
        Ok(file) => Ok(Source::new(file, true)),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Trouble::Changed),
        Err(error) => Err(unreadable(error)),
    }
}
