//! Every check of the temperature-controller fleet's own validator, and that each gives exactly its reason.

use super::*;
use crate::expr::CrossCheck;
use crate::path::Path;
use crate::presets;
use crate::time::SECOND;

const STAMP: &str = "2026-05-01T08:00:00Z";

/// A message of the preset: `count` points, of which the first is as given, and whatever stands behind them.
fn message(timestamp: &str, count: usize, first: &str, rest: &str) -> String {
    let other = |at: usize| format!(r#""{at}":{{"temp":2{}.5,"status":"OK"}}"#, at % 10);
    let points: Vec<String> =
        (0..count).map(|at| if at == 0 { format!("\"0\":{first}") } else { other(at) }).collect();
    format!(r#"{{{timestamp}"sequence":7,"points":{{{}}}{rest}}}"#, points.join(","))
}

fn judged(rules: &StreamRules, payload: &[u8], later: i64) -> Vec<Reason> {
    let wall = Wall(parse_rfc3339(STAMP).unwrap().0 + later);
    let limits = Limits { payload_bytes_max: 20_000, points_per_device_max: 100, ..Limits::default() };
    let arrival = Arrival::live("plant/a/l/d/telemetry/temperature", payload);
    let mut scratch = Decoded::default();
    let verdict = classify(&arrival, rules, &Plan::new(rules), &limits, wall, &mut scratch);
    assert_eq!(verdict.malformed.is_some(), verdict.payload.is_empty());
    verdict.reasons.iter().collect()
}

fn preset() -> StreamRules {
    presets::streams("plant").unwrap().swap_remove(0)
}

fn check(payload: &str, reasons: &[Reason]) {
    assert_eq!(judged(&preset(), payload.as_bytes(), 0), reasons, "{payload}");
}

fn stamped(count: usize, first: &str, rest: &str) -> String {
    message(&format!("\"timestamp\":\"{STAMP}\","), count, first, rest)
}

const GOOD: &str = r#"{"temp":26.5,"status":"OK"}"#;

#[test]
fn a_message_without_fault_has_no_reason() {
    check(&stamped(45, GOOD, r#","summary":{"active_points":45}"#), &[]);
    check(&stamped(60, GOOD, ""), &[]);
}

#[test]
fn a_point_that_is_null_is_no_error_and_counts_as_a_point() {
    check(&stamped(45, "null", ""), &[]);
    check(&stamped(44, "null", ""), &[Reason::TooFewPoints]);
    check(&stamped(45, r#"{"temp":20}"#, ""), &[Reason::Status]);
}

#[test]
fn each_check_of_a_point_gives_its_reason_once() {
    for (point, reasons) in [
        (r#"{"temp":-50,"status":"OK"}"#, &[][..]),
        (r#"{"temp":200,"status":"ERROR"}"#, &[]),
        (r#"{"temp":-50.001,"status":"OK"}"#, &[Reason::Range]),
        (r#"{"temp":200.1,"status":"OK"}"#, &[Reason::Range]),
        (r#"{"temp":1e999,"status":"OK"}"#, &[Reason::Range]),
        (r#"{"temp":null,"status":"DISCONNECTED"}"#, &[]),
        (r#"{"status":"ERROR"}"#, &[]),
        (r#"{"temp":"26.5","status":"OK"}"#, &[Reason::Type]),
        (r#"{"temp":true,"status":"OK"}"#, &[Reason::Type]),
        (r#"{"temp":[26.5],"status":"OK"}"#, &[Reason::Type]),
        (r#"{"temp":26.5,"status":"ok"}"#, &[Reason::Status]),
        (r#"{"temp":26.5,"status":"FROZEN"}"#, &[Reason::Status]),
        (r#"{"temp":26.5,"status":null}"#, &[Reason::Status]),
        (r#"{"temp":26.5}"#, &[Reason::Status]),
        (r#"{"temp":999,"status":"?"}"#, &[Reason::Range, Reason::Status]),
        ("26.5", &[Reason::Type, Reason::Status]),
    ] {
        check(&stamped(50, point, ""), reasons);
    }
    let all = stamped(50, r#"{"temp":999,"status":"OK"}"#, "").replace(".5,", "999,");
    check(&all, &[Reason::Range]);
}

#[test]
fn fewer_points_than_there_must_be_are_too_few() {
    for (count, reasons) in [(45, &[][..]), (44, &[Reason::TooFewPoints]), (0, &[Reason::TooFewPoints])] {
        check(&stamped(count, GOOD, ""), reasons);
    }
    check(&format!(r#"{{"timestamp":"{STAMP}"}}"#), &[Reason::TooFewPoints]);
}

#[test]
fn a_summary_is_checked_where_there_are_points_and_a_summary() {
    let summary = |text: &str| format!(",\"summary\":{text}");
    for (rest, wrong) in [
        (summary(r#"{"active_points":50}"#), false),
        (summary(r#"{"active_points":50.0}"#), false),
        (summary(r#"{"active_points":49}"#), true),
        (summary(r#"{"active_points":"50"}"#), true),
        (summary(r#"{"active_points":null}"#), true),
        (summary(r#"{"total":50}"#), true),
        (summary("null"), false),
        (summary("5"), false),
        (String::new(), false),
        (format!("{}{}", summary(r#"{"active_points":49}"#), summary("null")), false),
    ] {
        check(&stamped(50, GOOD, &rest), if wrong { &[Reason::CrossCheck] } else { &[] });
    }
    check(&stamped(50, r#"{"temp":1,"status":"ERROR"}"#, &summary(r#"{"active_points":49}"#)), &[]);
    let without = format!(r#"{{"timestamp":"{STAMP}","summary":{{"active_points":3}}}}"#);
    check(&without, &[Reason::TooFewPoints]);
}

#[test]
fn a_timestamp_is_judged_to_the_microsecond() {
    let payload = stamped(50, GOOD, "");
    for (seconds, micros, reasons) in [
        (0, 0, &[][..]),
        (60, 0, &[]),
        (60, 1, &[Reason::StaleTimestamp]),
        (-60, 0, &[]),
        (-60, -1, &[Reason::FutureTimestamp]),
        (1_000_000_000, 0, &[Reason::StaleTimestamp]),
    ] {
        assert_eq!(judged(&preset(), payload.as_bytes(), seconds * 1_000_000 + micros), reasons, "{seconds}");
    }
}

#[test]
fn a_timestamp_may_be_text_seconds_or_milliseconds() {
    let at = parse_rfc3339(STAMP).unwrap().0;
    let (second, milli) = ((at / 1_000_000).to_string(), (at / 1000).to_string());
    let text = format!("\"{STAMP}\"");
    for (timestamp, reasons) in [
        (second.as_str(), &[][..]),
        (&milli, &[]),
        (&text, &[]),
        ("\"2026-05-01T10:00:00+02:00\"", &[]),
        ("\"2026-05-01T08:00:00\"", &[Reason::BadTimestamp]),
        ("\"\"", &[Reason::BadTimestamp]),
        ("-1", &[Reason::BadTimestamp]),
        ("1e999", &[Reason::BadTimestamp]),
        ("null", &[Reason::BadTimestamp]),
        ("{}", &[Reason::BadTimestamp]),
    ] {
        check(&message(&format!("\"timestamp\":{timestamp},"), 50, GOOD, ""), reasons);
    }
    check(&message("", 50, GOOD, ""), &[Reason::MissingField]);
    let tolerant = StreamRules { max_age: None, ..preset() };
    assert_eq!(judged(&tolerant, message("", 50, GOOD, "").as_bytes(), 0), []);
}

#[test]
fn a_sequence_number_is_whole_and_not_negative() {
    for (number, reasons) in [
        ("0", &[][..]),
        ("18446744073709551615", &[]),
        ("3.0", &[]),
        ("1e3", &[]),
        ("3.5", &[Reason::Type]),
        ("-1", &[Reason::Range]),
        ("-0.5", &[Reason::Range]),
        ("\"7\"", &[Reason::Type]),
        ("null", &[Reason::Type]),
    ] {
        check(&stamped(50, GOOD, "").replace(":7,", &format!(":{number},")), reasons);
    }
}

#[test]
fn what_cannot_be_read_has_exactly_one_reason() {
    let good = stamped(50, r#"{"temp":999,"status":"?"}"#, "");
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    for (payload, reason) in [
        (good.as_bytes()[..good.len() / 2].to_vec(), Reason::Json),
        (b"\xFF".to_vec(), Reason::Encoding),
        (deep.into_bytes(), Reason::Depth),
        (vec![b' '; 20_001], Reason::Oversize),
        (Vec::new(), Reason::Json),
    ] {
        assert_eq!(judged(&preset(), &payload, 0), [reason]);
    }
}

#[test]
fn a_sum_of_decimals_is_compared_as_decimals() {
    let sum = CrossCheck { member: Path::parse("$.sum").unwrap(), expect: Expect::Sum };
    let rules = StreamRules { cross_checks: vec![sum], ..presets::generic() };
    let rules = StreamRules { points: Some(Path::parse("$.points.*").unwrap()), ..rules };
    let judge = |sum: &str| {
        let payload = format!(r#"{{"points":{{"a":0.1,"b":0.2}},"sum":{sum}}}"#);
        judged(&rules, payload.as_bytes(), 0)
    };
    assert_eq!(judge("0.3"), []);
    assert_eq!(judge("0.31"), [Reason::CrossCheck]);
}

#[test]
fn where_points_were_refused_nothing_is_compared_with_them() {
    let rules = StreamRules { max_age: Some(60 * SECOND), ..preset() };
    let payload = stamped(101, GOOD, r#","summary":{"active_points":101}"#);
    assert_eq!(judged(&rules, payload.as_bytes(), 0), []);
}
