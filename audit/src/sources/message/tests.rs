//! What messages become, in the envelopes of the seeds and in those of strangers.

use super::*;
use crate::line::{Format, encode, parse};
use crate::record::Value;
use crate::sources::audited;
use proptest::prelude::*;

fn message<'a>(kind: rules::Kind, topic: &'a str, payload: &'a [u8]) -> Message<'a> {
    Message {
        broker: "main",
        stream: "s",
        kind,
        device: Some("d7"),
        topic: topic.as_bytes(),
        payload,
        qos: 1,
        retain: false,
        mid: 9,
        correlation: None,
        keep_payload: false,
        at: Wall(1_795_242_660_123_456),
    }
}

/// The record from the level on, without what is the same in all.
fn told(kind: rules::Kind, topic: &str, payload: &str) -> String {
    let draft = draft(&message(kind, topic, payload.as_bytes()), &Mask::default());
    assert!(audited::is_listed(&draft.event, draft.kind, draft.level), "{} {:?}", draft.event, draft.level);
    let line = encode(&draft, Format::Pipe).line(0);
    assert_eq!(parse(line.trim_end()).expect("what is written is read").draft, draft);
    let hash = hex(&Sha256::digest(payload));
    let length = format!(" | payload_bytes={} | payload_sha256={hash}", payload.len());
    assert!(line.contains(&length), "{line}");
    line.trim_end()
        .replace(&length, "")
        .replace("2026-11-21T06:31:00.123456Z | ", "")
        .replace(" | broker=main | device=d7", "")
        .replace(&format!(" | topic={topic} | qos=1"), "")
        .replace(" | stream=s", "")
        .replace(" | mid=9", "")
        .replace(" | seq=0 | event=", " | ")
}

#[test]
fn a_part_of_an_answer_is_no_fault() {
    for (status, level) in [("partial", "INFO"), ("error", "WARN"), ("success", "INFO")] {
        let payload = format!(r#"{{"cmd_id":"c1","status":"{status}"}}"#);
        let told = told(rules::Kind::Response, "p/d7/command/response", &payload);
        assert!(told.starts_with(level), "{told}");
    }
}

#[test]
fn the_commands_of_the_seeds_say_who_wants_what() {
    use rules::Kind::{Command, Response};
    for (kind, payload, expected) in [
        (
            Command,
            r#"{"cmd_id":"test-001","command":"get_status","parameters":{}}"#,
            "INFO | COMMAND | command_requested | cmd=get_status | cmd_id=test-001",
        ),
        (
            Command,
            r#"{"cmd_id":"c1","timestamp":"2026-11-21T06:30:59Z","command":"set_threshold","parameters":{"value":85.0,"point_id":5}}"#,
            "INFO | COMMAND | command_requested | cmd=set_threshold | cmd_id=c1 | details=\"parameters: point_id, value; dated 2026-11-21T06:30:59.000000Z by its sender\"",
        ),
        (
            Command,
            r#"{"action":"LIGHT_CONTROL","state":true,"timestamp":"2025-08-25T10:30:00Z","cmd_timestamp":1724584200,"message_id":"cmd_1724584200123","source":"backend_api"}"#,
            "INFO | COMMAND | command_requested | id=cmd_1724584200123 | source=backend_api | cmd=LIGHT_CONTROL | cmd_id=cmd_1724584200123 | details=\"dated 2024-08-25T11:10:00.000000Z by its sender\"",
        ),
        (
            Response,
            r#"{"cmd_id":"c1","status":"success","execution_time":12,"data":{}}"#,
            "INFO | COMMAND | command_answered | result=success | cmd_id=c1 | details=\"the device took 12 ms\"",
        ),
        (
            Response,
            r#"{"cmd_id":7,"status":"error","message":"Point ID out of range"}"#,
            "WARN | COMMAND | command_answered | result=error | reason=\"Point ID out of range\" | cmd_id=7",
        ),
        (
            Response,
            r#"{"request_id":"r","success":false,"error":"password=hunter2 is wrong"}"#,
            "WARN | COMMAND | command_answered | result=failure | reason=\"password=*** is wrong\" | cmd_id=r",
        ),
        (
            Response,
            r#"{"request_id":"r","ok":true}"#,
            "INFO | COMMAND | command_answered | result=success | cmd_id=r",
        ),
        (
            Command,
            r#"{"cmd_id": "test", invalid json}"#,
            "INFO | COMMAND | command_requested | details=\"the payload is no JSON from line 1 column 20 on\"",
        ),
        (Command, "21.5", "INFO | COMMAND | command_requested"),
        (Command, "[1]", "INFO | COMMAND | command_requested"),
        (
            Command,
            "",
            "INFO | COMMAND | command_requested | details=\"the payload is no JSON from line 1 column 0 on\"",
        ),
        (
            Command,
            r#"{"command":{"a":1},"cmd_id":null,"parameters":[1]}"#,
            "INFO | COMMAND | command_requested",
        ),
    ] {
        assert_eq!(told(kind, "t", payload), expected, "{payload}");
    }
}

#[test]
fn an_alarm_says_what_became_of_it_by_payload_or_topic() {
    let alarm = |topic: &str, payload: &str| told(rules::Kind::Alarm, topic, payload);
    assert_eq!(
        alarm(
            "a/alarm/active",
            r#"{"alarm_id":"ALM-456","alarm_type":"HIGH_TEMP","point_id":5,"point_name":"Inlet","priority":"HIGH","state_transition":"NORMAL->ACTIVE","temperature":95.5,"threshold":85}"#
        ),
        "WARN | ALARM | alarm_raised | alarm_id=ALM-456 | details=\"point Inlet; threshold 85\" | point=5 | value=95.5 | alarm=HIGH_TEMP | priority=HIGH | transition=\"NORMAL->ACTIVE\""
    );
    for (topic, payload, expected) in [
        ("alarm/cleared", "{}", "INFO | ALARM | alarm_cleared"),
        (
            "alarm/active",
            r#"{"action":"acknowledged","user":"operator1"}"#,
            "INFO | ALARM | alarm_acknowledged | source=operator1",
        ),
        ("alarm/x", r#"{"state":"ACTIVE_TO_CLEARED"}"#, "INFO | ALARM | alarm_cleared"),
        (
            "alarm/x",
            r#"{"state":"raised","priority":"Critical"}"#,
            "ERROR | ALARM | alarm_raised | priority=Critical",
        ),
        ("alarm/x", r#"{"state":"not acknowledged"}"#, "WARN | ALARM | alarm_raised"),
        ("alarm/x", r#"{"state":"unknown"}"#, "WARN | ALARM | alarm_raised"),
        (
            "alarm/x",
            r#"{"state_transition":"NORMAL->ALARM"}"#,
            "WARN | ALARM | alarm_raised | transition=\"NORMAL->ALARM\"",
        ),
        ("alarm/x", r#"{"state":"ALARM->CLOSED","action":"raise"}"#, "INFO | ALARM | alarm_cleared"),
        ("alarm/x", r#"{"state":"ACTIVE","acknowledged":true}"#, "INFO | ALARM | alarm_acknowledged"),
        ("alarm/state", "{}", "WARN | ALARM | alarm"),
        ("alarm/active", r#"{"status":"OK"}"#, "INFO | ALARM | alarm_cleared"),
        (
            "alarm/active",
            "no json",
            "WARN | ALARM | alarm_raised | details=\"the payload is no JSON from line 1 column 2 on\"",
        ),
    ] {
        assert_eq!(alarm(topic, payload), expected, "{topic} {payload}");
    }
}

#[test]
fn other_streams_are_told_as_messages() {
    assert_eq!(
        told(rules::Kind::Event, "event/relay", r#"{"relay_id":1,"state":"ON"}"#),
        "INFO | DEVICE | message | alarm=relay"
    );
    assert_eq!(told(rules::Kind::Telemetry, "t", r#"{"source":"x"}"#), "INFO | DEVICE | message");
    assert_eq!(
        told(rules::Kind::Config, "t", r#"{"source":"x","password":1}"#),
        "INFO | CONFIG | config_message | source=x"
    );
}

#[test]
fn what_the_broker_says_of_a_delivery_is_told() {
    let given = Message {
        retain: true,
        correlation: Some(&[0xab, 0x01]),
        topic: b"a|b\xFF\n",
        qos: 2,
        device: None,
        ..message(rules::Kind::Presence, "", b"")
    };
    let line = encode(&draft(&given, &Mask::default()), Format::Pipe).line(1);
    assert!(line.contains(r#" | topic="a\u007cb�\u000a" | qos=2 | "#), "{line}");
    assert!(
        line.contains(" | stream=s | correlation=ab01 | retain=true | mid=9 | raw=topic=YXxi/wo=\n"),
        "{line}"
    );
}

#[test]
fn a_payload_is_kept_only_where_its_stream_says_so_and_without_its_secrets() {
    let keep = |topic: &str, payload: &[u8]| {
        let given = Message { keep_payload: true, ..message(rules::Kind::Telemetry, topic, payload) };
        let draft = draft(&given, &Mask::default());
        let text = |key| match draft.get(key) {
            Some(Value::Text(text)) => text.to_string(),
            _ => String::new(),
        };
        (text(Key::Payload), text(Key::Trunc), text(Key::Raw))
    };
    let plain = |payload: &str| (payload.to_owned(), String::new(), String::new());
    assert_eq!(keep("t", br#"{"a": 1.0,"password":"hunter2"}"#), plain(r#"{"a": 1.0,"password":"***"}"#));
    assert_eq!(keep("wifi/password", b"hunter2"), plain("***"));
    assert_eq!(keep("t", b"21.5"), plain("21.5"));
    assert_eq!(keep("t", b"\xFFa"), ("\u{fffd}a".to_owned(), String::new(), "payload=/2E=".to_owned()));
    let long = format!(r#"{{"x":"{}","password":"hunter2"}}"#, "y".repeat(20_000));
    let (kept, cut, _) = keep("t", long.as_bytes());
    assert!(kept.len() == PAYLOAD_BYTES_MAX && long.starts_with(&kept));
    assert_eq!(cut, format!("payload:{}", long.len() - "hunter2".len() + "***".len()));
    // Half of this would be no document, and the name of the key would stand behind its value.
    let longer = format!(r#"{{"value":"hunter2","x":"{}","name":"password"}}"#, "y".repeat(MASKED_BYTES_MAX));
    assert_eq!(
        keep("t", longer.as_bytes()),
        ("***".to_owned(), format!("payload:{}", longer.len()), String::new())
    );
    let (_, cut, raw) = keep("t", &vec![0xFF; 20_000]);
    assert!(cut == "payload:20000" && raw.len() < 12_000, "{cut}");
    assert_eq!(told(rules::Kind::Telemetry, "t", "hunter2"), "INFO | DEVICE | message");
}

#[test]
fn what_a_payload_says_of_itself_is_bounded() {
    let long = "z".repeat(5_000);
    let parameters: Vec<String> = (0..100).map(|n| format!("\"p{n}\":1")).collect();
    let payload = format!(r#"{{"cmd_id":"{long}","parameters":{{{}}}}}"#, parameters.join(","));
    let line = told(rules::Kind::Command, "t", &payload);
    assert!(
        line.len() < 2_000 && line.contains("84 more") && line.ends_with(" | trunc=cmd_id:5000"),
        "{line}"
    );
    let large = format!(r#"{{"cmd_id":"x","y":"{}"}}"#, "y".repeat(70_000));
    assert!(
        told(rules::Kind::Command, "t", &large).ends_with("details=\"the payload is too long to be read\"")
    );
    let deep = "[".repeat(60_000);
    assert!(told(rules::Kind::Command, "t", &deep).contains("no JSON"));
}

proptest! {
    #[test]
    fn no_message_panics_or_shows_a_secret(
        kind in prop::sample::select(vec![rules::Kind::Command, rules::Kind::Response, rules::Kind::Alarm, rules::Kind::Config,
            rules::Kind::Event, rules::Kind::Telemetry]),
        name in prop::sample::select(vec!["cmd_id", "command", "status", "alarm_type", "parameters", "state_transition", "x"]),
        text in any::<String>(), topic in prop::collection::vec(any::<u8>(), 0..20), keep: bool,
    ) {
        let document = serde_json::json!({ name: text, "password": "S3CR3T", "parameters": { "token": "S3CR3T" } }).to_string();
        for payload in [document.as_bytes(), text.as_bytes(), &topic] {
            let given = Message { topic: &topic, keep_payload: keep, ..message(kind, "", payload) };
            let draft = draft(&given, &Mask::default());
            prop_assert!(audited::is_listed(&draft.event, draft.kind, draft.level));
            let line = encode(&draft, Format::Json).line(1);
            prop_assert!(!line.contains("S3CR3T"), "{}", line);
            prop_assert_eq!(parse(line.trim_end()).unwrap().draft, draft);
        }
    }
}
