//! Commands by both envelopes, and everything that can go wrong with them, against what was sent.

use crate::scene::{Scene, counted, ids, samples};
use crate::support::{SOON, Sidecar};
use crate::truth::{Asked, Fate, answer, count, ids_of};
use std::collections::BTreeMap;
use std::time::Duration;

const DEVICES: [&str; 4] = ["tc01", "tc02", "tc03", "tc04"];
const EACH: usize = 25;
const SETTINGS: &str = "[commands]\ntimeout = \"6s\"\n";

fn topic(device: &str, last: &str) -> String {
    format!("plant/hall/line/{device}/command/{last}")
}

fn of(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs.iter().map(|(key, count)| ((*key).to_owned(), *count)).collect()
}

/// Asks all, and answers what is to be answered.
fn play(scene: &Scene, all: &[Asked]) {
    for device in DEVICES {
        let own: Vec<&Asked> = all.iter().filter(|asked| asked.device == device).collect();
        let requests: Vec<String> = own.iter().map(|asked| asked.request.clone()).collect();
        scene.publish(&topic(device, "request"), &[], &requests);
        let responses: Vec<String> = own.iter().filter_map(|asked| asked.response()).collect();
        scene.publish(&topic(device, "response"), &[], &responses);
    }
}

/// What no decent client would do, each once or twice.
fn misbehave(scene: &Scene) {
    let request = |lines: &[&str], more: &[&str]| {
        scene.publish(
            &topic("tc01", "request"),
            more,
            &lines.iter().map(ToString::to_string).collect::<Vec<_>>(),
        );
    };
    let respond = |lines: &[String], more: &[&str]| scene.publish(&topic("tc01", "response"), more, lines);
    // Nobody asked for these.
    respond(&[answer("cmd_id", "nobody-1", "success"), answer("message_id", "nobody-2", "error")], &[]);
    // A second answer to the first command of all.
    respond(&[answer("cmd_id", "tc01-000", "success")], &[]);
    // It can be lost unnoticed.
    request(&[r#"{"cmd_id":"quick","command":"ping"}"#], &["-q", "0"]);
    respond(&[answer("cmd_id", "quick", "success")], &[]);
    // A name that is none, and no id; the same request twice.
    request(&[r#"{"cmd_id":"odd","command":"rm; ls"}"#, r#"{"command":"get_status"}"#], &[]);
    respond(&[answer("cmd_id", "odd", "error")], &[]);
    request(&[r#"{"cmd_id":"twice","command":"ping"}"#, r#"{"cmd_id":"twice","command":"ping"}"#], &[]);
    // An answer that lacks what it must have.
    respond(&[r#"{"cmd_id":"twice","status":"success"}"#.to_owned()], &[]);
    // By correlation data alone.
    let reply = topic("tc01", "response");
    let five = ["-V", "5", "-D", "publish", "correlation-data", "c-7"];
    request(&[r#"{"command":"ping"}"#], &[&five[..], &["-D", "publish", "response-topic", &reply]].concat());
    let plain = r#"{"timestamp":"2026-11-21T06:31:00Z","status":"success","data":{}}"#;
    respond(&[plain.to_owned()], &five);
}

fn metrics_are_true(sidecar: &Sidecar, all: &[Asked]) {
    let metrics = sidecar.metrics();
    let mut sent = count(all, |asked| Some(asked.command.to_owned()));
    *sent.get_mut("get_status").unwrap() += 1;
    sent.extend(of(&[("ping", 3), ("other", 1)]));
    assert_eq!(samples(&metrics, "mqtt_commands_total", &["command"]), sent);
    let mut answered = count(all, |asked| match asked.fate {
        Fate::Answered(status) => Some(format!("{} {status}", asked.command)),
        Fate::Left => None,
    });
    answered.extend(of(&[("ping success", 3), ("other error", 1)]));
    // One of those that were left was answered after its time.
    *answered.get_mut("get_status success").unwrap() += 1;
    assert_eq!(samples(&metrics, "mqtt_command_responses_total", &["command", "status"]), answered);
    let by_name = |counts: &BTreeMap<String, u64>| {
        let mut sums: BTreeMap<String, u64> = BTreeMap::new();
        for (key, count) in counts {
            *sums.entry(key.split(' ').next().unwrap().to_owned()).or_default() += count;
        }
        sums
    };
    assert_eq!(samples(&metrics, "mqtt_command_response_seconds_count", &["command"]), by_name(&answered));
    // The one without what it must have, and the one by correlation data, do not say what they took.
    let answers: u64 = answered.values().sum();
    assert_eq!(samples(&metrics, "mqtt_command_device_seconds_count", &[]), of(&[("", answers - 2)]));
    let left = count(all, |asked| (asked.fate == Fate::Left).then(|| asked.command.to_owned()));
    assert_eq!(samples(&metrics, "mqtt_command_timeouts_total", &["command"]), left);
    for (name, expected) in [
        ("mqtt_commands_pending", 0.0),
        ("mqtt_command_orphan_responses_total", 2.0),
        ("mqtt_command_repeated_responses_total", 1.0),
        ("mqtt_command_repeated_requests_total", 1.0),
        ("mqtt_command_late_responses_total", 1.0),
        ("mqtt_command_reused_ids_total", 0.0),
        ("watchkeeper_commands_dropped_total", 0.0),
    ] {
        assert_eq!(metrics.get(name, &[]), Some(expected), "{name}");
    }
    assert_eq!(
        samples(&metrics, "mqtt_command_faults_total", &["direction", "cause"]),
        of(&[("request bad_command", 1), ("request no_id", 1), ("response missing_field", 1)])
    );
    for (stream, reason) in [("command", "request_invalid"), ("response", "response_invalid")] {
        let expected = if stream == "command" { 2.0 } else { 1.0 };
        let labels = [("stream", stream), ("reason", reason)];
        assert_eq!(metrics.get("mqtt_errors_total", &labels), Some(expected), "{labels:?}");
    }
}

fn the_log_is_true(scene: &Scene, all: &[Asked], late: &str) {
    let records = scene.records("COMMAND");
    let (answered, left) =
        (ids_of(all, |asked| asked.fate != Fate::Left), ids_of(all, |asked| asked.fate == Fate::Left));
    let mut matched = answered.clone();
    matched.extend(["c-7", "odd", "quick", "twice"].map(str::to_owned));
    matched.sort();
    assert_eq!(ids(&records, "command_matched"), matched);
    assert_eq!(ids(&records, "command_timed_out"), left);
    assert_eq!(ids(&records, "command_answered_late"), [late]);
    assert_eq!(ids(&records, "command_orphan_response"), ["nobody-1", "nobody-2"]);
    // How quick this machine is, and how much of this fails, is judged elsewhere.
    let mut counts = counted(&records);
    counts.retain(|event, _| !event.starts_with("sla_") && !event.starts_with("failures_"));
    let (requests, responses) = (all.len() as u64 + 6, answered.len() as u64 + 8);
    assert_eq!(
        counts,
        of(&[
            ("command_answered", responses),
            ("command_answered_again", 1),
            ("command_answered_late", 1),
            ("command_matched", matched.len() as u64),
            ("command_orphan_response", 2),
            ("command_qos0", 1),
            ("command_repeated", 1),
            ("command_requested", requests),
            ("command_timed_out", left.len() as u64),
            ("request_invalid", 2),
            ("response_invalid", 1),
        ])
    );
    for record in records.iter().filter(|record| record["event"] == "command_matched") {
        let latency = record["latency_ms"].as_f64().unwrap();
        assert!((0.0..6_000.0).contains(&latency), "{record}");
        assert!(record["cmd"].is_string() && record["device"].is_string(), "{record}");
    }
}

#[test]
fn every_command_and_answer_is_accounted_for_by_its_id() {
    let scene = Scene::new(SETTINGS);
    let sidecar = scene.sidecar();
    let all: Vec<Asked> =
        DEVICES.iter().flat_map(|device| (0..EACH).map(move |n| Asked::new(device, n))).collect();
    play(&scene, &all);
    misbehave(&scene);
    let left = ids_of(&all, |asked| asked.fate == Fate::Left);
    let patience = SOON + Duration::from_secs(6);
    sidecar.wait_until("what was left has timed out", patience, |own| {
        own.metrics().sum("mqtt_command_timeouts_total", &[]) >= left.len() as f64
    });
    // Settled, but not forgotten yet.
    let late = "tc04-024";
    assert!(left.iter().any(|id| id == late));
    scene.publish(&topic("tc04", "response"), &[], &[answer("cmd_id", late, "success")]);
    sidecar.wait_until("the late answer is counted", SOON, |own| {
        own.metrics().get("mqtt_command_late_responses_total", &[]) == Some(1.0)
    });
    metrics_are_true(&sidecar, &all);
    sidecar.stop();
    the_log_is_true(&scene, &all, late);
}
