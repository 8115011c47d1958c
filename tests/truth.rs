//! A fleet with every fault, and the sidecar's account of it held against the file that says what was really sent.
//! Not a figure may differ. Pauses are left out, because none is shorter than 40 s.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]
#![expect(clippy::float_cmp, reason = "counts are whole numbers and must be exact")]

mod support;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use support::{Metrics, Mosquitto, SOON, Sidecar, run};

/// The whole burst may wait: a test of figures is no test of the broker's limits.
const PATIENT: &str = "max_queued_messages 0\nmax_queued_bytes 0";

const FAULTS: &[&str] = &[
    "--stuck-points",
    "30",
    "--silent-devices",
    "9",
    "--malformed",
    "40",
    "--out-of-range",
    "12",
    "--bad-status",
    "11",
    "--too-few-points",
    "10",
    "--stale-timestamps",
    "9",
    "--bad-timestamps",
    "8",
    "--summary-mismatch",
    "13",
    "--gaps",
    "7",
    "--duplicates",
    "14",
    "--reorders",
    "6",
    "--restarts",
    "5",
];

/// Runs a fleet against the broker and gives its truth, which must be exact.
fn simulate(broker: &Mosquitto, folder: &Path, args: &[&str], faults: &[&str]) -> Value {
    let file = folder.join("truth.json");
    let (url, path) = (broker.url(), file.to_str().unwrap());
    let fixed = ["simulate", "--broker", &url, "--truth", path];
    let output = run(&[&fixed, args, faults].concat());
    assert_eq!(output.code, 0, "{output:?}");
    let truth: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(truth["exact"], true, "{:#}", truth["connections"]);
    assert_eq!(truth["stopped"], false, "somebody interrupted the fleet");
    truth
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

/// A map of counts; nothing stands for zero.
fn counts(value: &Value) -> BTreeMap<String, u64> {
    let members = value.as_object().unwrap_or_else(|| panic!("{value} is no object"));
    members.iter().map(|(key, value)| (key.clone(), count(value))).filter(|(_, value)| *value > 0).collect()
}

fn by_id(nodes: &[Value]) -> BTreeMap<String, &Value> {
    nodes.iter().map(|node| (node["id"].as_str().unwrap().to_owned(), node)).collect()
}

/// The points that the truth says stand still at the end.
fn stuck(device: &Value) -> BTreeSet<String> {
    let all = device["stuck"].as_array().unwrap().iter();
    let still = all.filter(|stuck| stuck["stuck"] == true && stuck["at_end"] == true);
    still.map(|stuck| stuck["point"].as_str().unwrap().to_owned()).collect()
}

fn points(node: &Value) -> BTreeSet<String> {
    let stuck = node["stuck"].as_array().unwrap().iter();
    stuck.map(|stuck| stuck["point"].as_str().unwrap().to_owned()).collect()
}

/// A count of the exposition.
fn is(metrics: &Metrics, name: &str, labels: &[(&str, &str)], expected: u64) {
    assert_eq!(metrics.get(name, labels), Some(expected as f64), "{name} {labels:?}");
}

#[test]
fn every_figure_of_a_faulty_fleet_is_the_truth() {
    let broker = Mosquitto::with(PATIENT);
    let folder = tempfile::tempdir().unwrap();
    let sidecar = Sidecar::start(&["--broker", &broker.url()], &[], &folder.path().join("data"));
    sidecar.until_connected();
    let fleet = ["--devices", "200", "--points", "60", "--interval", "0", "--messages", "22"];
    let truth = simulate(&broker, folder.path(), &fleet, FAULTS);
    sidecar.until_messages(count(&truth["totals"]["sent"]));
    // A gap is one when the window is over in which it may still be filled.
    let lost = count(&truth["totals"]["lost"]) as f64;
    sidecar.wait_until("every gap is one", SOON, |own| {
        own.metrics().get("mqtt_messages_lost_total", &[]) >= Some(lost)
    });

    let nodes = sidecar.nodes(37);
    let known = by_id(&nodes);
    let metrics = sidecar.metrics();
    assert_eq!(nodes.len(), 200);
    for device in truth["devices"].as_array().unwrap() {
        let id = device["device"].as_str().unwrap();
        let node = known[id];
        let errors = counts(&device["errors"]);
        assert_eq!(node["messages"], device["sent"], "{id}");
        assert_eq!(counts(&node["errors"]), errors, "{id}");
        assert_eq!(count(&node["messages"]) - counts(&node["errors"]).values().sum::<u64>(), device["valid"]);
        assert_eq!(points(node), stuck(device), "{id}");
        assert_eq!(node["stuck_points"], device["stuck_at_end"], "{id}");
        let own = [("device", id)];
        sequence(&metrics, node, device);
        is(&metrics, "mqtt_device_messages_total", &own, count(&device["sent"]));
        is(&metrics, "mqtt_device_points_stuck", &own, count(&device["stuck_at_end"]));
        assert_eq!(
            metrics.sum("mqtt_device_errors_total", &own),
            errors.values().sum::<u64>() as f64,
            "{id}"
        );
        for (reason, times) in errors {
            is(&metrics, "mqtt_device_errors_total", &[("device", id), ("reason", &reason)], times);
        }
    }
    totals(&metrics, &truth["totals"]);
    sidecar.stop();
}

/// What the sequence numbers of one device say.
fn sequence(metrics: &Metrics, node: &Value, device: &Value) {
    let own = [("device", device["device"].as_str().unwrap())];
    for (name, family, truth) in [
        ("gaps", "mqtt_device_sequence_gaps_total", "gap_count"),
        ("lost", "mqtt_device_messages_lost_total", "lost"),
        ("duplicated", "mqtt_device_messages_duplicated_total", "duplicated"),
        ("reordered", "mqtt_device_messages_reordered_total", "reordered"),
        ("resets", "mqtt_device_sequence_resets_total", "resets"),
        ("restarts", "mqtt_device_restarts_total", "resets"),
    ] {
        assert_eq!(node["sequence"][name], device[truth], "{own:?}");
        is(metrics, family, &own, count(&device[truth]));
    }
    is(metrics, "mqtt_device_messages_missed_total", &own, 0);
    assert_eq!(node["lost"], device["lost"]);
    assert_eq!(node["sequence"]["positions"][0]["next"], count(&device["last_sequence"]) + 1, "{node:#}");
}

fn totals(metrics: &Metrics, totals: &Value) {
    assert!(count(&totals["lost"]) > 7 && count(&totals["resets"]) == 5, "{totals:#}");
    is(metrics, "mqtt_messages_lost_total", &[], count(&totals["lost"]));
    is(metrics, "mqtt_messages_missed_total", &[], 0);
    let sent = count(&totals["sent"]);
    assert!(count(&totals["stuck_points_at_end"]) > 0 && count(&totals["duplicated"]) == 14, "{totals:#}");
    is(metrics, "mqtt_messages_received_total", &[("stream", "temperature")], sent);
    assert_eq!(metrics.sum("mqtt_messages_received_total", &[]), sent as f64, "no other stream took any");
    let errors = counts(&totals["errors"]);
    assert_eq!(errors.len(), 9, "every reason that the simulator knows: {errors:?}");
    let shown = metrics.by("mqtt_errors_total", "reason").into_iter().filter(|(_, times)| *times > 0.0);
    let expected = errors.iter().map(|(reason, times)| (reason.clone(), *times as f64));
    assert_eq!(shown.collect::<BTreeMap<_, _>>(), expected.collect());
    is(metrics, "mqtt_points_stuck", &[], count(&totals["stuck_points_at_end"]));
    is(metrics, "mqtt_operations_total", &[("operation", "validation")], sent);
    is(metrics, "mqtt_operation_failures_total", &[("operation", "validation")], errors.values().sum());
    is(metrics, "mqtt_devices", &[("state", "online")], 200);
    is(metrics, "watchkeeper_devices_tracked", &[], 200);
    is(metrics, "watchkeeper_refused_total", &[("queue", "messages")], 0);
    is(metrics, "watchkeeper_refused_total", &[("queue", "audit")], 0);
}

/// Without checks only what cannot be read is an error, and it names no device: it counts for its topic.
#[test]
fn without_any_configuration_the_generic_stream_counts_the_same_messages() {
    let broker = Mosquitto::with(PATIENT);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("watchkeeper.toml");
    std::fs::write(&config, "presets = []\n").unwrap();
    let args = ["--broker", &broker.url(), "--config", config.to_str().unwrap()];
    let sidecar = Sidecar::start(&args, &[], &folder.path().join("data"));
    sidecar.until_connected();
    let fleet = ["--devices", "60", "--interval", "0", "--messages", "22", "--seed", "5", "--prefix", "shed"];
    let truth = simulate(&broker, folder.path(), &fleet, &FAULTS[..6]);
    let totals = &truth["totals"];
    sidecar.until_messages(count(&totals["sent"]));

    let nodes = sidecar.nodes(1000);
    let known = by_id(&nodes);
    for device in truth["devices"].as_array().unwrap() {
        let node = known[device["device"].as_str().unwrap()];
        assert_eq!(node["messages"], device["valid"], "{node:#}");
        assert_eq!(counts(&node["errors"]), BTreeMap::new());
        let temperatures = points(node).into_iter().filter(|point| point.rsplit('.').next() == Some("temp"));
        let expected = stuck(device).into_iter().map(|point| format!("points.{point}.temp"));
        assert_eq!(temperatures.collect::<BTreeSet<_>>(), expected.collect());
        let nameless = device["topic"].as_str().unwrap().rsplit_once('/').unwrap().0;
        let unreadable = counts(&device["malformed"]).values().sum::<u64>();
        match known.get(nameless) {
            Some(node) => {
                assert_eq!(count(&node["messages"]), unreadable, "{node:#}");
                assert_eq!(counts(&node["errors"]), told(device), "{node:#}");
            }
            None => assert_eq!(unreadable, 0, "{nameless}"),
        }
    }
    let metrics = sidecar.metrics();
    is(&metrics, "mqtt_messages_received_total", &[("stream", "generic")], count(&totals["sent"]));
    for (reason, times) in told(totals) {
        is(&metrics, "mqtt_errors_total", &[("stream", "generic"), ("reason", &reason)], times);
    }
    sidecar.stop();
}

/// The errors of a stream of any format: an empty message is none, for it never promised to be JSON.
fn told(truth: &Value) -> BTreeMap<String, u64> {
    let mut errors = counts(&truth["errors"]);
    let empty = counts(&truth["malformed"]).get("empty").copied().unwrap_or(0);
    if let Some(json) = errors.get_mut("json") {
        *json -= empty;
    }
    errors.retain(|_, times| *times > 0);
    errors
}

/// The injected messages are 30 % off; a tolerance half-way between them and the others leaves both the same room on
/// a busy machine.
#[test]
fn early_and_late_messages_are_counted_as_they_were_sent() {
    let broker = Mosquitto::start();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("watchkeeper.toml");
    let stream = "[[stream]]\nname = \"t\"\nfilter = \"plant/+/+/{device}/telemetry/temperature\"\n\
                  expect_every = \"1s\"\ntolerance = \"15%\"\n";
    std::fs::write(&config, stream).unwrap();
    let args = ["--broker", &broker.url(), "--config", config.to_str().unwrap()];
    let sidecar = Sidecar::start(&args, &[], &folder.path().join("data"));
    sidecar.until_connected();
    let fleet = ["--devices", "40", "--interval", "1s", "--messages", "13"];
    let faults = ["--late", "12", "--early", "9", "--duplicates", "7", "--reorders", "5"];
    let truth = simulate(&broker, folder.path(), &fleet, &faults);
    // Asked at once, before the silence after the end is late in its turn; the fleet ends over a whole interval.
    let nodes = sidecar.nodes(1000);
    let known = by_id(&nodes);
    for device in truth["devices"].as_array().unwrap() {
        let node = known[device["device"].as_str().unwrap()];
        let stream = &node["streams"][0];
        assert_eq!(stream["messages"], device["sent"], "{node:#}");
        assert_eq!(stream["early"], device["intervals_early"], "{node:#}");
        let overdue = u64::from(stream["overdue"] == true);
        assert_eq!(count(&stream["late"]), count(&device["intervals_late"]) + overdue, "{node:#}");
    }
    let totals = &truth["totals"];
    assert!(count(&totals["intervals_late"]) >= 12 && count(&totals["intervals_early"]) >= 21, "{totals:#}");
    sidecar.stop();
}
