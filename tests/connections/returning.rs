//! Brokers that turn a client id away which comes back at once, and brokers that have no quality of service 2: facts about
//! the broker that `doctor` tells, and no broken way.

use crate::misconfigured::{doctor, named};
use crate::scene::Scene;
use crate::support::{Mosquitto, slow_to_part};
use std::time::Duration;

#[test]
fn a_client_id_that_is_let_in_again_after_a_while_is_a_fact_about_the_broker() {
    let wait = Duration::from_secs(4);
    let port = slow_to_part(wait, false);
    let scene = Scene::new(&format!("mqtt://127.0.0.1:{port}"), "version = \"3.1.1\"");
    let (exit, steps) = doctor(&scene, &["--no-publish"]);
    assert_eq!(exit, 0, "{steps:#?}");
    let told = named(&steps, "note", "client_id_wait");
    assert_eq!(told["step"], "return");
    let ms = told["ms"].as_f64().unwrap();
    // Whatever else takes time between the goodbye and the first attempt is a part of it.
    assert!((1.0..10_000.0).contains(&ms), "{told}");
    assert!(told["means"].as_str().unwrap().contains("devic"), "{told}");
    let stability = steps.iter().find(|step| step["step"] == "stability").unwrap();
    assert!(stability["got"].as_str().unwrap().starts_with("10 of 10 let in"), "{stability}");
}

#[test]
fn a_broker_that_turns_everybody_away_is_not_waited_for() {
    let port = slow_to_part(Duration::from_secs(3600), true);
    let scene = Scene::new(&format!("mqtt://127.0.0.1:{port}"), "version = \"3.1.1\"");
    let (exit, steps) = doctor(&scene, &["--no-publish"]);
    assert_eq!(exit, 1, "{steps:#?}");
    named(&steps, "failed", "closed");
    assert!(steps.iter().all(|step| step["step"] != "return" && step["step"] != "time"), "{steps:#?}");
}

#[test]
fn a_broker_without_quality_of_service_2_is_warned_of_and_examined_to_the_end() {
    let mosquitto = Mosquitto::with("max_qos 1");
    for version in ["3.1.1", "5"] {
        let scene = Scene::new(&mosquitto.url(), &format!("version = \"{version}\""));
        let (exit, steps) = doctor(&scene, &[]);
        assert_eq!(exit, 0, "{steps:#?}");
        let names: Vec<_> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
        assert!(names.contains(&"retained") && names.contains(&"packet size"), "{names:?}");
        if version == "3.1.1" {
            assert_eq!(named(&steps, "warning", "qos_limited")["step"], "round trip");
        }
    }
}
