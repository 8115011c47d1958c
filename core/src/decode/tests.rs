//! The JSON reader against `serde_json`: it accepts what that accepts, and takes what stands in its document,
//! where the last of two equal names counts. Thousands of documents are bent at random, from fixed seeds.
//!
//! Exceptions, each with a test: half a surrogate pair is accepted, deep nesting has a limit, bytes that are no
//! UTF-8 are refused wherever they stand, and numbers that no float can hold are infinite.

mod tables;

use super::*;
use crate::names::Pattern;
use crate::path::Path;
use crate::rules::{Format, Kind, StreamRules};
use crate::testing::Random;
use serde_json::Value as Json;

const BOUNDS: Bounds = Bounds { depth_max: 64, points_max: 1024 };

/// Documents that are read, and some that nearly are.
const CORPUS: &[&str] = &[
    r#"{"timestamp": "2026-05-01T08:00:00Z", "sequence": 41, "points": {"0": {"name": "a", "temp": 26.5, "status": "OK"}, "1": {"temp": null}}, "summary": {"active_points": 1}}"#,
    r#"{"timestamp":1756117800,"sequence":18446744073709551615,"points":{"é":{"temp":-1.25e-3,"status":"ERROR"},"a\u0062":{"temp":1e999}}}"#,
    r#"{"sequence":1,"sequence":2,"points":{"0":{"temp":1}},"points":{"1":{"temp":2,"temp":3},"1":{"temp":4}}}"#,
    r#"{"points":{"0":{"temp":true},"1":{"temp":"26.5"},"2":{"temp":[1]},"3":{"temp":{"x":1}},"4":7,"5":null,"6":{}}}"#,
    r#"{"\u0070oints":{"\"q\\":{"t\u0065mp":5}},"points2":[1,[2,[3]],{"a":[]}],"timestamp":false}"#,
    r#"{"points":{"0":{"temp":1}},"points":5,"timestamp":"x","timestamp":null}"#,
    r#"{"points":[{"temp":1.5},{"temp":2},{},3]}"#,
    "  [1, 2.5, -0, 0.1e+2, 123456789012345678, 1.7976931348623157e308, 5e-324, 0.30000000000000004]\n",
    "\t\"text with \\\"escapes\\\" \\u00e9 \\ud83d\\ude00 \\/ \\b\\f\\n\\r\\t\"\r\n",
    r#"{"a":{"b":{"c":[true,false,null,"x",{"d":1e5}]}},"":{"":0}}"#,
    "12.75",
    "null",
    "{}",
    "[]",
];

fn rules(points: Option<&str>, value: Option<&str>) -> StreamRules {
    let path = |text: &str| Path::parse(text).unwrap();
    StreamRules {
        format: Format::Json,
        kind: if points.is_some() { Kind::Telemetry } else { Kind::Event },
        timestamp: Some(path("$.timestamp")),
        sequence: Some(path("$.sequence")),
        points: points.map(path),
        point_value: value.map(path),
        point_status: value.map(|_| path("status")),
        ..StreamRules::new("s", Pattern::parse("{device}").unwrap())
    }
}

/// Every number below a place is a point, those of some names aside.
fn below(place: &str, without: &[&str]) -> StreamRules {
    StreamRules {
        kind: Kind::Telemetry,
        points_below: Some(Path::parse(place).unwrap()),
        no_points: without.iter().map(|name| (*name).into()).collect(),
        ..rules(None, None)
    }
}

fn plans() -> Vec<(StreamRules, Plan)> {
    let all = [
        rules(None, None),
        rules(Some("$.points.*"), Some("temp")),
        rules(Some("$.points.*"), Some("$.temp.x")),
        rules(Some("$.points.*.temp"), None),
        rules(Some("$['points'][0].*"), None),
        rules(Some("$.*"), None),
        rules(Some("$.a.b"), Some("$.c[1]")),
        StreamRules { kind: Kind::Telemetry, ..rules(None, None) },
        below("$.points", &["temp", "c"]),
        below("$.a.b", &[]),
    ];
    all.into_iter().map(|rules| (rules.clone(), Plan::new(&rules))).collect()
}

fn bend(random: &mut Random) -> Vec<u8> {
    let mut bytes = random.pick(CORPUS).as_bytes().to_vec();
    for _ in 0..random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, *random.pick(b"{}[]\",:\\ \t\n0123456789eE+-.truefalsn\x00\x1f\x7f")),
            2 if at < bytes.len() => bytes[at] = *random.pick(b"{}[]\",:\\/u -0.9e\r"),
            3 if at < bytes.len() => _ = bytes.remove(at),
            4 => {
                let piece = bytes[at..(at + random.below(30)).min(bytes.len())].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            _ => {
                let piece = random.pick(CORPUS).as_bytes();
                let from = random.below(piece.len());
                let piece = piece[from..(from + random.below(20)).min(piece.len())].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

#[test]
fn what_is_accepted_is_what_a_strict_reader_accepts() {
    let plans = plans();
    let mut random = Random(1);
    let mut read = Decoded::default();
    let (mut good, mut bad) = (0, 0);
    let whole = CORPUS.iter().map(|text| text.as_bytes().to_vec());
    let bent = (0..30_000).map(|_| bend(&mut random));
    for text in whole.chain(bent) {
        let Ok(text) = String::from_utf8(text) else { continue };
        let strict = serde_json::from_slice::<serde::de::IgnoredAny>(text.as_bytes()).is_ok();
        *if strict { &mut good } else { &mut bad } += 1;
        for (_, plan) in &plans {
            let ours = read.read(text.as_bytes(), plan, BOUNDS);
            assert_eq!(ours.is_ok(), strict, "{text:?}: {ours:?}");
            assert!(ours.is_ok_and(|back| back == text) || !strict);
        }
    }
    assert!(good > 5000 && bad > 5000, "{good} good, {bad} bad: the mutations have become one-sided");
}

/// What a member is, by a parsed document.
fn expected(json: Option<&Json>) -> String {
    match json {
        None => "absent".into(),
        Some(Json::String(text)) => format!("text {text}"),
        Some(Json::Number(number)) => format!("number {:?}", number.as_f64().unwrap()),
        Some(_) => "other".into(),
    }
}

fn taken(read: &Decoded, text: &str, member: Member) -> String {
    match member {
        Member::Absent => "absent".into(),
        Member::Text(piece) => format!("text {}", read.text(text, piece)),
        Member::Number(number, _) => format!("number {number:?}"),
        Member::Other => "other".into(),
    }
}

/// The points below `$.points.*` with value `temp`, by a parsed document: name, value and status.
fn expected_points(json: &Json) -> Vec<(String, String, String)> {
    let below: Vec<(String, &Json)> = match json.get("points") {
        Some(Json::Object(map)) => map.iter().map(|(name, point)| (name.clone(), point)).collect(),
        Some(Json::Array(list)) => {
            list.iter().enumerate().map(|(at, point)| (at.to_string(), point)).collect()
        }
        _ => Vec::new(),
    };
    let value = |point: &Json| match point {
        Json::Null => "absent".to_owned(),
        Json::Object(map) => match map.get("temp") {
            None | Some(Json::Null) => "absent".to_owned(),
            Some(Json::Number(number)) => format!("number {:?}", number.as_f64().unwrap()),
            Some(_) => "wrong".to_owned(),
        },
        _ => "wrong".to_owned(),
    };
    let mut points: Vec<_> =
        below.into_iter().map(|(name, point)| (name, value(point), expected(point.get("status")))).collect();
    points.sort();
    points
}

#[test]
fn what_is_taken_is_what_stands_in_the_document() {
    let (_, plan) = plans().swap_remove(1);
    let mut random = Random(2);
    let mut read = Decoded::default();
    let mut compared = 0;
    for _ in 0..40_000 {
        let Ok(text) = String::from_utf8(bend(&mut random)) else { continue };
        // Numbers out of range and half surrogate pairs are no document for the other reader.
        let Ok(json) = serde_json::from_str::<Json>(&text) else { continue };
        read.read(text.as_bytes(), &plan, BOUNDS).unwrap();
        assert_eq!(taken(&read, &text, read.timestamp), expected(json.get("timestamp")), "{text}");
        assert_eq!(taken(&read, &text, read.sequence), expected(json.get("sequence")), "{text}");
        let mut points: Vec<_> = read
            .points
            .iter()
            .map(|point| {
                let value = match point.value {
                    Value::Absent => "absent".to_owned(),
                    Value::Number(number) => format!("number {number:?}"),
                    Value::Wrong => "wrong".to_owned(),
                };
                (read.text(&text, point.name).to_owned(), value, taken(&read, &text, point.status))
            })
            .collect();
        points.sort();
        assert_eq!(points, expected_points(&json), "{text}");
        let seen = matches!(json.get("points"), Some(Json::Object(_) | Json::Array(_)));
        assert_eq!(read.points_seen, seen, "{text}");
        compared += 1;
    }
    assert!(compared > 8000, "{compared}");
}

#[test]
fn numbers_are_read_to_the_last_bit() {
    let (_, plan) = plans().swap_remove(1);
    let mut random = Random(3);
    let mut read = Decoded::default();
    for _ in 0..20_000 {
        let sign = random.pick(&["", "-"]);
        let whole = random.next() >> random.below(64);
        let decimals = random.next() >> random.below(64);
        let exponent = random.pick(&["", "", "e5", "E-7", "e+300", "e-320"]);
        let number = match random.below(2) {
            0 => format!("{sign}{whole}{exponent}"),
            _ => format!("{sign}{whole}.{decimals:03}{exponent}"),
        };
        let text = format!(r#"{{"points":{{"0":{{"temp":{number}}}}}}}"#);
        read.read(text.as_bytes(), &plan, BOUNDS).unwrap();
        let value: f64 = number.parse().unwrap();
        assert_eq!(read.points[0].value, Value::Number(value), "{number}");
    }
}
