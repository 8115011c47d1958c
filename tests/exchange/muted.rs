//! An operator mutes a device: what it does stays in the log, marked, and its mute survives a restart.

use crate::scene::Scene;
use crate::support::SOON;
use serde_json::Value;

const MUTE: &str = "/api/nodes/tc01/mute";

#[test]
fn what_a_muted_device_does_is_recorded_and_marked_until_it_is_heard_again() {
    let scene = Scene::new("[commands]\ntimeout = \"300ms\"\n");
    let sidecar = scene.sidecar();
    let ask = |id: &str| {
        let request = format!(r#"{{"cmd_id":"{id}","command":"get_status"}}"#);
        scene.publish("plant/hall/line/tc01/command/request", &[], &[request]);
    };
    let mute = r#"{"until":"1h","reason":"the hall is rebuilt"}"#;
    assert_eq!(sidecar.post(MUTE, mute).status, 404, "it is not known yet");
    let unknown = sidecar.ask("DELETE", MUTE, &[]);
    assert_eq!((unknown.status, unknown.text().contains("not muted")), (404, false), "{}", unknown.text());
    let list = sidecar.post(MUTE, "[]");
    assert!(list.status == 400 && list.text().contains("is no object"), "{}", list.text());
    assert_eq!(sidecar.get("/api/mqtt/status?x=1").status, 400);
    let timed_out = |sidecar: &crate::support::Sidecar, count: f64| {
        sidecar.wait_until(&format!("{count} timed out"), SOON, |own| {
            own.metrics().sum("mqtt_command_timeouts_total", &[]) == count
        });
    };
    ask("heard-1");
    timed_out(&sidecar, 1.0);
    assert_eq!(sidecar.post(MUTE, r#"{"until":"1h","reason":""}"#).status, 400);
    assert_eq!(sidecar.post(MUTE, mute).status, 204);
    let latest = r#"{"until":"9999-12-31T23:59:59Z","reason":"for ever"}"#;
    assert_eq!(sidecar.post(MUTE, latest).status, 204);
    assert_eq!(sidecar.node("tc01").unwrap()["muted"]["until"], "9999-12-31T23:59:59.000000Z");
    let never = sidecar.post(MUTE, r#"{"until":"3650000d","reason":"for ever"}"#);
    assert!(never.status == 400 && never.text().contains("year 9999"), "{}", never.text());
    assert_eq!(sidecar.post(MUTE, mute).status, 204);
    let node = sidecar.node("tc01").unwrap();
    assert_eq!(node["muted"]["reason"], "the hall is rebuilt", "{node:#}");
    assert_eq!(sidecar.metrics().get("mqtt_device_muted", &[("device", "tc01")]), Some(1.0));
    sidecar.stop();

    let sidecar = scene.sidecar();
    ask("unheard");
    timed_out(&sidecar, 2.0);
    assert_eq!(sidecar.ask("DELETE", MUTE, &[]).status, 204);
    assert_eq!(sidecar.ask("DELETE", MUTE, &[]).status, 404);
    ask("heard-2");
    timed_out(&sidecar, 3.0);
    assert_eq!(sidecar.node("tc01").unwrap()["muted"], Value::Null);
    sidecar.stop();

    let records = scene.records("COMMAND");
    let marked: Vec<(&str, bool)> = records
        .iter()
        .filter(|record| record["event"] == "command_timed_out")
        .map(|record| (record["cmd_id"].as_str().unwrap(), record["muted"] == true))
        .collect();
    assert_eq!(marked, [("heard-1", false), ("unheard", true), ("heard-2", false)]);
    let said: Vec<Value> = scene
        .records("SYSTEM")
        .into_iter()
        .filter(|record| ["muted", "unmuted"].iter().any(|event| record["event"] == *event))
        .collect();
    assert_eq!(said.len(), 4, "{said:#?}");
    assert_eq!((&said[0]["reason"], &said[0]["device"]), (&"the hall is rebuilt".into(), &"tc01".into()));
    assert_eq!((&said[3]["event"], &said[3]["source_ip"]), (&"unmuted".into(), &"127.0.0.1".into()));
}
