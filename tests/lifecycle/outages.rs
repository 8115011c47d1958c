//! Brokers that go away in every way there is, and come back.

use crate::devices::{Devices, lively};
use crate::proxy::Proxy;
use crate::scene::{
    EVERY, STREAM, Scene, TOPICS, assert_nobody_blamed, broker, connected, issue, messages, until_online,
};
use crate::support::{Mosquitto, SOON, Sidecar};
use std::time::{Duration, Instant};

/// Watches one outage, which has just begun, to its end; `end` is done once the outage is seen. Holds the
/// outage to what the interface says of one.
fn watch_outage(sidecar: &Sidecar, what: &str, began: Instant, before: f64, end: impl FnOnce()) {
    sidecar.wait_until(&format!("{what}: seen"), SOON, |own| !connected(&own.metrics()));
    let health = sidecar.json("/api/health");
    assert_eq!(
        (&health["status"], &health["mqtt"]["connected"]),
        (&"degraded".into(), &false.into()),
        "{what}"
    );
    let issue = issue(sidecar, "broker_unreachable").unwrap_or_else(|| panic!("{what}: no issue"));
    assert_eq!(issue["broker"], "main", "{what}");
    assert!(issue["summary"].as_str().is_some_and(|text| text.contains("main")), "{what}: {issue}");
    assert!(issue["cure"].as_str().is_some_and(|cure| cure.len() > 10), "{what}: {issue}");
    assert!(issue["since"].as_str().is_some(), "{what}: {issue}");
    let online = sidecar.metrics().get("mqtt_devices", &[("state", "online")]);
    assert_eq!(online, Some(5.0), "{what}: a device keeps its state");
    end();
    sidecar.wait_until(&format!("{what}: over"), SOON, |own| connected(&own.metrics()));
    let truth = began.elapsed().as_secs_f64();
    let metrics = sidecar.metrics();
    let told =
        metrics.get("watchkeeper_outage_seconds_total", &[]).expect("it is counted from the start") - before;
    assert!((told - truth).abs() < 1.0, "{what}: {told} s are told, {truth} s are true\n{}", sidecar.log());
    let health = sidecar.json("/api/health");
    assert_eq!(
        (&health["status"], &health["issues"]),
        (&"healthy".into(), &serde_json::Value::Null),
        "{what}"
    );
    assert_eq!(health["mqtt"]["reconnect_attempts"], 0, "{what}");
    // Subscribed again: messages go on.
    let count = messages(&metrics);
    sidecar.wait_until(&format!("{what}: messages"), SOON, |own| messages(&own.metrics()) >= count + 10.0);
    until_online(sidecar, 5);
    assert_nobody_blamed(sidecar, 5, what);
}

fn outage_seconds(sidecar: &Sidecar) -> f64 {
    sidecar.metrics().get("watchkeeper_outage_seconds_total", &[]).expect("it is counted from the start")
}

fn attempts(sidecar: &Sidecar) -> f64 {
    sidecar.metrics().get("watchkeeper_connect_attempts_total", &[]).expect("it is counted from the start")
}

#[test]
fn ten_outages_in_a_row_are_survived_measured_and_blamed_on_nobody() {
    let mut mosquitto = Mosquitto::with("persistence true\nautosave_interval 1");
    let proxy = Proxy::start(mosquitto.port());
    let scene = Scene::plain(&proxy.url());
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    let devices = Devices::start(mosquitto.port(), &TOPICS, EVERY, lively);
    until_online(&sidecar, 5);
    for round in 0..10 {
        let (before, tried) = (outage_seconds(&sidecar), attempts(&sidecar));
        let began = Instant::now();
        let pause = || std::thread::sleep(Duration::from_millis(600));
        match round % 5 {
            0 => {
                mosquitto.kill();
                watch_outage(&sidecar, "killed", began, before, || mosquitto.restart(false));
            }
            1 => {
                mosquitto.freeze();
                watch_outage(&sidecar, "frozen", began, before, || mosquitto.cont());
            }
            2 => {
                proxy.cut();
                watch_outage(&sidecar, "cut off", began, before, || {
                    pause();
                    proxy.mend();
                });
            }
            3 => {
                proxy.swallow();
                watch_outage(&sidecar, "half open", began, before, || {
                    pause();
                    proxy.mend();
                });
            }
            _ => {
                mosquitto.kill();
                watch_outage(&sidecar, "restarted with its state", began, before, || mosquitto.restart(true));
            }
        }
        assert!(attempts(&sidecar) > tried, "round {round}: attempts are counted");
    }
    let metrics = sidecar.metrics();
    let (tried, failed) = (attempts(&sidecar), metrics.sum("watchkeeper_connect_failures_total", &[]));
    assert!((tried - failed - 1.0).abs() < 0.5, "every attempt but the last has ended: {tried} {failed}");
    for reason in ["frozen", "closed"] {
        let count = metrics.get("watchkeeper_connect_failures_total", &[("reason", reason)]);
        assert!(count >= Some(2.0), "{reason}: {count:?}");
    }
    drop(devices);
}

/// Shorter than the time to notice, so that the connection holds.
#[test]
fn a_broker_that_stands_still_for_a_while_makes_no_device_offline() {
    let mosquitto = Mosquitto::start();
    let settings = broker("main", &mosquitto.url(), "").replace("\"1s\"", "\"20s\"") + STREAM;
    let scene = Scene::new(&settings);
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    let devices = Devices::start(mosquitto.port(), &TOPICS, EVERY, lively);
    until_online(&sidecar, 5);
    for freeze in [4, 7] {
        let before = outage_seconds(&sidecar);
        mosquitto.freeze();
        std::thread::sleep(Duration::from_secs(freeze));
        assert!(connected(&sidecar.metrics()), "it has not been noticed yet");
        let count = messages(&sidecar.metrics());
        mosquitto.cont();
        sidecar.wait_until("messages", SOON, |own| messages(&own.metrics()) >= count + 50.0);
        // Two ticks, so that whoever would be called late is.
        std::thread::sleep(Duration::from_secs(2));
        assert_nobody_blamed(&sidecar, 5, &format!("frozen for {freeze} s"));
        let told = outage_seconds(&sidecar) - before;
        assert!(
            (told - freeze as f64).abs() < 1.0,
            "{told} s are told, {freeze} s are true\n{}",
            sidecar.log()
        );
    }
    assert!((attempts(&sidecar) - 1.0).abs() < 0.5, "the connection held: {}", sidecar.log());
    drop(devices);
}

/// Longer than the time to notice, with the time-outs as they are by default for the devices' connection.
#[test]
fn a_broker_that_freezes_is_noticed_and_makes_no_device_offline() {
    let mosquitto = Mosquitto::start();
    let settings = broker("main", &mosquitto.url(), "").replace("\"1s\"", "\"3s\"") + STREAM;
    let scene = Scene::new(&settings);
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    let devices = Devices::start(mosquitto.port(), &TOPICS, EVERY, lively);
    until_online(&sidecar, 5);
    let before = outage_seconds(&sidecar);
    let began = Instant::now();
    mosquitto.freeze();
    watch_outage(&sidecar, "frozen for long", began, before, || {
        std::thread::sleep(Duration::from_secs(3));
        mosquitto.cont();
    });
    drop(devices);
}
