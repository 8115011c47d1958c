//! What is there, what is missing and what was pruned; and what the parts of the evidence say of each other. What
//! should be there and is not weighs as much as what was altered.

use super::judge::Ended;
use super::report::{Report, Segment, State, Weight};
use super::stamps::Stamps;
use super::survey::Survey;
use crate::evidence::trailer::Container;
use crate::folder::{CHECKPOINTS, MANIFEST, packed_name, segment_name};

/// Says it all.
pub(super) fn tell(
    survey: &Survey,
    stamps: Option<&Stamps>,
    ended: &[Ended],
    signed: u64,
    report: &mut Report,
) {
    segments(survey, ended, signed, report);
    containers(survey, ended, report);
    manifest(survey, signed, report);
    checkpoints(survey, stamps, report);
    if survey.chain.is_none() {
        report.find(Weight::Incomplete, "", "no verifier key at hand: no signature was checked");
    }
    if survey.segments.is_empty() {
        report.find(Weight::Incomplete, "", "there is no segment");
    }
    if let Some(ended) = ended.last().filter(|ended| survey.live.is_some() && ended.outcome.torn > 0) {
        let text = format!("the last line is not whole ({} bytes)", ended.outcome.torn);
        report.find(Weight::Incomplete, &segment_name(last_first(survey)), text);
    }
    let records =
        report.segments.iter().filter(|segment| is_there(segment)).filter_map(|segment| segment.last);
    let records = records.max().map_or(0, |last| last.saturating_add(1));
    survey.saved.beyond(report.last.map(|last| last.number), records.max(signed), report);
}

fn is_there(segment: &Segment) -> bool {
    !matches!(segment.state, State::Missing)
}

fn last_first(survey: &Survey) -> u64 {
    survey.segments.last().map_or(0, |segment| segment.first)
}

fn segments(survey: &Survey, ended: &[Ended], signed: u64, report: &mut Report) {
    // What was named after the survey is not missing because it was not there then.
    let named = survey.manifest.named.range(..=survey.reach.size).next_back();
    let total = named.map_or(signed, |(size, _)| signed.max(*size));
    let mut at = 0;
    if let Some(kept) = survey.segments.first().map(|segment| segment.first) {
        prefix(survey, ended, kept, report);
        at = kept;
    }
    for (index, ended) in ended.iter().enumerate() {
        let first = survey.segments[index].first;
        missing(survey, at, first, report);
        report.segments.push(segment(survey, index, ended));
        at = survey.end_of(index).unwrap_or_else(|| ended.outcome.after.size());
        if ended.outcome.flaw.is_some() && index + 1 == survey.segments.len() && survey.live.is_some() {
            // What is missing at its end was told as its flaw.
            at = at.max(total);
        }
    }
    missing(survey, at, total, report);
}

/// Compressed files that are not those that were written, although their records are.
fn containers(survey: &Survey, ended: &[Ended], report: &mut Report) {
    for (segment, ended) in survey.segments.iter().zip(ended) {
        let name = packed_name(segment.first);
        let found = ended.outcome.container.filter(|_| ended.outcome.flaw.is_none());
        match found {
            Some(Container::Altered) => {
                let text = "its records are right, but the compressed file is not the one that was written";
                report.find(Weight::Tampered, &name, text);
            }
            Some(Container::Unknown) => {
                let text = "its records are right; whether the compressed file is the one that was written cannot \
                            be told";
                report.find(Weight::Incomplete, &name, text);
            }
            _ => {}
        }
    }
}

fn segment(survey: &Survey, index: usize, ended: &Ended) -> Segment {
    let (file, outcome) = (&survey.segments[index], &ended.outcome);
    let records = if survey.is_live(index) { outcome.within } else { outcome.after.size() };
    let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let state = match &outcome.flaw {
        Some(flaw) => State::Invalid(flaw.clone()),
        None if ended.proved => State::Valid,
        None => State::Unproved,
    };
    let end = survey.end_of(index).filter(|_| outcome.flaw.is_some()).unwrap_or(records).max(records);
    Segment {
        file: name,
        first: file.first,
        last: end.checked_sub(1).filter(|last| *last >= file.first),
        bytes: outcome.bytes,
        unsealed: if outcome.flaw.is_some() { 0 } else { records.saturating_sub(outcome.sealed) },
        state,
    }
}

/// The records from `at` on are gone, up to and without `to`.
fn missing(survey: &Survey, at: u64, to: u64, report: &mut Report) {
    let mut at = at;
    let mut gone = |first: u64, to: u64, bytes: u64| {
        if first < to {
            let (file, last, state) = (segment_name(first), Some(to - 1), State::Missing);
            report.segments.push(Segment { file, first, last, bytes, state, unsealed: 0 });
        }
    };
    for (size, named) in &survey.manifest.named {
        if named.first >= at && named.first < to {
            gone(at, named.first, 0);
            gone(named.first, (*size).min(to), named.bytes);
            at = *size;
        }
    }
    gone(at, to, 0);
}

/// How far the manifest names every record from the first one on, and in how many segments.
fn named_through(survey: &Survey, to: u64) -> (u64, u64) {
    let (mut at, mut count) = (0, 0);
    for (size, named) in survey.manifest.named.range(..=to) {
        if named.first == at {
            (at, count) = (*size, count + 1);
        }
    }
    (at, count)
}

/// What was before the first segment that is still there.
fn prefix(survey: &Survey, ended: &[Ended], kept: u64, report: &mut Report) {
    if kept == 0 {
        return;
    }
    let through = |sealed: bool| {
        let records = ended.iter().flat_map(|ended| {
            let proved_to = if ended.proved { ended.outcome.sealed } else { 0 };
            ended.outcome.prunings.iter().filter(move |pruning| !sealed || pruning.seq < proved_to)
        });
        records.map(|pruning| pruning.last.saturating_add(1)).max().unwrap_or(0).min(kept)
    };
    // Where a segment was altered, the record that says it may be the one, or may not have been reached.
    let unread = ended.iter().any(|ended| ended.outcome.flaw.is_some());
    let (proved, said) = (through(true), through(false));
    let (named, _) = named_through(survey, kept);
    let mut pruned = |first: u64, to: u64, proved: bool| {
        if first < to {
            let (_, before) = named_through(survey, first);
            let (_, segments) = named_through(survey, to);
            let (file, last) = (segment_name(first), Some(to - 1));
            let state = State::Pruned { segments: segments - before, proved };
            report.segments.push(Segment { file, first, last, bytes: 0, state, unsealed: 0 });
        }
    };
    let proved = if survey.chain.is_some() { proved.min(named) } else { 0 };
    pruned(0, proved, true);
    if said >= kept || unread || named < kept || survey.chain.is_none() {
        pruned(proved, kept, false);
    } else {
        missing(survey, proved, kept, report);
    }
}

/// Segments that the manifest should have: the log does not go on before a line is written.
fn manifest(survey: &Survey, signed: u64, report: &mut Report) {
    let mut lacks = |what: String, end: u64| {
        let (weight, why) = if signed > end {
            (Weight::Tampered, "although the log went on")
        } else {
            (Weight::Incomplete, "as after a stop in between; the next start writes it")
        };
        report.find(weight, MANIFEST, format!("{what} not in it, {why}"));
    };
    if let Some(kept) = survey.segments.first().map(|segment| segment.first).filter(|kept| *kept > 0) {
        let (named, _) = named_through(survey, kept);
        if named < kept {
            lacks(format!("the segments of records {named} to {} are", kept - 1), kept);
        }
    }
    for (index, segment) in survey.segments.iter().enumerate() {
        let end = survey.end_of(index).filter(|_| !survey.is_live(index));
        if let Some(end) = end.filter(|_| !survey.manifest.lines.contains_key(&segment.first)) {
            lacks(format!("segment {} is", segment_name(segment.first)), end);
        }
    }
}

fn checkpoints(survey: &Survey, stamps: Option<&Stamps>, report: &mut Report) {
    let none = if survey.chain.is_some() { report.checkpoints_valid == 0 } else { report.checkpoints == 0 };
    if none {
        let weight = if survey.chain.is_some() { Weight::Tampered } else { Weight::Incomplete };
        report.find(weight, CHECKPOINTS, "there is no valid checkpoint");
    }
    let Some(stamps) = stamps else { return };
    stamps.finish(report);
    if let Some(torn) = stamps.torn {
        torn.tell(report, CHECKPOINTS);
    }
    let kept = survey.segments.first().map_or(0, |segment| segment.first);
    // Number 0 signs whatever was there when it was made: a disk that was low at the very first start is told before it.
    if let Some(first) = stamps.first.as_ref().filter(|first| first.size > kept && first.number > 0) {
        let text = format!(
            "the first one, number {}, has {} records: earlier ones are missing",
            first.number, first.size
        );
        report.find(Weight::Tampered, CHECKPOINTS, text);
    }
    if let (Some(named), Some(last)) = (survey.reach.checkpoint, &stamps.last)
        && named > last.number
    {
        let text = format!("the manifest knows number {named}, and the last one is number {}", last.number);
        report.find(Weight::Tampered, CHECKPOINTS, text);
    }
}
