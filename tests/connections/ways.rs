//! The ways that work: messages come over each of them, large ones too, and the goodbye gets through.

use crate::scene::{Papers, Scene, broker, failed, with_listener};
use crate::support::{Mosquitto, Publisher, SOON, Sidecar, free_port, run, run_with};
use std::process::Command;

/// Connected, and messages arrive; the last one is large.
fn hears(sidecar: &Sidecar, mosquitto: &Mosquitto, size: u32) {
    sidecar.until_connected();
    let mut publisher = Publisher::connect(mosquitto.port());
    let large = format!("{{\"x\":\"{}\"}}", "y".repeat(size as usize));
    for payload in ["{\"a\":1}", "{\"a\":2}", large.as_str()] {
        publisher.publish("fleet/d1/t", payload.as_bytes());
    }
    sidecar.until_messages(3);
    let bytes = sidecar.metrics().sum("mqtt_message_bytes_total", &[]);
    assert!(bytes >= f64::from(size), "{bytes}");
}

/// It stops as asked, and the broker sees a goodbye instead of a connection that broke.
fn leaves(sidecar: Sidecar, mosquitto: &Mosquitto) {
    let id = sidecar.json("/api/health/mqtt")["client_id"].as_str().expect("it is text").to_owned();
    sidecar.stop();
    let told = format!("Client {id} ");
    let seen = crate::support::becomes(SOON, || {
        mosquitto.log().lines().any(|line| line.contains(&told) && line.contains("disconnected"))
            || mosquitto.log().contains(&format!("Received DISCONNECT from {id}"))
    });
    assert!(seen, "{}", mosquitto.log());
    assert!(mosquitto.log().contains(&format!("Received DISCONNECT from {id}")), "{}", mosquitto.log());
}

/// Mosquitto 2.0 sends 4 KiB every 100 ms over a websocket, and less than a second must do.
const OVER_WEBSOCKET: u32 = 20_000;
const LARGE: u32 = 200_000;

fn works(url: &str, more: &str, mosquitto: &Mosquitto) {
    for version in ["5", "3.1.1"] {
        let scene = Scene::new(url, &format!("version = \"{version}\"\n{more}"));
        let sidecar = scene.sidecar();
        hears(&sidecar, mosquitto, if url.starts_with("ws") { OVER_WEBSOCKET } else { LARGE });
        assert_eq!(broker(&sidecar)["url"], url);
        assert_eq!(broker(&sidecar)["failover"], false);
        leaves(sidecar, mosquitto);
    }
}

#[test]
fn tls_with_an_authority_of_ones_own_carries_messages() {
    let papers = Papers::new();
    let (mosquitto, port) = with_listener(|port| papers.listener(port, ""));
    for host in ["127.0.0.1", "localhost"] {
        works(&format!("mqtts://{host}:{port}"), &papers.trusted(), &mosquitto);
    }
}

#[test]
fn websockets_with_and_without_tls_carry_messages() {
    let papers = Papers::new();
    let plain = free_port();
    let (mosquitto, port) = with_listener(|port| {
        papers.listener(port, "protocol websockets")
            + &format!("listener {plain} 127.0.0.1\nprotocol websockets\n")
    });
    works(&format!("ws://127.0.0.1:{plain}/mqtt"), "", &mosquitto);
    works(&format!("wss://localhost:{port}/mqtt"), &papers.trusted(), &mosquitto);
}

#[test]
fn a_socket_file_carries_messages_and_a_missing_one_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("mqtt.sock");
    let url = format!("unix://{}", socket.display());
    let sidecar = Scene::new(&url, "").sidecar();
    let failure = failed(&sidecar, "unix_socket");
    assert!(failure["summary"].as_str().unwrap().contains("mqtt.sock"), "{failure}");
    drop(sidecar);
    let mosquitto = Mosquitto::with(&format!("listener 0 {}", socket.display()));
    works(&url, "", &mosquitto);
}

#[test]
fn the_failover_takes_over_and_health_says_which_one_is_in_use() {
    let papers = Papers::new();
    let (mut first, port) = with_listener(|port| papers.listener(port, ""));
    let second = Mosquitto::with("");
    let more = format!("failover = [\"{}\"]\n{}", second.url(), papers.trusted());
    let url = format!("mqtts://127.0.0.1:{port}");
    let scene = Scene::new(&url, &more);
    let sidecar = scene.sidecar();
    hears(&sidecar, &first, LARGE);
    assert_eq!(broker(&sidecar)["url"], url.as_str());
    first.kill();
    sidecar.wait_until("the second broker is in use", SOON, |own| {
        let broker = broker(own);
        broker["connected"] == true && broker["failover"] == true && broker["url"] == second.url().as_str()
    });
    let mut publisher = Publisher::connect(second.port());
    publisher.publish("fleet/d1/t", b"{}");
    sidecar.until_messages(4);
    assert!(sidecar.log().contains(&second.url()), "{}", sidecar.log());
}

#[test]
fn the_session_of_the_log_belongs_to_its_broker_and_one_that_begins_anew_elsewhere_is_recorded() {
    let (mut first, second) = (Mosquitto::with(""), Mosquitto::with(""));
    let audited =
        "[[stream]]\nname = \"a\"\nfilter = \"audited/{device}\"\nformat = \"json\"\naudit = true\n";
    let more = format!("failover = [\"{}\"]\n{audited}", second.url());
    let scene = Scene::new(&first.url(), &more);
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    let audit = |own: &Sidecar| broker(own)["audit"]["connected"] == true;
    sidecar.wait_until("the log is connected", SOON, audit);
    let dir = scene.data().join("audit");
    let lost = || {
        let found =
            run(&["audit", "search", "--event", "session_lost", "--dir", dir.to_str().expect("UTF-8")]);
        found.out.lines().count()
    };
    assert_eq!(lost(), 0);
    first.kill();
    sidecar.wait_until("the log says so", SOON, |own| audit(own) && lost() == 1);
}

#[test]
fn what_devices_say_besides_in_mqtt_5_are_labels_where_it_is_asked_for() {
    let mosquitto = Mosquitto::with("");
    let scene = Scene::new(&mosquitto.url(), "[fleet]\nlabels = []\nuser_properties = [\"fw-version\"]\n");
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    let port = mosquitto.port().to_string();
    let args = ["-h", "127.0.0.1", "-p", &port, "-V", "5", "-q", "1", "-t", "fleet/d1/t", "-m", "{\"a\":1}"];
    let said =
        ["-D", "publish", "user-property", "fw-version", "1.2", "-D", "publish", "user-property", "x", "y"];
    let output = run_with(Command::new("mosquitto_pub").args(args).args(said), "mosquitto-clients", b"");
    assert!(output.err.is_empty(), "{}", output.err);
    sidecar.wait_until("the label is there", SOON, |own| {
        own.metrics().get("mqtt_device_info", &[("device", "d1"), ("fw_version", "1.2")]) == Some(1.0)
    });
    assert_eq!(sidecar.metrics().get("mqtt_device_info", &[("x", "y")]), None, "nobody asked for that");
}
