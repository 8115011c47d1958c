//! `check --sample`: which member of a document makes a message bad that can be read: where it stands, what it is, and
//! what to write instead. Nothing here may judge otherwise than the core: it only looks where a reason points.

use super::sample_points::{self, Odd};
use serde_json::Value;
use watchkeeper_audit::mask::{HIDDEN, Mask};
use watchkeeper_core::path::{Path, Step};
use watchkeeper_core::reason::Reason;
use watchkeeper_core::rules::{DeviceFrom, Limits, StreamRules};
use watchkeeper_core::time::{Wall, parse_epoch, parse_rfc3339, seconds};

/// So many members are told of each reason.
const MEMBERS_MAX: usize = 8;
/// So much of a value is shown.
const VALUE_CHARS_MAX: usize = 64;

const DATE: &str = "write RFC 3339 with an offset, such as 2026-11-21T06:31:00Z, or seconds or milliseconds since 1970 \
                    as a number, up to the year 9999";
const WHOLE: &str = "write a whole number from 0 on";
const BELOW: &str = "write a whole number below the one at which they wrap (sequence_modulus)";

/// What a message is judged by.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) stream: &'a StreamRules,
    pub(super) limits: &'a Limits,
    pub(super) now: Wall,
}

/// A line for each member that a reason points at.
pub(super) fn explain(payload: &[u8], rules: Rules, reasons: &[Reason], mask: &Mask) -> Vec<String> {
    if reasons.contains(&Reason::Oversize) {
        return vec![oversize(payload.len(), rules.limits.payload_bytes_max)];
    }
    let document = match serde_json::from_slice::<Value>(payload) {
        Ok(document) => document,
        // The core reads on, and takes it for infinite.
        Err(why) if why.to_string().starts_with("number out of range") => {
            return vec![format!("{why}: write a number that 64 bits of floating point hold")];
        }
        Err(_) => return Vec::new(),
    };
    reasons.iter().flat_map(|reason| told(&odd(&document, rules, *reason), mask)).collect()
}

/// Sixty points out of range must not crowd out the rest.
fn told(found: &[Odd], mask: &Mask) -> Vec<String> {
    let more = found.len().saturating_sub(MEMBERS_MAX);
    let line = |(path, value, said): &Odd| match value {
        Some(value) => format!("{path} = {}: {said}", shown(path, value, mask)),
        None => format!("{path} {said}"),
    };
    let lines = found.iter().take(MEMBERS_MAX).map(line);
    lines.chain((more > 0).then(|| format!("and {more} more like these"))).collect()
}

/// What a reason points at.
fn odd<'a>(document: &'a Value, rules: Rules, reason: Reason) -> Vec<Odd<'a>> {
    let stream = rules.stream;
    match reason {
        Reason::MissingField => missing(document, stream),
        Reason::BadTimestamp => {
            let found = at(document, stream.timestamp.as_ref()).filter(|one| date(one.1).is_none());
            found.map(|(path, value)| (path, Some(value), DATE.to_owned())).collect()
        }
        Reason::StaleTimestamp | Reason::FutureTimestamp => moment(document, stream, rules.now),
        Reason::Type => {
            numbered(document, stream, false).chain(sample_points::types(document, stream)).collect()
        }
        Reason::Range => {
            numbered(document, stream, true).chain(sample_points::ranges(document, stream)).collect()
        }
        Reason::Status => sample_points::statuses(document, stream),
        Reason::TooFewPoints => sample_points::too_few(document, stream),
        Reason::CrossCheck => sample_points::claims(document, stream),
        _ => Vec::new(),
    }
}

fn oversize(bytes: usize, most: usize) -> String {
    format!(
        "the payload has {bytes} bytes, and more than {most} are counted and not read: send less, or raise \
         broker.payload_bytes_max"
    )
}

/// Members that a check needs and that are not there.
fn missing<'a>(document: &Value, rules: &StreamRules) -> Vec<Odd<'a>> {
    let is_named = |value: &Value| value.is_string() || value.is_number();
    let device = match &rules.device {
        DeviceFrom::Payload(path) if !at(document, Some(path)).any(|(_, value)| is_named(value)) => {
            Some(path)
        }
        _ => None,
    };
    let device = device.map(|path| {
        let said = "is missing, or neither text nor number (device of the stream): write the name of the device there";
        (path.to_string(), None, said.to_owned())
    });
    let timestamp = rules.timestamp.as_ref().zip(rules.max_age);
    let timestamp = timestamp.filter(|(path, _)| at(document, Some(path)).next().is_none());
    let timestamp = timestamp.map(|(path, most)| {
        let said =
            format!("is missing (timestamp), so that max_age = {} s cannot be judged: {DATE}", seconds(most));
        (path.to_string(), None, said)
    });
    device.into_iter().chain(timestamp).collect()
}

/// How old it is, or how far ahead, and how much it may be.
fn moment<'a>(document: &'a Value, rules: &StreamRules, now: Wall) -> Vec<Odd<'a>> {
    let most = rules.max_age.map_or(0.0, seconds);
    let found = at(document, rules.timestamp.as_ref()).filter_map(|(path, value)| {
        let age = now.0.saturating_sub(date(value)?.0) as f64 / 1e6;
        let (far, cure) = if age < 0.0 {
            ("ahead", "set the clock of the device")
        } else {
            ("old", "send it sooner, set the clock of the device")
        };
        let said = format!(
            "{:.1} s {far}, and max_age of the stream is {most} s: {cure}, or raise max_age",
            age.abs()
        );
        Some((path, Some(value), said))
    });
    found.collect()
}

/// The sequence number, where it is out of range or of another type.
fn numbered<'a>(
    document: &'a Value,
    rules: &StreamRules,
    is_range: bool,
) -> impl Iterator<Item = Odd<'a>> + use<'a> {
    let found = at(document, rules.sequence.as_ref()).filter_map(|(path, value)| {
        let is_out = value.as_f64().is_some_and(|number| number < 0.0 || number.fract() == 0.0);
        let cure = sequence(value, rules.sequence_modulus).filter(|_| is_out == is_range)?;
        Some((path, Some(value), cure.to_owned()))
    });
    found.collect::<Vec<_>>().into_iter()
}

/// What to write instead of a sequence number; none where it is one.
fn sequence(value: &Value, modulus: u64) -> Option<&'static str> {
    match value.as_u64().or_else(|| whole(value.as_f64()?)) {
        None => Some(WHOLE),
        Some(number) => (modulus > 0 && number >= modulus).then_some(BELOW),
    }
}

fn whole(number: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and within 2^53")]
    (number.fract() == 0.0 && (0.0..9e15).contains(&number)).then_some(number as u64)
}

fn date(value: &Value) -> Option<Wall> {
    match value {
        Value::String(text) => parse_rfc3339(text),
        Value::Number(number) => number.as_f64().and_then(parse_epoch),
        _ => None,
    }
}

pub(super) fn at<'a>(
    document: &'a Value,
    path: Option<&Path>,
) -> impl Iterator<Item = (String, &'a Value)> + use<'a> {
    path.map_or_else(Vec::new, |path| walk(document, path.steps(), "$".to_owned())).into_iter()
}

pub(super) fn walk<'a>(from: &'a Value, steps: &[Step], path: String) -> Vec<(String, &'a Value)> {
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
    use watchkeeper_core::expr::{CrossCheck, Expect};
    use watchkeeper_core::names::Pattern;

    fn rules() -> StreamRules {
        let mut rules = StreamRules::new("s", Pattern::parse("s/{device}").unwrap());
        rules.timestamp = Some(Path::member("timestamp"));
        rules.sequence = Some(Path::member("seq"));
        rules.points = Some(Path::parse("$.points.*").unwrap());
        rules.point_value = Some(Path::member("value"));
        rules
    }

    fn lines_of(payload: &str, stream: &StreamRules, reasons: &[Reason]) -> Vec<String> {
        let now = parse_rfc3339("2026-11-21T12:00:00Z").unwrap();
        let rules = Rules { stream, limits: &Limits::default(), now };
        explain(payload.as_bytes(), rules, reasons, &Mask::default())
    }

    fn lines(payload: &str, reasons: &[Reason]) -> Vec<String> {
        lines_of(payload, &rules(), reasons)
    }

    /// The rules of a plant.
    fn strict() -> StreamRules {
        let mut rules = rules();
        rules.point_status = Some(Path::member("status"));
        rules.statuses = vec!["OK".into(), "ERROR".into()];
        (rules.point_min, rules.range, rules.max_age) = (Some(2), Some((-50.0, 200.0)), Some(60_000_000));
        let member = Path::parse("$.summary.active").unwrap();
        rules
            .cross_checks
            .push(CrossCheck { member, expect: Expect::parse("count(status == 'OK')").unwrap() });
        rules.device = DeviceFrom::Payload(Path::member("name"));
        rules
    }

    #[test]
    fn the_member_is_told_with_its_value_and_the_cure() {
        let told = lines(r#"{"timestamp":"yesterday","seq":1}"#, &[Reason::BadTimestamp]);
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with(r#"$.timestamp = "yesterday": write RFC 3339"#), "{told:?}");
        let told = lines(r#"{"seq":-4,"timestamp":1}"#, &[Reason::Range]);
        assert_eq!(told, ["$.seq = -4: write a whole number from 0 on"]);
        let told = lines(r#"{"points":[{"value":"21.5"},{"value":3},{"value":null}]}"#, &[Reason::Type]);
        let number = "write a number without quotes, or null where there is none";
        assert_eq!(told, [format!(r#"$.points[0].value = "21.5": {number}"#)]);
        assert!(lines("{bad", &[Reason::Type]).is_empty());
    }

    #[test]
    fn each_rule_says_where_what_it_expected_and_the_cure() {
        let good = r#"{"value":1,"status":"OK"}"#;
        let of = |points: &str| format!(r#"{{"points":{points}}}"#);
        let cases = [
            (
                Reason::Range,
                of(&format!(r#"{{"7":{good},"8":{{"value":250.5,"status":"OK"}}}}"#)),
                "$.points['8'].value = 250.5: above range = [-50, 200] of the stream: send what is in it, or widen it",
            ),
            (
                Reason::Status,
                of(&format!(r#"[{good},{{"value":1,"status":"ok"}}]"#)),
                r#"$.points[1].status = "ok": write one of statuses = ["OK", "ERROR"] of the stream, as it is spelt there, or add it"#,
            ),
            (
                Reason::Status,
                of(r#"[{"value":1},{"value":null}]"#),
                r#"$.points[0].status is missing (point_status): write one of statuses = ["OK", "ERROR"]"#,
            ),
            (
                Reason::TooFewPoints,
                of(&format!("[{good}]")),
                "$.points has 1 of at least 2 points (point_min of the stream): send them all, or lower it",
            ),
            (
                Reason::TooFewPoints,
                of(r#""none""#),
                r#"$.points = "none": no object of points (points = $.points.*): 0 of at least 2 points"#,
            ),
            (Reason::TooFewPoints, "{}".to_owned(), "$.points.* is missing (points): 0 of at least 2 points"),
            (
                Reason::Type,
                of("[26.5]"),
                "$.points[0] = 26.5: a point is an object that has $.value (point_value)",
            ),
            (
                Reason::CrossCheck,
                format!(r#"{{"points":[{good}],"summary":{{"active":3}}}}"#),
                "$.summary.active = 3: count(status == 'OK') of the points is 1 (cross_check): write that",
            ),
            (
                Reason::CrossCheck,
                format!(r#"{{"points":[{good}],"summary":{{}}}}"#),
                "$.summary.active is missing: count(status == 'OK') of the points is 1",
            ),
            (
                Reason::StaleTimestamp,
                r#"{"timestamp":"2026-11-21T11:58:00Z"}"#.to_owned(),
                r#"$.timestamp = "2026-11-21T11:58:00Z": 120.0 s old, and max_age of the stream is 60 s: send it sooner"#,
            ),
            (
                Reason::FutureTimestamp,
                r#"{"timestamp":"2026-11-21T12:02:00Z"}"#.to_owned(),
                r#"$.timestamp = "2026-11-21T12:02:00Z": 120.0 s ahead, and max_age"#,
            ),
            (Reason::Type, r#"{"seq":null}"#.to_owned(), "$.seq = null: write a whole number from 0 on"),
            (Reason::Range, of(r#"[{"value":1e999}]"#), "number out of range at line 1"),
        ];
        for (reason, payload, expected) in cases {
            let told = lines_of(&payload, &strict(), &[reason]);
            assert!(told.len() == 1 && told[0].starts_with(expected), "{payload}\n{told:?}\n{expected}");
        }
        let told = lines_of("{}", &strict(), &[Reason::MissingField]);
        assert!(told.len() == 2, "{told:?}");
        assert!(
            told[0].starts_with("$.name is missing") && told[1].starts_with("$.timestamp is missing"),
            "{told:?}"
        );
    }

    #[test]
    fn what_is_too_large_is_told_with_the_setting_and_what_is_too_much_is_counted() {
        let told = lines("x", &[Reason::Oversize]);
        let expected =
            format!("the payload has 1 bytes, and more than {} are", Limits::default().payload_bytes_max);
        assert!(
            told[0].starts_with(&expected) && told[0].ends_with("raise broker.payload_bytes_max"),
            "{told:?}"
        );
        let many = format!(r#"{{"points":[{}]}}"#, vec![r#"{"value":900}"#; 60].join(","));
        let told = lines_of(&many, &strict(), &[Reason::Range]);
        assert_eq!((told.len(), &*told[8]), (9, "and 52 more like these"), "{told:?}");
        let told = lines_of(r#"{"points":[1,2,3]}"#, &strict(), &[Reason::Status, Reason::Type]);
        assert!(told.len() == 6 && told[0].starts_with("$.points[0].status is missing"), "{told:?}");
        let mut rules = strict();
        (rules.points, rules.point_value) = (None, None);
        let told = lines_of(r#"{"seq":900,"a":{"b":900}}"#, &rules, &[Reason::Range]);
        assert!(told.len() == 1 && told[0].starts_with("$.a.b = 900: above range"), "{told:?}");
    }

    #[test]
    fn no_secret_is_told_and_no_long_value() {
        let mut rules = rules();
        rules.timestamp = Some(Path::parse("$.password").unwrap());
        let told = lines_of(r#"{"password":"hunter2"}"#, &rules, &[Reason::BadTimestamp]);
        assert!(told.len() == 1 && !told[0].contains("hunter2"), "{told:?}");
        let long = format!(r#"{{"timestamp":"{}"}}"#, "x".repeat(500));
        assert!(lines(&long, &[Reason::BadTimestamp])[0].chars().count() < 250);
    }
}
