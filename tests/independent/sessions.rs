//! The six session tests of the field guide, with the sidecar beside them: the producer sends bursts of ten that are
//! confirmed, the consumer has a persistent session and goes and comes. No gap may be invented by anybody's absence,
//! and every gap that the producer made must be found. Where the guide restarts its consumer to try what that one
//! remembers, it is the sidecar that is restarted.

use crate::consumer::Consumer;
use crate::python::{finished, publish, publisher};
use crate::scene::Scene;
use crate::support::{SOON, Sidecar, run};
use std::ops::RangeInclusive;
use std::thread::sleep;
use std::time::Duration;

const TOPIC: &str = "test/producer";
const STREAM: &str = r#"
[[stream]]
name = "numbers"
filter = "test/{device}"
kind = "event"
sequence = "$.sequence"
reorder_window = "500ms"
"#;

/// What the sidecar has counted of the producer.
#[derive(Debug, PartialEq)]
struct Account {
    received: f64,
    gaps: f64,
    lost: f64,
    missed: f64,
    duplicated: f64,
    reordered: f64,
    resets: f64,
}

fn account(sidecar: &Sidecar) -> Account {
    let metrics = sidecar.metrics();
    let count = |name: &str| metrics.sum(name, &[("device", "producer")]);
    Account {
        received: metrics.sum("mqtt_messages_received_total", &[("stream", "numbers")]),
        gaps: count("mqtt_device_sequence_gaps_total"),
        lost: count("mqtt_device_messages_lost_total"),
        missed: count("mqtt_device_messages_missed_total"),
        duplicated: count("mqtt_device_messages_duplicated_total"),
        reordered: count("mqtt_device_messages_reordered_total"),
        resets: count("mqtt_device_sequence_resets_total"),
    }
}

/// All is well, and so many arrived.
fn well(received: u64) -> Account {
    let received = received as f64;
    Account { received, gaps: 0.0, lost: 0.0, missed: 0.0, duplicated: 0.0, reordered: 0.0, resets: 0.0 }
}

fn until_next(sidecar: &Sidecar, next: u64) {
    sidecar.wait_until(&format!("{next} is expected"), SOON, |own| {
        own.node("producer").is_some_and(|node| node["sequence"]["positions"][0]["next"] == next)
    });
    // In silence time is known to have passed when the broker has proved its life: after two seconds we ask for it.
    // Then a gap that was open has been declared.
    sleep(Duration::from_secs(4));
}

fn burst(scene: &Scene, numbers: &RangeInclusive<u64>) -> std::process::Child {
    let (first, last) = (numbers.start().to_string(), numbers.end().to_string());
    publisher(&scene.mosquitto, &["burst", TOPIC, &first, &last])
}

fn all(numbers: RangeInclusive<u64>) -> Vec<u64> {
    numbers.collect()
}

#[test]
fn test_1_basic_delivery_has_no_gap_and_one_that_is_made_is_found() {
    let scene = Scene::new(STREAM);
    let sidecar = scene.sidecar();
    let consumer = Consumer::start(&scene.mosquitto, TOPIC, &scene.path(""));
    finished(burst(&scene, &(1..=100)));
    consumer.until(100);
    assert_eq!(consumer.heard(), all(1..=100));
    until_next(&sidecar, 101);
    assert_eq!(account(&sidecar), well(100));
    // What the guide shows as bad: received 115, expected 101.
    publish(&scene.mosquitto, &["burst", TOPIC, "101", "130", "101", "114"]);
    until_next(&sidecar, 131);
    assert_eq!(account(&sidecar), Account { gaps: 1.0, lost: 14.0, ..well(116) });
    assert!(sidecar.get("/api/findings").text().contains("missing 14: 101 to 114"));
    let ratio = sidecar.metrics().get("mqtt_operation_failures_total", &[("operation", "publish")]);
    assert_eq!(ratio, Some(14.0));
}

#[test]
fn test_2_a_consumer_that_is_away_under_load_gets_all_and_nobody_sees_a_gap() {
    let scene = Scene::new(STREAM);
    let sidecar = scene.sidecar();
    let mut consumer = Consumer::start(&scene.mosquitto, TOPIC, &scene.path(""));
    let producer = burst(&scene, &(1..=400));
    consumer.until(50);
    consumer.stop();
    let heard = consumer.heard().len();
    sleep(Duration::from_millis(2500));
    assert_eq!(consumer.heard().len(), heard, "it is away");
    consumer.resume();
    finished(producer);
    consumer.until(400);
    assert_eq!(consumer.heard(), all(1..=400));
    until_next(&sidecar, 401);
    assert_eq!(account(&sidecar), well(400));
}

#[test]
fn test_3_five_cycles_of_a_consumer_that_comes_and_goes_lose_nothing() {
    let scene = Scene::new(STREAM);
    let sidecar = scene.sidecar();
    let mut consumer = Consumer::start(&scene.mosquitto, TOPIC, &scene.path(""));
    let producer = burst(&scene, &(1..=600));
    for _ in 0..5 {
        sleep(Duration::from_millis(400));
        consumer.stop();
        sleep(Duration::from_millis(600));
        consumer.resume();
    }
    finished(producer);
    consumer.until(600);
    assert_eq!(consumer.heard(), all(1..=600));
    until_next(&sidecar, 601);
    assert_eq!(account(&sidecar), well(600));
}

#[test]
fn test_4_the_position_survives_restarts_and_what_we_did_not_hear_is_nobodys_loss() {
    let scene = Scene::new(STREAM);
    let mut sidecar = scene.sidecar();
    let producer = burst(&scene, &(1..=500));
    for _ in 0..2 {
        sleep(Duration::from_millis(800));
        sidecar.stop();
        sidecar = scene.sidecar();
    }
    finished(producer);
    until_next(&sidecar, 501);
    let seen = account(&sidecar);
    assert!(seen.missed > 0.0, "{seen:?}");
    let expected = Account { received: 500.0 - seen.missed, missed: seen.missed, ..well(0) };
    assert_eq!(seen, expected);
    // A real gap is still found.
    publish(&scene.mosquitto, &["burst", TOPIC, "501", "520", "505", "507"]);
    until_next(&sidecar, 521);
    let after = account(&sidecar);
    assert_eq!((after.gaps, after.lost, after.missed), (1.0, 3.0, seen.missed));
}

#[test]
fn test_5_after_a_reset_everything_begins_anew_and_nothing_is_missing() {
    let scene = Scene::new(STREAM);
    let sidecar = scene.sidecar();
    finished(burst(&scene, &(1..=50)));
    until_next(&sidecar, 51);
    let reset = run(&["state", "reset", "producer", "--url", &sidecar.url()]);
    assert_eq!(reset.code, 0, "{reset:?}");
    assert!(sidecar.node("producer").is_none());
    finished(burst(&scene, &(1..=50)));
    until_next(&sidecar, 51);
    assert_eq!(account(&sidecar), well(100));
    // Without a word of ours it is a reset of the sequence, and no loss either.
    finished(burst(&scene, &(1..=50)));
    until_next(&sidecar, 51);
    assert_eq!(account(&sidecar), Account { resets: 1.0, ..well(150) });
}

#[test]
fn test_6_an_operator_says_where_to_go_on_and_only_real_gaps_are_found() {
    let scene = Scene::new(STREAM);
    let sidecar = scene.sidecar();
    finished(burst(&scene, &(1..=50)));
    until_next(&sidecar, 51);
    let from = run(&["state", "start-from", "producer", "numbers", "100", "--url", &sidecar.url()]);
    assert_eq!(from.code, 0, "{from:?}");
    publish(&scene.mosquitto, &["burst", TOPIC, "100", "150", "120", "120"]);
    until_next(&sidecar, 151);
    assert_eq!(account(&sidecar), Account { gaps: 1.0, lost: 1.0, ..well(100) });
    assert!(sidecar.get("/api/findings").text().contains("missing 1: 120"));
}
