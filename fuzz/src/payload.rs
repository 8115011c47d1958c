//! Payloads under several plans, against another reader of JSON.

use serde_json::Value as Json;
use watchkeeper_core::arrival::Arrival;
use watchkeeper_core::classify::classify;
use watchkeeper_core::decode::{Bounds, Decoded, Member, Plan, Value};
use watchkeeper_core::names::Pattern;
use watchkeeper_core::path::Path;
use watchkeeper_core::presets;
use watchkeeper_core::reason::Reason;
use watchkeeper_core::rules::{Format, Limits, StreamRules};
use watchkeeper_core::time::Wall;

const BOUNDS: Bounds = Bounds { depth_max: 64, points_max: 1024 };

/// A payload, read under every plan: accepted exactly when it is JSON, with the values that stand in it.
pub fn payload(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).ok();
    let strict = serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok();
    let mut read = Decoded::default();
    for rules in plans() {
        let plan = Plan::new(&rules);
        // Twice, because a plan may learn from what it has seen.
        for _ in 0..2 {
            match read.read(bytes, &plan, BOUNDS) {
                Ok(_) => assert!(rules.format != Format::Json || strict),
                Err(bad) if bad.reason == Reason::Depth => {}
                Err(bad) if bad.reason == Reason::Encoding => assert!(text.is_none()),
                Err(bad) => assert!(rules.format != Format::Json || !strict, "{bad:?} at {}", bad.at),
            }
        }
        let arrival = Arrival { payload: bytes, ..Arrival::live("a/b", b"") };
        let verdict = classify(&arrival, &rules, &plan, &Limits::default(), Wall(0), &mut read);
        assert!(verdict.malformed.is_none() || verdict.reasons.iter().count() == 1);
    }
    let json: Option<Json> = text.and_then(|text| serde_json::from_str(text).ok());
    if let (Some(text), Some(json)) = (text, json) {
        let rules = &plans()[0];
        if read.read(bytes, &Plan::new(rules), BOUNDS).is_ok() {
            compare(text, &json, &read);
        }
    }
}

pub(crate) fn plans() -> Vec<StreamRules> {
    let path = |text: &str| Path::parse(text).ok();
    let stream = || StreamRules::new("s", Pattern::parse("{device}").expect("the constant is a pattern"));
    let with = |points: &str, value: Option<&str>| StreamRules {
        format: Format::Json,
        timestamp: path("$.timestamp"),
        sequence: path("$.sequence"),
        points: path(points),
        point_value: value.and_then(path),
        point_status: path("status"),
        ..stream()
    };
    let mut all = vec![
        with("$.points.*", Some("temp")),
        with("$.points.*.temp", None),
        with("$.points[0].*", Some("$.temp.x")),
        StreamRules { format: Format::Json, ..stream() },
        StreamRules { format: Format::Number, ..stream() },
        presets::generic(),
    ];
    all.extend(presets::streams("plant").unwrap_or_default());
    all
}

/// The members and points that were taken are those of the document.
fn compare(text: &str, json: &Json, read: &Decoded) {
    let member = |member: Member| match member {
        Member::Absent => None,
        Member::Text(piece) => Some(Json::from(read.text(text, piece))),
        Member::Number(number, _) => Some(Json::from(number)),
        Member::Other => Some(Json::Null),
    };
    let expected = |json: Option<&Json>| match json {
        Some(Json::Number(number)) => number.as_f64().map(Json::from),
        Some(Json::String(text)) => Some(Json::from(text.as_str())),
        Some(_) => Some(Json::Null),
        None => None,
    };
    assert_eq!(member(read.timestamp), expected(json.get("timestamp")), "{text}");
    assert_eq!(member(read.sequence), expected(json.get("sequence")), "{text}");
    let count = match json.get("points") {
        Some(Json::Object(points)) => points.len(),
        Some(Json::Array(points)) => points.len(),
        _ => 0,
    };
    assert_eq!(read.points.len() + read.points_refused as usize, count, "{text}");
    for point in &read.points {
        let name = read.text(text, point.name);
        let there = match json.get("points") {
            Some(Json::Array(points)) => name.parse().ok().and_then(|at: usize| points.get(at)),
            points => points.and_then(|points| points.get(name)),
        };
        let there = there.unwrap_or_else(|| panic!("{name} is no point of {text}"));
        let value = match point.value {
            Value::Number(number) => Some(number),
            Value::Absent | Value::Wrong => None,
        };
        assert_eq!(value, there.get("temp").and_then(Json::as_f64), "{text}");
        assert_eq!(member(point.status), expected(there.get("status")), "{text}");
    }
}
