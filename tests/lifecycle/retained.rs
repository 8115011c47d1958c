//! What a broker keeps is old: counted each time it is delivered, and no sign of life.

use crate::scene::{Scene, connected};
use crate::support::{Mosquitto, Publisher, SOON};

#[test]
fn retained_messages_are_counted_after_every_connect_and_are_no_heartbeat() {
    let mut mosquitto = Mosquitto::with("persistence true");
    let mut publisher = Publisher::connect(mosquitto.port());
    for device in 0..20 {
        publisher.retain(format!("fleet/r{device}/t"), r#"{"points":{"v":1}}"#);
    }
    let scene = Scene::plain(&mosquitto.url());
    let sidecar = scene.sidecar();
    let ignored = |count: f64| {
        sidecar.wait_until(&format!("{count} are ignored"), SOON, |own| {
            own.metrics().get("mqtt_retained_ignored_total", &[]) == Some(count)
        });
    };
    for round in 1..=4 {
        sidecar.until_connected();
        ignored(f64::from(round) * 20.0);
        let metrics = sidecar.metrics();
        assert_eq!(metrics.get("mqtt_devices", &[("state", "unknown")]), Some(20.0));
        assert_eq!(metrics.get("mqtt_devices", &[("state", "online")]), Some(0.0));
        assert!(metrics.all("mqtt_device_up", &[]).next().is_none(), "unknown is absent");
        assert!(metrics.sum("mqtt_device_connects_total", &[]) < 0.5);
        if round < 4 {
            let attempts = metrics.get("watchkeeper_connect_attempts_total", &[]);
            mosquitto.restart(true);
            sidecar.wait_until("it came back", SOON, |own| {
                let metrics = own.metrics();
                connected(&metrics) && metrics.get("watchkeeper_connect_attempts_total", &[]) > attempts
            });
        }
    }
    let mut publisher = Publisher::connect(mosquitto.port());
    publisher.publish("fleet/r3/t", r#"{"points":{"v":2}}"#);
    sidecar.wait_until("a live one counts", SOON, |own| {
        own.metrics().get("mqtt_devices", &[("state", "online")]) == Some(1.0)
    });
    ignored(80.0);
}
