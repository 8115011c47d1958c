//! More than there is room for: the limits hold, what is beyond them is counted and said once, and the sidecar stays
//! quick and small.

#![expect(clippy::float_cmp, reason = "counts are whole numbers and must be exact")]

mod support;

use support::{Mosquitto, Publisher, SOON, Sidecar};

/// Nothing of the flood may be lost on the way.
const PATIENT: &str = "max_queued_messages 0\nmax_queued_bytes 0";
const TOPICS: u64 = 50_000;

#[test]
fn fifty_thousand_random_topics_cost_little_memory() {
    let broker = Mosquitto::with(PATIENT);
    let folder = tempfile::tempdir().unwrap();
    let sidecar = Sidecar::start(&["--broker", &broker.url()], &[], folder.path());
    sidecar.until_connected();
    let mut publisher = Publisher::connect(broker.port());
    // A linear congruence gives every number once, in no order.
    let mut number: u64 = 1;
    for _ in 0..TOPICS {
        number = (number * 1_664_525 + 1_013_904_223) % (1 << 32);
        publisher.fling(format!("random/{number:08x}/v"), number.to_string());
    }
    publisher.flush();
    sidecar.until_messages(TOPICS);
    let metrics = sidecar.metrics();
    assert_eq!(metrics.sum("mqtt_messages_received_total", &[]), TOPICS as f64);
    assert_eq!(metrics.get("watchkeeper_devices_tracked", &[]), Some(TOPICS as f64));
    assert_eq!(metrics.get("watchkeeper_series_suppressed", &[]), Some(TOPICS as f64 - 2000.0));
    assert_eq!(metrics.all("mqtt_device_up", &[]).count(), 2000);
    assert_eq!(metrics.get("mqtt_devices", &[("state", "online")]), Some(TOPICS as f64));
    let resident = sidecar.resident_bytes();
    // Each device is two records as well, which wait for the disk within bounds of their own.
    assert!(resident < 200 << 20, "{} MiB", resident >> 20);
    sidecar.stop();
}

#[test]
fn very_long_topics_are_not_kept() {
    let broker = Mosquitto::with(PATIENT);
    let folder = tempfile::tempdir().unwrap();
    let sidecar = Sidecar::start(&["--broker", &broker.url()], &[], folder.path());
    sidecar.until_connected();
    let mut publisher = Publisher::connect(broker.port());
    let tail = "x".repeat(60_000);
    // Half of what may wait at a time: on a busy machine the rest would be shed, and rightly.
    for batch in 0..4 {
        for n in 0..500 {
            publisher.fling(format!("{}/{tail}/v", batch * 500 + n), "1");
        }
        publisher.flush();
        sidecar.until_messages((batch + 1) * 500);
    }
    let resident = sidecar.resident_bytes();
    // Each device is two records as well, which wait for the disk within bounds of their own.
    assert!(resident < 200 << 20, "120 MB of topics take {} MiB", resident >> 20);
    assert_eq!(sidecar.metrics().get("watchkeeper_devices_tracked", &[]), Some(2000.0));
    sidecar.stop();
}

#[test]
fn devices_beyond_the_limit_are_counted_and_said_once() {
    let broker = Mosquitto::start();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("watchkeeper.toml");
    std::fs::write(&config, "[limits]\ndevices_max = 10\npoints_per_device_max = 4\ndevice_series_max = 3\n")
        .unwrap();
    let args = ["--broker", &broker.url(), "--config", config.to_str().unwrap()];
    let sidecar = Sidecar::start(&args, &[], &folder.path().join("data"));
    sidecar.until_connected();
    let mut publisher = Publisher::connect(broker.port());
    for _ in 0..2 {
        for n in 0..30 {
            publisher.publish(format!("d{n}/v"), r#"{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6}"#);
        }
    }
    sidecar.until_messages(60);
    let metrics = sidecar.metrics();
    assert_eq!(metrics.get("watchkeeper_devices_tracked", &[]), Some(10.0));
    assert_eq!(metrics.get("watchkeeper_devices_refused_total", &[]), Some(20.0));
    assert_eq!(metrics.get("watchkeeper_device_messages_refused_total", &[]), Some(40.0));
    assert_eq!(metrics.get("watchkeeper_points_tracked", &[]), Some(40.0));
    assert_eq!(metrics.get("watchkeeper_series_suppressed", &[]), Some(7.0));
    let health = sidecar.json("/api/health");
    assert_eq!(health["issues"][0]["code"], "devices_refused", "{health:#}");
    let said = |own: &Sidecar| own.log().matches("more devices than the limit").count();
    sidecar.wait_until("it is said", SOON, |own| said(own) > 0);
    publisher.publish("d99/v", "1");
    sidecar.until_messages(61);
    // A stop ticks for the last time: whatever wanted to be said has been.
    let log = sidecar.stop();
    assert_eq!(log.matches("more devices than the limit").count(), 1, "{log}");
    assert_eq!(log.matches(" WARN ").count(), 1, "{log}");
}
