//! `[commands]`: where ids and names stand, how long an answer may take, what it must say, and which commands there
//! are. Nothing here may leave a command half described: a limit that its parameter cannot have is refused.

use crate::config::problem::{Fault, fault};
use crate::config::raw::{At, Table};
use crate::config::tree::{Node, Place};
use crate::config::words;
use std::cell::Cell;
use std::ops::RangeInclusive;
use std::time::Duration;
use watchkeeper_core::rules::{
    CommandRules, Kind, Known, Parameter, ParameterType, Sla, StreamRules, TakenFrom,
};
use watchkeeper_core::time::micros;

/// Shorter time-outs would be those of the network; longer ones would keep every answer for too long.
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(7 * 86_400);

const TYPES: &[(&str, ParameterType)] = &[
    ("any", ParameterType::Any),
    ("number", ParameterType::Number),
    ("integer", ParameterType::Integer),
    ("text", ParameterType::Text),
    ("boolean", ParameterType::Boolean),
    ("object", ParameterType::Object),
    ("array", ParameterType::Array),
];

/// Reads the section.
pub(super) fn read(mut table: Table<'_>, streams: &[StreamRules]) -> CommandRules {
    let default = CommandRules::default();
    let rules = CommandRules {
        pair: pair(&mut table, streams).unwrap_or(default.pair),
        name: places(&mut table, "name")
            .map_or(default.name, |all| all.into_iter().map(|at| at.value).collect()),
        timeout: table.get("timeout", timeout).map_or(default.timeout, |at| micros(at.value)),
        pending_max: table.or("pending_max", default.pending_max, words::count(1..=10_000_000)),
        sla: sla(&mut table).unwrap_or(default.sla),
        statuses: statuses(&mut table).map_or(default.statuses, boxed),
        required: table.values("required", words::path).unwrap_or(default.required),
        known: known(&mut table),
    };
    table.finish();
    rules
}

/// What the status of an answer may be. Without any, every answer would be invalid.
fn statuses(table: &mut Table<'_>) -> Option<Vec<String>> {
    let is_empty = Cell::new(true);
    let all = table.values("statuses", |node| {
        is_empty.set(false);
        words::name(node)
    })?;
    if is_empty.get() {
        let cure = "name each, such as [\"success\", \"error\"], or leave it out";
        table.ledger.refuse(&table.place, &table.key("statuses"), fault("no status is allowed", cure));
    }
    Some(all)
}

fn boxed(texts: Vec<String>) -> Vec<Box<str>> {
    texts.into_iter().map(String::into_boxed_str).collect()
}

/// Where a word may stand.
fn places(table: &mut Table<'_>, key: &'static str) -> Option<Vec<At<TakenFrom>>> {
    let is_empty = Cell::new(true);
    let list = table.list(key, |node| {
        is_empty.set(false);
        taken_from(node)
    })?;
    if is_empty.get() {
        let cure = "name at least one place, such as [\"$.cmd_id\", \"$.message_id\"]";
        table.ledger.refuse(&table.place, &table.key(key), fault("there is no place to look at", cure));
    }
    Some(list)
}

/// Where an id may stand; a capture must be one of a stream that carries commands or answers.
fn pair(table: &mut Table<'_>, streams: &[StreamRules]) -> Option<Vec<TakenFrom>> {
    let ledger = table.ledger;
    let list = places(table, "pair")?;
    let carries = |stream: &&StreamRules| matches!(stream.kind, Kind::Command | Kind::Response);
    for at in &list {
        let TakenFrom::Capture(name) = &at.value else { continue };
        let known = |stream: &StreamRules| stream.pattern.captures().any(|capture| capture == &**name);
        if !streams.iter().filter(carries).any(known) {
            at.refuse(
                ledger,
                format!("no stream of commands or answers has the capture {{{name}}}"),
                "put it into a filter, such as cmd/{device}/{cmd_id}, or write a path such as $.cmd_id",
            );
        }
    }
    Some(list.into_iter().map(|at| at.value).collect())
}

fn taken_from(node: &Node) -> Result<TakenFrom, Fault> {
    let text = words::text(node)?;
    if !text.starts_with(['$', '{']) {
        return Err(fault(
            format!("«{text}» is no place of a word: a path begins with $"),
            format!(
                "write $.{text} for the member of the payload, or {{{text}}} for the capture of the filter"
            ),
        ));
    }
    TakenFrom::parse(&text).map_err(|why| {
        fault(
            format!("«{text}» is no place of a word: {why}"),
            "write a path such as $.cmd_id, or a capture of the filter such as {cmd_id}",
        )
    })
}

fn timeout(node: &Node) -> Result<Duration, Fault> {
    let span = words::duration(node)?;
    if TIMEOUTS.contains(&span) {
        return Ok(span);
    }
    Err(fault("a command can have from 100 ms to 7 days", "write a duration such as \"120s\""))
}

/// `sla = { p95 = "500ms", p99 = "1s" }`.
pub(super) fn sla(table: &mut Table<'_>) -> Option<Vec<Sla>> {
    let mut table = table.section("sla");
    let mut all: Vec<Sla> = Vec::new();
    for (path, key, node) in table.rest() {
        match quantile(&key).and_then(|quantile| Ok((quantile, words::duration(&node)?))) {
            Ok((quantile, within)) => {
                let sla = Sla { quantile, within: micros(within) };
                // A larger share cannot be there before a smaller one.
                let is_odd = |other: &Sla| {
                    other.quantile < sla.quantile && other.within > sla.within
                        || other.quantile > sla.quantile && other.within < sla.within
                };
                if all.iter().any(is_odd) {
                    let cure = "give the larger share at least the time of the smaller one";
                    let why = fault("this promise is kept or broken only together with another", cure);
                    table.ledger.refuse(&node.place, &path, why);
                }
                all.push(sla);
            }
            Err(fault) => table.ledger.refuse(&node.place, &path, fault),
        }
    }
    table.is_set.then_some(all)
}

/// `p95`, `p99`, `p999`: a percentile, with decimals behind the second digit.
fn quantile(key: &str) -> Result<f64, Fault> {
    let digits = key.strip_prefix('p').unwrap_or_default();
    // A share of exactly 100 would be p100; three digits are 99.9.
    let is_decimal = digits.len() < 3 || digits.starts_with('9');
    if (1..=4).contains(&digits.len())
        && is_decimal
        && let Ok(number) = digits.parse::<u16>()
        && number > 0
    {
        let places = i32::try_from(digits.len().max(2)).unwrap_or(2);
        return Ok(f64::from(number) / 10_f64.powi(places));
    }
    Err(fault(format!("«{key}» is no percentile"), "write p and digits, such as p95 or p99"))
}

/// `[[commands.known]]`.
fn known(table: &mut Table<'_>) -> Vec<Known> {
    let mut all: Vec<Known> = Vec::new();
    for mut table in table.sections("known") {
        if !table.has("name") {
            table.refuse(fault("the command has no name", "add name = \"get_status\""));
        }
        let name = table.get("name", words::name);
        if let Some(twice) = name.as_ref().filter(|name| all.iter().any(|known| *known.name == *name.value)) {
            twice.refuse(
                table.ledger,
                format!("the command «{}» is described twice", twice.value),
                "describe it once, with all its parameters",
            );
        }
        let parameters = parameters(&mut table);
        table.finish();
        all.extend(name.map(|name| Known { name: name.value.into(), parameters }));
    }
    all
}

/// `parameters = { point_id = { type = "integer", min = 0, max = 59, required = true } }`.
fn parameters(table: &mut Table<'_>) -> Vec<Parameter> {
    let ledger = table.ledger;
    let mut all = Vec::new();
    for (path, name, node) in table.section("parameters").rest() {
        match words::table(&node) {
            Ok(members) => {
                let table = Table::new(path, node.place, members, ledger);
                all.push(parameter(name, table));
            }
            Err(fault) => ledger.refuse(&node.place, &path, fault),
        }
    }
    all
}

fn parameter(name: String, mut table: Table<'_>) -> Parameter {
    let kind = table.or("type", ParameterType::Any, words::choice(TYPES));
    let (min, max) = (table.get("min", words::number), table.get("max", words::number));
    let is_number = matches!(kind, ParameterType::Any | ParameterType::Number | ParameterType::Integer);
    for limit in [&min, &max].into_iter().flatten().filter(|_| !is_number) {
        limit.refuse(table.ledger, "only a number has limits", "write type = \"number\", or leave it out");
    }
    if let (Some(min), Some(max)) = (&min, &max)
        && min.value > max.value
    {
        max.refuse(
            table.ledger,
            format!("the largest number, {}, is below the smallest, {}", max.value, min.value),
            "write the smaller of them as min",
        );
    }
    let place: Place = table.place.clone();
    let values = table.values("values", words::text).map_or_else(Vec::new, boxed);
    let is_word = matches!(kind, ParameterType::Any | ParameterType::Text);
    if !values.is_empty() && !is_word {
        let cure = "write type = \"text\", or leave it out";
        table.ledger.refuse(&place, &table.key("values"), fault("only text has a list of values", cure));
    }
    let required = table.or("required", false, words::boolean);
    table.finish();
    let (min, max) = (min.map(|at| at.value), max.map(|at| at.value));
    Parameter { name: name.into(), kind, min, max, values, required }
}
