//! Commands for a device that is offline: what waits for it is shown, and that its broker queues is said when it was seen.

use crate::scene::Scene;
use crate::support::SOON;
use crate::truth::answer;
use serde_json::{Value, json};

const PATH: &str = "/api/nodes/tc01/commands/queue-status";
const SETTINGS: &str = r#"
[[stream]]
name = "beat"
filter = "beat/{device}"
kind = "event"
offline_after = "1s"
hold_off = "200ms"
"#;

/// Without what is another at every time; each moment must be one.
fn still(mut queue: Value) -> Value {
    let is_moment =
        |value: &Value| value.as_str().is_some_and(|text| text.ends_with('Z') && text.len() == 27);
    assert!(is_moment(&queue["timestamp"]), "{queue:#}");
    queue["timestamp"] = "T".into();
    if is_moment(&queue["queue"]["oldest"]) {
        queue["queue"]["oldest"] = "T".into();
    }
    for command in queue["commands"].as_array_mut().unwrap() {
        assert!(is_moment(&command["sent"]) && command["age_seconds"].as_f64() < Some(15.0), "{command:#}");
        command["sent"] = "T".into();
        command["age_seconds"] = 0.into();
    }
    queue
}

#[test]
fn what_waits_for_a_device_is_shown_and_that_it_was_queued_is_said_when_it_was_seen() {
    let scene = Scene::new(SETTINGS);
    let sidecar = scene.sidecar();
    let beat = || scene.publish("beat/tc01", &[], &["1".to_owned()]);
    assert_eq!(sidecar.get(PATH).status, 404);
    beat();
    sidecar.wait_until("it is offline", SOON, |own| own.json(PATH)["online"] == false);
    let ask = |id: &str| format!(r#"{{"cmd_id":"{id}","command":"light"}}"#);
    scene.publish("plant/hall/line/tc01/command/request", &[], &[ask("c1"), ask("c2")]);
    sidecar.wait_until("both wait", SOON, |own| own.json(PATH)["pending"] == 2);
    let waiting = |id: &str| json!({"cmd_id": id, "command": "light", "state": "waiting", "sent": "T", "age_seconds": 0, "times_out_in_seconds": null});
    let expected = json!({
        "node_id": "tc01",
        "persistent_session": null,
        "message": "Whether commands are queued while this device is offline is not known: none was answered later in this run",
        "timestamp": "T",
        "online": false,
        "pending": 2,
        "queue": {"depth": 2, "source": "inferred", "oldest": "T"},
        "commands": [waiting("c1"), waiting("c2")],
    });
    assert_eq!(still(sidecar.json(PATH)), expected);
    assert_eq!(still(sidecar.post(PATH, "").json()), expected);
    let enabled = || sidecar.json("/api/mqtt/status")["persistent_sessions"]["enabled"].clone();
    assert_eq!(enabled(), Value::Null);

    beat();
    let answers = ["c1", "c2"].map(|id| answer("cmd_id", id, "success"));
    scene.publish("plant/hall/line/tc01/command/response", &[], &answers);
    sidecar.wait_until("it is seen", SOON, |own| own.json(PATH)["persistent_session"] == true);
    let queue = still(sidecar.json(PATH));
    assert_eq!((&queue["pending"], &queue["commands"]), (&0.into(), &json!([])));
    assert_eq!(queue["queue"], json!({"depth": 0, "source": "inferred", "oldest": null}));
    assert!(
        queue["message"]
            .as_str()
            .unwrap()
            .starts_with("Commands that are sent while this device is offline are queued")
    );
    assert_eq!(enabled(), true);
}
