//! From a message to an event: reads the payload and makes the checks of its stream. It never fails; what is
//! wrong with a message is part of what it means. Each reason counts once a message, and what cannot be read
//! has exactly one.

use crate::arrival::Arrival;
use crate::decode::{Bounds, Decoded, Habit, Malformed, Member, Plan, PointReading, Shapes, Value};
use crate::expr::{Expect, StatusIs};
use crate::reason::{Reason, Reasons};
use crate::rules::{Limits, StreamRules};
use crate::time::{Wall, parse_epoch, parse_rfc3339, seconds};

#[cfg(test)]
mod tests;

/// What classifying a message yields, beside what is in the scratch.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'a> {
    /// What is wrong.
    pub reasons: Reasons,
    /// Why it could not be read.
    pub malformed: Option<Malformed>,
    /// The payload as text; empty when it could not be read.
    pub payload: &'a str,
    /// Seconds since it was made.
    pub age: Option<f64>,
}

/// Reads one message into the scratch and judges it.
pub fn classify<'a>(
    arrival: &Arrival<'a>,
    rules: &StreamRules,
    plan: &Plan,
    limits: &Limits,
    wall: Wall,
    scratch: &mut Decoded,
) -> Verdict<'a> {
    if arrival.payload.len() > limits.payload_bytes_max {
        return unreadable(Malformed { reason: Reason::Oversize, at: limits.payload_bytes_max });
    }
    match scratch.read(arrival.payload, plan, bounds(limits)) {
        Ok(payload) => judge(payload, rules, wall, scratch),
        Err(malformed) => unreadable(malformed),
    }
}

/// The same, by what was learned from the messages before it on this topic.
pub fn classify_again<'a>(
    arrival: &Arrival<'a>,
    (rules, plan): (&StreamRules, &Plan),
    limits: &Limits,
    wall: Wall,
    scratch: &mut Decoded,
    shapes: &mut Shapes,
    habit: &mut Habit,
) -> Verdict<'a> {
    if arrival.payload.len() > limits.payload_bytes_max {
        return unreadable(Malformed { reason: Reason::Oversize, at: limits.payload_bytes_max });
    }
    match scratch.read_again(arrival.payload, plan, bounds(limits), shapes, habit) {
        Ok(payload) => judge(payload, rules, wall, scratch),
        Err(malformed) => unreadable(malformed),
    }
}

pub(crate) fn bounds(limits: &Limits) -> Bounds {
    Bounds { depth_max: limits.json_depth_max, points_max: limits.points_per_device_max }
}

fn unreadable<'a>(malformed: Malformed) -> Verdict<'a> {
    Verdict { reasons: malformed.reason.into(), malformed: Some(malformed), payload: "", age: None }
}

fn judge<'a>(payload: &'a str, rules: &StreamRules, wall: Wall, read: &Decoded) -> Verdict<'a> {
    let mut reasons = Reasons::default();
    let age = judge_timestamp(payload, rules, wall, read, &mut reasons);
    judge_sequence(payload, rules, read, &mut reasons);
    let counts = judge_points(payload, rules, read, &mut reasons);
    judge_claims(payload, rules, read, &counts, &mut reasons);
    Verdict { reasons, malformed: None, payload, age }
}

/// Older, or further ahead, than `max_age` is wrong; a stream without `max_age` only refuses what is no date.
fn judge_timestamp(
    payload: &str,
    rules: &StreamRules,
    wall: Wall,
    read: &Decoded,
    reasons: &mut Reasons,
) -> Option<f64> {
    rules.timestamp.as_ref()?;
    let made = match read.timestamp {
        Member::Absent => {
            if rules.max_age.is_some() {
                reasons.add(Reason::MissingField);
            }
            return None;
        }
        Member::Text(text) => parse_rfc3339(read.text(payload, text)),
        Member::Number(number, _) => parse_epoch(number),
        Member::Other => None,
    };
    let Some(made) = made else {
        reasons.add(Reason::BadTimestamp);
        return None;
    };
    let age = (wall.0.saturating_sub(made.0)) as f64 / 1e6;
    if let Some(max_age) = rules.max_age.map(seconds) {
        if age > max_age {
            reasons.add(Reason::StaleTimestamp);
        } else if -age > max_age {
            reasons.add(Reason::FutureTimestamp);
        }
    }
    Some(age)
}

/// A sequence number is a whole number from 0 and below the modulus; where there is none, nothing is said.
fn judge_sequence(payload: &str, rules: &StreamRules, read: &Decoded, reasons: &mut Reasons) {
    if read.sequence == Member::Absent {
        return;
    }
    match sequence(payload, read) {
        // A number below the first there can be is out of range, as one beyond the last is.
        None if matches!(read.sequence, Member::Number(number, _) if number < 0.0) => {
            reasons.add(Reason::Range);
        }
        None => reasons.add(Reason::Type),
        Some(number) if rules.sequence_modulus > 0 && number >= rules.sequence_modulus => {
            reasons.add(Reason::Range);
        }
        Some(_) => {}
    }
}

/// The sequence number of a message, with every digit.
pub fn sequence(payload: &str, read: &Decoded) -> Option<u64> {
    let Member::Number(number, text) = read.sequence else { return None };
    if let Ok(exact) = read.text(payload, text).parse() {
        return Some(exact);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and within 2^53")]
    let whole = (number.fract() == 0.0 && (0.0..9e15).contains(&number)).then_some(number as u64);
    whole
}

/// What the points of one message add up to, for the cross-checks.
#[derive(Default)]
struct Counts {
    points: usize,
    min: Option<f64>,
    max: Option<f64>,
    sum: f64,
    /// Points with each of the first statuses of the rules.
    statuses: [usize; STATUSES],
}

/// So many statuses are counted while the points are looked at.
const STATUSES: usize = 8;

fn judge_points(payload: &str, rules: &StreamRules, read: &Decoded, reasons: &mut Reasons) -> Counts {
    let mut counts = Counts { points: read.points.len() + read.points_refused as usize, ..Counts::default() };
    if rules.point_min.is_some_and(|min| counts.points < min as usize) {
        reasons.add(Reason::TooFewPoints);
    }
    let (low, high) = rules.range.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
    let statuses = rules.point_status.is_some() && !rules.statuses.is_empty();
    for point in &read.points {
        match point.value {
            Value::Number(value) => {
                if value < low || value > high {
                    reasons.add(Reason::Range);
                } else if !value.is_finite() {
                    reasons.add(Reason::Type);
                }
                counts.min = Some(counts.min.map_or(value, |min| min.min(value)));
                counts.max = Some(counts.max.map_or(value, |max| max.max(value)));
                counts.sum += value;
            }
            Value::Wrong => reasons.add(Reason::Type),
            Value::Absent => {}
        }
        // A point that is null has neither value nor status, and that is no error.
        let is_null = point.value == Value::Absent && point.status == Member::Absent;
        if statuses && !is_null {
            match rules.statuses.iter().position(|known| has_status(payload, read, point, known)) {
                Some(at) => counts.statuses.iter_mut().skip(at).take(1).for_each(|count| *count += 1),
                None => reasons.add(Reason::Status),
            }
        }
    }
    counts
}

#[inline]
fn has_status(payload: &str, read: &Decoded, point: &PointReading, status: &str) -> bool {
    matches!(point.status, Member::Text(text) if read.text(payload, text) == status)
}

/// A member contradicts the points. Where there are no points, or no object that should hold the member,
/// there is nothing to contradict.
fn judge_claims(payload: &str, rules: &StreamRules, read: &Decoded, counts: &Counts, reasons: &mut Reasons) {
    // Of points beyond the limit nothing is known.
    if !read.points_seen || read.points_refused > 0 {
        return;
    }
    for (check, claim) in rules.cross_checks.iter().zip(&read.claims) {
        let claimed = match claim.member {
            Member::Absent if !claim.parent => continue,
            Member::Number(number, _) => Some(number),
            _ => None,
        };
        let computed = expected(&check.expect, payload, rules, read, counts);
        // A sum of decimals depends on the order of the summands.
        let near = check.expect == Expect::Sum && claimed.zip(computed).is_some_and(|(a, b)| is_near(a, b));
        if claimed != computed && !near {
            reasons.add(Reason::CrossCheck);
        }
    }
}

fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

fn expected(
    expect: &Expect,
    payload: &str,
    rules: &StreamRules,
    read: &Decoded,
    counts: &Counts,
) -> Option<f64> {
    match expect {
        Expect::Count(None) => Some(counts.points as f64),
        Expect::Count(Some(is)) => Some(count(is, payload, rules, read, counts) as f64),
        Expect::Min => counts.min,
        Expect::Max => counts.max,
        Expect::Sum => Some(counts.sum),
    }
}

fn count(is: &StatusIs, payload: &str, rules: &StreamRules, read: &Decoded, counts: &Counts) -> usize {
    let counted =
        rules.statuses.iter().position(|known| *known == is.status).filter(|_| rules.point_status.is_some());
    match counted.and_then(|at| counts.statuses.get(at)) {
        Some(count) if is.negated => read.points.len() - count,
        Some(count) => *count,
        None => {
            let like = |point: &&PointReading| has_status(payload, read, point, &is.status) != is.negated;
            read.points.iter().filter(like).count()
        }
    }
}
