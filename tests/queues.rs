//! Queues from end to end: a real Mosquitto with messages that wait, and what metric, API, command line and file say of
//! them. The same number must be in each.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]
#![expect(clippy::float_cmp, reason = "counts are whole numbers and must be exact")]

mod support;
#[path = "queues/trouble.rs"]
mod trouble;

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;
use support::{Mosquitto, SOON, Sidecar, run, run_with};

const SETTINGS: &str = r#"
presets = ["plant"]
[[stream]]
name = "beat"
filter = "beat/{device}"
kind = "event"
offline_after = "1s"
hold_off = "200ms"
[queues]
"#;

struct Scene {
    mosquitto: Mosquitto,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new(queues: &str) -> Self {
        Self::of(Mosquitto::start(), queues)
    }

    fn of(mosquitto: Mosquitto, queues: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("w.toml"), format!("{SETTINGS}{queues}\n")).unwrap();
        Self { mosquitto, folder }
    }

    fn sidecar(&self) -> Sidecar {
        let config = self.folder.path().join("w.toml");
        let args = ["--broker", &self.mosquitto.url(), "--config", config.to_str().unwrap()];
        let sidecar = Sidecar::start(&args, &[], &self.folder.path().join("data"));
        sidecar.until_connected();
        sidecar
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("data/queues.sqlite")
    }

    fn publish(&self, topic: &str, payload: &str) {
        let port = self.mosquitto.port().to_string();
        let mut command = Command::new("mosquitto_pub");
        command.args(["-h", "127.0.0.1", "-p", &port, "-q", "1", "-t", topic, "-m", payload]);
        let done = run_with(&mut command, "mosquitto-clients", b"");
        assert_eq!(done.code, 0, "{done:?}");
    }

    /// A session that the broker keeps while its client is away. It is there for a moment: until it is subscribed
    /// (`-E`), or has had so many messages (`-C`).
    fn sleeper(&self, until: &[&str]) {
        let port = self.mosquitto.port().to_string();
        let mut command = Command::new("mosquitto_sub");
        command.args(["-h", "127.0.0.1", "-p", &port, "-i", "sleeper", "-c", "-q", "1", "-t", "away/#"]);
        let done = run_with(command.args(until), "mosquitto-clients", b"");
        assert!([0, 27].contains(&done.code), "{done:?}");
    }

    /// Three commands for a device that is offline.
    fn commands(&self, sidecar: &Sidecar) {
        self.publish("beat/tc01", "1");
        let path = "/api/nodes/tc01/commands/queue-status";
        sidecar.wait_until("it is known", SOON, |own| own.get(path).status == 200);
        sidecar.wait_until("it is offline", SOON, |own| own.json(path)["online"] == false);
        for id in ["c1", "c2", "c3"] {
            let command = format!(r#"{{"cmd_id":"{id}","command":"light"}}"#);
            self.publish("plant/hall/line/tc01/command/request", &command);
        }
    }
}

/// What the file says of a client, through a connection that cannot write.
fn stored(scene: &Scene, client: &str) -> Option<(Option<i64>, String)> {
    let db = Connection::open_with_flags(scene.file(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut rows = db.prepare("SELECT depth, source FROM queue_latest WHERE client_id = ?1").unwrap();
    let mut found = rows.query([client]).unwrap();
    found.next().unwrap().map(|row| (row.get(0).unwrap(), row.get(1).unwrap()))
}

fn row(answer: &Value, client: &str) -> Value {
    let all = answer["queues"].as_array().unwrap();
    all.iter().find(|queue| queue["client_id"] == client).cloned().unwrap_or_default()
}

fn events(sidecar: &Sidecar) -> Vec<String> {
    let found = sidecar.json("/api/findings?limit=1000");
    let all = found["findings"].as_array().unwrap();
    all.iter().map(|finding| finding["event"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn metric_api_command_line_and_file_say_the_same() {
    let scene = Scene::new("every = '1s'");
    scene.sleeper(&["-E"]);
    let sidecar = scene.sidecar();
    scene.commands(&sidecar);
    for _ in 0..5 {
        scene.publish("away/x", "waits");
    }
    let depth = |own: &Sidecar, client: &str| row(&own.json("/api/queues"), client)["depth"].clone();
    sidecar.wait_until("the commands wait", SOON, |own| depth(own, "tc01") == 3);
    sidecar.wait_until("so do the messages", SOON, |own| depth(own, "") == 5);

    let metrics = sidecar.metrics();
    let of = [("client", "tc01")];
    assert_eq!(metrics.get("mqtt_queue_depth_messages", &of), Some(3.0));
    assert_eq!(
        metrics.all("mqtt_queue_depth_messages", &[]).count(),
        1,
        "the broker as a whole is no client"
    );
    assert_eq!(metrics.get("mqtt_queue_source_up", &[("source", "sys")]), Some(1.0));
    let oldest = metrics.get("mqtt_queue_oldest_message_timestamp_seconds", &of).unwrap();
    let shown = row(&sidecar.json("/api/queues"), "tc01");
    assert_eq!(shown["oldest_at_ms"].as_f64().unwrap(), (oldest * 1e3).round());
    assert_eq!((&shown["source"], &shown["inflight"]), (&json!("inferred"), &Value::Null));
    assert_eq!(stored(&scene, "tc01"), Some((Some(3), "inferred".to_owned())));
    assert_eq!(stored(&scene, ""), Some((Some(5), "sys".to_owned())));

    let url = sidecar.url();
    let show = run(&["queues", "show", "--url", &url]);
    assert_eq!(show.code, 0, "{show:?}");
    let line = show.out.lines().find(|line| line.starts_with("tc01 ")).unwrap();
    assert_eq!(line.split_whitespace().nth(1), Some("3"), "{}", show.out);
    let json = run(&["queues", "show", "tc01", "--json", "--url", &url]).out;
    assert_eq!(row(&serde_json::from_str(&json).unwrap(), "tc01")["depth"], 3);

    let path = "/api/nodes/tc01/commands/queue-status";
    assert_eq!(sidecar.json(path)["queue"]["depth"], 3);
    drained(&scene, &sidecar);
}

/// The device is back and answers: the queue becomes empty, and the history has both.
fn drained(scene: &Scene, sidecar: &Sidecar) {
    scene.publish("beat/tc01", "1");
    for id in ["c1", "c2", "c3"] {
        let answer = format!(r#"{{"cmd_id":"{id}","timestamp":1,"status":"success","data":{{}}}}"#);
        scene.publish("plant/hall/line/tc01/command/response", &answer);
    }
    let gone = |own: &Sidecar| row(&own.json("/api/queues"), "tc01").is_null();
    sidecar.wait_until("nothing waits", SOON, gone);
    assert_eq!(stored(scene, "tc01"), None);
    assert_eq!(sidecar.metrics().get("mqtt_queue_depth_messages", &[("client", "tc01")]), None);
    let events = events(sidecar);
    assert!(events.contains(&"commands_delivered".to_owned()), "{events:?}");
    assert!(
        !events.contains(&"queue_drained".to_owned()),
        "what is inferred is not seen to drain: {events:?}"
    );
    let history = sidecar.json("/api/queues/tc01/history?hours=1");
    let points = history["points"].as_array().unwrap();
    let depths: Vec<Option<u64>> = points.iter().map(|point| point["depth"].as_u64()).collect();
    assert!(depths.contains(&Some(3)) && depths.ends_with(&[Some(0), None]), "{depths:?}");
    let printed = run(&["queues", "history", "tc01", "--url", &sidecar.url()]);
    assert_eq!(printed.out.lines().count(), points.len() + 1, "{}", printed.out);
}

#[test]
fn eight_messages_that_a_broker_keeps_are_eight_everywhere_and_none_when_their_client_was_there() {
    let mosquitto = Mosquitto::with("persistence true\nautosave_interval 1\n");
    let source = format!(
        "every = '1s'\n[[queues.source]]\nkind = 'mosquitto-db'\npath = {:?}\nlimit_messages = 100",
        mosquitto.db_file()
    );
    let scene = Scene::of(mosquitto, &source);
    scene.sleeper(&["-E"]);
    for _ in 0..8 {
        scene.publish("away/x", "waits");
    }
    let sidecar = scene.sidecar();
    let depth = |own: &Sidecar| row(&own.json("/api/queues"), "sleeper")["depth"].clone();
    sidecar.wait_until("eight wait", SOON, |own| depth(own) == 8);
    let (metrics, of) = (sidecar.metrics(), [("client", "sleeper")]);
    assert_eq!(metrics.get("mqtt_queue_depth_messages", &of), Some(8.0));
    assert_eq!(metrics.get("mqtt_queue_limit_messages", &of), Some(100.0));
    assert_eq!(metrics.get("mqtt_queue_inflight_messages", &of), Some(0.0));
    assert_eq!(stored(&scene, "sleeper"), Some((Some(8), "mosquitto-db".to_owned())));
    let json = run(&["queues", "show", "sleeper", "--json", "--url", &sidecar.url()]).out;
    assert_eq!(row(&serde_json::from_str(&json).unwrap(), "sleeper")["depth"], 8);
    // It takes them all, and a moment longer, in which the last acknowledgement arrives.
    scene.sleeper(&["-W", "2"]);
    sidecar.wait_until("none waits", SOON, |own| depth(own) == 0);
    assert_eq!(sidecar.metrics().get("mqtt_queue_depth_messages", &of), Some(0.0));
    assert_eq!(stored(&scene, "sleeper").map(|(depth, _)| depth), Some(Some(0)));
    let history = sidecar.json("/api/queues/sleeper/history?hours=1");
    let points = history["points"].as_array().unwrap();
    let depths: Vec<u64> = points.iter().filter_map(|point| point["depth"].as_u64()).collect();
    assert!(depths.contains(&8) && depths.last() == Some(&0), "{depths:?}");
}

#[test]
fn a_snapshot_is_taken_when_it_is_asked_for_and_a_restart_shows_the_last() {
    let scene = Scene::new("every = '1h'");
    let sidecar = scene.sidecar();
    scene.commands(&sidecar);
    let pending = |own: &Sidecar| own.json("/api/nodes/tc01/commands/queue-status")["pending"] == 3;
    sidecar.wait_until("they were seen", SOON, pending);
    assert_eq!(stored(&scene, "tc01"), None);
    let taken = run(&["queues", "snapshot", "--url", &sidecar.url()]);
    assert_eq!(taken.code, 0, "{taken:?}");
    assert_eq!(stored(&scene, "tc01"), Some((Some(3), "inferred".to_owned())));
    assert_eq!(row(&sidecar.json("/api/queues"), "tc01")["depth"], 3);
    sidecar.stop();
    let sidecar = scene.sidecar();
    sidecar.wait_until("it is shown", SOON, |own| row(&own.json("/api/queues"), "tc01")["depth"] == 3);
}

#[test]
fn a_database_that_somebody_holds_is_told_and_what_is_not_safe_is_not_shown() {
    let scene = Scene::new("every = '1s'");
    let sidecar = scene.sidecar();
    let code = |own: &Sidecar| -> Vec<String> {
        let health = own.json("/api/health");
        let issues = health["issues"].as_array().cloned().unwrap_or_default();
        issues.iter().map(|issue| issue["code"].as_str().unwrap().to_owned()).collect()
    };
    let failed = "queue_store_failed".to_owned();
    sidecar.wait_until("there is a file", SOON, |_| scene.file().exists());
    let other = Connection::open(scene.file()).unwrap();
    other.busy_timeout(SOON).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    sidecar.wait_until("health says so", SOON, |own| code(own).contains(&failed));
    scene.commands(&sidecar);
    let pending = |own: &Sidecar| own.json("/api/nodes/tc01/commands/queue-status")["pending"] == 3;
    sidecar.wait_until("they were seen", SOON, pending);
    assert!(row(&sidecar.json("/api/queues"), "tc01").is_null());
    assert_eq!(sidecar.metrics().get("mqtt_queue_depth_messages", &[("client", "tc01")]), None);
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    sidecar.wait_until("it goes on", SOON, |own| !code(own).contains(&failed));
    sidecar.wait_until("and is shown", SOON, |own| row(&own.json("/api/queues"), "tc01")["depth"] == 3);
    assert_eq!(stored(&scene, "tc01").map(|(depth, _)| depth), Some(Some(3)));
}
