//! Devices of each convention at a real broker, with no configuration: who is there, what it measures, and why it is
//! gone when its connection is cut.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

mod support;

use support::{Mosquitto, Publisher, SOON, Sidecar};

fn watched(broker: &Mosquitto, folder: &std::path::Path) -> Sidecar {
    let sidecar = Sidecar::start(&["--broker", &broker.url()], &[], &folder.join("data"));
    sidecar.until_connected();
    sidecar
}

fn is(sidecar: &Sidecar, device: &str, state: &str, reason: Option<&str>) -> bool {
    sidecar.node(device).is_some_and(|node| node["state"] == state && node["reason"].as_str() == reason)
}

fn until(sidecar: &Sidecar, device: &str, state: &str, reason: Option<&str>) {
    let what = format!("{device} is {state} ({reason:?})");
    sidecar.wait_until(&what, SOON, |own| is(own, device, state, reason));
}

/// A field of protobuf that holds a number.
fn number(field: u8, value: u8) -> Vec<u8> {
    vec![field << 3, value]
}

/// One that holds bytes.
fn bytes(field: u8, value: &[u8]) -> Vec<u8> {
    [&[field << 3 | 2, u8::try_from(value.len()).unwrap()], value].concat()
}

/// A metric `bdSeq`.
fn session(of: u8) -> Vec<u8> {
    bytes(2, &[bytes(1, b"bdSeq"), number(4, 4), number(11, of)].concat())
}

#[test]
fn a_device_of_each_convention_is_there_and_gone_when_its_connection_is_cut() {
    let broker = Mosquitto::start();
    let folder = tempfile::tempdir().unwrap();
    let sidecar = watched(&broker, folder.path());
    let devices: &[(&str, &str, &str, &str, &str, &str)] = &[
        (
            "tasmota_7",
            "tele/tasmota_7/LWT",
            "Online",
            "Offline",
            "tele/tasmota_7/SENSOR",
            r#"{"X":{"T":1.5}}"#,
        ),
        ("lamp", "homie/lamp/$state", "ready", "lost", "homie/lamp/light/level", "40"),
        ("bulb", "homie/5/bulb/$state", "ready", "lost", "homie/5/bulb/light/level", "40"),
        ("desk", "desk/status", "online", "offline", "desk/sensor/temp/state", "21.5"),
        ("shelly1-A", "shellies/shelly1-A/online", "true", "false", "shellies/shelly1-A/relay/0/power", "5"),
        ("plus1-B", "plus1-B/online", "true", "false", "plus1-B/status/switch:0", r#"{"apower":5}"#),
    ];
    let mut clients = Vec::new();
    for (device, status, online, offline, topic, value) in devices {
        // Client ids that are not the devices': what is known of them is known by the will alone.
        let client = format!("client-of-{device}");
        let mut publisher = Publisher::with_will(broker.port(), &client, status, offline.as_bytes(), true);
        publisher.retain(status, online);
        publisher.publish(topic, value);
        clients.push(publisher);
    }
    let mut bridge = Publisher::with_will(
        broker.port(),
        "z2m",
        "zigbee2mqtt/bridge/state",
        br#"{"state":"offline"}"#,
        true,
    );
    bridge.retain("zigbee2mqtt/bridge/state", r#"{"state":"online"}"#);
    bridge.publish("zigbee2mqtt/hall/lamp", r#"{"linkquality":7}"#);
    for (device, ..) in devices {
        until(&sidecar, device, "online", None);
        sidecar.wait_until("its point is there", SOON, |own| own.node(device).unwrap()["points"] == 1);
    }
    until(&sidecar, "hall/lamp", "online", None);
    assert_eq!(sidecar.node("hall/lamp").unwrap()["parent"], "zigbee2mqtt/bridge");
    drop((clients, bridge));
    for (device, ..) in devices {
        until(&sidecar, device, "offline", Some("will"));
    }
    until(&sidecar, "zigbee2mqtt/bridge", "offline", Some("will"));
    until(&sidecar, "hall/lamp", "offline", Some("parent"));
    let metrics = sidecar.metrics();
    assert_eq!(metrics.get("mqtt_device_up", &[("device", "lamp")]), Some(0.0));
    assert_eq!(metrics.get("mqtt_device_disconnects_total", &[("device", "desk")]), Some(1.0));
    let findings = sidecar.json("/api/findings");
    let of_desk = findings.to_string();
    assert!(of_desk.contains("its status topic or last will says so"), "{of_desk}");
    sidecar.stop();

    // What the broker keeps says the same to somebody who was not there.
    let anew = watched(&broker, &folder.path().join("anew"));
    until(&anew, "tasmota_7", "offline", Some("will"));
    until(&anew, "bulb", "offline", Some("will"));
    anew.stop();
}

#[test]
fn an_edge_node_of_sparkplug_dies_with_its_devices() {
    let broker = Mosquitto::start();
    let folder = tempfile::tempdir().unwrap();
    let sidecar = watched(&broker, folder.path());
    let mut edge = Publisher::with_will(broker.port(), "edge", "spBv1.0/G/NDEATH/E", &session(9), false);
    edge.publish("spBv1.0/G/NBIRTH/E", [number(3, 0), session(9)].concat());
    let metric = [bytes(1, b"level"), number(2, 5), number(4, 3), number(10, 42)].concat();
    edge.publish("spBv1.0/G/DBIRTH/E/D", [number(3, 1), bytes(2, &metric)].concat());
    edge.publish(
        "spBv1.0/G/DDATA/E/D",
        [number(3, 2), bytes(2, &[number(2, 5), number(10, 43)].concat())].concat(),
    );
    // The three between are missing.
    edge.publish(
        "spBv1.0/G/DDATA/E/D",
        [number(3, 6), bytes(2, &[number(2, 5), number(10, 44)].concat())].concat(),
    );
    until(&sidecar, "G/E", "online", None);
    until(&sidecar, "G/E/D", "online", None);
    sidecar.wait_until("what is missing is lost", SOON, |own| own.node("G/E").unwrap()["lost"] == 3);
    assert_eq!(sidecar.node("G/E/D").unwrap()["points"], 1);
    // A death of the session before says nothing.
    let mut other = Publisher::connect(broker.port());
    other.publish("spBv1.0/G/NDEATH/E", session(8));
    sidecar.wait_until("it is counted", SOON, |own| {
        own.metrics().get("watchkeeper_stale_departures_total", &[]) == Some(1.0)
    });
    drop(edge);
    until(&sidecar, "G/E", "offline", Some("will"));
    until(&sidecar, "G/E/D", "offline", Some("parent"));
    sidecar.stop();
}

#[test]
fn what_home_assistant_is_told_is_known_here_too() {
    let broker = Mosquitto::start();
    let folder = tempfile::tempdir().unwrap();
    let config = r#"{"stat_t":"home/stove/t","avty_t":"home/stove/av","dev":{"ids":"stove-1"}}"#;
    let mut early = Publisher::connect(broker.port());
    early.retain("homeassistant/sensor/stove/config", config);
    let sidecar = watched(&broker, folder.path());
    let mut stove = Publisher::with_will(broker.port(), "x", "home/stove/av", b"offline", true);
    stove.retain("home/stove/av", "online");
    stove.publish("home/stove/t", "21.5");
    until(&sidecar, "stove-1", "online", None);
    drop(stove);
    until(&sidecar, "stove-1", "offline", Some("will"));
    assert!(sidecar.node("home/stove").is_none(), "it is one device, and not two");
    sidecar.stop();
}

#[test]
fn the_broker_tells_why_a_client_went_whose_id_is_the_devices() {
    let broker = Mosquitto::with("log_dest topic");
    let folder = tempfile::tempdir().unwrap();
    let sidecar = watched(&broker, folder.path());
    let mut leaves = Publisher::named(broker.port(), "leaves");
    leaves.publish("leaves/value", "1");
    let mut dies = Publisher::named(broker.port(), "dies");
    dies.publish("dies/value", "1");
    let mut stranger = Publisher::named(broker.port(), "stranger");
    stranger.publish("stays/value", "1");
    for device in ["leaves", "dies", "stays"] {
        until(&sidecar, device, "online", None);
    }
    leaves.goodbye();
    drop((dies, stranger));
    until(&sidecar, "leaves", "offline", Some("disconnect"));
    until(&sidecar, "dies", "offline", Some("connection_closed"));
    assert!(is(&sidecar, "stays", "online", None), "nobody knows whose client that was");
    sidecar.stop();
}
