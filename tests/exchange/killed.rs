//! A sidecar that dies while a thousand commands wait.

use crate::scene::{Scene, counted, ids};
use crate::support::SOON;
use crate::truth::answer;
use std::time::Duration;

const DEVICES: usize = 10;
const EACH: usize = 100;
const ANSWERED: usize = 60;

fn id(device: usize, n: usize) -> String {
    format!("d{device}-{n:03}")
}

fn topic(device: usize, last: &str) -> String {
    format!("plant/hall/line/d{device}/command/{last}")
}

#[test]
fn a_thousand_commands_wait_over_a_kill_and_each_is_settled_once() {
    let scene = Scene::new("[commands]\ntimeout = \"30s\"\n");
    let mut sidecar = scene.sidecar();
    for device in 0..DEVICES {
        let ask = |n| format!(r#"{{"cmd_id":"{}","command":"get_status"}}"#, id(device, n));
        scene.publish(&topic(device, "request"), &[], &(0..EACH).map(ask).collect::<Vec<_>>());
    }
    sidecar.wait_until("all of them wait", SOON, |own| {
        own.metrics().get("mqtt_commands_pending", &[]) == Some(1000.0)
    });
    let saves = sidecar.metrics().get("watchkeeper_state_saves_total", &[]);
    sidecar.wait_until("it was saved twice more", SOON, |own| {
        own.metrics().get("watchkeeper_state_saves_total", &[]) >= saves.map(|count| count + 2.0)
    });
    sidecar.kill9();

    let sidecar = scene.sidecar();
    assert_eq!(sidecar.metrics().get("mqtt_commands_pending", &[]), Some(1000.0));
    for device in 0..DEVICES {
        let say = |n| answer("cmd_id", &id(device, n), "success");
        scene.publish(&topic(device, "response"), &[], &(0..ANSWERED).map(say).collect::<Vec<_>>());
    }
    let (answered, left) = (DEVICES * ANSWERED, DEVICES * (EACH - ANSWERED));
    sidecar.wait_until("the answers are counted", SOON, |own| {
        own.metrics().sum("mqtt_command_responses_total", &[]) >= answered as f64
    });
    sidecar.wait_until("the others have timed out", SOON + Duration::from_secs(40), |own| {
        own.metrics().get("mqtt_commands_pending", &[]) == Some(0.0)
    });
    let metrics = sidecar.metrics();
    for (name, expected) in [
        ("mqtt_commands_total", DEVICES * EACH),
        ("mqtt_command_responses_total", answered),
        ("mqtt_command_timeouts_total", left),
        ("mqtt_command_orphan_responses_total", 0),
        ("mqtt_command_late_responses_total", 0),
    ] {
        assert_eq!(metrics.sum(name, &[]), expected as f64, "{name}");
    }
    sidecar.stop();

    let records = scene.records("COMMAND");
    let expected = |from: usize, to: usize| {
        let mut all: Vec<String> = (0..DEVICES).flat_map(|d| (from..to).map(move |n| id(d, n))).collect();
        all.sort();
        all
    };
    assert_eq!(ids(&records, "command_matched"), expected(0, ANSWERED));
    assert_eq!(ids(&records, "command_timed_out"), expected(ANSWERED, EACH));
    let counts = counted(&records);
    assert_eq!(counts.get("command_orphan_response"), None, "{counts:?}");
}
