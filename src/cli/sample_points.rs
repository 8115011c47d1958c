//! `check --sample`: the points of a document, and what the rules of the stream say of each. Nothing here may judge
//! otherwise than the core: it only looks where a reason points.

use super::sample_members::{at, walk};
use serde_json::Value;
use watchkeeper_core::expr::{CrossCheck, Expect, StatusIs};
use watchkeeper_core::path::{Path, Step};
use watchkeeper_core::rules::{DeviceFrom, StreamRules};

const NUMBER: &str = "write a number without quotes, or null where there is none";

/// A member at its path, or one that is missing there, and what is to be said of it.
pub(super) type Odd<'a> = (String, Option<&'a Value>, String);

/// One point: where it stands, where its value and its status do.
struct Point<'a> {
    path: String,
    value: Option<(String, &'a Value)>,
    status: Option<(String, &'a Value)>,
    /// Where it should hold its value and cannot: what stands there instead.
    instead: Option<&'a Value>,
}

impl Point<'_> {
    fn number(&self) -> Option<f64> {
        self.value.as_ref()?.1.as_f64()
    }

    fn has_status(&self, status: &str) -> bool {
        self.status.as_ref().is_some_and(|(_, value)| value.as_str() == Some(status))
    }

    /// A point that is null has neither value nor status, and that is no error.
    fn is_null(&self) -> bool {
        let is_told = self.status.is_some() || self.instead.is_some();
        !is_told && self.value.as_ref().is_none_or(|(_, value)| value.is_null())
    }
}

fn points<'a>(document: &'a Value, rules: &StreamRules) -> Vec<Point<'a>> {
    let Some(path) = &rules.points else { return numbers(document, rules) };
    let found = walk(document, path.steps(), "$".to_owned());
    let inner = |from: &'a Value, path: &str, inner: &Option<Path>| {
        let inner = inner.as_ref()?;
        walk(from, inner.steps(), path.to_owned()).into_iter().next()
    };
    let each = found.into_iter().map(|(path, point)| Point {
        value: match &rules.point_value {
            None => Some((path.clone(), point)),
            some => inner(point, &path, some),
        },
        status: inner(point, &path, &rules.point_status),
        instead: (rules.point_value.is_some() && !holds(point)).then_some(point),
        path,
    });
    each.collect()
}

/// An object, a list, or nothing at all.
fn holds(value: &Value) -> bool {
    value.is_object() || value.is_array() || value.is_null()
}

/// Every number that is nothing else is a point where nothing else is said.
fn numbers<'a>(document: &'a Value, rules: &StreamRules) -> Vec<Point<'a>> {
    let device = match &rules.device {
        DeviceFrom::Payload(path) | DeviceFrom::PayloadOrTopic(path) => Some(path),
        DeviceFrom::Topic(_) | DeviceFrom::Members => None,
    };
    let apart = [rules.timestamp.as_ref(), rules.sequence.as_ref(), device];
    let apart = apart.into_iter().flatten().chain(rules.cross_checks.iter().map(|check| &check.member));
    let apart: Vec<String> = apart.flat_map(|path| at(document, Some(path))).map(|(path, _)| path).collect();
    let mut found = Vec::new();
    let mut waits = vec![("$".to_owned(), document)];
    while let Some((path, value)) = waits.pop() {
        if value.is_number() && !apart.contains(&path) {
            let value = Some((path.clone(), value));
            found.push(Point { path, value, status: None, instead: None });
        } else {
            waits.extend(walk(value, &[Step::Each], path).into_iter().rev());
        }
    }
    found
}

/// What is no value.
pub(super) fn types<'a>(document: &'a Value, rules: &StreamRules) -> Vec<Odd<'a>> {
    let odd = points(document, rules).into_iter().filter_map(|point| {
        if let (Some(value), Some(inner)) = (point.instead, &rules.point_value) {
            let said = format!("a point is an object that has {inner} (point_value) here: write one");
            return Some((point.path, Some(value), said));
        }
        let (path, value) = point.value?;
        (!value.is_number() && !value.is_null()).then(|| (path, Some(value), NUMBER.to_owned()))
    });
    odd.collect()
}

/// Values below or above the range.
pub(super) fn ranges<'a>(document: &'a Value, rules: &StreamRules) -> Vec<Odd<'a>> {
    let Some((low, high)) = rules.range else { return Vec::new() };
    let odd = points(document, rules).into_iter().filter_map(|point| {
        let number = point.number()?;
        let side = if number < low { "below" } else { "above" };
        let (path, value) = point.value?;
        let said = format!("{side} range = [{low}, {high}] of the stream: send what is in it, or widen it");
        (number < low || number > high).then_some((path, Some(value), said))
    });
    odd.collect()
}

/// Statuses that are not in the list, and those that are missing.
pub(super) fn statuses<'a>(document: &'a Value, rules: &StreamRules) -> Vec<Odd<'a>> {
    let Some(name) = &rules.point_status else { return Vec::new() };
    let cure = format!(
        "write one of statuses = {:?} of the stream, as it is spelt there, or add it",
        rules.statuses
    );
    let known = |point: &Point| rules.statuses.iter().any(|status| point.has_status(status));
    let odd = points(document, rules).into_iter().filter(|point| !point.is_null() && !known(point));
    let odd = odd.map(|point| match point.status {
        Some((path, value)) => (path, Some(value), cure.clone()),
        None => (beneath(&point.path, name), None, format!("is missing (point_status): {cure}")),
    });
    odd.collect()
}

/// How many points there are, how many there must be, and what stands where they should.
pub(super) fn too_few<'a>(document: &'a Value, rules: &StreamRules) -> Vec<Odd<'a>> {
    let (have, need) = (points(document, rules).len(), rules.point_min.unwrap_or(0));
    let cure =
        format!("{have} of at least {need} points (point_min of the stream): send them all, or lower it");
    let Some(path) = &rules.points else { return vec![("$".to_owned(), None, format!("has {cure}"))] };
    let steps = path.steps();
    let above = steps.iter().position(|step| *step == Step::Each).unwrap_or(steps.len());
    match walk(document, &steps[..above], "$".to_owned()).pop() {
        None => vec![(path.to_string(), None, format!("is missing (points): {cure}"))],
        Some((place, value)) if !value.is_object() && !value.is_array() => {
            let cure = format!("no object of points (points = {path}): {cure}");
            vec![(place, Some(value), cure)]
        }
        Some((place, _)) => vec![(place, None, format!("has {cure}"))],
    }
}

/// Members that say something else than the points.
pub(super) fn claims<'a>(document: &'a Value, rules: &StreamRules) -> Vec<Odd<'a>> {
    let points = points(document, rules);
    let odd = rules.cross_checks.iter().filter_map(|check| {
        let computed = expected(&check.expect, &points);
        let found = at(document, Some(&check.member)).next();
        let claimed = found.as_ref().and_then(|(_, value)| value.as_f64());
        let (_, above) = check.member.steps().split_last()?;
        let is_there = walk(document, above, "$".to_owned()).iter().any(|(_, value)| value.is_object());
        if found.is_none() && !is_there || is_same(check, claimed, computed) {
            return None;
        }
        let said = said(&check.expect);
        let cure = match computed {
            Some(number) => format!("{said} of the points is {number} (cross_check): write that"),
            None => {
                format!("{said} of the points is nothing, for none has a value (cross_check): leave it out")
            }
        };
        Some(match found {
            Some((path, value)) => (path, Some(value), cure),
            None => (check.member.to_string(), None, format!("is missing: {cure}")),
        })
    });
    odd.collect()
}

fn is_same(check: &CrossCheck, claimed: Option<f64>, computed: Option<f64>) -> bool {
    // As the core does: a sum of decimals depends on the order of the summands.
    let is_near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0);
    let near = check.expect == Expect::Sum && claimed.zip(computed).is_some_and(|(a, b)| is_near(a, b));
    claimed == computed || near
}

fn expected(expect: &Expect, points: &[Point]) -> Option<f64> {
    let numbers = points.iter().filter_map(Point::number);
    match expect {
        Expect::Count(None) => Some(points.len() as f64),
        Expect::Count(Some(StatusIs { status, negated })) => {
            Some(points.iter().filter(|point| point.has_status(status) != *negated).count() as f64)
        }
        Expect::Min => numbers.reduce(f64::min),
        Expect::Max => numbers.reduce(f64::max),
        Expect::Sum => Some(numbers.sum()),
    }
}

/// As the configuration has it.
fn said(expect: &Expect) -> String {
    match expect {
        Expect::Count(None) => "count()".to_owned(),
        Expect::Count(Some(StatusIs { status, negated })) => {
            format!("count(status {} '{status}')", if *negated { "!=" } else { "==" })
        }
        Expect::Min => "min(value)".to_owned(),
        Expect::Max => "max(value)".to_owned(),
        Expect::Sum => "sum(value)".to_owned(),
    }
}

/// The path of what should stand below a place.
fn beneath(path: &str, inner: &Path) -> String {
    format!("{path}{}", &inner.to_string()[1..])
}
