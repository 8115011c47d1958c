//! What strangers write into topics, ids and payloads stays a value: no record can be forged.

use crate::log::{all, audit, search, verifies};
use crate::scene::{STREAM, Scene, broker};
use crate::support::{Mosquitto, Publisher, SOON, deliver};

const NASTY: [&str; 6] = [
    "x | seq=1 | event=stopped",
    "x\n2026-01-01T00:00:00.000000Z | INFO | SYSTEM | seq=0 | event=started",
    "x\",\"event\":\"stopped\",\"y\":\"",
    "x\\\",\\n{\"seq\":0}",
    "\u{1b}[2Jx\u{7f}\u{9b}\u{202e}",
    "tab\tnul\0bell\u{7}\u{2028}",
];

#[test]
fn whatever_a_device_is_called_it_is_one_record_in_both_forms() {
    for format in ["json", "pipe"] {
        let mosquitto = Mosquitto::start();
        let scene = Scene::new(
            &(broker("main", &mosquitto.url(), "") + &format!("[audit]\nformat = \"{format}\"\n")),
        );
        let dir = scene.data().join("audit");
        let sidecar = scene.sidecar();
        sidecar.until_connected();
        let mut publisher = Publisher::connect(mosquitto.port());
        for (n, name) in NASTY.iter().enumerate() {
            let payload = serde_json::json!({"device_id": name, "v": 1}).to_string();
            publisher.publish(format!("t{n}/v"), payload);
        }
        sidecar.wait_until("all are recorded", SOON, |_| {
            search(&dir, &["--event", "first_seen"]).len() == NASTY.len()
        });
        for name in NASTY.iter().filter(|name| !name.contains('\0')) {
            let found = search(&dir, &["--device", name, "--event", "first_seen"]);
            assert_eq!(found.len(), 1, "{format}: {name:?}");
            assert_eq!(found[0]["device"], *name, "{format}");
        }
        sidecar.stop();
        let records = all(&dir);
        assert_eq!(records.iter().filter(|record| record["event"] == "started").count(), 1, "{format}");
        assert_eq!(records.iter().filter(|record| record["event"] == "stopped").count(), 1, "{format}");
        let shown = audit(&dir, "search", &["--event", "first_seen"]);
        assert_eq!(shown.out.lines().count(), NASTY.len(), "{format}: one line each: {shown:?}");
        let harmless = |c: char| c == '\n' || !c.is_control() && c != '\u{202e}' && c != '\u{2028}';
        assert!(shown.out.chars().all(harmless), "{format}: nobody's terminal is spoken to: {shown:?}");
        verifies(&dir, &[0]);
    }
}

/// Mosquitto refuses such topics; other brokers pass them on.
#[test]
fn topics_that_a_sloppy_broker_lets_through_are_one_record_each() {
    let topics = ["fleet/a | event=b/t", "fleet/new\nline/t", "fleet/esc\u{1b}[31m/t"];
    let mut deliveries: Vec<(Vec<u8>, Vec<u8>)> =
        topics.iter().map(|topic| (topic.as_bytes().to_vec(), b"{".to_vec())).collect();
    deliveries.push((b"fleet/latin\xFC/t".to_vec(), b"{".to_vec()));
    deliveries.push((b"fleet/good/t".to_vec(), b"{".to_vec()));
    let port = deliver(deliveries);
    let scene = Scene::new(&(broker("main", &format!("mqtt://127.0.0.1:{port}"), "") + STREAM));
    let dir = scene.data().join("audit");
    let sidecar = scene.sidecar();
    let bad = || search(&dir, &["--type", "PAYLOAD"]);
    sidecar.wait_until("all are recorded", SOON, |_| bad().len() == topics.len() + 2);
    for topic in topics {
        let records = bad();
        let record = records.iter().find(|record| record["topic"] == topic);
        let record = record.unwrap_or_else(|| panic!("{topic:?}: {records:#?}"));
        assert_eq!((&record["event"], &record["reason"]), (&"malformed".into(), &"json".into()));
    }
    let raw = search(&dir, &["--field", "raw~^topic="]);
    assert_eq!((raw.len(), &raw[0]["raw"]), (1, &"topic=ZmxlZXQvbGF0aW78L3Q=".into()));
    sidecar.stop();
    all(&dir);
    verifies(&dir, &[0]);
}
