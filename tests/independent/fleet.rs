//! A fleet that is played and counted in Python: losses, duplicates, late numbers, resets, broken documents, commands by
//! status, alarms and events. What /metrics says must be the same, device by device and label by label.

use crate::python::publish;
use crate::scene::{Scene, samples};
use crate::support::{Metrics, SOON, Sidecar};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

const SETTINGS: &str = "[commands]\ntimeout = \"6s\"\n";

/// Counts by name; nothing stands for zero.
fn counts(truth: &Value) -> BTreeMap<String, u64> {
    let members = truth.as_object().into_iter().flatten();
    let members = members.map(|(key, value)| (key.clone(), value.as_u64().unwrap()));
    members.filter(|(_, count)| *count > 0).collect()
}

fn of_devices(truth: &Value, what: &str) -> BTreeMap<String, u64> {
    let devices = truth["devices"].as_object().unwrap().iter();
    let counts = devices.map(|(id, device)| (id.clone(), device[what].as_u64().unwrap_or_default()));
    counts.filter(|(_, count)| *count > 0).collect()
}

fn devices_are_true(metrics: &Metrics, truth: &Value) {
    for (what, name) in [
        ("gaps", "mqtt_device_sequence_gaps_total"),
        ("lost", "mqtt_device_messages_lost_total"),
        ("duplicated", "mqtt_device_messages_duplicated_total"),
        ("reordered", "mqtt_device_messages_reordered_total"),
        ("resets", "mqtt_device_sequence_resets_total"),
        ("resets", "mqtt_device_restarts_total"),
        ("json", "mqtt_device_errors_total"),
    ] {
        assert_eq!(samples(metrics, name, &["device"]), of_devices(truth, what), "{name}\n{truth:#}");
    }
    let telemetry = metrics.all("mqtt_device_messages_total", &[("stream", "telemetry")]);
    let messages: f64 = telemetry.map(|sample| sample.value).sum();
    assert_eq!(messages, of_devices(truth, "messages").values().sum::<u64>() as f64);
    let lost = of_devices(truth, "lost").values().sum::<u64>() as f64;
    assert_eq!(metrics.get("mqtt_messages_lost_total", &[]), Some(lost));
    assert_eq!(metrics.get("mqtt_messages_missed_total", &[]), Some(0.0));
    let errors = samples(metrics, "mqtt_errors_total", &["stream", "reason"]);
    let json = of_devices(truth, "json").values().sum::<u64>();
    assert_eq!(errors, BTreeMap::from([("telemetry json".to_owned(), json)]));
}

fn commands_and_alarms_are_true(metrics: &Metrics, truth: &Value) {
    for (what, name, labels) in [
        ("commands", "mqtt_commands_total", &["command"][..]),
        ("responses", "mqtt_command_responses_total", &["command", "status"]),
        ("timeouts", "mqtt_command_timeouts_total", &["command"]),
        ("orphans", "mqtt_command_orphan_responses_total", &[]),
        ("transitions", "mqtt_alarm_transitions_total", &["type", "priority", "transition"]),
        ("active", "mqtt_alarms_active", &["type", "priority"]),
    ] {
        assert_eq!(samples(metrics, name, labels), counts(&truth[what]), "{name}\n{truth:#}");
    }
    assert_eq!(metrics.get("mqtt_commands_pending", &[]), Some(0.0));
    let relay = metrics.get("mqtt_events_total", &[("stream", "event"), ("event", "relay")]);
    assert_eq!(relay, truth["relay"][""].as_f64());
}

/// The same figures by the other way: the status, and the command that prints it.
fn the_status_is_true(sidecar: &Sidecar, truth: &Value) {
    let status = sidecar.json("/api/mqtt/status");
    let sum = |what: &str| counts(&truth[what]).values().sum::<u64>();
    assert_eq!(status["mqtt_publisher"]["commands_sent"], sum("commands"));
    let refused = counts(&truth["responses"]).into_iter().filter(|(key, _)| key.ends_with(" error"));
    let refused: u64 = refused.map(|(_, count)| count).sum();
    assert_eq!(status["mqtt_publisher"]["commands_failed"], refused + sum("timeouts"));
    assert_eq!(status["mqtt_publisher"]["qos_level"], 1);
    assert_eq!(status["device_manager"]["connected_devices"], 6);
    let kinds = &status["statistics"]["message_distribution"];
    assert_eq!(kinds["telemetry"], of_devices(truth, "messages").values().sum::<u64>());
    assert_eq!((&kinds["command"], &kinds["event"]), (&sum("commands").into(), &sum("relay").into()));
    assert_eq!(kinds["response"], sum("responses") + sum("orphans"));
    assert_eq!(kinds["alarm"], sum("transitions"));
    assert_eq!(status["statistics"]["reliability"]["disconnections"], 0);
    let errors = status["statistics"]["recent_errors"].as_array().unwrap();
    assert!(!errors.is_empty() && errors.iter().all(|error| error["type"] == "malformed"), "{errors:?}");
    let queue = sidecar.json("/api/nodes/py0/commands/queue-status");
    assert_eq!((&queue["pending"], &queue["online"]), (&0.into(), &true.into()), "{queue:#}");
    let report = crate::support::run(&["report", "--json", "--url", &sidecar.url()]);
    assert_eq!(report.code, 0, "{report:?}");
    let report: Value = serde_json::from_str(&report.out).unwrap();
    assert_eq!(report["messages"]["received"], status["statistics"]["messages"]["received"]);
    assert_eq!(report["message_distribution"], *kinds);
}

#[test]
fn what_a_fleet_in_python_says_that_it_did_is_what_the_metrics_say() {
    let scene = Scene::new(SETTINGS);
    let sidecar = scene.sidecar();
    let seed = std::env::var("FLEET_SEED").unwrap_or_else(|_| "4".to_owned());
    let truth: Value = serde_json::from_str(&publish(&scene.mosquitto, &["fleet", &seed])).unwrap();
    let left: u64 = counts(&truth["timeouts"]).values().sum();
    sidecar.wait_until("what was left has timed out", SOON + Duration::from_secs(6), |own| {
        own.metrics().sum("mqtt_command_timeouts_total", &[]) >= left as f64
    });
    // The last numbers have had their window, too, and the broker has proved its life since.
    std::thread::sleep(Duration::from_secs(5));
    let metrics = sidecar.metrics();
    devices_are_true(&metrics, &truth);
    commands_and_alarms_are_true(&metrics, &truth);
    the_status_is_true(&sidecar, &truth);
}
