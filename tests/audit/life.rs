//! What a sidecar's life leaves in the log, over stops and kills.

use crate::devices::{Devices, lively};
use crate::log::{all, audit, events, search, verifies};
use crate::scene::{EVERY, Scene, TOPICS, until_online};
use crate::support::{Mosquitto, SOON, Sidecar};
use std::time::Duration;

/// Until the log has such a record.
fn until_recorded(sidecar: &Sidecar, scene: &Scene, event: &str, count: usize) {
    let dir = scene.data().join("audit");
    sidecar.wait_until(&format!("{count} records {event}"), SOON, |_| {
        search(&dir, &["--event", event]).len() >= count
    });
}

#[test]
fn what_happens_is_in_the_log_and_the_log_is_whole() {
    let mut mosquitto = Mosquitto::start();
    let scene = Scene::plain(&mosquitto.url());
    let dir = scene.data().join("audit");
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    let devices = Devices::start(mosquitto.port(), &TOPICS[..1], EVERY, lively);
    until_online(&sidecar, 1);
    devices.stop();
    until_recorded(&sidecar, &scene, "offline", 1);
    mosquitto.kill();
    until_recorded(&sidecar, &scene, "outage_began", 1);
    mosquitto.restart(false);
    until_recorded(&sidecar, &scene, "outage_ended", 1);
    sidecar.stop();
    let records = all(&dir);
    let told = events(&records);
    assert_eq!((told.first(), told.last()), (Some(&"started"), Some(&"stopped")), "{told:?}");
    let mut at = told.iter();
    for event in ["watching_began", "first_seen", "online", "offline", "outage_began", "outage_ended"] {
        assert!(at.any(|told| *told == event), "{event} is not there, or not in its place: {told:?}");
    }
    let offline = records.iter().find(|record| record["event"] == "offline").unwrap();
    assert_eq!((&offline["type"], &offline["level"]), (&"DEVICE".into(), &"WARN".into()));
    assert_eq!((&offline["broker"], &offline["device"]), (&"main".into(), &"d1".into()));
    let began = records.iter().find(|record| record["event"] == "outage_began").unwrap();
    assert!(began["reason"].is_string() && began["details"].is_string(), "{began}");
    let report = verifies(&dir, &[0]);
    assert!(report.out.contains("valid"), "{report:?}");
    let stats = audit(&dir, "stats", &[]);
    assert!(stats.code == 0 && stats.out.contains("DEVICE"), "{stats:?}");
}

#[test]
fn a_killed_sidecar_goes_on_with_its_numbers_and_the_log_stays_proved() {
    let mosquitto = Mosquitto::start();
    let scene = Scene::plain(&mosquitto.url());
    let dir = scene.data().join("audit");
    let devices = Devices::start(mosquitto.port(), &TOPICS, Duration::from_millis(100), lively);
    let mut before = 0;
    for round in 0..5_u64 {
        let mut sidecar = scene.sidecar();
        sidecar.until_connected();
        until_recorded(&sidecar, &scene, "watching_began", usize::try_from(round).unwrap() + 1);
        std::thread::sleep(Duration::from_millis(round * 150));
        sidecar.kill9();
        // What came after the last checkpoint is not signed yet, and that is all that may be said.
        verifies(&dir, &[0, 2]);
        let now = all(&dir).len();
        assert!(now > before, "round {round}: {now} records, {before} before");
        before = now;
    }
    scene.sidecar().stop();
    verifies(&dir, &[0]);
    let records = all(&dir);
    assert_eq!(records.iter().filter(|record| record["event"] == "started").count(), 6);
    drop(devices);
}

#[test]
fn a_state_that_was_set_aside_is_in_the_log() {
    let scene = Scene::plain("mqtt://127.0.0.1:1");
    let dir = scene.data().join("audit");
    scene.sidecar().stop();
    assert!(search(&dir, &["--event", "state_reset"]).is_empty());
    std::fs::write(scene.data().join("state.bin"), "garbage").unwrap();
    scene.sidecar().stop();
    let reset = search(&dir, &["--event", "state_reset"]);
    assert_eq!((reset.len(), &reset[0]["level"]), (1, &"WARN".into()), "{reset:#?}");
    assert!(reset[0]["reason"].as_str().unwrap().contains("shorter than its header"), "{reset:#?}");
}

#[test]
fn a_second_sidecar_on_the_same_log_is_refused_with_a_cure() {
    let scene = Scene::plain("mqtt://127.0.0.1:1");
    let first = scene.sidecar();
    let dir = scene.data().join("audit");
    let other = tempfile::tempdir().unwrap();
    let refused = crate::support::run(
        &["run", "--broker", "mqtt://127.0.0.1:1", "--web.listen-address", "127.0.0.1:0", "--data-dir"]
            .into_iter()
            .chain([other.path().to_str().unwrap(), "--config", &with_dir(other.path(), &dir)])
            .collect::<Vec<_>>(),
    );
    assert_eq!(refused.code, 1, "{refused:?}");
    for word in [dir.to_str().unwrap(), "another", "audit.dir"] {
        assert!(refused.err.contains(word), "{word}: {refused:?}");
    }
    first.stop();
    verifies(&dir, &[0]);
}

/// A configuration whose log is there.
fn with_dir(folder: &std::path::Path, dir: &std::path::Path) -> String {
    let path = folder.join("w.toml");
    std::fs::write(&path, format!("[audit]\ndir = {:?}\n", dir.to_str().unwrap())).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_log_that_is_switched_off_leaves_nothing_behind_and_says_so() {
    let mosquitto = Mosquitto::start();
    let scene =
        Scene::new(&(crate::scene::broker("main", &mosquitto.url(), "") + "[audit]\nenabled = false\n"));
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    assert_eq!(sidecar.json("/api/health")["audit"], serde_json::json!({"enabled": false, "state": "off"}));
    let refused = sidecar.get("/api/audit");
    assert!(refused.status == 404 && refused.text().contains("audit.enabled"), "{}", refused.text());
    assert!(!sidecar.metrics().text.contains("watchkeeper_audit_tree_size"));
    let log = sidecar.stop();
    assert!(log.contains("the audit log is off"), "{log}");
    assert!(!scene.data().join("audit").exists());
}
