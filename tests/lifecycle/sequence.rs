//! Sequence numbers over our own troubles: what the device lost is its loss, what we did not hear is not, and an
//! operator may say where to go on.

use crate::scene::{Scene, broker};
use crate::support::{Mosquitto, Publisher, SOON, Sidecar, run};
use std::ops::RangeInclusive;

const STREAM: &str = r#"
[[stream]]
name = "t"
filter = "fleet/{device}/t"
kind = "event"
sequence = "$.sequence"
reorder_window = "500ms"
"#;

fn say(mosquitto: &Mosquitto, numbers: RangeInclusive<u64>) {
    let mut publisher = Publisher::connect(mosquitto.port());
    for number in numbers {
        publisher.publish("fleet/d1/t", format!(r#"{{"sequence":{number}}}"#));
    }
}

/// Lost by the device, and missed by us.
fn until(sidecar: &Sidecar, lost: u64, missed: u64) {
    sidecar.wait_until(&format!("{lost} are lost and {missed} missed"), SOON, |own| {
        let metrics = own.metrics();
        let count = |name: &str| metrics.get(name, &[("device", "d1")]);
        count("mqtt_device_messages_lost_total") == Some(lost as f64)
            && count("mqtt_device_messages_missed_total") == Some(missed as f64)
    });
    let metrics = sidecar.metrics();
    assert_eq!(metrics.get("mqtt_messages_lost_total", &[]), Some(lost as f64));
    assert_eq!(metrics.get("mqtt_messages_missed_total", &[]), Some(missed as f64));
}

fn until_next(sidecar: &Sidecar, next: u64) {
    sidecar.wait_until(&format!("{next} is expected"), SOON, |own| {
        own.node("d1").is_some_and(|node| node["sequence"]["positions"][0]["next"] == next)
    });
}

#[test]
fn the_devices_losses_and_ours_are_told_apart_over_kills_and_restarts() {
    let mosquitto = Mosquitto::start();
    let scene = Scene::new(&(broker("main", &mosquitto.url(), "") + STREAM));
    let mut sidecar = scene.sidecar();
    sidecar.until_connected();
    say(&mosquitto, 81..=100);
    say(&mosquitto, 115..=120);
    until(&sidecar, 14, 0);
    let findings = sidecar.get("/api/findings").text();
    assert!(findings.contains("t: missing 14: 101 to 114"), "{findings}");

    let saves = sidecar.metrics().get("watchkeeper_state_saves_total", &[]);
    sidecar.wait_until("it was saved twice more", SOON, |own| {
        own.metrics().get("watchkeeper_state_saves_total", &[]) >= saves.map(|count| count + 2.0)
    });
    sidecar.kill9();
    say(&mosquitto, 121..=130);
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    say(&mosquitto, 131..=133);
    say(&mosquitto, 135..=136);
    until(&sidecar, 15, 10);
    sidecar.stop();
    // Nothing was sent while we were away, so nothing is missing.
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    say(&mosquitto, 137..=138);
    until_next(&sidecar, 139);
    until(&sidecar, 15, 10);

    let ask = |args: &[&str]| {
        let output = run(&[&["state"], args, &["--url", &sidecar.url()]].concat());
        (output.code, output.out + &output.err)
    };
    let (code, text) = ask(&["start-from", "d1", "t", "7000"]);
    assert_eq!(code, 0, "{text}");
    say(&mosquitto, 7000..=7001);
    until_next(&sidecar, 7002);
    until(&sidecar, 15, 10);
    let (code, text) = ask(&["start-from", "d1", "nonsense", "1"]);
    assert!(code == 1 && text.contains("no sequence numbers"), "{code} {text}");
    let (code, text) = ask(&["start-from", "d9", "t", "1"]);
    assert!(code == 1 && text.contains("no device"), "{code} {text}");
    assert_eq!(ask(&["reset", "d1"]).0, 0);
    say(&mosquitto, 5..=5);
    until_next(&sidecar, 6);
    sidecar.stop();
}
