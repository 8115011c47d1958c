//! Serve first, connect second; and what a broker without messages tells.

use crate::devices::{Devices, lively};
use crate::scene::{EVERY, STREAM, Scene, broker, connected, issue};
use crate::support::{Mosquitto, SOON, becomes, free_port};
use std::net::TcpListener;
use std::time::Duration;

#[test]
fn http_answers_before_the_broker_is_there_and_the_broker_is_found_when_it_comes() {
    let mut mosquitto = Mosquitto::start();
    mosquitto.kill();
    let scene = Scene::plain(&mosquitto.url());
    let sidecar = scene.sidecar();
    for path in ["/livez", "/readyz", "/-/healthy", "/-/ready", "/metrics", "/api/nodes", "/"] {
        assert_eq!(sidecar.get(path).status, 200, "{path}");
    }
    sidecar.wait_until("the refusal is told", SOON, |own| {
        issue(own, "broker_never_connected").is_some_and(|issue| {
            issue["broker"] == "main"
                && issue["cure"].as_str().is_some_and(|cure| cure.contains("start the broker"))
        })
    });
    let health = sidecar.get("/api/health");
    assert_eq!((health.status, &health.json()["status"]), (200, &"degraded".into()));
    assert_eq!(health.json()["mqtt"]["connected"], false);
    assert!(!connected(&sidecar.metrics()));
    mosquitto.restart(false);
    sidecar.until_connected();
    let health = sidecar.json("/api/health");
    assert_eq!((&health["status"], &health["issues"]), (&"healthy".into(), &serde_json::Value::Null));
    assert_eq!(health["mqtt"]["reconnect_attempts"], 0);
    assert_eq!(health["brokers"][0]["attempts"], 0);
    assert_eq!(sidecar.json("/api/health/mqtt")["reconnection"]["attempts"], 0);
    let metrics = sidecar.metrics();
    assert!(metrics.get("watchkeeper_connect_attempts_total", &[]) >= Some(2.0));
    assert!(metrics.get("watchkeeper_connect_failures_total", &[("reason", "refused")]) >= Some(1.0));
}

#[test]
fn a_port_that_accepts_and_says_nothing_is_told_apart() {
    let listener = TcpListener::bind(("127.0.0.1", free_port())).unwrap();
    let url = format!("mqtt://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let scene = Scene::plain(&url);
    let sidecar = scene.sidecar();
    sidecar.wait_until("the time-out is counted", SOON, |own| {
        own.metrics().get("watchkeeper_connect_failures_total", &[("reason", "timeout")]) >= Some(1.0)
    });
    assert_eq!(sidecar.json("/api/health")["status"], "degraded");
}

#[test]
fn the_last_device_of_a_quiet_broker_is_called_offline_in_time() {
    // No statistics, so that no message wakes anybody.
    let mosquitto = Mosquitto::with("sys_interval 0");
    let settings = broker("main", &mosquitto.url(), "").replace("connect_timeout = \"1s\"\n", "") + STREAM;
    let scene = Scene::new(&settings);
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    let device = Devices::start(mosquitto.port(), &["fleet/d1/t"], EVERY, lively);
    sidecar
        .wait_until("it is online", SOON, |own| own.node("d1").is_some_and(|node| node["state"] == "online"));
    device.stop();
    // 2.5 s until it is offline, at most 2 s until the broker is asked, a second until somebody looks.
    let offline = becomes(Duration::from_secs(7), || sidecar.node("d1").unwrap()["state"] == "offline");
    assert!(offline, "{:?}\n{}", sidecar.node("d1"), sidecar.log());
}
