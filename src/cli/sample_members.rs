//! `check --sample`: which member of a document makes a message bad that can be read: where it stands, what it is, and
//! what to write instead. Nothing here may judge otherwise than the core: it only looks where a reason points.

use serde_json::Value;
use watchkeeper_audit::mask::{HIDDEN, Mask};
use watchkeeper_core::path::{Path, Step};
use watchkeeper_core::reason::Reason;
use watchkeeper_core::rules::StreamRules;
use watchkeeper_core::time::{parse_epoch, parse_rfc3339};

/// So many members are told.
const MEMBERS_MAX: usize = 8;
/// So much of a value is shown.
const VALUE_CHARS_MAX: usize = 64;

const DATE: &str = "write RFC 3339 with an offset, such as 2026-11-21T06:31:00Z, or seconds or milliseconds since 1970 \
                    as a number, up to the year 9999";
const WHOLE: &str = "write a whole number from 0 on";
const BELOW: &str = "write a whole number below the one at which they wrap (sequence_modulus)";
const NUMBER: &str = "write a number without quotes, or null where there is none";

/// A line for each member that a reason points at.
pub(super) fn explain(payload: &[u8], rules: &StreamRules, reasons: &[Reason], mask: &Mask) -> Vec<String> {
    let Ok(document) = serde_json::from_slice::<Value>(payload) else { return Vec::new() };
    let has = |reason| reasons.contains(&reason);
    let mut found: Vec<(String, &Value, &str)> = Vec::new();
    if has(Reason::BadTimestamp) {
        found.extend(at(&document, rules.timestamp.as_ref()).filter(|one| !is_date(one.1)).map(with(DATE)));
    }
    if has(Reason::Type) || has(Reason::Range) {
        let odd = at(&document, rules.sequence.as_ref()).filter_map(|(path, value)| {
            let cure = sequence(value, rules.sequence_modulus)?;
            Some((path, value, cure))
        });
        found.extend(odd);
    }
    if has(Reason::Type) {
        found.extend(points(&document, rules).filter(|one| !is_value(one.1)).map(with(NUMBER)));
    }
    let line = |(path, value, cure): (String, &Value, &str)| {
        format!("{path} = {}: {cure}", shown(&path, value, mask))
    };
    found.into_iter().take(MEMBERS_MAX).map(line).collect()
}

fn with<'a>(cure: &'static str) -> impl Fn((String, &'a Value)) -> (String, &'a Value, &'static str) {
    move |(path, value)| (path, value, cure)
}

/// What to write instead of a sequence number; none where it is one.
fn sequence(value: &Value, modulus: u64) -> Option<&'static str> {
    match value.as_u64().or_else(|| whole(value.as_f64()?)) {
        None if value.is_null() => None,
        None => Some(WHOLE),
        Some(number) => (modulus > 0 && number >= modulus).then_some(BELOW),
    }
}

fn whole(number: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and within 2^53")]
    (number.fract() == 0.0 && (0.0..9e15).contains(&number)).then_some(number as u64)
}

fn is_date(value: &Value) -> bool {
    match value {
        Value::String(text) => parse_rfc3339(text).is_some(),
        Value::Number(number) => number.as_f64().and_then(parse_epoch).is_some(),
        _ => false,
    }
}

fn is_value(value: &Value) -> bool {
    value.is_number() || value.is_null()
}

/// The values of the points.
fn points<'a>(
    document: &'a Value,
    rules: &'a StreamRules,
) -> impl Iterator<Item = (String, &'a Value)> + use<'a> {
    let found = at(document, rules.points.as_ref());
    found.flat_map(|(path, point)| match &rules.point_value {
        None => vec![(path, point)],
        Some(inner) => walk(point, inner.steps(), path),
    })
}

fn at<'a>(document: &'a Value, path: Option<&Path>) -> impl Iterator<Item = (String, &'a Value)> + use<'a> {
    path.map_or_else(Vec::new, |path| walk(document, path.steps(), "$".to_owned())).into_iter()
}

fn walk<'a>(from: &'a Value, steps: &[Step], path: String) -> Vec<(String, &'a Value)> {
    let Some((step, rest)) = steps.split_first() else { return vec![(path, from)] };
    let next: Vec<(String, &Value)> = match (step, from) {
        (Step::Member(name), Value::Object(members)) => {
            members.get(&**name).map(|value| (member(&path, name), value)).into_iter().collect()
        }
        (Step::Index(index), Value::Array(items)) => {
            items.get(*index as usize).map(|value| (format!("{path}[{index}]"), value)).into_iter().collect()
        }
        (Step::Each, Value::Object(members)) => {
            members.iter().map(|(name, value)| (member(&path, name), value)).collect()
        }
        (Step::Each, Value::Array(items)) => {
            items.iter().enumerate().map(|(index, value)| (format!("{path}[{index}]"), value)).collect()
        }
        _ => Vec::new(),
    };
    next.into_iter().flat_map(|(path, value)| walk(value, rest, path)).collect()
}

fn member(path: &str, name: &str) -> String {
    let inner = Path::member(name).to_string();
    format!("{path}{}", &inner[1..])
}

/// A value as people may see it.
fn shown(path: &str, value: &Value, mask: &Mask) -> String {
    let is_secret = path.split(['.', '[', ']', '\'', '$']).any(|key| !key.is_empty() && mask.key(key));
    if is_secret {
        return HIDDEN.to_owned();
    }
    let text = mask.json(value).to_string();
    let short: String = text.chars().take(VALUE_CHARS_MAX).collect();
    if short.len() < text.len() { short + "…" } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchkeeper_core::names::Pattern;

    fn rules() -> StreamRules {
        let mut rules = StreamRules::new("s", Pattern::parse("s/{device}").unwrap());
        rules.timestamp = Some(Path::member("timestamp"));
        rules.sequence = Some(Path::member("seq"));
        rules.points = Some(Path::parse("$.points.*").unwrap());
        rules.point_value = Some(Path::member("value"));
        rules
    }

    fn lines(payload: &str, reasons: &[Reason]) -> Vec<String> {
        explain(payload.as_bytes(), &rules(), reasons, &Mask::default())
    }

    #[test]
    fn the_member_is_told_with_its_value_and_the_cure() {
        let told = lines(r#"{"timestamp":"yesterday","seq":1}"#, &[Reason::BadTimestamp]);
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with(r#"$.timestamp = "yesterday": write RFC 3339"#), "{told:?}");
        let told = lines(r#"{"seq":-4,"timestamp":1}"#, &[Reason::Range]);
        assert_eq!(told, ["$.seq = -4: write a whole number from 0 on"]);
        let told = lines(r#"{"points":[{"value":"21.5"},{"value":3},{"value":null}]}"#, &[Reason::Type]);
        assert_eq!(told, [format!(r#"$.points[0].value = "21.5": {NUMBER}"#)]);
        assert!(lines("{bad", &[Reason::Type]).is_empty());
    }

    #[test]
    fn no_secret_is_told_and_no_long_value() {
        let mut rules = rules();
        rules.timestamp = Some(Path::parse("$.password").unwrap());
        let told = explain(br#"{"password":"hunter2"}"#, &rules, &[Reason::BadTimestamp], &Mask::default());
        assert!(told.len() == 1 && !told[0].contains("hunter2"), "{told:?}");
        let long = format!(r#"{{"timestamp":"{}"}}"#, "x".repeat(500));
        assert!(lines(&long, &[Reason::BadTimestamp])[0].chars().count() < 250);
    }
}
