//! Every row of the field guide's tables of bad input, in its order: the validator of telemetry (4.1), the validator of
//! answers (3.2), the error cases of commands (3.3), topics (6.3) and documents (6.4). Each row names what the guide
//! expects and what must be said here; beside them stands what is odd and right, of which nothing may be said.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::now;
use watchkeeper_core::arrival::Arrival;
use watchkeeper_core::diagnose::{self, Cause};
use watchkeeper_core::fleet::Fleet;
use watchkeeper_core::presets;
use watchkeeper_core::reason::Reason;
use watchkeeper_core::rules::FleetRules;
use watchkeeper_core::rules::{Known, Parameter, ParameterType};

const ROOT: &str = "plant/area1/line2/tempcontroller01";
const FRESH: &str = "2026-05-01T08:00:00Z";

/// The built-in streams, and the two commands of the guide.
fn rules() -> FleetRules {
    let point = Parameter {
        name: "point_id".into(),
        kind: ParameterType::Integer,
        min: Some(0.0),
        max: Some(59.0),
        values: Vec::new(),
        required: true,
    };
    let known = |name: &str, parameters| Known { name: name.into(), parameters };
    let mut rules = FleetRules { streams: presets::streams("plant").unwrap(), ..FleetRules::default() };
    rules.commands.known = vec![known("get_status", Vec::new()), known("get_point", vec![point])];
    rules
}

/// The reasons of one message, and what was found of it.
fn judge(topic: &str, payload: &[u8]) -> (Vec<&'static str>, Vec<String>) {
    let mut fleet = Fleet::new(rules());
    fleet.link_up(now(0));
    fleet.arrival(&Arrival { qos: 1, ..Arrival::live(topic, payload) }, now(1_000_000));
    let specimen = fleet.take_specimen();
    let reasons = specimen.map(|specimen| specimen.reasons.iter().map(Reason::as_str).collect());
    let told = fleet.take_findings().iter().map(|finding| finding.what.details()).collect();
    (reasons.unwrap_or_default(), told)
}

#[track_caller]
fn check(row: &str, last: &str, payload: &str, reasons: &[&str], says: &str) {
    let (given, told) = judge(&format!("{ROOT}/{last}"), payload.as_bytes());
    assert_eq!(given, reasons, "{row}: {told:?}");
    assert!(says.is_empty() || told.iter().any(|one| one.contains(says)), "{row}: {told:?}");
}

/// 60-point telemetry: so many points, of which the first is this, with this timestamp and so many said to be active.
fn telemetry(points: usize, first: &str, timestamp: &str, active: usize) -> String {
    let each = (1..points).map(|n| format!(r#","{n}":{{"temp":21.5,"status":"OK"}}"#));
    let rest = each.collect::<Vec<_>>().concat();
    format!(
        r#"{{{timestamp}"sequence":1,"points":{{"0":{first}{rest}}},"summary":{{"active_points":{active}}}}}"#
    )
}

#[test]
fn every_row_of_the_validator_of_telemetry_has_its_reason() {
    let fresh = &format!(r#""timestamp":"{FRESH}","#);
    let good = r#"{"temp":21.5,"status":"OK"}"#;
    let of = |first: &str, active| telemetry(60, first, fresh, active);
    let at = |timestamp: &str| telemetry(60, good, timestamp, 60);
    let rows: [(&str, String, &[&str]); 18] = [
        ("all is well", of(good, 60), &[]),
        ("Timestamp is 61.0s old", at(r#""timestamp":"2026-05-01T07:58:59Z","#), &["stale_timestamp"]),
        ("Invalid timestamp format", at(r#""timestamp":"yesterday","#), &["bad_timestamp"]),
        ("Missing timestamp", at(""), &["missing_field"]),
        ("Only 44 points reported", telemetry(44, good, fresh, 44), &["too_few_points"]),
        ("45 points are enough", telemetry(45, good, fresh, 45), &[]),
        ("Invalid temperature -50.1", of(r#"{"temp":-50.1,"status":"OK"}"#, 60), &["range"]),
        ("-50 is in range", of(r#"{"temp":-50,"status":"OK"}"#, 60), &[]),
        ("200 is in range", of(r#"{"temp":200,"status":"OK"}"#, 60), &[]),
        ("Invalid temperature 200.1", of(r#"{"temp":200.1,"status":"OK"}"#, 60), &["range"]),
        ("a point without a value", of(r#"{"temp":null,"status":"DISCONNECTED"}"#, 59), &[]),
        ("Unknown status 'BROKEN'", of(r#"{"temp":21.5,"status":"BROKEN"}"#, 59), &["status"]),
        ("Unknown status 'None'", of(r#"{"temp":21.5}"#, 59), &["status"]),
        ("ERROR is a status", of(r#"{"temp":21.5,"status":"ERROR"}"#, 59), &[]),
        ("Summary mismatch: reported 59 active, found 60", of(good, 59), &["cross_check"]),
        ("JSON decode error", of(good, 60).replacen('}', "", 1), &["json"]),
        ("points are no object", format!(r#"{{{fresh}"sequence":1,"points":7}}"#), &["too_few_points"]),
        ("a temperature that is text", of(r#"{"temp":"warm","status":"OK"}"#, 60), &["type"]),
    ];
    for (row, payload, reasons) in &rows {
        check(row, "telemetry/temperature", payload, reasons, "");
    }
}

#[test]
fn a_value_is_stuck_after_more_than_ten_repetitions_as_the_guide_counts_them() {
    let mut fleet = Fleet::new(rules());
    fleet.link_up(now(0));
    let topic = format!("{ROOT}/telemetry/temperature");
    let mut stuck = Vec::new();
    for n in 1..=13_u64 {
        let moving = telemetry(60, r#"{"temp":21.5,"status":"OK"}"#, "", 60);
        let moving = (1..60).fold(moving, |text, point| {
            text.replacen(
                &format!(r#""{point}":{{"temp":21.5"#),
                &format!(r#""{point}":{{"temp":2{}.5"#, n % 2),
                1,
            )
        });
        fleet.arrival(&Arrival { qos: 1, ..Arrival::live(&topic, moving.as_bytes()) }, now(n * 1_000_000));
        let found = fleet.take_findings();
        stuck.extend(found.iter().filter(|finding| finding.what.event() == "stuck").map(|_| n));
    }
    assert_eq!(stuck, [12], "one point, at its 12th equal sample");
}

#[test]
fn every_row_of_the_validator_of_answers_has_its_cause() {
    let good = r#"{"cmd_id":"c1","timestamp":"2026-05-01T08:00:00Z","status":"success","execution_time":12,"data":{}}"#;
    let bad: &[&str] = &["response_invalid"];
    for (row, from, to, reasons, says) in [
        ("all is well", "", "", &[][..], ""),
        ("status error", r#""success""#, r#""error""#, &[], ""),
        ("status partial", r#""success""#, r#""partial""#, &[], ""),
        ("Missing required field: cmd_id", r#""cmd_id":"c1","#, "", bad, "it has no id"),
        (
            "Missing required field: timestamp",
            r#""timestamp":"2026-05-01T08:00:00Z","#,
            "",
            bad,
            "timestamp is missing",
        ),
        ("Missing required field: status", r#""status":"success","#, "", bad, "status is missing"),
        ("Missing required field: data", r#","data":{}"#, "", bad, "data is missing"),
        ("Field 'cmd_id' type mismatch", r#""c1""#, "[]", bad, "its id is neither text nor a number"),
        ("Field 'timestamp' type mismatch", r#""2026-05-01T08:00:00Z""#, "true", bad, "timestamp is no"),
        ("Field 'status' type mismatch", r#""success""#, "7", bad, "status"),
        ("Field 'execution_time' type mismatch", ":12", r#":"12""#, bad, "execution_time is no"),
        ("Field 'data' type mismatch", ":{}", ":[]", bad, "data is no"),
        ("Invalid status: done", r#""success""#, r#""done""#, bad, "status cannot be «done»"),
    ] {
        let payload = if from.is_empty() { good.to_owned() } else { good.replacen(from, to, 1) };
        check(row, "command/response", &payload, reasons, says);
    }
}

#[test]
fn every_error_case_of_commands_has_its_cause() {
    let bad: &[&str] = &["request_invalid"];
    for (row, payload, reasons, says) in [
        ("a good request", r#"{"cmd_id":"test-001","command":"get_status"}"#, &[][..], ""),
        ("JSON parse error", r#"{"cmd_id": "test", invalid json}"#, &["json"], ""),
        ("Missing required field: cmd_id", r#"{"command": "get_status"}"#, bad, "it has no id"),
        (
            "Invalid parameter type",
            r#"{"cmd_id": "test-003", "command": "get_point", "parameters": {"point_id": "not_a_number"}}"#,
            bad,
            "point_id is no",
        ),
        (
            "Point ID out of range",
            r#"{"cmd_id": "test-004", "command": "get_point", "parameters": {"point_id": 100}}"#,
            bad,
            "point_id is 100, outside 0 to 59",
        ),
        (
            "Invalid command",
            r#"{"cmd_id": "test-005", "command": "get_status; rm -rf /", "parameters": {}}"#,
            bad,
            "«get_status; rm -rf /» is no name of a command",
        ),
    ] {
        check(row, "command/request", payload, reasons, says);
    }
    let found = diagnose::json(br#"{"cmd_id": "test", invalid json}"#, 64).unwrap();
    assert_eq!((found.cause, found.at, &*found.path), (Cause::UnquotedKey, 19, "$.cmd_id"));
}

#[test]
fn every_document_of_the_guide_has_its_cause_and_what_is_odd_and_right_has_none() {
    let topic = format!("{ROOT}/event/relay");
    let rows: [(&[u8], Option<Cause>); 12] = [
        (br#"{"valid": "json", "number": 123}"#, None),
        (b"{'invalid': 'single quotes'}", Some(Cause::SingleQuotes)),
        (br#"{"trailing": "comma",}"#, Some(Cause::TrailingComma)),
        (br#"{unquoted: "key"}"#, Some(Cause::UnquotedKey)),
        (br#"{"undefined": undefined}"#, Some(Cause::Undefined)),
        (br#"{"incomplete": "#, Some(Cause::Truncated)),
        (b"\xEF\xBB\xBF{}", Some(Cause::Bom)),
        // A guesser by patterns would take each of these for one of those above.
        (br#"{"note": "it's", "more": "a ,} b"}"#, None),
        (br#"{"text": "{unquoted: 1}", "is": "undefined"}"#, None),
        (br#"{"a": 1, "a": 2}"#, None),
        (b" \r\n[ ]\t", None),
        (br#"{"": {"\u0000": "\ud83d\ude00"}, "n": -0.0E+2}"#, None),
    ];
    for (payload, cause) in rows {
        let shown = String::from_utf8_lossy(payload);
        assert_eq!(diagnose::json(payload, 64).map(|found| found.cause), cause, "{shown}");
        let (reasons, _) = judge(&topic, payload);
        let expected: &[&str] = if cause.is_some() { &["json"] } else { &[] };
        // The reader and the diagnosis must be of one mind.
        assert_eq!(reasons, expected, "{shown}");
    }
}

#[test]
fn every_topic_of_the_guide_is_told_and_put_right() {
    let streams = presets::streams("plant").unwrap();
    for (topic, faults, meant) in [
        (format!("{ROOT}/telemetry/temperature"), &[][..], None),
        (
            format!("{ROOT}/command request"),
            &["white space", "no stream"],
            Some(format!("{ROOT}/command/request")),
        ),
        (format!("/{ROOT}/telemetry/"), &["begins with /", "ends with /"], Some(format!("{ROOT}/telemetry"))),
        (
            "plant//area1/line2/tempcontroller01/alarm/active".to_owned(),
            &["empty level"],
            Some(format!("{ROOT}/alarm/active")),
        ),
        ("wrong/topic/format".to_owned(), &["no stream"], None),
    ] {
        let (given, suggested) = diagnose::topic(&topic, streams.iter().map(|stream| &stream.pattern));
        let said: Vec<&str> = given.iter().map(|fault| fault.says()).collect();
        assert!(faults.iter().all(|fault| said.iter().any(|one| one.contains(fault))), "{topic}: {said:?}");
        assert_eq!((said.is_empty(), suggested), (faults.is_empty(), meant), "{topic}");
    }
}
