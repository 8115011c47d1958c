//! What an operator did and was told is done survives a kill in the next moment; what cannot be saved is not called done.

use crate::scene::{Scene, broker};
use crate::support::{Mosquitto, Publisher, SOON, Sidecar};
use serde_json::Value;
use std::fs;

const STREAM: &str = r#"
[[stream]]
name = "t"
filter = "fleet/{device}/t"
kind = "event"
sequence = "$.sequence"
"#;

const MUTE: &str = "/api/nodes/d1/mute";
const WORKS: &str = r#"{"until":"2h","reason":"works"}"#;

/// A sidecar that knows two devices, and has just saved that.
fn known(mosquitto: &Mosquitto) -> (Scene, Sidecar) {
    let scene = Scene::new(&(broker("main", &mosquitto.url(), "") + STREAM));
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    let mut publisher = Publisher::connect(mosquitto.port());
    publisher.publish("fleet/d1/t", r#"{"sequence":100}"#);
    publisher.publish("fleet/d2/t", r#"{"sequence":100}"#);
    sidecar.until_messages(2);
    (scene, sidecar)
}

/// Dies without a word, and starts again.
fn killed(scene: &Scene, mut sidecar: Sidecar) -> Sidecar {
    sidecar.kill9();
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    sidecar
}

#[test]
fn what_an_operator_was_told_is_done_survives_a_kill_in_the_next_moment() {
    let mosquitto = Mosquitto::start();
    let (scene, sidecar) = known(&mosquitto);
    let next = r#"{"stream":"t","next":5000}"#;
    assert_eq!(sidecar.post(MUTE, WORKS).status, 204);
    let sidecar = killed(&scene, sidecar);
    assert_eq!(sidecar.node("d1").unwrap()["muted"]["reason"], "works");
    assert_eq!(sidecar.ask("DELETE", MUTE, &[]).status, 204);
    let sidecar = killed(&scene, sidecar);
    assert_eq!(sidecar.node("d1").unwrap()["muted"], Value::Null);
    assert_eq!(sidecar.post("/api/nodes/d1/sequence", next).status, 204);
    let sidecar = killed(&scene, sidecar);
    assert_eq!(sidecar.node("d1").unwrap()["sequence"]["positions"][0]["next"], 5000);
    assert_eq!(sidecar.ask("DELETE", "/api/nodes/d2/state", &[]).status, 204);
    let sidecar = killed(&scene, sidecar);
    assert!(sidecar.node("d1").is_some() && sidecar.node("d2").is_none());
    sidecar.stop();
}

#[test]
fn what_cannot_be_saved_is_a_problem_with_its_cause_and_cure_and_is_saved_later() {
    let mosquitto = Mosquitto::start();
    let (scene, sidecar) = known(&mosquitto);
    // A folder in the place of the file that is written beside.
    let obstacle = scene.data().join("state.new");
    let in_the_way = || fs::create_dir(&obstacle).is_ok() || obstacle.is_dir();
    sidecar.wait_until("no save is under way", SOON, |_| in_the_way());
    let answer = sidecar.post(MUTE, WORKS);
    let told = answer.text();
    assert_eq!(answer.status, 503, "{told}");
    for part in ["a kill would undo it", "state.bin cannot be written", "this user may write", "every 3 s"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    fs::remove_dir(&obstacle).unwrap();
    assert_eq!(sidecar.post(MUTE, WORKS).status, 204);
    let sidecar = killed(&scene, sidecar);
    assert_eq!(sidecar.node("d1").unwrap()["muted"]["reason"], "works");
    sidecar.stop();
}
