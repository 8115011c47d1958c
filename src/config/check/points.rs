//! The points of a `[[stream]]` and what is demanded of them: values, statuses, cross-checks, stillness. Nothing
//! here may accept a demand on points where none are read.

use crate::config::problem::{Fault, Ledger, fault};
use crate::config::raw::{At, Table};
use crate::config::tree::{Node, Value};
use crate::config::words;
use watchkeeper_core::expr::{CrossCheck, Expect as Expression};
use watchkeeper_core::rules::{StreamRules, StuckAfter};
use watchkeeper_core::time::{Micros, micros};

/// Where the points are, and their checks.
pub(super) fn read(table: &mut Table<'_>, rules: &mut StreamRules) {
    let ledger = table.ledger;
    let points = table.get("points", words::path_to_many);
    everywhere(table, rules, points.is_some());
    let value = table.get("point_value", words::path);
    let status = table.get("point_status", words::path);
    let min = table.get("point_min", words::integer(0..=65_535));
    let statuses = table.get("statuses", words::list);
    if points.is_none() {
        let dependent = [&value, &status].into_iter().flatten().map(|at| (&at.place, &at.key));
        for (place, key) in dependent.chain(min.as_ref().map(|at| (&at.place, &at.key))) {
            ledger.refuse(place, key, fault("the stream has no points", "add points = \"$.points.*\""));
        }
    }
    if let Some(alone) = statuses.as_ref().filter(|_| status.is_none()) {
        alone.refuse(ledger, "no status of a point is read", "add point_status = \"status\"");
    }
    rules.statuses = statuses.map_or_else(Vec::new, |list| words_of(&list, ledger));
    rules.range = table.get("range", range).map(|at| at.value);
    cross_checks(table, rules, points.is_some(), status.is_some());
    rules.points = points.map(|at| at.value);
    rules.point_value = value.map(|at| at.value);
    rules.point_status = status.map(|at| at.value);
    rules.point_min = min.and_then(|at| u32::try_from(at.value).ok());
}

/// What counts where every number is a point.
fn everywhere(table: &mut Table<'_>, rules: &mut StreamRules, has_points: bool) {
    let below = table.get("points_below", words::path);
    let without = table.list("no_points", words::text).unwrap_or_default();
    let lonely = below.as_ref().map(|at| (&at.place, &at.key));
    for (place, key) in lonely.into_iter().chain(without.iter().map(|at| (&at.place, &at.key))) {
        if has_points {
            let cure = "remove it, or remove points: without that every number is one";
            table.ledger.refuse(place, key, fault("the stream says itself where its points are", cure));
        }
    }
    rules.points_below = below.map(|at| at.value);
    rules.no_points = without.into_iter().map(|name| name.value.into_boxed_str()).collect();
}

fn words_of(list: &At<Vec<Node>>, ledger: &Ledger<'_>) -> Vec<Box<str>> {
    let read = |(at, node): (usize, &Node)| {
        let key = format!("{}[{at}]", list.key);
        words::text(node).map_err(|fault| ledger.refuse(&node.place, &key, fault)).ok()
    };
    list.value.iter().enumerate().filter_map(read).map(String::into_boxed_str).collect()
}

fn range(node: &Node) -> Result<(f64, f64), Fault> {
    const CURE: &str = "write [MIN, MAX], such as [-50, 200]; inf stands for no limit";
    let [min, max] = &words::list(node)?[..] else {
        return Err(fault("a range has two numbers", CURE));
    };
    let (min, max) = (words::number(min)?, words::number(max)?);
    if min > max {
        return Err(fault(format!("the range begins at {min} and ends below it, at {max}"), CURE));
    }
    Ok((min, max))
}

fn cross_checks(table: &mut Table<'_>, rules: &mut StreamRules, has_points: bool, has_status: bool) {
    let ledger = table.ledger;
    let mut checks = table.section("cross_check");
    if checks.is_set && !has_points {
        checks.refuse(fault("the stream has no points to compare with", "add points = \"$.points.*\""));
    }
    for (path, key, node) in checks.rest() {
        let read = || -> Result<CrossCheck, Fault> {
            let member = words::path(&Node { place: node.place.clone(), value: Value::Text(key) })?;
            let expect = words::expression(&node)?;
            if matches!(expect, Expression::Count(Some(_))) && !has_status {
                return Err(fault("no status of a point is read", "add point_status = \"status\""));
            }
            Ok(CrossCheck { member, expect })
        };
        match read() {
            Ok(check) => rules.cross_checks.push(check),
            Err(fault) => ledger.refuse(&node.place, &path, fault),
        }
    }
}

/// When a value stands still.
pub(super) fn stuck(table: &mut Table<'_>, rules: &mut StreamRules) {
    const CURE: &str = "write how often a value may repeat, such as 10, or a duration such as \"5m\"";
    rules.stuck_after = table.or("stuck_after", rules.stuck_after, |node| {
        if words::text(node).is_ok_and(|text| text == "never") {
            return Ok(StuckAfter::For(Micros::MAX));
        }
        let is_text = matches!(&node.value, Value::Text(_));
        let is_duration = matches!(&node.value, Value::Raw(text) if text.parse::<i64>().is_err());
        if is_text || is_duration {
            let span = words::duration(node).map_err(|wrong| fault(wrong.cause, CURE))?;
            return Ok(StuckAfter::For(micros(span)));
        }
        let repeats =
            words::integer(0..=u64::from(u32::MAX))(node).map_err(|wrong| fault(wrong.cause, CURE))?;
        Ok(StuckAfter::Repeats(u32::try_from(repeats).unwrap_or(u32::MAX)))
    });
    rules.stuck_tolerance = table.or("stuck_tolerance", rules.stuck_tolerance, |node| {
        let width = words::number(node)?;
        if width >= 0.0 && width.is_finite() {
            Ok(width)
        } else {
            Err(fault(
                format!("{width} is no width"),
                "write how far a value may wander and still stand still, such as 0.05",
            ))
        }
    });
}
