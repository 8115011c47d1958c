//! What the broker says of itself, held against what it says to `mosquitto_sub`.

use crate::scene::{Scene, connected, issue, long};
use crate::support::{Metrics, Mosquitto, Publisher, SOON, becomes, run_with};
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

/// Our metric, its labels, and the topic below `$SYS/broker/`.
type Told = (&'static str, &'static [(&'static str, &'static str)], &'static str);

/// What stands still while nothing happens.
const STABLE: [Told; 6] = [
    ("mqtt_broker_clients", &[("state", "disconnected")], "clients/disconnected"),
    ("mqtt_broker_clients", &[("state", "expired")], "clients/expired"),
    ("mqtt_broker_publish_received_total", &[], "publish/messages/received"),
    ("mqtt_broker_publish_dropped_total", &[], "publish/messages/dropped"),
    ("mqtt_broker_retained_messages", &[], "retained messages/count"),
    ("mqtt_broker_stored_messages", &[], "store/messages/count"),
];

/// Everything that is retained below `$SYS`.
fn told(port: u16) -> BTreeMap<String, String> {
    let mut command = Command::new("mosquitto_sub");
    command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-t", "$SYS/broker/#", "-v", "-W", "1"]);
    let output = run_with(command.args(["-F", "%t=%p"]), "mosquitto-clients", b"");
    let lines = output.out.lines().filter_map(|line| line.strip_prefix("$SYS/broker/")?.split_once('='));
    let told: BTreeMap<String, String> =
        lines.map(|(topic, payload)| (topic.to_owned(), payload.to_owned())).collect();
    assert!(told.contains_key("uptime"), "mosquitto_sub heard nothing: {output:?}");
    told
}

fn number(text: &str) -> f64 {
    text.split(' ')
        .next()
        .and_then(|first| first.parse().ok())
        .unwrap_or_else(|| panic!("{text} is no number"))
}

fn uptime(metrics: &Metrics) -> Option<f64> {
    metrics.get("mqtt_broker_uptime_seconds", &[])
}

#[test]
fn the_statistics_are_those_of_the_broker_and_begin_anew_with_it() {
    let mut mosquitto = Mosquitto::start();
    let mut publisher = Publisher::connect(mosquitto.port());
    for device in 0..30 {
        publisher.retain(format!("fleet/d{device}/t"), r#"{"points":{"v":1}}"#);
    }
    let scene = Scene::plain(&mosquitto.url());
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    let mut seen = (Metrics::parse(String::new()), BTreeMap::new());
    // Both looks must fall between two of the broker's.
    let agreed = becomes(SOON, || {
        let told = told(mosquitto.port());
        let metrics = sidecar.metrics();
        let same = STABLE.iter().all(|(name, labels, topic)| {
            metrics
                .get(name, labels)
                .is_some_and(|value| told.get(*topic).is_none_or(|told| (value - number(told)).abs() < 0.5))
        });
        // The broker counts every second: ourselves twice, the publisher, and perhaps mosquitto_sub.
        let clients = metrics.get("mqtt_broker_clients", &[("state", "connected")]).unwrap_or(0.0);
        let counted = metrics.get("mqtt_broker_retained_messages", &[]) >= Some(30.0)
            && (3.0..=4.0).contains(&clients)
            && metrics.get("mqtt_broker_received_bytes_total", &[]) > Some(1000.0);
        seen = (metrics, told);
        same && counted
    });
    let (metrics, told) = seen;
    let ours: Vec<&str> = metrics.text.lines().filter(|line| line.starts_with("mqtt_broker_")).collect();
    assert!(agreed, "{told:#?}\n{ours:#?}");
    let version = told["version"].strip_prefix("mosquitto version ").unwrap();
    let info = metrics.get("mqtt_broker_info", &[("kind", "mosquitto"), ("version", version)]);
    assert_eq!(info, Some(1.0), "{}", metrics.text);
    let difference = uptime(&metrics).unwrap() - number(&told["uptime"]);
    assert!(difference.abs() <= 3.0, "uptime differs by {difference} s");
    drop(publisher);
    sidecar.wait_until("it is older", SOON, |own| uptime(&own.metrics()) >= Some(6.0));
    let attempts = sidecar.metrics().get("watchkeeper_connect_attempts_total", &[]);
    mosquitto.restart(false);
    sidecar.wait_until("it came back", SOON, |own| {
        let metrics = own.metrics();
        connected(&metrics) && metrics.get("watchkeeper_connect_attempts_total", &[]) > attempts
    });
    sidecar.wait_until("the statistics begin anew", SOON, |own| {
        let metrics = own.metrics();
        uptime(&metrics).is_some_and(|uptime| uptime < 5.0)
            && metrics.get("mqtt_broker_publish_received_total", &[]).is_none_or(|count| count < 0.5)
            && metrics.get("mqtt_broker_retained_messages", &[]).is_none_or(|count| count < 60.0)
    });
    assert_eq!(sidecar.metrics().get("mqtt_broker_up", &[]), Some(1.0));
}

#[test]
fn hidden_statistics_leave_the_rest_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let access = folder.path().join("access");
    // This make grants the subscription and then delivers nothing.
    fs::write(&access, "topic readwrite fleet/#\n").unwrap();
    let mosquitto = Mosquitto::with(&format!("acl_file {}", access.display()));
    let scene = Scene::plain(&mosquitto.url());
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    Publisher::connect(mosquitto.port()).publish("fleet/d1/t", r#"{"points":{"v":1}}"#);
    sidecar.until_messages(1);
    std::thread::sleep(Duration::from_secs(2));
    let metrics = sidecar.metrics();
    let hidden = |name: &str| name.starts_with("mqtt_broker_") && name != "mqtt_broker_up";
    assert!(!metrics.samples.iter().any(|sample| hidden(&sample.name)), "{}", metrics.text);
    assert_eq!(metrics.get("mqtt_broker_up", &[]), Some(1.0));
    assert_eq!(sidecar.json("/api/health")["status"], "healthy");
    if long() {
        // Some brokers speak once a minute, so it takes two until silence is told.
        sidecar.wait_until("it is told", Duration::from_secs(130), |own| {
            issue(own, "sys_unavailable").is_some_and(|issue| issue["severity"] == "info")
        });
        assert_eq!(sidecar.json("/api/health")["status"], "healthy");
    }
}
