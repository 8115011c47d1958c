//! A sidecar that is away, stopped or killed, while answers arrive: every command ends once, and as what it was.

use crate::scene::{Scene, counted, ids};
use crate::support::SOON;
use crate::truth::answer;
use std::time::Duration;

const ALL: usize = 100;
const ANSWERED: usize = 60;

fn id(n: usize) -> String {
    format!("c{n:03}")
}

fn expected(from: usize, to: usize) -> Vec<String> {
    (from..to).map(id).collect()
}

fn ask(scene: &Scene) {
    let ask = |n| format!(r#"{{"cmd_id":"{}","command":"get_status"}}"#, id(n));
    scene.publish("plant/hall/line/d1/command/request", &[], &(0..ALL).map(ask).collect::<Vec<_>>());
}

/// Some are answered while nobody is there; then the sidecar is back.
fn settles(scene: &Scene) {
    let say = |n| answer("cmd_id", &id(n), "success");
    scene.publish("plant/hall/line/d1/command/response", &[], &(0..ANSWERED).map(say).collect::<Vec<_>>());
    let sidecar = scene.sidecar();
    sidecar.wait_until("the answers are counted", SOON, |own| {
        own.metrics().sum("mqtt_command_responses_total", &[]) >= ANSWERED as f64
    });
    sidecar.wait_until("the others have timed out", SOON + Duration::from_secs(20), |own| {
        own.metrics().get("mqtt_commands_pending", &[]) == Some(0.0)
    });
    let metrics = sidecar.metrics();
    for (name, expected) in [
        ("mqtt_commands_total", ALL),
        ("mqtt_command_responses_total", ANSWERED),
        ("mqtt_command_timeouts_total", ALL - ANSWERED),
        ("mqtt_command_orphan_responses_total", 0),
        ("mqtt_command_late_responses_total", 0),
    ] {
        assert_eq!(metrics.sum(name, &[]), expected as f64, "{name}");
    }
    sidecar.stop();
    let records = scene.records("COMMAND");
    assert_eq!(ids(&records, "command_requested"), expected(0, ALL));
    assert_eq!(ids(&records, "command_answered"), expected(0, ANSWERED));
    assert_eq!(ids(&records, "command_matched"), expected(0, ANSWERED));
    assert_eq!(ids(&records, "command_timed_out"), expected(ANSWERED, ALL));
    let counts = counted(&records);
    assert_eq!(counts.get("command_orphan_response"), None, "{counts:?}");
    assert_eq!(counts.get("command_repeated"), None, "{counts:?}");
    let seq = |event: &str, id: &str| {
        let found = records.iter().find(|record| record["event"] == event && record["cmd_id"] == id);
        found.unwrap()["seq"].as_u64().unwrap()
    };
    for id in expected(0, ANSWERED) {
        assert!(seq("command_requested", &id) < seq("command_matched", &id), "{id}");
        assert!(seq("command_answered", &id) < seq("command_matched", &id), "{id}");
    }
}

#[test]
fn what_is_answered_while_we_are_stopped_is_matched_when_we_are_back() {
    let scene = Scene::new("[commands]\ntimeout = \"15s\"\n");
    let sidecar = scene.sidecar();
    ask(&scene);
    sidecar.wait_until("all of them wait", SOON, |own| {
        own.metrics().get("mqtt_commands_pending", &[]) == Some(ALL as f64)
    });
    sidecar.stop();
    settles(&scene);
}

#[test]
fn what_was_asked_in_the_moment_of_a_kill_is_not_forgotten() {
    let scene = Scene::new("[commands]\ntimeout = \"15s\"\n");
    let mut sidecar = scene.sidecar();
    ask(&scene);
    // So soon that the state is not saved again, and that some may not be recorded yet.
    std::thread::sleep(Duration::from_millis(300));
    sidecar.kill9();
    settles(&scene);
}

#[test]
fn what_was_settled_in_the_moment_of_a_kill_is_not_settled_again() {
    let scene = Scene::new("[commands]\ntimeout = \"15s\"\n");
    let mut sidecar = scene.sidecar();
    ask(&scene);
    let say = |n| answer("cmd_id", &id(n), "success");
    let first = (0..ANSWERED / 2).map(say).collect::<Vec<_>>();
    scene.publish("plant/hall/line/d1/command/response", &[], &first);
    std::thread::sleep(Duration::from_millis(300));
    sidecar.kill9();
    let rest = (ANSWERED / 2..ANSWERED).map(say).collect::<Vec<_>>();
    scene.publish("plant/hall/line/d1/command/response", &[], &rest);
    settles_rest(&scene);
}

/// Each is settled once, whatever was said of it before the kill.
fn settles_rest(scene: &Scene) {
    let sidecar = scene.sidecar();
    sidecar.wait_until("all are settled", SOON + Duration::from_secs(20), |own| {
        let metrics = own.metrics();
        metrics.get("mqtt_commands_pending", &[]) == Some(0.0)
            && metrics.sum("mqtt_command_timeouts_total", &[]) > 0.0
    });
    let metrics = sidecar.metrics();
    assert_eq!(metrics.sum("mqtt_command_responses_total", &[]), ANSWERED as f64);
    assert_eq!(metrics.sum("mqtt_command_timeouts_total", &[]), (ALL - ANSWERED) as f64);
    sidecar.stop();
    let records = scene.records("COMMAND");
    assert_eq!(ids(&records, "command_matched"), expected(0, ANSWERED));
    assert_eq!(ids(&records, "command_timed_out"), expected(ANSWERED, ALL));
    assert_eq!(counted(&records).get("command_orphan_response"), None);
}

#[test]
fn what_was_matched_before_a_second_kill_does_not_time_out_after_it() {
    let scene = Scene::new("[commands]\ntimeout = \"6s\"\n");
    let mut sidecar = scene.sidecar();
    ask(&scene);
    // So long that the state knows them.
    std::thread::sleep(Duration::from_secs(4));
    sidecar.kill9();
    std::thread::sleep(Duration::from_secs(6));
    let mut sidecar = scene.sidecar();
    sidecar.wait_until("all of them still wait", SOON, |own| {
        own.metrics().get("mqtt_commands_pending", &[]) == Some(ALL as f64)
    });
    let say = |n| answer("cmd_id", &id(n), "success");
    scene.publish("plant/hall/line/d1/command/response", &[], &(0..ALL).map(say).collect::<Vec<_>>());
    std::thread::sleep(Duration::from_millis(700));
    sidecar.kill9();
    let sidecar = scene.sidecar();
    sidecar.wait_until("none of them waits", SOON + Duration::from_secs(20), |own| {
        let metrics = own.metrics();
        metrics.get("mqtt_commands_pending", &[]) == Some(0.0)
            && metrics.sum("mqtt_command_responses_total", &[]) == ALL as f64
    });
    let metrics = sidecar.metrics();
    assert_eq!(metrics.sum("mqtt_command_response_seconds_count", &[]), 0.0, "nobody knows how long it took");
    sidecar.stop();
    let records = scene.records("COMMAND");
    assert_eq!(ids(&records, "command_matched"), expected(0, ALL));
    let counts = counted(&records);
    assert_eq!((counts.get("command_timed_out"), counts.get("command_answered_late")), (None, None));
    let latency = |record: &serde_json::Value| !record["latency_ms"].is_null();
    assert!(!records.iter().any(latency), "{:?}", records.iter().find(|record| latency(record)));
}

#[test]
fn what_was_found_of_a_device_in_the_moment_of_a_kill_is_recorded_once() {
    let scene = Scene::new("");
    let mut sidecar = scene.sidecar();
    let say = || scene.publish("plant/hall/line/d1/telemetry/temperature", &[], &["21.5".to_owned()]);
    say();
    std::thread::sleep(Duration::from_millis(500));
    sidecar.kill9();
    let sidecar = scene.sidecar();
    say();
    sidecar
        .wait_until("it is heard", SOON, |own| own.metrics().sum("mqtt_device_messages_total", &[]) >= 1.0);
    sidecar.stop();
    let counts = counted(&scene.records("DEVICE"));
    assert_eq!(counts.get("first_seen"), Some(&1), "{counts:?}");
}
