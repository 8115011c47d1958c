//! A sidecar that was held up, and one that cannot keep up: what waited is counted, what was shed as well, and nobody is
//! blamed for what it did not see.

use crate::devices::{Devices, lively};
use crate::scene::{
    EVERY, STREAM, Scene, TOPICS, assert_nobody_blamed, broker, issue, messages, until_online,
};
use crate::support::{Metrics, Mosquitto, Publisher, SOON, Sidecar};
use std::time::{Duration, Instant};

const HABIT: &str = r#"
[[stream]]
name = "habit"
filter = "learn/{device}/t"
kind = "telemetry"
format = "json"
points = "$.points.*"
expect_every = "learn"
tolerance = 0.9
offline_after = "2s"
hold_off = "500ms"
"#;

#[test]
fn a_sidecar_that_stood_still_counts_what_waited_and_blames_nobody() {
    let mosquitto = Mosquitto::start();
    let scene = Scene::new(&(broker("main", &mosquitto.url(), "") + STREAM + HABIT));
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    let devices = Devices::start(mosquitto.port(), &TOPICS, EVERY, lively);
    let habit = Devices::start(mosquitto.port(), &["learn/h/t"], EVERY, lively);
    sidecar.wait_until("a habit is learned", SOON, |own| {
        own.metrics().get("mqtt_device_interval_expected_seconds", &[("device", "h")]).is_some()
    });
    until_online(&sidecar, 6);
    let expected = |own: &crate::support::Sidecar| {
        own.metrics().get("mqtt_device_interval_expected_seconds", &[("device", "h")]).unwrap()
    };
    let learned = expected(&sidecar);
    let early = |own: &crate::support::Sidecar| {
        own.metrics().sum("mqtt_device_interval_deviations_total", &[("device", "h"), ("direction", "early")])
    };
    let before = early(&sidecar);
    sidecar.signal("STOP");
    std::thread::sleep(Duration::from_secs(6));
    sidecar.signal("CONT");
    // Its own word for it, after the backlog.
    sidecar.wait_until("it says so", SOON, |own| own.log().contains("stood still"));
    std::thread::sleep(Duration::from_secs(3));
    assert_nobody_blamed(&sidecar, 6, "after it stood still");
    assert!(early(&sidecar) - before < 2.5, "what waited is not early: {}", early(&sidecar) - before);
    let relearned = expected(&sidecar);
    assert!((relearned - learned).abs() < 0.1, "{learned} s was learned, now {relearned} s");
    let sent = devices.stop() + habit.stop();
    sidecar.wait_until("all are counted", SOON, |own| messages(&own.metrics()) >= sent as f64);
    let metrics = sidecar.metrics();
    assert!((messages(&metrics) - sent as f64).abs() < 0.5, "{} counted, {sent} sent", messages(&metrics));
    assert!(metrics.sum("watchkeeper_refused_total", &[]) < 0.5, "nothing was shed");
    assert_eq!(metrics.get("watchkeeper_connect_attempts_total", &[]), Some(1.0), "the connection held");
}

/// The broker keeps all that we do not read, and writes no line for each of it.
const PATIENT: &str = "max_queued_messages 0\nmax_queued_bytes 0\nlog_type none";

/// Twice as many as one queue holds.
const FLOOD: u64 = 150_000;

const BESIDE: &str = r#"
[[stream]]
name = "status"
filter = "fleet/{device}/status"
kind = "presence"
[[stream]]
name = "request"
filter = "fleet/{device}/request"
kind = "command"
[[stream]]
name = "flood"
filter = "flood/{device}/t"
kind = "telemetry"
format = "json"
expect_every = "1s"
offline_after = "2s"
hold_off = "500ms"
"#;

/// While the sidecar stands still: two devices that flood, and among it presence and commands. Gives how many of each.
fn flood(port: u16) -> u64 {
    let mut publisher = Publisher::connect(port);
    let points: Vec<String> = (0..30).map(|n| format!("\"p{n}\":{n}.5")).collect();
    let payload = format!("{{\"points\":{{{}}}}}", points.join(","));
    let mut urgent = 0;
    for sent in 0..FLOOD {
        publisher.fling(format!("flood/f{}/t", sent % 2), &payload);
        if sent % 1000 == 0 {
            publisher.fling("fleet/d1/status", "online");
            publisher
                .fling("fleet/d1/request", format!(r#"{{"cmd_id":"c{urgent}","command":"get_status"}}"#));
            urgent += 1;
        }
    }
    publisher.flush();
    urgent
}

fn shed(sidecar: &Sidecar) -> f64 {
    sidecar.metrics().get("watchkeeper_refused_total", &[("queue", "messages")]).expect("it is always there")
}

#[test]
fn a_flood_of_telemetry_is_shed_and_commands_presence_and_quiet_devices_are_heard() {
    let mosquitto = Mosquitto::with(PATIENT);
    let scene = Scene::new(&(broker("main", &mosquitto.url(), "") + STREAM + BESIDE));
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    let devices = Devices::start(mosquitto.port(), &TOPICS, EVERY, lively);
    until_online(&sidecar, 5);
    sidecar.signal("STOP");
    let stopped = Instant::now();
    let urgent = flood(mosquitto.port());
    // A shorter standstill is not one that it notices, and would be laid to the devices.
    std::thread::sleep(Duration::from_secs(3).saturating_sub(stopped.elapsed()));
    sidecar.signal("CONT");
    sidecar.wait_until("telemetry is shed, and health says so", SOON, |own| {
        shed(own) > 0.0 && issue(own, "messages_shed").is_some()
    });
    sidecar.wait_until("health is as before", SOON, |own| issue(own, "messages_shed").is_none());
    let quiet = devices.stop();
    // While we are behind, commands are taken from the connection for audited messages, and are then not counted for
    // their stream: what counts is that each is known, once.
    let counted =
        |own: &Sidecar, stream| own.metrics().sum("mqtt_messages_received_total", &[("stream", stream)]);
    sidecar.wait_until("all is counted", SOON, |own| {
        let is_there = |stream, count: f64| counted(own, stream) >= count;
        is_there("flood", FLOOD as f64 - shed(own))
            && is_there("t", quiet as f64)
            && is_there("status", urgent as f64)
    });
    sidecar.wait_until("every command is known", SOON, |own| {
        own.metrics().sum("mqtt_commands_total", &[]) >= urgent as f64
    });
    let metrics = sidecar.metrics();
    let of = |stream: &str| metrics.sum("mqtt_messages_received_total", &[("stream", stream)]);
    let is = |stream: &str, count: f64| assert!((of(stream) - count).abs() < 0.5, "{stream}: {}", of(stream));
    is("t", quiet as f64);
    is("status", urgent as f64);
    assert!((metrics.sum("mqtt_commands_total", &[]) - urgent as f64).abs() < 0.5, "each command once");
    is("flood", FLOOD as f64 - shed(&sidecar));
    let kind = metrics.get("watchkeeper_shed_total", &[("kind", "telemetry")]);
    assert_eq!(kind, Some(shed(&sidecar)), "nothing else was shed");
    assert!(TOPICS.iter().all(|topic| late(&metrics, &topic[6..8]) < 0.5), "{}", sidecar.log());
    let said = sidecar.log().matches("messages were shed").count();
    assert_eq!(said, 1, "{}", sidecar.log());
    sidecar.stop();
}

fn late(metrics: &Metrics, device: &str) -> f64 {
    let labels = [("device", device), ("direction", "late")];
    metrics.sum("mqtt_device_interval_deviations_total", &labels)
}
