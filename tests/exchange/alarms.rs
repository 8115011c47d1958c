//! Alarms that are open, events, and settings that change, against what was sent; one thing that happened is one record.

use crate::scene::{Scene, counted, samples};
use crate::support::SOON;
use std::collections::BTreeMap;

fn of(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs.iter().map(|(key, count)| ((*key).to_owned(), *count)).collect()
}

fn alarm(point: usize, kind: &str, priority: &str) -> String {
    format!(
        r#"{{"alarm_id":"{kind}-{point}","alarm_type":"{kind}","point_id":{point},"priority":"{priority}"}}"#
    )
}

#[test]
fn alarms_that_are_open_are_known_by_type_and_priority_and_recorded_once() {
    let scene = Scene::new("");
    let sidecar = scene.sidecar();
    let send =
        |last: &str, lines: &[String]| scene.publish(&format!("plant/hall/line/tc01/{last}"), &[], lines);
    let high: Vec<String> = (0..5).map(|point| alarm(point, "HIGH_TEMP", "HIGH")).collect();
    let door: Vec<String> = (0..3).map(|point| alarm(point, "DOOR", "LOW")).collect();
    send("alarm/active", &[high.clone(), door.clone()].concat());
    send("alarm/acknowledged", &high[..2]);
    send("alarm/cleared", &[high[..1].to_vec(), door[..2].to_vec()].concat());
    send("event/relay", &[r#"{"relay":1}"#.to_owned(), r#"{"relay":2}"#.to_owned()]);
    sidecar
        .wait_until("the events are counted", SOON, |own| own.metrics().sum("mqtt_events_total", &[]) >= 2.0);
    let metrics = sidecar.metrics();
    assert_eq!(
        samples(&metrics, "mqtt_alarm_transitions_total", &["type", "priority", "transition"]),
        of(&[
            ("DOOR LOW cleared", 2),
            ("DOOR LOW raised", 3),
            ("HIGH_TEMP HIGH acknowledged", 2),
            ("HIGH_TEMP HIGH cleared", 1),
            ("HIGH_TEMP HIGH raised", 5),
        ])
    );
    assert_eq!(
        samples(&metrics, "mqtt_alarms_active", &["type", "priority"]),
        of(&[("DOOR LOW", 1), ("HIGH_TEMP HIGH", 4)])
    );
    assert_eq!(
        samples(&metrics, "mqtt_alarms_unacknowledged", &["type", "priority"]),
        of(&[("DOOR LOW", 1), ("HIGH_TEMP HIGH", 3)])
    );
    assert_eq!(samples(&metrics, "mqtt_events_total", &["event"]), of(&[("relay", 2)]));
    let node = sidecar.node("tc01").unwrap();
    assert_eq!(node["alarms"].as_array().unwrap().len(), 5, "{node:#}");
    let findings = sidecar.json("/api/findings");
    let raised = findings["findings"].as_array().unwrap().iter().filter(|one| one["event"] == "alarm_raised");
    let mut ids: Vec<&str> = raised.map(|one| one["alarm_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!((ids.len(), ids[0]), (8, "DOOR-0"), "{ids:?}");
    sidecar.stop();
    assert_eq!(
        counted(&scene.records("ALARM")),
        of(&[("alarm_acknowledged", 2), ("alarm_cleared", 3), ("alarm_raised", 8)])
    );
}
