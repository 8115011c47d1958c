//! The configuration, read again while devices speak: rules change and nothing is forgotten, a mistake changes nothing.

use crate::devices::{Devices, lively};
use crate::scene::{EVERY, STREAM, Scene, TOPICS, broker, connected, messages, until_online};
use crate::support::{Mosquitto, Noted, SOON, Sidecar, noting};
use std::fs;
use std::sync::Mutex;
use std::time::Instant;

/// Whether the last reading was successful.
fn successful(sidecar: &Sidecar) -> Option<f64> {
    sidecar.metrics().get("watchkeeper_config_last_reload_successful", &[])
}

fn write(scene: &Scene, text: &str) {
    fs::write(scene.folder.path().join("watchkeeper.toml"), text).expect("the folder can be written");
}

fn count(sidecar: &Sidecar, device: &str) -> u64 {
    sidecar.node(device).map_or(0, |node| node["messages"].as_u64().unwrap_or(0))
}

fn reloaded(sidecar: &Sidecar) -> usize {
    sidecar.log().matches("the configuration was read again").count()
}

#[test]
fn rules_change_and_what_is_known_of_devices_stays() {
    let mosquitto = Mosquitto::start();
    let first = broker("main", &mosquitto.url(), "") + STREAM;
    let scene = Scene::new(&first);
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    let devices = Devices::start(mosquitto.port(), &TOPICS, EVERY, lively);
    until_online(&sidecar, 5);
    let known = sidecar.node("d1").unwrap();
    let before = count(&sidecar, "d1");
    let range = |own: &Sidecar| own.metrics().sum("mqtt_errors_total", &[("reason", "range")]);
    assert!(range(&sidecar) < 1.0);

    // What nobody saves, and is of this run.
    let findings = |own: &Sidecar| own.json("/api/findings")["findings"].as_array().unwrap().len();
    let status =
        |own: &Sidecar| own.json("/api/mqtt/status")["statistics"]["messages"]["received"].as_u64().unwrap();
    let topics = |own: &Sidecar| own.json("/api/topics")["topics"].as_array().unwrap().len();
    let observed = (findings(&sidecar), status(&sidecar), topics(&sidecar));
    assert!(observed.0 > 0 && observed.1 > 0 && observed.2 > 0, "{observed:?}");

    // The same stream with a narrower range, and another one before it.
    let narrow = STREAM.replace("range = [0, 100]", "range = [-2, -1]");
    let other = "[[stream]]\nname = \"other\"\nfilter = \"other/{device}\"\n";
    write(&scene, &(broker("main", &mosquitto.url(), "") + other + &narrow));
    sidecar.signal("HUP");
    sidecar.wait_until("it is said", SOON, |own| reloaded(own) == 1);
    sidecar.wait_until("the new range is in force", SOON, |own| range(own) > 4.0);
    sidecar.wait_until("connected", SOON, |own| connected(&own.metrics()));
    assert!(
        findings(&sidecar) >= observed.0 && status(&sidecar) >= observed.1 && topics(&sidecar) >= observed.2
    );
    let now = sidecar.node("d1").unwrap();
    assert!(count(&sidecar, "d1") >= before, "{now}");
    assert_eq!((&now["first_seen"], &now["state"]), (&known["first_seen"], &"online".into()));
    assert_eq!(successful(&sidecar), Some(1.0));
    let log = fs::read_to_string(scene.data().join("audit/audit.log")).unwrap();
    assert!(log.contains("\"event\":\"config_reloaded\""), "{log}");
    assert!(!log.contains("\"event\":\"offline\"") && !log.contains("\"event\":\"late\""), "{log}");

    // What needs a restart is named, and stays.
    write(&scene, &(broker("main", "mqtt://127.0.0.1:1", "") + STREAM));
    sidecar.signal("HUP");
    sidecar.wait_until("it is named", SOON, |own| own.log().contains("left=\"[[broker]]\""));
    let had = messages(&sidecar.metrics());
    sidecar.wait_until("messages go on", SOON, |own| messages(&own.metrics()) > had + 10.0);
    assert!(!sidecar.stop().contains("stopped before everything"));
    drop(devices);
}

#[test]
fn a_mistake_changes_nothing_and_is_told() {
    let mosquitto = Mosquitto::start();
    let plain = broker("main", &mosquitto.url(), "") + STREAM + "[web]\nenable_lifecycle = true\n";
    let scene = Scene::new(&plain);
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    let devices = Devices::start(mosquitto.port(), &TOPICS, EVERY, lively);
    until_online(&sidecar, 5);
    write(&scene, &plain.replace("range = [0, 100]", "range = [9, 1]"));
    let answer = sidecar.post("/-/reload", "");
    let told = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(answer.status == 500 && told.contains("range"), "{told}");
    assert_eq!(successful(&sidecar), Some(0.0));
    let had = messages(&sidecar.metrics());
    sidecar.wait_until("messages go on", SOON, |own| messages(&own.metrics()) > had + 10.0);
    assert_eq!(reloaded(&sidecar), 0);

    write(&scene, &plain);
    let answer = sidecar.post("/-/reload", "");
    assert_eq!((answer.status, &answer.json()["needs_restart"]), (200, &serde_json::json!([])));
    assert_eq!(successful(&sidecar), Some(1.0));
    // As often as anybody likes.
    for _ in 0..5 {
        assert_eq!(sidecar.post("/-/reload", "").status, 200);
    }
    until_online(&sidecar, 5);
    drop(devices);
    sidecar.stop();
}

#[test]
fn it_is_read_over_http_only_where_that_is_allowed() {
    let mosquitto = Mosquitto::start();
    let scene = Scene::plain(&mosquitto.url());
    let sidecar = scene.sidecar();
    let answer = sidecar.post("/-/reload", "");
    assert_eq!(answer.status, 403);
    assert!(answer.json()["detail"].as_str().unwrap().contains("web.enable_lifecycle"));
    sidecar.stop();
}

#[test]
fn nothing_is_taken_over_while_what_is_known_cannot_be_saved() {
    let mosquitto = Mosquitto::start();
    let plain = broker("main", &mosquitto.url(), "") + STREAM + "[web]\nenable_lifecycle = true\n";
    let scene = Scene::new(&plain);
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    let devices = Devices::start(mosquitto.port(), &TOPICS, EVERY, lively);
    until_online(&sidecar, 5);
    // Where the new state is to be written there is something else.
    let place = scene.data().join("state.new");
    let occupied = || fs::create_dir(&place).is_ok();
    sidecar.wait_until("no save is under way", SOON, |_| occupied());
    let answer = sidecar.post("/-/reload", "");
    let told = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(answer.status == 500 && told.contains("the state cannot be saved"), "{told}");
    assert_eq!((successful(&sidecar), reloaded(&sidecar)), (Some(0.0), 0));
    let had = messages(&sidecar.metrics());
    sidecar.wait_until("messages go on", SOON, |own| messages(&own.metrics()) > had + 10.0);
    fs::remove_dir(&place).unwrap();
    assert_eq!(sidecar.post("/-/reload", "").status, 200);
    assert_eq!(successful(&sidecar), Some(1.0));
    drop(devices);
}

/// The moments at which the devices' connection left, and at which the one after it was granted its filters.
fn hole(noted: &Mutex<Vec<Noted>>) -> Option<(Instant, Instant)> {
    let noted = noted.lock().expect("nobody panics with it");
    let ours = || noted.iter().filter(|one| one.id.ends_with("-devices"));
    let left = ours().find(|one| one.is_goodbye)?.at;
    let back = ours().find(|one| !one.is_goodbye && one.at > left)?.at;
    Some((left, back))
}

#[test]
fn what_was_not_watched_during_a_reload_is_told_as_long_as_it_was() {
    let (port, noted) = noting();
    let text = broker("main", &format!("mqtt://127.0.0.1:{port}"), "version = \"3.1.1\"\n") + STREAM;
    let scene = Scene::new(&text);
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    let outage = || sidecar.metrics().get("watchkeeper_outage_seconds_total", &[]).unwrap();
    let before = outage();
    sidecar.signal("HUP");
    sidecar.wait_until("it is back", SOON, |own| hole(&noted).is_some() && connected(&own.metrics()));
    let (left, back) = hole(&noted).unwrap();
    let least = (back - left).as_secs_f64();
    let counted = outage() - before;
    assert!(counted >= least && counted < least + 5.0, "{counted} s are counted, {least} s at least it was");
    let lines = |own: &Sidecar| {
        let log = own.log();
        let up = log.lines().filter(|line| line.contains(" connected ") && line.contains("devices"));
        up.map(str::to_owned).collect::<Vec<_>>()
    };
    // The metrics say so before the log does.
    sidecar.wait_until("it is logged", SOON, |own| lines(own).len() == 2);
    let line = lines(&sidecar).pop().unwrap();
    let told = line.split("away_seconds=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    assert!(told.parse::<f64>().unwrap() >= least, "{least} s at least: {line}");
    let records = || fs::read_to_string(scene.data().join("audit/audit.log")).unwrap();
    let began = || {
        let records = records();
        let began = records.lines().filter(|line| line.contains("\"event\":\"watching_began\""));
        began.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()).collect::<Vec<_>>()
    };
    sidecar.wait_until("it is recorded", SOON, |_| began().len() == 2);
    let seconds = began()[1]["seconds"].as_f64().unwrap();
    assert!(seconds >= least && seconds < least + 5.0, "{seconds} s are recorded, {least} s at least it was");
    sidecar.stop();
}
