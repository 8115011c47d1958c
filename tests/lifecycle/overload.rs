//! A sidecar that was held up: what waited is counted, and nobody is blamed for what it did not see.

use crate::devices::{Devices, lively};
use crate::scene::{EVERY, STREAM, Scene, TOPICS, assert_nobody_blamed, broker, messages, until_online};
use crate::support::{Mosquitto, SOON};
use std::time::Duration;

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
