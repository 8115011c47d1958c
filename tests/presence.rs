//! Who is there and what stands still, from the message at the broker to the metric and the API.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};
use support::{Mosquitto, Publisher, SOON, Sidecar, becomes};

fn watched(broker: &Mosquitto, folder: &Path, config: &str) -> Sidecar {
    let file = folder.join("watchkeeper.toml");
    std::fs::write(&file, config).unwrap();
    let args = ["--broker", &broker.url(), "--config", file.to_str().unwrap()];
    let sidecar = Sidecar::start(&args, &[], &folder.join("data"));
    sidecar.until_connected();
    sidecar
}

const BEAT: &str =
    "[[stream]]\nname = \"beat\"\nfilter = \"beat/{device}\"\noffline_after = \"2s\"\nhold_off = \"500ms\"\n";

#[test]
fn a_device_that_falls_silent_is_offline_in_time_while_another_goes_on() {
    let broker = Mosquitto::start();
    let folder = tempfile::tempdir().unwrap();
    let sidecar = watched(&broker, folder.path(), BEAT);
    let mut publisher = Publisher::connect(broker.port());
    publisher.publish("beat/quiet", "1");
    let silent = Instant::now();
    sidecar.until_messages(1);
    assert_eq!(sidecar.node("quiet").unwrap()["state"], "online");
    let gone = becomes(SOON, || {
        publisher.publish("beat/lively", "1");
        sidecar.node("quiet").unwrap()["state"] == "offline"
    });
    let after = silent.elapsed();
    assert!(gone, "{}", sidecar.log());
    assert!(after >= Duration::from_millis(2500) && after < Duration::from_secs(6), "after {after:?}");
    let metrics = sidecar.metrics();
    let device = |name, id| metrics.get(name, &[("device", id)]);
    assert_eq!(device("mqtt_device_up", "quiet"), Some(0.0));
    assert_eq!(device("mqtt_device_up", "lively"), Some(1.0));
    assert_eq!(device("mqtt_device_disconnects_total", "quiet"), Some(1.0));
    assert_eq!(device("mqtt_device_disconnects_total", "lively"), Some(0.0));
    assert_eq!(metrics.get("mqtt_devices", &[("state", "offline")]), Some(1.0));
    assert_eq!(metrics.get("mqtt_devices", &[("state", "online")]), Some(1.0));
    assert_eq!(sidecar.json("/api/nodes?state=offline")["nodes"][0]["id"], "quiet");

    publisher.publish("beat/quiet", "1");
    sidecar.wait_until("it is back", SOON, |own| own.node("quiet").unwrap()["state"] == "online");
    let back = sidecar.node("quiet").unwrap();
    assert_eq!((&back["connects"], &back["disconnects"]), (&2.into(), &1.into()));
    sidecar.stop();
}

#[test]
fn a_retained_message_is_no_heartbeat() {
    let broker = Mosquitto::start();
    let folder = tempfile::tempdir().unwrap();
    let mut publisher = Publisher::connect(broker.port());
    publisher.retain("beat/past", "1");
    let sidecar = watched(&broker, folder.path(), BEAT);
    sidecar.until_messages(1);
    let node = sidecar.node("past").unwrap();
    assert_eq!((&node["state"], &node["messages"]), (&"unknown".into(), &0.into()), "{node:#}");
    assert!(node["last_seen"].is_null(), "{node:#}");
    let metrics = sidecar.metrics();
    assert_eq!(metrics.get("mqtt_device_up", &[]), None, "it is absent while unknown");
    assert_eq!(metrics.get("mqtt_retained_ignored_total", &[]), Some(1.0));
    assert_eq!(metrics.get("mqtt_devices", &[("state", "unknown")]), Some(1.0));
    // To those who listen already the broker passes it on as it comes: alive.
    publisher.retain("beat/past", "2");
    sidecar.wait_until("it lives", SOON, |own| own.node("past").unwrap()["state"] == "online");
    sidecar.stop();
}

#[test]
fn a_device_that_must_exist_is_missed_until_it_is_heard() {
    let broker = Mosquitto::start();
    let folder = tempfile::tempdir().unwrap();
    let config = format!("{BEAT}[fleet]\nexpected = [\"ghost\", \"here\"]\n");
    let sidecar = watched(&broker, folder.path(), &config);
    let mut publisher = Publisher::connect(broker.port());
    publisher.publish("beat/here", "1");
    sidecar.until_messages(1);
    let ghost = sidecar.node("ghost").unwrap();
    assert_eq!((&ghost["state"], &ghost["messages"]), (&"never_seen".into(), &0.into()));
    let count = |state: &str| sidecar.metrics().get("mqtt_devices", &[("state", state)]);
    assert_eq!((count("never_seen"), count("online")), (Some(1.0), Some(1.0)));
    assert_eq!(sidecar.json("/api/nodes?state=never_seen")["total"], 1);
    publisher.publish("beat/ghost", "1");
    sidecar.until_messages(2);
    assert_eq!((count("never_seen"), count("online")), (Some(0.0), Some(2.0)));
    sidecar.stop();
}

#[test]
fn a_point_is_stuck_at_its_twelfth_equal_sample_and_not_before() {
    let broker = Mosquitto::start();
    let folder = tempfile::tempdir().unwrap();
    let sidecar = Sidecar::start(&["--broker", &broker.url()], &[], folder.path());
    sidecar.until_connected();
    let mut publisher = Publisher::connect(broker.port());
    let mut messages = 0;
    let mut say = |equal: bool, n: u32| {
        let still = if equal { 5.25 } else { 6.0 };
        publisher.publish("hall/oven/telemetry", format!(r#"{{"still": {still}, "moving": {n}}}"#));
        publisher.publish("hall/meter", still.to_string());
        messages += 2;
        sidecar.until_messages(messages);
    };
    let stuck = |id: &str| sidecar.node(id).unwrap()["stuck_points"].clone();
    (1..=11).for_each(|n| say(true, n));
    assert_eq!((stuck("hall/oven"), stuck("hall")), (0.into(), 0.into()), "eleven are not enough");
    assert_eq!(sidecar.metrics().get("mqtt_points_stuck", &[]), Some(0.0));
    say(true, 12);
    let oven = sidecar.node("hall/oven").unwrap();
    assert_eq!(oven["stuck"].as_array().unwrap().len(), 1, "{oven:#}");
    assert_eq!((&oven["stuck"][0]["point"], &oven["stuck"][0]["repeats"]), (&"still".into(), &11.into()));
    let meter = sidecar.node("hall").unwrap();
    assert_eq!((&meter["stuck"][0]["point"], &meter["stuck"][0]["value"]), (&"meter".into(), &5.25.into()));
    let metrics = sidecar.metrics();
    assert_eq!(metrics.get("mqtt_points_stuck", &[]), Some(2.0));
    let since = metrics.get("mqtt_point_stuck_since_timestamp_seconds", &[("point", "still")]);
    assert!(since.is_some_and(|at| at > 1.7e9), "{since:?}");
    say(false, 13);
    assert_eq!((stuck("hall/oven"), stuck("hall")), (0.into(), 0.into()), "it moves again");
    assert_eq!(sidecar.metrics().all("mqtt_point_stuck_since_timestamp_seconds", &[]).count(), 0);
    sidecar.stop();
}
