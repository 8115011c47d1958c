//! The error cases of the fleet's own test plan, its response validator, and where ids may stand.

use super::*;
use crate::decode::{Bounds, Decoded, Plan};
use crate::names::Pattern;
use crate::rules::{Format, Known, Parameter, ParameterType};

fn stream(kind: Kind, filter: &str) -> StreamRules {
    StreamRules { kind, format: Format::Json, ..StreamRules::new("s", Pattern::parse(filter).unwrap()) }
}

/// What a message says, and its reasons.
fn read(rules: &CommandRules, stream: &StreamRules, arrival: &Arrival) -> (Said, Vec<Reason>) {
    let mut scratch = Decoded::default();
    let bounds = Bounds { depth_max: 64, points_max: 10 };
    let payload = scratch.read(arrival.payload, &Plan::new(stream), bounds).unwrap();
    let topic = std::str::from_utf8(arrival.topic).unwrap();
    let heard = Heard { arrival, topic, stream, rules, document: scratch.document(payload) };
    let mut reasons = Reasons::default();
    let said = Said::read(&heard, &mut reasons);
    (said, reasons.iter().collect())
}

fn request(rules: &CommandRules, payload: &str) -> Request {
    let stream = stream(Kind::Command, "{device}/request");
    match read(rules, &stream, &Arrival::live("d/request", payload.as_bytes())) {
        (Said::Request(request), reasons) => {
            assert_eq!(reasons.contains(&Reason::RequestInvalid), !request.faults.is_empty());
            request
        }
        other => panic!("{other:?}"),
    }
}

fn response(payload: &str) -> Response {
    let stream = stream(Kind::Response, "{device}/response");
    match read(&CommandRules::default(), &stream, &Arrival::live("d/response", payload.as_bytes())) {
        (Said::Response(response), reasons) => {
            assert_eq!(reasons.contains(&Reason::ResponseInvalid), !response.faults.is_empty());
            response
        }
        other => panic!("{other:?}"),
    }
}

fn told(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(|fault| format!("{}: {fault}", fault.cause())).collect()
}

fn parameter(name: &str, kind: ParameterType) -> Parameter {
    Parameter { name: name.into(), kind, min: None, max: None, values: Vec::new(), required: true }
}

/// The commands of the temperature controllers, as far as the tests need them.
fn known() -> CommandRules {
    let point =
        Parameter { min: Some(0.0), max: Some(59.0), ..parameter("point_id", ParameterType::Integer) };
    let words = ["ON", "OFF", "TOGGLE"].map(Into::into).to_vec();
    let state = Parameter { values: words, ..parameter("state", ParameterType::Text) };
    let duration =
        Parameter { required: false, min: Some(0.0), ..parameter("duration", ParameterType::Number) };
    let known = |name: &str, parameters| Known { name: name.into(), parameters };
    CommandRules {
        known: vec![
            known("get_status", Vec::new()),
            known("get_point", vec![point]),
            known("set_relay", vec![parameter("relay_id", ParameterType::Integer), state.clone(), duration]),
            known("LIGHT_CONTROL", vec![parameter("state", ParameterType::Boolean)]),
        ],
        ..CommandRules::default()
    }
}

#[test]
fn every_error_case_of_the_test_plan_has_its_cause_and_says_what_is_wrong() {
    for (payload, faults) in [
        (r#"{"command":"get_status"}"#, &["no_id: it has no id"][..]),
        (
            r#"{"cmd_id":"test-003","command":"get_point","parameters":{"point_id":"not_a_number"}}"#,
            &["type: point_id is no integer"],
        ),
        (
            r#"{"cmd_id":"test-004","command":"get_point","parameters":{"point_id":100}}"#,
            &["range: point_id is 100, outside 0 to 59"],
        ),
        (
            r#"{"cmd_id":"test-005","command":"get_status; rm -rf /","parameters":{}}"#,
            &["bad_command: «get_status; rm -rf /» is no name of a command"],
        ),
        (
            r#"{"cmd_id":"x","command":"invalid_command"}"#,
            &["unknown_command: there is no command «invalid_command»"],
        ),
        (r#"{"cmd_id":"x","parameters":{}}"#, &["no_command: it names no command"]),
        (r#"{"cmd_id":"x","command":7,"parameters":{}}"#, &["unknown_command: there is no command «7»"]),
        (r#"{"cmd_id":{},"command":"get_status"}"#, &["id_type: its id is neither text nor a number"]),
        (r#"{"cmd_id":"","command":"get_status"}"#, &["no_id: it has no id"]),
        ("[]", &["not_object: it is no object", "no_id: it has no id", "no_command: it names no command"]),
        (r#"{"cmd_id":"x","command":"get_point"}"#, &["missing_field: point_id is missing"]),
        (
            r#"{"cmd_id":"x","command":"get_point","parameters":{"point_id":1.5}}"#,
            &["type: point_id is no integer"],
        ),
        (r#"{"cmd_id":"x","command":"get_point","parameters":[5]}"#, &["type: parameters is no object"]),
        (
            r#"{"cmd_id":"x","command":"set_relay","parameters":{"relay_id":1,"state":"UP","duration":-1,"speed":2}}"#,
            &[
                "value: state cannot be «UP»",
                "range: duration is -1, below 0",
                "unknown_parameter: the command has no parameter «speed»",
            ],
        ),
        (
            r#"{"cmd_id":"x","command":"set_relay","parameters":{"relay_id":1,"state":"ON","duration":null}}"#,
            &[],
        ),
        (r#"{"message_id":"m","action":"LIGHT_CONTROL","state":true,"source":"backend_api"}"#, &[]),
        (r#"{"message_id":"m","action":"LIGHT_CONTROL","state":"on"}"#, &["type: state is no boolean"]),
    ] {
        assert_eq!(told(&request(&known(), payload).faults), faults, "{payload}");
    }
}

#[test]
fn without_a_list_of_commands_any_name_will_do_that_is_one() {
    let any = CommandRules::default();
    for good in ["get_status", "system.status", "Licht an", "LIGHT_CONTROL", "relay/1:on", "grün"] {
        let request = request(&any, &format!(r#"{{"cmd_id":1,"command":"{good}","parameters":{{"x":1}}}}"#));
        assert_eq!((&*request.command, request.is_known, request.faults.len()), (good, true, 0));
    }
    for bad in ["a;b", "a|b", "$(reboot)", "a`b", "a\\nb", "<x>"] {
        let request = request(&any, &format!(r#"{{"cmd_id":1,"command":"{bad}"}}"#));
        assert_eq!((request.is_known, request.faults[0].cause()), (false, "bad_command"), "{bad}");
    }
}

#[test]
fn an_answer_must_have_what_the_fleets_own_validator_asks_for() {
    const STAMP: &str = "2026-05-01T08:00:00Z";
    for (members, status, faults) in [
        (r#""status":"success","execution_time":12,"data":{}"#, "success", &[][..]),
        (r#""status":"error","data":{}"#, "error", &[]),
        (r#""status":"partial","data":{"a":1}"#, "partial", &[]),
        (r#""data":{}"#, "none", &["missing_field: status is missing"]),
        (r#""status":null,"data":{}"#, "none", &["type: status is no text"]),
        (r#""status":"done","data":{}"#, "other", &["value: status cannot be «done»"]),
        (r#""status":200,"data":{}"#, "other", &["type: status is no text"]),
        (r#""status":"success""#, "success", &["missing_field: data is missing"]),
        (r#""status":"success","data":null"#, "success", &["type: data is no object"]),
        (r#""status":"success","data":[1]"#, "success", &["type: data is no object"]),
        (
            r#""status":"success","data":{},"execution_time":"12ms""#,
            "success",
            &["type: execution_time is no number"],
        ),
        (
            r#""status":"success","data":{},"execution_time":-1"#,
            "success",
            &["range: execution_time is -1, outside 0 to 31536000000"],
        ),
    ] {
        let payload = format!(r#"{{"cmd_id":"x","timestamp":"{STAMP}",{members}}}"#);
        let response = response(&payload);
        assert_eq!(
            (&*response.status, told(&response.faults)),
            (status, faults.iter().map(ToString::to_string).collect()),
            "{members}"
        );
    }
    let timed =
        response(r#"{"cmd_id":"x","timestamp":1,"status":"success","execution_time":152.5,"data":{}}"#);
    assert_eq!((timed.device, timed.faults.len()), (Some(152_500), 0));
    assert_eq!(
        told(&response(r#"{"status":"success"}"#).faults),
        ["no_id: it has no id", "missing_field: timestamp is missing", "missing_field: data is missing"]
    );
}

fn ids(kind: Kind, filter: &str, pair: &[&str], arrival: &Arrival) -> Ids {
    let pair = pair.iter().map(|text| TakenFrom::parse(text).unwrap()).collect();
    match read(&CommandRules { pair, ..CommandRules::default() }, &stream(kind, filter), arrival).0 {
        Said::Request(request) => request.ids,
        Said::Response(response) => response.ids,
        Said::Nothing => panic!("no command"),
    }
}

#[test]
fn an_id_is_found_in_the_payload_in_the_topic_and_in_the_correlation_data() {
    let both = ["$.cmd_id", "$.message_id"];
    let payload = |text: &'static str| Arrival::live("d/r", text.as_bytes());
    let ask = |arrival: &Arrival| ids(Kind::Command, "{device}/r", &both, arrival);
    assert_eq!(ask(&payload(r#"{"cmd_id":"a"}"#)).keys, ask(&payload(r#"{"message_id":"a"}"#)).keys);
    assert_eq!(ask(&payload(r#"{"cmd_id":7}"#)).keys, ask(&payload(r#"{"cmd_id":"7"}"#)).keys);
    assert_eq!(ask(&payload(r#"{"cmd_id":"a","message_id":"b"}"#)).keys.len(), 2);
    let topic = ids(Kind::Command, "{device}/r/{cmd_id}", &["{cmd_id}"], &Arrival::live("d/r/a", b"{}"));
    assert_eq!((topic.keys, &*topic.shown), (ask(&payload(r#"{"cmd_id":"a"}"#)).keys, "a"));

    let asked = Arrival { correlation: Some(b"\x01\xFF"), response_topic: Some(b"back/1"), ..payload("{}") };
    let answer = Arrival { correlation: Some(b"\x01\xFF"), ..Arrival::live("back/1", b"{}") };
    let (asked, answered) = (ask(&asked), ids(Kind::Response, "back/+", &both, &answer));
    assert_eq!((&asked.keys, asked.reply), (&answered.keys, answered.reply));
    assert_eq!(&*asked.shown, "01ff");
    let elsewhere = Arrival { topic: b"back/2", ..answer };
    assert_ne!(asked.reply, ids(Kind::Response, "back/+", &both, &elsewhere).reply);
}

#[test]
fn a_long_id_is_cut_for_people_and_counts_as_a_whole() {
    let long = |last: &str| format!(r#"{{"cmd_id":"{}{last}","command":"x"}}"#, "i".repeat(5000));
    let (one, other) =
        (request(&CommandRules::default(), &long("a")), request(&CommandRules::default(), &long("b")));
    assert!(one.ids.shown.len() <= WORD_BYTES_MAX);
    assert_ne!(one.ids.keys, other.ids.keys);
}
