//! Ten thousand commands at once, by the simulated fleet, against the file that says what became of them.

use crate::scene::{Scene, counted};
use crate::support::{SOON, run};
use serde_json::Value;
use std::time::Duration;

const COMMANDS: u64 = 10_000;

#[test]
fn ten_thousand_commands_at_once_are_matched_as_the_truth_has_it() {
    let scene = Scene::new("");
    let sidecar = scene.sidecar();
    let truth = scene.path("truth.json");
    let url = scene.mosquitto.url();
    let commands = COMMANDS.to_string();
    let output = run(&[
        "simulate",
        "--broker",
        &url,
        "--truth",
        truth.to_str().unwrap(),
        "--devices",
        "100",
        "--interval",
        "0",
        "--messages",
        "2",
        "--commands",
        &commands,
    ]);
    assert_eq!(output.code, 0, "{output:?}");
    let truth: Value = serde_json::from_slice(&std::fs::read(truth).unwrap()).unwrap();
    let of = |key: &str| truth["commands"][key].as_u64().unwrap();
    assert_eq!((of("sent"), of("answered"), of("unanswered")), (COMMANDS, COMMANDS, 0), "{truth:#}");

    let sum = |own: &crate::support::Sidecar, name: &str| own.metrics().sum(name, &[]);
    sidecar.wait_until("every answer is counted", SOON + Duration::from_secs(45), |own| {
        sum(own, "mqtt_command_responses_total") >= of("answered") as f64
    });
    for (name, expected) in [
        ("mqtt_commands_total", COMMANDS),
        ("mqtt_command_responses_total", COMMANDS),
        ("mqtt_command_device_seconds_count", COMMANDS),
        ("mqtt_commands_pending", 0),
        ("mqtt_command_timeouts_total", 0),
        ("mqtt_command_orphan_responses_total", 0),
        ("mqtt_command_repeated_requests_total", 0),
        ("watchkeeper_commands_dropped_total", 0),
    ] {
        assert_eq!(sum(&sidecar, name), expected as f64, "{name}");
    }
    sidecar.stop();
    let records = counted(&scene.records("COMMAND"));
    for event in ["command_requested", "command_answered", "command_matched"] {
        assert_eq!(records.get(event), Some(&COMMANDS), "{records:?}");
    }
}
