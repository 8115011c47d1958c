//! Hands every segment the checkpoints that it must fit, and has it read.

use super::replay::{Anchor, Outcome, Task, replay};
use super::report::{Report, Weight};
use super::saved::Saved;
use super::stamps::Stamps;
use super::survey::Survey;
use super::{Options, Trouble, papers, pool, verdict};
use crate::evidence::checkpoint::Checkpoint;
use crate::evidence::tree::Range;
use crate::folder::CHECKPOINTS;
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// How often it is looked whether the log has signed its last records.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Of things that are many, so many are told one by one.
const FEW: u64 = 5;

/// What came of a segment.
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    /// There was a tree to go on from; without one only the lines were read.
    pub(super) proved: bool,
}

/// Verifies a folder once.
pub(super) fn run(dir: &Path, options: &Options) -> Result<Report, Trouble> {
    let mut report = Report::default();
    let mut survey = Survey::read(dir, options, &mut report)?;
    let mut walk = Walk { stamps: survey.stamps.take(), queue: VecDeque::new(), signed: None };
    let ended = segments(&survey, &mut walk, options.patience, &mut report)?;
    walk.upto(u64::MAX, &survey.saved, &mut report)?;
    let signed = walk.signed(&report);
    verdict::tell(&survey, walk.stamps.as_ref(), &ended, signed, &mut report);
    Ok(report)
}

/// The checkpoints in their order, as far as they were read.
struct Walk {
    stamps: Option<Stamps>,
    queue: VecDeque<Checkpoint>,
    /// How many records were signed when the folder was surveyed.
    signed: Option<u64>,
}

impl Walk {
    /// Takes those of at most `size` records. Of several for the same tree one is enough.
    fn upto(&mut self, size: u64, saved: &Saved, report: &mut Report) -> io::Result<Vec<Anchor>> {
        let mut anchors: Vec<Anchor> = Vec::new();
        loop {
            while self.queue.front().is_some_and(|checkpoint| checkpoint.size <= size)
                && let Some(checkpoint) = self.queue.pop_front()
            {
                saved.compare(&checkpoint, report);
                let Checkpoint { size, root, number, .. } = checkpoint;
                if anchors.last().is_none_or(|last| (last.size, last.root) != (size, root)) {
                    anchors.push(Anchor { size, root, number, saved: false });
                }
            }
            let Some(stamps) = self.stamps.as_mut().filter(|_| self.queue.is_empty()) else { break };
            self.queue.extend(stamps.read(report)?);
            if self.queue.is_empty() {
                break;
            }
        }
        Ok(anchors)
    }

    /// How many records were signed when the folder was surveyed; those have to be there.
    fn signed(&mut self, report: &Report) -> u64 {
        *self.signed.get_or_insert(report.last.map_or(0, |last| last.size))
    }

    fn last(&self) -> Option<u64> {
        Some(self.stamps.as_ref()?.last.as_ref()?.number)
    }

    fn torn(&self) -> bool {
        self.stamps.as_ref().is_some_and(|stamps| stamps.torn.is_some())
    }

    /// Looks whether more were written, with keys that may have changed.
    fn again(&mut self, survey: &Survey) -> io::Result<bool> {
        let Some(stamps) = &mut self.stamps else { return Ok(false) };
        stamps.again()?;
        let mut chain = survey.genesis.clone();
        if let Some(chain) = &mut chain {
            // What is wrong with them was told the first time.
            papers::read_keys(&survey.dir, chain, &mut Report::default())?;
        }
        stamps.with(chain.as_ref());
        Ok(true)
    }
}

fn segments(
    survey: &Survey,
    walk: &mut Walk,
    patience: Duration,
    report: &mut Report,
) -> Result<Vec<Ended>, Trouble> {
    head(survey, walk, report)?;
    let mut deferred = VecDeque::new();
    let done = pool::run(survey.threads, |send| {
        for (index, segment) in survey.segments.iter().enumerate() {
            let end = survey.end_of(index).unwrap_or(u64::MAX);
            let mut anchors = walk.upto(end, &survey.saved, report)?;
            anchors.extend(survey.saved.anchors(segment.first, end));
            anchors.retain(|anchor| anchor.size > segment.first);
            anchors.sort_by_key(|anchor| anchor.size);
            match survey.tree_before(segment.first).filter(|_| !survey.is_live(index)) {
                Some(start) => send(index, Task { anchors, ..survey.task(index, start)? }),
                None => deferred.push_back((index, anchors)),
            }
        }
        Ok::<(), Trouble>(())
    })?;
    let mut ended: Vec<Option<Ended>> = survey.segments.iter().map(|_| None).collect();
    for (index, outcome) in done {
        ended[index] = Some(Ended { outcome: outcome?, proved: true });
    }
    for (index, anchors) in deferred {
        let before = index.checked_sub(1).and_then(|before| ended[before].as_ref());
        let (task, proved) = deferred_task(survey, index, before, anchors)?;
        // Without a tree no checkpoint is of use, so that none is waited for.
        let waits = proved && survey.is_live(index);
        let outcome = if waits { live(survey, walk, task, patience, report)? } else { replay(&task)? };
        ended[index] = Some(Ended { outcome, proved });
    }
    Ok(ended.into_iter().flatten().collect())
}

/// A segment that could not be read before the one in front of it was.
fn deferred_task(
    survey: &Survey,
    index: usize,
    before: Option<&Ended>,
    anchors: Vec<Anchor>,
) -> Result<(Task, bool), Trouble> {
    let first = survey.segments[index].first;
    let sound = |ended: &&Ended| ended.proved && ended.outcome.flaw.is_none();
    let after = || before.filter(sound).map(|ended| ended.outcome.after.clone());
    let start = survey.tree_before(first).or_else(after).filter(|tree| tree.size() == first);
    if let Some(start) = start {
        return Ok((Task { anchors, ..survey.task(index, start)? }, true));
    }
    // Any tree of that size will do, because nothing is compared with it.
    let mut any = Range::new();
    any.skip_to(first);
    Ok((survey.task(index, any)?, false))
}

/// Checkpoints from before the first segment that is still there: the manifest has the trees where one ended.
fn head(survey: &Survey, walk: &mut Walk, report: &mut Report) -> io::Result<()> {
    let first = survey.segments.first().map_or(u64::MAX, |segment| segment.first);
    let before = survey.segments.first().and_then(|segment| survey.tree_before(segment.first));
    let mut anchors = walk.upto(first, &survey.saved, report)?;
    anchors.extend(survey.saved.anchors(0, first));
    let mut bad = 0;
    for anchor in anchors {
        let tree = before.as_ref().filter(|tree| tree.size() == anchor.size).map(Range::root);
        let root = tree.or_else(|| survey.manifest.named.get(&anchor.size).map(|named| named.root));
        let (file, which) =
            if anchor.saved { ("--since", "the saved checkpoint") } else { (CHECKPOINTS, "checkpoint") };
        let what = format!("{which} number {}", anchor.number);
        match root {
            Some(root) if root == anchor.root => {}
            Some(_) => {
                bad += 1;
                if bad <= FEW {
                    report.find(Weight::Tampered, file, format!("{what} has another root than the manifest"));
                }
            }
            None if anchor.saved && anchor.size > 0 => {
                let text =
                    format!("{what} lies in a segment that is gone: there is nothing to compare it with");
                report.find(Weight::Incomplete, file, text);
            }
            None => {}
        }
    }
    Ok(())
}

/// Reads the segment that is being written, and waits a while for the checkpoint over its last records.
fn live(
    survey: &Survey,
    walk: &mut Walk,
    mut task: Task,
    patience: Duration,
    report: &mut Report,
) -> Result<Outcome, Trouble> {
    let until = Instant::now() + patience;
    loop {
        let outcome = replay(&task)?;
        let waits = outcome.within > outcome.sealed || outcome.torn > 0 || walk.torn();
        if outcome.flaw.is_some() || !(waits || survey.saved.is_newer_than(walk.last())) {
            return Ok(outcome);
        }
        let mut anchors = Vec::new();
        while anchors.is_empty() {
            if Instant::now() >= until {
                return Ok(outcome);
            }
            std::thread::sleep(LOOK_EVERY);
            walk.signed(report);
            if !walk.again(survey)? {
                return Ok(outcome);
            }
            anchors = walk.upto(u64::MAX, &survey.saved, report)?;
        }
        // The first one that covers what was there is enough; a later one may cover the next segment.
        let enough = anchors.iter().position(|anchor| anchor.size >= outcome.within);
        anchors.truncate(enough.map_or(anchors.len(), |at| at + 1));
        task.anchors.extend(anchors.into_iter().filter(|anchor| anchor.size > task.start.size()));
    }
}
