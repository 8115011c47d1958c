//! The log over HTTP: the same answers as the command line, page by page, and every question is a record itself.

use crate::devices::{Devices, lively};
use crate::log::{all, audit, search, verifies};
use crate::scene::{EVERY, Scene, TOPICS, until_online};
use crate::support::{Mosquitto, SOON, Sidecar};
use serde_json::Value;
use std::path::PathBuf;

/// A sidecar that has seen five devices, which are silent now.
fn seen() -> (Mosquitto, Scene, Sidecar, PathBuf) {
    let mosquitto = Mosquitto::start();
    let scene = Scene::plain(&mosquitto.url());
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    let devices = Devices::start(mosquitto.port(), &TOPICS, EVERY, lively);
    until_online(&sidecar, TOPICS.len());
    devices.stop();
    let dir = scene.data().join("audit");
    sidecar
        .wait_until("all are offline", SOON, |_| search(&dir, &["--event", "offline"]).len() == TOPICS.len());
    (mosquitto, scene, sidecar, dir)
}

fn records(answer: &Value) -> Vec<Value> {
    answer["records"].as_array().unwrap_or_else(|| panic!("records is a list: {answer}")).clone()
}

#[test]
fn the_api_and_the_command_line_find_the_same() {
    let (_mosquitto, _scene, sidecar, dir) = seen();
    for (parameters, flags) in [
        ("type=DEVICE", &["--type", "DEVICE"][..]),
        ("device=d1&order=desc", &["--device", "d1", "--order", "desc"]),
        ("event=first_seen&text=d2", &["--event", "first_seen", "d2"]),
        ("field=device~%5Ed%5B12%5D%24&event=offline", &["--field", "device~^d[12]$", "--event", "offline"]),
        ("level=WARN&type=DEVICE&limit=3", &["--level", "WARN", "--type", "DEVICE", "--limit", "3"]),
        ("type=ALARM", &["--type", "ALARM"]),
    ] {
        let answer = sidecar.json(&format!("/api/audit?{parameters}"));
        let found = search(&dir, flags);
        assert_eq!(records(&answer), found, "{parameters}");
        assert!(answer["complete"] == true && answer["took_ms"].is_number(), "{answer}");
        assert!(answer["scanned_bytes"].is_u64(), "{answer}");
    }
    let pipe = audit(&dir, "search", &["--event", "first_seen"]);
    assert!(pipe.out.lines().all(|line| line.contains(" | INFO | DEVICE | seq=")), "{pipe:?}");
    assert!(pipe.err.contains("5 "), "the summary is on standard error: {pipe:?}");
    sidecar.stop();
}

#[test]
fn a_walk_page_by_page_sees_each_record_once() {
    let (_mosquitto, _scene, sidecar, dir) = seen();
    let wanted = search(&dir, &["--type", "DEVICE"]);
    assert!(wanted.len() >= 15, "{}", wanted.len());
    let mut walked = Vec::new();
    let mut path = "/api/audit?type=DEVICE&limit=4".to_owned();
    loop {
        let page = sidecar.json(&path);
        assert!(records(&page).len() <= 4);
        walked.extend(records(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/audit?type=DEVICE&limit=4&cursor={cursor}");
    }
    assert_eq!(walked, wanted);
    sidecar.stop();
}

#[test]
fn counts_checkpoints_and_exports_are_to_be_had() {
    let (_mosquitto, _scene, sidecar, dir) = seen();
    let histogram = sidecar.json("/api/audit/histogram?step=1h&event=offline");
    let total: u64 =
        histogram["buckets"].as_array().unwrap().iter().map(|it| it["count"].as_u64().unwrap()).sum();
    assert_eq!(total, 5, "{histogram}");
    sidecar.wait_until("the records are signed", SOON, |own| {
        let size =
            own.get("/api/audit/checkpoint").text().lines().nth(1).and_then(|size| size.parse::<u64>().ok());
        size >= Some(15)
    });
    let note = sidecar.get("/api/audit/checkpoint");
    assert!(
        note.header("content-type").starts_with("text/plain") && note.text().contains("\n\u{2014} "),
        "{note:?}"
    );
    let exported = sidecar.get("/api/audit/export?format=ndjson&type=DEVICE");
    let lines: Vec<Value> = exported.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, search(&dir, &["--type", "DEVICE"]));
    for format in ["ocsf", "ecs", "otlp", "cef", "syslog"] {
        let here = audit(&dir, "export", &["--format", format, "--event", "offline"]);
        let there = sidecar.get(&format!("/api/audit/export?format={format}&event=offline"));
        assert_eq!((here.code, here.out), (0, there.text()), "{format}");
    }
    // A checkpoint that was kept elsewhere is what the log has to be true to.
    let kept = dir.with_file_name("kept.txt");
    std::fs::write(&kept, note.text()).unwrap();
    sidecar.stop();
    assert_eq!(audit(&dir, "verify", &["--since", kept.to_str().unwrap()]).code, 0);
    let events = search(&dir, &["--event", "exported"]);
    assert_eq!(events.len(), 6, "each export is a record: {events:#?}");
}

#[test]
fn who_asks_is_recorded_and_a_page_that_polls_is_one_record() {
    let (_mosquitto, scene, sidecar, dir) = seen();
    for _ in 0..20 {
        sidecar.json("/api/audit?type=DEVICE&limit=2");
    }
    sidecar.json("/api/audit?device=d1");
    sidecar.wait_until("both are recorded", SOON, |_| search(&dir, &["--event", "searched"]).len() == 2);
    let asked = search(&dir, &["--event", "searched", "--field", "query=device=d1"]);
    assert_eq!((asked.len(), &asked[0]["source_ip"]), (1, &"127.0.0.1".into()), "{asked:#?}");
    assert!(asked[0]["matches"].as_u64() >= Some(2), "{asked:#?}");
    assert_eq!(sidecar.ask("DELETE", "/api/nodes/d1/state", &[]).status, 204);
    sidecar.stop();
    let forgotten = search(&dir, &["--event", "device_forgotten"]);
    assert_eq!((forgotten.len(), &forgotten[0]["device"]), (1, &"d1".into()));
    verifies(&dir, &[0]);
    // The command line reads only.
    let before = all(&dir).len();
    assert_eq!(all(&dir).len(), before);
    drop(scene);
}
