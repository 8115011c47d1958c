//! Several sidecars on one broker, and several brokers for one sidecar.

use crate::devices::{Devices, lively};
use crate::scene::{EVERY, STREAM, Scene, TOPICS, broker, issue, messages, until_online};
use crate::support::{Mosquitto, SOON};
use std::time::Duration;

#[test]
fn two_sidecars_on_one_broker_do_not_disturb_each_other() {
    let mosquitto = Mosquitto::start();
    let scenes = [Scene::plain(&mosquitto.url()), Scene::plain(&mosquitto.url())];
    let [mut one, two] = scenes.each_ref().map(Scene::sidecar);
    for sidecar in [&one, &two] {
        sidecar.until_connected();
    }
    let id = |own: &crate::support::Sidecar| own.json("/api/health/mqtt")["client_id"].clone();
    assert_ne!(id(&one), id(&two));
    let devices = Devices::start(mosquitto.port(), &TOPICS, EVERY, lively);
    until_online(&one, 5);
    until_online(&two, 5);
    one.kill9();
    let one = scenes[0].sidecar();
    one.until_connected();
    std::thread::sleep(Duration::from_secs(2));
    let sent = devices.stop();
    two.wait_until("it got everything", SOON, |own| messages(&own.metrics()) >= sent as f64);
    for sidecar in [&one, &two] {
        let metrics = sidecar.metrics();
        assert_eq!(metrics.get("watchkeeper_connect_attempts_total", &[]), Some(1.0), "{}", sidecar.log());
        assert!(metrics.sum("watchkeeper_connect_failures_total", &[]) < 0.5, "{}", sidecar.log());
    }
}

#[test]
fn one_sidecar_watches_two_brokers_and_its_health_is_that_of_the_worst() {
    let (near, mut far) = (Mosquitto::start(), Mosquitto::start());
    let settings = broker("near", &near.url(), "") + &broker("far", &far.url(), "") + STREAM;
    let scene = Scene::new(&settings);
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    let here = Devices::start(near.port(), &TOPICS, EVERY, lively);
    let there = Devices::start(far.port(), &TOPICS[..2], EVERY, lively);
    let online = |own: &crate::support::Sidecar, broker: &str, count: f64| {
        own.metrics().get("mqtt_devices", &[("broker", broker), ("state", "online")]) == Some(count)
    };
    sidecar.wait_until("all are online", SOON, |own| online(own, "near", 5.0) && online(own, "far", 2.0));
    assert_eq!(sidecar.metrics().duplicates(), Vec::<String>::new());
    far.kill();
    sidecar.wait_until("one is away", SOON, |own| {
        own.metrics().get("watchkeeper_connected", &[("broker", "far")]) == Some(0.0)
    });
    let health = sidecar.json("/api/health");
    assert_eq!((&health["status"], &health["mqtt"]["connected"]), (&"degraded".into(), &false.into()));
    assert_eq!(health["issues"].as_array().unwrap().len(), 1, "{health}");
    assert_eq!(issue(&sidecar, "broker_unreachable").unwrap()["broker"], "far");
    let link = sidecar.json("/api/health/mqtt");
    assert_eq!((&link["broker"], link["brokers"].as_array().unwrap().len()), (&"far".into(), 2));
    // The other one does not notice, and the devices of the one that is away keep their state.
    std::thread::sleep(Duration::from_secs(4));
    let metrics = sidecar.metrics();
    assert_eq!(metrics.get("watchkeeper_connected", &[("broker", "near")]), Some(1.0));
    assert_eq!(metrics.get("watchkeeper_connect_attempts_total", &[("broker", "near")]), Some(1.0));
    assert!(online(&sidecar, "near", 5.0) && online(&sidecar, "far", 2.0), "{}", metrics.text);
    far.restart(false);
    sidecar.until_connected();
    assert_eq!(sidecar.json("/api/health")["issues"], serde_json::Value::Null);
    let count = sidecar.metrics().sum("mqtt_messages_received_total", &[("broker", "far")]);
    sidecar.wait_until("messages go on", SOON, |own| {
        own.metrics().sum("mqtt_messages_received_total", &[("broker", "far")]) >= count + 20.0
    });
    assert!(sidecar.metrics().sum("mqtt_device_disconnects_total", &[]) < 0.5);
    drop((here, there));
}
