//! A sidecar that dies without a word and is started again: what it knew, it knows.

use crate::devices::{Devices, lively};
use crate::scene::{
    EVERY, STREAM, Scene, TOPICS, assert_nobody_blamed, broker, long, messages, names, until_online,
};
use crate::support::{Metrics, Mosquitto, SOON, Sidecar};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Messages of so many seconds may be lost.
const LOST_MAX: f64 = 5.0;

const LEARNING: &str = r#"
[[stream]]
name = "habit"
filter = "learn/{device}/t"
kind = "telemetry"
format = "json"
points = "$.points.*"
range = [0, 100]
expect_every = "learn"
stuck_after = 5
"#;

/// Every fifth is out of range.
fn faulty(number: u64) -> String {
    let value = if number.is_multiple_of(5) { 1000 } else { number % 50 };
    format!(r#"{{"points":{{"v":{value},"k":7}}}}"#)
}

fn client_id(sidecar: &Sidecar) -> String {
    sidecar.json("/api/health/mqtt")["client_id"].as_str().expect("it has one").to_owned()
}

fn value(metrics: &Metrics, name: &str, labels: &[(&str, &str)]) -> f64 {
    metrics.get(name, labels).unwrap_or_else(|| panic!("{name} {labels:?} is missing\n{}", metrics.text))
}

#[test]
fn a_killed_sidecar_goes_on_where_it_was_and_blames_nobody_for_its_absence() {
    let mosquitto = Mosquitto::start();
    let scene = Scene::new(&(broker("main", &mosquitto.url(), "") + STREAM + LEARNING));
    let mut sidecar = scene.sidecar();
    sidecar.until_connected();
    let gone = Devices::start(mosquitto.port(), &["fleet/gone/t"], EVERY, lively);
    let habit = Devices::start(mosquitto.port(), &["learn/h/t"], EVERY, faulty);
    let devices = Devices::start(mosquitto.port(), &TOPICS, EVERY, lively);
    until_online(&sidecar, 7);
    gone.stop();
    sidecar.wait_until("one is offline, points are stuck, a habit is learned", SOON, |own| {
        let metrics = own.metrics();
        metrics.get("mqtt_devices", &[("state", "offline")]) == Some(1.0)
            && metrics.get("mqtt_points_stuck", &[]) >= Some(6.0)
            && metrics.get("mqtt_device_interval_expected_seconds", &[("device", "h")]).is_some()
            && metrics.get("mqtt_device_errors_total", &[("device", "h")]) >= Some(3.0)
    });
    // A whole save later all of this is on disk.
    let saves = sidecar.metrics().get("watchkeeper_state_saves_total", &[]);
    sidecar.wait_until("it was saved twice more", SOON, |own| {
        own.metrics().get("watchkeeper_state_saves_total", &[]) >= saves.map(|count| count + 2.0)
    });
    let (id, before) = (client_id(&sidecar), sidecar.metrics());
    sidecar.kill9();
    // Longer than any device may be silent; the devices go on.
    std::thread::sleep(Duration::from_secs(4));
    let sidecar = scene.sidecar();
    let after = sidecar.metrics();
    assert_eq!(client_id(&sidecar), id);
    continues(&before, &after);
    sidecar.until_connected();
    let count = messages(&sidecar.metrics());
    sidecar.wait_until("messages go on", SOON, |own| messages(&own.metrics()) >= count + 60.0);
    let metrics = sidecar.metrics();
    for device in ["d1", "d2", "d3", "d4", "d5", "h"] {
        let device = &[("device", device)];
        assert_eq!(metrics.get("mqtt_device_up", device), Some(1.0), "{device:?}\n{}", sidecar.log());
        assert_eq!(metrics.get("mqtt_device_disconnects_total", device), Some(0.0), "{device:?}");
        assert_eq!(metrics.get("mqtt_device_connects_total", device), Some(1.0), "{device:?}");
    }
    let late = |device: &str| {
        let late = [("device", device), ("direction", "late")];
        value(&metrics, "mqtt_device_interval_deviations_total", &late)
    };
    for device in ["d1", "d2", "d3", "d4", "d5"] {
        assert!(late(device) < 0.5, "{device}");
    }
    let stuck = [("device", "d1"), ("point", "k")];
    let since = |metrics: &Metrics| value(metrics, "mqtt_point_stuck_since_timestamp_seconds", &stuck);
    assert!((since(&before) - since(&metrics)).abs() < 0.01, "the run goes on");
    drop((devices, habit));
}

/// Holds the first scrape after a restart to the last one before it.
fn continues(before: &Metrics, after: &Metrics) {
    for device in ["d1", "h", "gone"] {
        let labels = [("device", device)];
        let told = |metrics| value(metrics, "mqtt_device_messages_total", &labels);
        let (told, was) = (told(after), told(before));
        let lost = LOST_MAX / EVERY.as_secs_f64();
        assert!(told >= was - lost && told > 0.0, "{device}: {told} messages, {was} before");
        let seen = |metrics| value(metrics, "mqtt_device_last_message_timestamp_seconds", &labels);
        let (told, was) = (seen(after), seen(before));
        assert!((told - was).abs() <= LOST_MAX, "{device}: last seen {told}, {was} before");
    }
    for (name, labels) in [
        ("mqtt_device_interval_expected_seconds", ("device", "h")),
        ("mqtt_points_stuck", ("broker", "main")),
        ("mqtt_point_stuck_since_timestamp_seconds", ("device", "d1")),
        ("mqtt_device_up", ("device", "gone")),
        ("mqtt_device_up", ("device", "d1")),
        ("mqtt_device_disconnects_total", ("device", "gone")),
        ("mqtt_device_connects_total", ("device", "gone")),
    ] {
        let (told, was) = (value(after, name, &[labels]), value(before, name, &[labels]));
        assert!((told - was).abs() < 0.01, "{name} {labels:?}: {told}, {was} before");
    }
    let ratio = |metrics| value(metrics, "mqtt_device_error_ratio", &[("device", "h")]);
    assert!((ratio(after) - 0.2).abs() < 0.1 && (ratio(before) - 0.2).abs() < 0.1, "the window goes on");
}

#[test]
fn killed_again_and_again_at_any_moment_it_always_starts_and_never_forgets() {
    let mosquitto = Mosquitto::start();
    let scene = Scene::plain(&mosquitto.url());
    let devices = Devices::start(mosquitto.port(), &TOPICS, EVERY, lively);
    let rate = TOPICS.len() as f64 / EVERY.as_secs_f64();
    let mut before = 0.0;
    let mut id = String::new();
    for round in 0..if long() { 200 } else { 20 } {
        let mut sidecar = scene.sidecar();
        let first = messages(&sidecar.metrics());
        assert!(first >= before - LOST_MAX * rate, "round {round}: {first} messages, {before} before");
        if round == 0 {
            id = client_id(&sidecar);
            until_online(&sidecar, 5);
        }
        assert_eq!(client_id(&sidecar), id, "round {round}");
        // Mostly before the second save, sometimes after it or in the middle.
        let random = RandomState::new().hash_one(round);
        let most = if round % 5 == 0 { 4000 } else { 800 };
        std::thread::sleep(Duration::from_millis(random % most));
        before = messages(&sidecar.metrics());
        assert!(!sidecar.log().contains("set aside"), "round {round}: {}", sidecar.log());
        sidecar.kill9();
        let files = names(&scene.data());
        assert!(!files.iter().any(|name| name.contains("damaged")), "round {round}: {files:?}");
    }
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    let count = messages(&sidecar.metrics());
    sidecar.wait_until("messages go on", SOON, |own| messages(&own.metrics()) >= count + 50.0);
    assert_nobody_blamed(&sidecar, 5, "after all kills");
    drop(devices);
}
