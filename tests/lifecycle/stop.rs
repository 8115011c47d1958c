//! Stopping as asked, whatever goes on; and what the service manager is told.

use crate::devices::{Devices, lively};
use crate::scene::{EVERY, STREAM, Scene, TOPICS, broker, messages, until_online};
use crate::support::{Mosquitto, SOON, Sidecar, becomes};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

const GRACE: Duration = Duration::from_secs(5);

/// SIGTERM: exit 0 within the grace, `/metrics` answers to the end. Gives the log.
fn stops(mut sidecar: Sidecar, what: &str) -> String {
    let began = Instant::now();
    sidecar.signal("TERM");
    // While it listens it answers in full; then it is gone.
    while TcpStream::connect(sidecar.address()).is_ok() {
        if let Ok(answer) = sidecar.try_get("/metrics") {
            assert_eq!(answer.status, 200, "{what}");
            assert!(answer.text().contains("watchkeeper_build_info"), "{what}: {}", answer.text());
        }
        assert!(began.elapsed() < GRACE, "{what}: still listening\n{}", sidecar.log());
    }
    let status = sidecar.wait(GRACE.saturating_sub(began.elapsed()) + Duration::from_millis(200));
    assert!(status.success(), "{what}: {status}\n{}", sidecar.log());
    // The last line may still be on its way to us.
    becomes(SOON, || sidecar.log().contains("stopped"));
    let log = sidecar.log();
    assert!(log.contains("stopped") && !log.contains("raise --grace"), "{what}: {log}");
    log
}

#[test]
fn a_stop_in_a_flood_is_in_time_and_forgets_nothing() {
    let mosquitto = Mosquitto::start();
    let scene = Scene::plain(&mosquitto.url());
    let sidecar = scene.sidecar_with(&["--grace", "5s"], &[]);
    sidecar.until_connected();
    // As fast as they can.
    let flood = Devices::start(mosquitto.port(), &TOPICS, Duration::ZERO, lively);
    sidecar.wait_until("it is flooded", SOON, |own| messages(&own.metrics()) >= 5000.0);
    let count = messages(&sidecar.metrics());
    stops(sidecar, "in a flood");
    drop(flood);
    let sidecar = scene.sidecar();
    assert!(messages(&sidecar.metrics()) >= count, "an orderly stop forgets nothing");
}

#[test]
fn a_stop_is_in_time_while_the_broker_is_away_frozen_or_was_never_there() {
    let mut mosquitto = Mosquitto::start();
    let settings = broker("main", &mosquitto.url(), "").replace("\"1s\"", "\"30s\"") + STREAM;
    let scene = Scene::new(&settings);
    let start = || scene.sidecar_with(&["--grace", "5s"], &[]);
    let sidecar = start();
    sidecar.until_connected();
    mosquitto.freeze();
    stops(sidecar, "frozen while connected");
    // Its socket still accepts, and nobody answers.
    let sidecar = start();
    std::thread::sleep(Duration::from_millis(300));
    stops(sidecar, "frozen while connecting");
    mosquitto.cont();
    let sidecar = start();
    sidecar.until_connected();
    mosquitto.kill();
    sidecar.wait_until("it is away", SOON, |own| own.json("/api/health")["mqtt"]["connected"] == false);
    let outage = |own: &Sidecar| {
        own.metrics().get("watchkeeper_outage_seconds_total", &[]).expect("it is counted from the start")
    };
    sidecar.wait_until("the outage grows", SOON, |own| outage(own) > 1.0);
    stops(sidecar, "away");
    stops(start(), "never there");
}

#[test]
fn a_hang_up_does_not_end_it_and_the_broker_is_told_of_the_end() {
    let mosquitto = Mosquitto::start();
    let scene = Scene::plain(&mosquitto.url());
    let sidecar = scene.sidecar_with(&["--grace", "5s"], &[]);
    sidecar.until_connected();
    let devices = Devices::start(mosquitto.port(), &TOPICS, EVERY, lively);
    until_online(&sidecar, 5);
    sidecar.signal("HUP");
    sidecar
        .wait_until("it is read again", SOON, |own| own.log().contains("the configuration was read again"));
    let count = messages(&sidecar.metrics());
    sidecar.wait_until("messages go on", SOON, |own| messages(&own.metrics()) > count + 10.0);
    sidecar.signal("INT");
    stops(sidecar, "SIGINT");
    drop(devices);
    // Once before the new configuration was in force, and once at the end.
    says_goodbye(&mosquitto, 4);
}

/// Both connections, in words; in a flood the broker may not get to read them.
fn says_goodbye(mosquitto: &Mosquitto, times: usize) {
    let said = mosquitto.log();
    let said: Vec<&str> = said
        .lines()
        .filter(|line| {
            line.contains("watchkeeper-") && !line.contains(" PUBLISH ") && !line.contains(" PUBACK ")
        })
        .collect();
    let goodbyes = said.iter().filter(|line| line.contains("Received DISCONNECT from"));
    assert_eq!(goodbyes.count(), times, "both connections said goodbye: {said:#?}");
}

#[test]
fn the_service_manager_is_told_and_its_watchdog_is_fed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut told = Vec::new();
    let mut listen = |wanted: &str, count: usize| {
        let heard = becomes(SOON, || {
            let mut bytes = [0; 256];
            if let Ok(length) = socket.recv(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
                told.extend(text.lines().map(ToOwned::to_owned));
            }
            told.iter().filter(|line| *line == wanted).count() >= count
        });
        assert!(heard, "{count} times {wanted}: {told:?}");
    };
    // No broker: to be ready means to serve.
    let scene = Scene::plain("mqtt://127.0.0.1:1");
    let path = path.to_str().unwrap();
    let sidecar =
        scene.sidecar_with(&["--grace", "5s"], &[("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", "600000")]);
    listen("READY=1", 1);
    let began = Instant::now();
    listen("WATCHDOG=1", 5);
    let each = began.elapsed() / 5;
    assert!(each < Duration::from_millis(500), "one every {each:?}, and 600 ms are allowed");
    stops(sidecar, "with a service manager");
    listen("STOPPING=1", 1);
    assert_eq!(told.first().map(String::as_str), Some("READY=1"));
    assert_eq!(told.last().map(String::as_str), Some("STOPPING=1"));
}
