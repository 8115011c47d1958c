//! The probe goes the way of the devices' connection, whichever that is, and fails over with it.

use crate::scene::{Papers, Scene, broker, with_listener};
use crate::support::{Mosquitto, SOON, Sidecar, free_port};

/// A sidecar that probes once a second.
fn probing(scene: &Scene) -> Sidecar {
    let (config, data) = (scene.config(), scene.config().with_extension("probed"));
    let config = config.to_str().expect("the folder's name is UTF-8");
    let env = [("WATCHKEEPER_PROBE__EVERY", "1s"), ("WATCHKEEPER_PROBE__SESSION_EVERY", "1s")];
    Sidecar::start(&["--config", config], &env, &data)
}

fn until_back(sidecar: &Sidecar, rounds: f64) {
    sidecar.wait_until("the probe's messages came back", SOON, |own| {
        let metrics = own.metrics();
        let count = metrics.get("mqtt_probe_round_trip_seconds_count", &[("qos", "2")]);
        count >= Some(rounds) && metrics.get("mqtt_session_probe_success", &[]) == Some(1.0)
    });
}

#[test]
fn the_probe_goes_over_tls_websockets_and_socket_files_in_both_versions() {
    let papers = Papers::new();
    let (plain, socket) = (free_port(), papers.path().join("mqtt.sock"));
    let (_mosquitto, port) = with_listener(|port| {
        let more =
            format!("listener {plain} 127.0.0.1\nprotocol websockets\nlistener 0 {}\n", socket.display());
        papers.listener(port, "") + &more
    });
    let ways = [
        format!("mqtts://127.0.0.1:{port}"),
        format!("ws://127.0.0.1:{plain}/mqtt"),
        format!("unix://{}", socket.display()),
    ];
    for (url, version) in ways.iter().zip(["5", "3.1.1", "5"]) {
        let trusted = if url.starts_with("mqtts") { papers.trusted() } else { String::new() };
        let sidecar = probing(&Scene::new(url, &format!("version = \"{version}\"\n{trusted}")));
        until_back(&sidecar, 1.0);
        assert_eq!(broker(&sidecar)["probe"]["failure"], serde_json::Value::Null, "{url}");
        sidecar.stop();
    }
}

#[test]
fn the_probe_fails_over_with_the_connection() {
    let (mut first, second) = (Mosquitto::start(), Mosquitto::start());
    let scene = Scene::new(&first.url(), &format!("failover = [\"{}\"]", second.url()));
    let sidecar = probing(&scene);
    until_back(&sidecar, 1.0);
    first.kill();
    let seen = || second.log().contains("watchkeeper/probe/");
    sidecar.wait_until("the second broker is probed", SOON, |_| seen());
    let came = sidecar.metrics().sum("mqtt_probe_round_trip_seconds_count", &[("qos", "2")]);
    until_back(&sidecar, came + 1.0);
    assert_eq!(Some(sidecar.metrics().sum("mqtt_probe_messages_lost_total", &[])), Some(0.0));
}
