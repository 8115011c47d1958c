//! From one value as typed to one value as meant, or why not: text, numbers, durations, lists, the parsers of
//! the core. Each takes a node of the file or the raw text of a variable. Nothing here may know a key.

use super::problem::{Fault, fault};
use super::tree::{Members, Node, Value, parse_value};
use super::{suggest, units};
use std::ops::RangeInclusive;
use std::time::Duration;
use watchkeeper_core::expr::Expect;
use watchkeeper_core::names::Pattern;
use watchkeeper_core::path::Path;

/// Any text.
pub(crate) fn text(node: &Node) -> Result<String, Fault> {
    match &node.value {
        Value::Text(text) | Value::Raw(text) => Ok(text.clone()),
        other => Err(expected("text", other, "put it in quotes")),
    }
}

/// Text that is a name: not empty, without control characters.
pub(crate) fn name(node: &Node) -> Result<String, Fault> {
    let text = text(node)?;
    if text.trim().is_empty() {
        return Err(fault("the name is empty", "write a name, or leave the key out"));
    }
    if text.chars().any(char::is_control) {
        return Err(fault(
            format!("{text:?} contains a control character"),
            "write a name of visible characters",
        ));
    }
    Ok(text)
}

/// `true` or `false`.
pub(crate) fn boolean(node: &Node) -> Result<bool, Fault> {
    match &node.value {
        Value::Boolean(flag) => Ok(*flag),
        Value::Raw(text) if text == "true" => Ok(true),
        Value::Raw(text) if text == "false" => Ok(false),
        other => Err(expected("true or false", other, "write true or false, without quotes")),
    }
}

/// A whole number within bounds.
pub(crate) fn integer(within: RangeInclusive<u64>) -> impl Fn(&Node) -> Result<u64, Fault> {
    move |node| {
        let (from, to) = (within.start(), within.end());
        let cure = format!("write a whole number from {from} to {to}, without quotes");
        let number = match &node.value {
            Value::Integer(number) => i128::from(*number),
            Value::Raw(text) => text.parse().map_err(|_| expected("a whole number", &node.value, &cure))?,
            other => return Err(expected("a whole number", other, &cure)),
        };
        u64::try_from(number)
            .ok()
            .filter(|number| within.contains(number))
            .ok_or_else(|| fault(format!("{number} is outside {from} to {to}"), cure))
    }
}

/// As `integer`, for what is counted in memory.
pub(crate) fn count(within: RangeInclusive<u64>) -> impl Fn(&Node) -> Result<usize, Fault> {
    let read = integer(within);
    move |node| {
        usize::try_from(read(node)?)
            .map_err(|_| fault("the number is too large here", "write a smaller number"))
    }
}

/// A number with or without a fraction; not NaN.
pub(crate) fn number(node: &Node) -> Result<f64, Fault> {
    const CURE: &str = "write a number such as 45 or 0.5, without quotes";
    let number = match &node.value {
        Value::Float(number) => *number,
        Value::Integer(number) => *number as f64,
        Value::Raw(text) => text.parse().map_err(|_| expected("a number", &node.value, CURE))?,
        other => return Err(expected("a number", other, CURE)),
    };
    if number.is_nan() { Err(fault("NaN is no number", CURE)) } else { Ok(number) }
}

/// A duration, zero included.
pub(crate) fn duration_or_zero(node: &Node) -> Result<Duration, Fault> {
    match &node.value {
        Value::Text(text) | Value::Raw(text) => units::duration(text),
        Value::Integer(number) => Err(fault(
            format!("the duration {number} has no unit"),
            format!("write it with a unit and in quotes, such as \"{number}s\""),
        )),
        other => Err(expected("a duration", other, "write a duration such as \"30s\"")),
    }
}

/// A duration of more than nothing.
pub(crate) fn duration(node: &Node) -> Result<Duration, Fault> {
    let span = duration_or_zero(node)?;
    if span.is_zero() {
        return Err(fault("the duration is zero", "write a duration of more than nothing, such as \"30s\""));
    }
    Ok(span)
}

/// A size in bytes within bounds.
pub(crate) fn size(within: RangeInclusive<u64>) -> impl Fn(&Node) -> Result<u64, Fault> {
    move |node| {
        let bytes = match &node.value {
            Value::Text(text) | Value::Raw(text) => units::size(text)?,
            Value::Integer(number) => u64::try_from(*number)
                .map_err(|_| fault("a size is negative", "write a size such as \"256KiB\""))?,
            other => return Err(expected("a size", other, "write a size such as \"256KiB\"")),
        };
        let (from, to) = (within.start(), within.end());
        if within.contains(&bytes) {
            Ok(bytes)
        } else {
            Err(fault(
                format!("{bytes} bytes are outside {from} to {to}"),
                format!("write {from} to {to} bytes"),
            ))
        }
    }
}

/// A ratio, as a number or a percentage.
pub(crate) fn ratio(node: &Node) -> Result<f64, Fault> {
    match &node.value {
        Value::Text(text) | Value::Raw(text) => units::ratio(text),
        Value::Float(_) | Value::Integer(_) => number(node),
        other => Err(expected("a ratio", other, "write a ratio such as 0.1 or \"10%\"")),
    }
}

/// One of a few words.
pub(crate) fn choice<T: Copy>(choices: &[(&str, T)]) -> impl Fn(&Node) -> Result<T, Fault> {
    move |node| {
        let text = text(node)?;
        let found = choices.iter().find(|(word, _)| *word == text);
        found.map(|(_, meant)| *meant).ok_or_else(|| {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            fault(format!("«{text}» is none of {}", words.join(", ")), suggest::word(&text, &words))
        })
    }
}

/// A list; in a variable, comma-separated or as in TOML.
pub(crate) fn list(node: &Node) -> Result<Vec<Node>, Fault> {
    let member = |value| Node { place: node.place.clone(), value };
    match &node.value {
        Value::List(items) => Ok(items.clone()),
        Value::Raw(text) if text.trim_start().starts_with('[') => match parse_value(text, &node.place)? {
            Value::List(items) => Ok(items),
            other => Err(expected("a list", &other, "write [\"a\", \"b\"]")),
        },
        Value::Raw(text) => {
            Ok(text.split(',').map(|item| member(Value::Raw(item.trim().to_owned()))).collect())
        }
        other => Err(expected("a list", other, "put it in brackets, such as [\"a\", \"b\"]")),
    }
}

/// A table; in a variable, as in TOML.
pub(crate) fn table(node: &Node) -> Result<Members, Fault> {
    let value = match &node.value {
        Value::Raw(text) if text.trim_start().starts_with('{') => parse_value(text, &node.place)?,
        other => other.clone(),
    };
    match value {
        Value::Table(members) => Ok(members),
        other => Err(expected("a table", &other, "write { key = \"value\" }")),
    }
}

/// A topic filter with captures.
pub(crate) fn pattern(node: &Node) -> Result<Pattern, Fault> {
    let text = text(node)?;
    Pattern::parse(&text).map_err(|error| {
        fault(
            format!("«{text}» is no filter: {error}"),
            "write a filter such as plant/{device}/telemetry, or + and # as in MQTT",
        )
    })
}

/// A path to one member of a payload.
pub(crate) fn path(node: &Node) -> Result<Path, Fault> {
    let path = path_to_many(node)?;
    if path.is_many() {
        return Err(fault(
            format!("«{path}» means many members, but here is room for one"),
            "write it without *; * is for points",
        ));
    }
    Ok(path)
}

/// A path that may hold one `*`.
pub(crate) fn path_to_many(node: &Node) -> Result<Path, Fault> {
    let text = text(node)?;
    Path::parse(&text).map_err(|error| {
        fault(
            format!("«{text}» is no path: {error}"),
            "write a path such as $.points.*, $.a['b c'][0] or temp",
        )
    })
}

/// The right side of a cross-check.
pub(crate) fn expression(node: &Node) -> Result<Expect, Fault> {
    let text = text(node)?;
    Expect::parse(&text).map_err(|error| {
        fault(format!("«{text}» is no expression"), error.to_string().replacen("expected", "write", 1))
    })
}

fn expected(what: &str, found: &Value, cure: &str) -> Fault {
    let found = match found {
        Value::Raw(text) | Value::Text(text) => format!("«{}»", super::mask::text(text)),
        other => other.what().to_owned(),
    };
    fault(format!("{what} is expected, not {found}"), cure)
}
