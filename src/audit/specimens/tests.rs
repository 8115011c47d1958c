//! What is found out about bad messages, and that no secret is shown on the way.

use super::*;
use bytes::Bytes;
use watchkeeper_core::arrival::Arrival;
use watchkeeper_core::fleet::Fleet;
use watchkeeper_core::presets;
use watchkeeper_core::rules::Limits;
use watchkeeper_core::time::{Mono, Now};

fn verdict(topic: &str, payload: &[u8]) -> Verdict {
    verdict_with(Some(presets::generic()), topic, payload)
}

fn verdict_with(more: Option<StreamRules>, topic: &str, payload: &[u8]) -> Verdict {
    let mut streams = presets::streams("plant").unwrap();
    streams.extend(more);
    let limits = Limits { payload_bytes_max: 4 << 20, ..Limits::default() };
    let mut fleet = Fleet::new(FleetRules { streams, limits, ..FleetRules::default() });
    fleet.arrival(&Arrival { qos: 1, ..Arrival::live(topic, payload) }, Now::default());
    let specimen = fleet.take_specimen().expect("it is bad");
    let message = Inbound {
        topic: Bytes::copy_from_slice(topic.as_bytes()),
        payload: Bytes::copy_from_slice(payload),
        qos: 1,
        retain: false,
        dup: false,
        pkid: 0,
        response_topic: None,
        correlation: None,
        user_properties: Vec::new(),
        at: Mono(0),
    };
    look(fleet.rules(), &specimen, &message, &Mask::default())
}

#[test]
fn a_bad_document_is_told_with_cause_place_and_cure() {
    let found = verdict("house/lamp/state", br#"{"trailing": "comma",}"#);
    assert_eq!(found.cause(), Some(Cause::TrailingComma));
    assert_eq!(
        found.sentence(),
        "a comma after the last element at byte 20 (line 1, column 21, $.trailing), near «{\"trailing\": \"comma\",}»: \
         remove it"
    );
    assert_eq!(found.place(), "a comma after the last element at byte 20 (line 1, column 21, $.trailing)");
}

#[test]
fn a_large_document_that_is_nested_too_deep_is_told_in_a_line() {
    let found = verdict("house/lamp/state", "[".repeat(1 << 21).as_bytes());
    assert_eq!(found.cause(), Some(Cause::Depth));
    let place = found.place();
    assert!(place.contains("$[0][0]…[0][0]") && place.len() < 100, "{place}");
    let details = found.sentence();
    assert_eq!(details.matches("nested too deep").count(), 1, "{details}");
}

#[test]
fn what_was_never_meant_to_be_a_document_is_not_judged_as_one() {
    assert_eq!(verdict("house/lamp/state", &[0x80, 0xFF, 0x00]).cause(), None);
    assert_eq!(verdict("house/lamp/state", b"\xEF\xBB\xBF{}").cause(), Some(Cause::Bom));
}

#[test]
fn no_secret_is_shown_wherever_the_fault_stands() {
    for payload in [
        r#"{"password":"hunter2",}"#,
        r#"{"password":"hunter2","a":tru}"#,
        r#"{"a":tru,"password":"hunter2"}"#,
        r#"{"password":"hun
ter2"}"#,
        r#"{"password":hunter2}"#,
        r#"{"password":"hunter2"#,
        "{'password': 'hunter2'}",
        "{password: hunter2}",
        r#"{"wifi":{"psk":"hunter2",}}"#,
        r#"{"url":"mqtt://u:hunter2@host",}"#,
        r#"{"wifi":{"password":["hunter2",]}}"#,
        r#"{"password":"a","b":1,"token":"hunter2" "c":2}"#,
    ] {
        let found = verdict("house/lamp/state", payload.as_bytes());
        let sentence = found.sentence();
        assert!(found.cause().is_some(), "{payload}");
        assert!(!sentence.contains("hunter2") && !sentence.contains("hun\\nter2"), "{payload}: {sentence}");
        assert!(!sentence.contains("hun\\n") && !sentence.contains("ter2"), "{payload}: {sentence}");
    }
}

#[test]
fn an_odd_topic_is_told_with_the_one_that_was_meant() {
    let found = verdict("plant/area1/line2/tc01/command request", b"{}");
    assert_eq!(
        found.topic,
        "the topic contains white space; meant most likely: plant/area1/line2/tc01/command/request"
    );
    let stray = verdict_with(None, "plant/area1/line2/tc01/telemetri/flow", b"{}");
    assert_eq!(
        stray.sentence(),
        "no stream takes the topic; meant most likely: plant/area1/line2/tc01/telemetry/flow"
    );
}
