//! What devices should never send: payloads that cannot be read, topics and names that no sane fleet has. Each is
//! counted under its reason, nothing costs the connection, and the exposition stays valid.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]
#![expect(clippy::float_cmp, reason = "counts are whole numbers and must be exact")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use support::{Mosquitto, Publisher, SOON, Sidecar, deliver, promtool};

fn watched(folder: &Path) -> (Mosquitto, Sidecar, Publisher) {
    let broker = Mosquitto::start();
    let sidecar = Sidecar::start(&["--broker", &broker.url()], &[], folder);
    sidecar.until_connected();
    let publisher = Publisher::connect(broker.port());
    (broker, sidecar, publisher)
}

/// Names, and all that is wrong with the one message of each.
fn errors(sidecar: &Sidecar, id: &str) -> Vec<String> {
    let node = sidecar.node(id).unwrap_or_else(|| panic!("{id:?} is not known\n{}", sidecar.log()));
    assert_eq!(node["messages"], 1, "{node:#}");
    let errors = node["errors"].as_object().unwrap();
    assert!(errors.values().all(|count| *count == 1), "{node:#}");
    errors.keys().cloned().collect()
}

/// Nothing of all this may cost the connection, and promtool can still read what we say.
fn unharmed(sidecar: &Sidecar) {
    let metrics = sidecar.metrics();
    assert_eq!(metrics.sum("watchkeeper_connect_attempts_total", &[]), 1.0);
    assert_eq!(metrics.sum("watchkeeper_connect_failures_total", &[]), 0.0);
    assert_eq!(metrics.duplicates(), Vec::<String>::new());
    assert_eq!(promtool(&metrics.text), "");
}

#[test]
fn every_payload_that_cannot_be_read_has_one_reason_and_costs_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (_broker, sidecar, mut publisher) = watched(folder.path());
    let brackets = ["[".repeat(50_000), "]".repeat(50_000)].concat();
    let open = "[".repeat(100_000);
    let mebibyte = format!("\"{}\"", "x".repeat(1 << 20));
    let table: &[(&str, &[u8], &str)] = &[
        ("truncated", b"{\"points\": {\"1\": {\"temp\": 2", "json"),
        ("empty", b"", "json"),
        ("blank", b" \t\r\n", "json"),
        ("word", b"undefined", "json"),
        ("two", b"{} {}", "json"),
        ("nan", b"{\"a\": NaN}", "json"),
        ("nul", b"\0{}", "json"),
        ("bom", b"\xEF\xBB\xBF{}", "json"),
        ("latin", b"{\"a\": \"gr\xFCn\"}", "encoding"),
        ("binary", &[0x80, 0xFF, 0x00, 0xC0], "encoding"),
        ("deep", brackets.as_bytes(), "depth"),
        ("open", open.as_bytes(), "depth"),
        ("large", mebibyte.as_bytes(), "oversize"),
        ("infinite", b"{\"a\": 1e999, \"b\": -1e-999}", "type"),
    ];
    for (device, payload, _) in table {
        publisher.publish(format!("p/a/1/{device}/telemetry/system"), payload);
    }
    // Odd, but what any reader of JSON takes.
    publisher.publish("p/a/1/twice/telemetry/system", r#"{"a": 1, "a": 2, "timestamp": 1, "timestamp": 2}"#);
    publisher.publish("p/a/1/half/telemetry/system", r#"{"a": "\ud800", "\udc00": "\ud800\ud800"}"#);
    sidecar.until_messages(table.len() as u64 + 2);
    for (device, _, reason) in table {
        assert_eq!(errors(&sidecar, device), [*reason], "{device}");
    }
    for device in ["twice", "half"] {
        assert_eq!(errors(&sidecar, device), [""; 0], "{device}");
    }
    let mut expected: BTreeMap<String, f64> = BTreeMap::new();
    for (_, _, reason) in table {
        *expected.entry((*reason).to_owned()).or_default() += 1.0;
    }
    let mut shown = sidecar.metrics().by("mqtt_errors_total", "reason");
    shown.retain(|_, count| *count > 0.0);
    assert_eq!(shown, expected);
    unharmed(&sidecar);
    sidecar.stop();
}

#[test]
fn odd_topics_are_errors_of_a_device_that_can_be_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (_broker, sidecar, mut publisher) = watched(folder.path());
    let longest = format!("{}/é{}/v", "long ".repeat(6000), "y".repeat(65_535 - 30_000 - 5));
    assert_eq!(longest.len(), 65_535);
    let table = [
        ("with space/t", "with space"),
        ("a//t", "a/"),
        ("trailing/", "trailing"),
        ("/leading/t", "/leading"),
        ("/lone", "/lone"),
        ("/", "/"),
        ("nbsp\u{a0}/t", "nbsp\u{a0}"),
    ];
    for (topic, _) in table {
        publisher.publish(topic, "1");
    }
    publisher.publish("quite/good/t", "1");
    publisher.publish(&longest, "1");
    sidecar.until_messages(table.len() as u64 + 2);
    for (topic, id) in table {
        assert_eq!(errors(&sidecar, id), ["topic"], "{topic}");
    }
    assert_eq!(errors(&sidecar, "quite/good"), [""; 0]);
    // Page by page, so that every id has been a cursor: also the one that fits into no address.
    let nodes = sidecar.nodes(1);
    assert_eq!(nodes.len(), table.len() + 2);
    let long = nodes.iter().filter_map(|node| node["id"].as_str()).find(|id| id.starts_with("long "));
    let long = long.expect("the longest topic has a device");
    assert!(long.len() < 2000, "a name is bounded: {}", long.len());
    assert_eq!(errors(&sidecar, long), ["topic"]);
    unharmed(&sidecar);
    sidecar.stop();
}

#[test]
fn devices_with_any_name_are_found_and_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (_broker, sidecar, mut publisher) = watched(folder.path());
    let long = "n".repeat(999);
    let (longer_a, longer_b) = (format!("{long}a"), format!("{long}b"));
    let wide = "ü€𝄞".repeat(111);
    let names = [
        "quo\"te",
        "new\nline",
        "back\\slash",
        "\\n",
        "\\\"",
        "tab\tnul\0bell\u{7}",
        "grün €𝄞",
        "\u{202e}backwards",
        "a/b",
        "..",
        ".",
        "%2F",
        "a?b#c&d=e+f",
        " ",
        "{device=\"x\"} 1",
        "# HELP x",
        "<script>alert(1)</script>",
        &longer_a,
        &longer_b,
        &wide,
    ];
    for (n, name) in names.iter().enumerate() {
        publisher.publish(format!("t{n}/v"), serde_json::json!({"device_id": name, "v": 1}).to_string());
    }
    sidecar.until_messages(names.len() as u64);
    let metrics = sidecar.metrics();
    for name in names {
        assert_eq!(errors(&sidecar, name), [""; 0], "{name:?}");
        if name.len() < 128 {
            assert_eq!(metrics.get("mqtt_device_up", &[("device", name)]), Some(1.0), "{name:?}");
        }
    }
    let cut = metrics.all("mqtt_device_up", &[]).filter(|sample| sample.labels["device"].len() > 128).count();
    assert_eq!(cut, 3, "long names are cut and still told apart");
    assert_eq!(sidecar.nodes(3).len(), names.len());
    for view in ["/", "/devices", "/topics", "/audit"] {
        let page = sidecar.get(view);
        assert!(page.status == 200 && !page.text().contains("<script>alert"), "{}", page.text());
    }
    assert!(sidecar.get("/devices").text().contains("&lt;script&gt;alert"));
    unharmed(&sidecar);
    sidecar.stop();
}

#[test]
fn a_device_that_is_named_by_a_number_a_list_or_nothing_is_no_surprise() {
    let folder = tempfile::tempdir().unwrap();
    let (_broker, sidecar, mut publisher) = watched(folder.path());
    publisher.publish("a/v", r#"{"device_id": 7}"#);
    publisher.publish("b/v", r#"{"device_id": ["x"]}"#);
    publisher.publish("c/v", r#"{"device_id": null}"#);
    publisher.publish("d/v", r#"{"device_id": ""}"#);
    publisher.publish("e/v", r#"{"device_id": "first", "device_id": "second"}"#);
    sidecar.until_messages(5);
    let mut ids: Vec<String> =
        sidecar.nodes(100).iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    assert_eq!(ids, ["7", "b", "c", "d", "second"]);
    sidecar.wait_until("and it lives", SOON, |own| own.get("/livez").status == 200);
    sidecar.stop();
}

/// Mosquitto refuses such topics and hangs up on whoever sends them; other brokers pass them on.
#[test]
fn topics_that_a_sloppy_broker_lets_through_are_counted() {
    let controls =
        ["bell\u{7}/x/v", "new\nline/v", "esc\u{1b}[31m/v", "c1\u{9b}/v", "mqtt_x{a=\"b\"} 1\n# EOF\n/v"];
    let mut deliveries: Vec<(Vec<u8>, Vec<u8>)> =
        controls.iter().map(|topic| (topic.as_bytes().to_vec(), b"1".to_vec())).collect();
    deliveries.push((b"latin\xFC/v".to_vec(), b"1".to_vec()));
    deliveries.push((b"\xED\xA0\x80/v".to_vec(), b"1".to_vec()));
    deliveries.push((b"good/v".to_vec(), b"1".to_vec()));
    let port = deliver(deliveries);
    let folder = tempfile::tempdir().unwrap();
    let sidecar = Sidecar::start(&["--broker", &format!("mqtt://127.0.0.1:{port}")], &[], folder.path());
    sidecar.until_messages(controls.len() as u64 + 1);
    for topic in controls {
        let id = topic.strip_suffix("/v").unwrap();
        assert_eq!(errors(&sidecar, id), ["topic"], "{topic:?}");
        assert_eq!(sidecar.metrics().get("mqtt_device_up", &[("device", id)]), Some(1.0), "{topic:?}");
    }
    assert_eq!(errors(&sidecar, "good"), [""; 0]);
    assert_eq!(sidecar.metrics().get("mqtt_topics_invalid_total", &[]), Some(2.0));
    unharmed(&sidecar);
    let log = sidecar.stop();
    assert!(!log.contains('\u{1b}') && !log.contains('\u{7}'), "nobody's terminal is spoken to: {log:?}");
}

#[test]
fn points_with_any_name_have_a_series_each() {
    let broker = Mosquitto::start();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("watchkeeper.toml");
    std::fs::write(&config, "[metrics]\nvalues = true\n").unwrap();
    let args = ["--broker", &broker.url(), "--config", config.to_str().unwrap()];
    let sidecar = Sidecar::start(&args, &[], &folder.path().join("data"));
    sidecar.until_connected();
    let long = "p".repeat(999);
    let names = ["", " ", "quo\"te", "new\nline", "back\\slash", "µ€𝄞", "a.b", "0", "{x=\"y\"}"];
    let mut members: Vec<String> =
        names.iter().map(|name| format!("{}: 1", serde_json::json!(name))).collect();
    members.push(format!("\"{long}a\": 1, \"{long}b\": 1, \"{}\": 1", "ü".repeat(500)));
    // The same name by another way, and once more: a point has one value, the last.
    members.push(r#""a": {"b": 2}, "quo\u0022te": 3"#.to_owned());
    Publisher::connect(broker.port()).publish("rack/v", format!("{{{}}}", members.join(", ")));
    sidecar.until_messages(1);
    let metrics = sidecar.metrics();
    let value = |point| metrics.get("mqtt_point_value", &[("device", "rack"), ("point", point)]);
    for name in names {
        let expected = match name {
            "a.b" => 2.0,
            "quo\"te" => 3.0,
            _ => 1.0,
        };
        // What has no name of its own goes by the last level of its topic.
        let shown = if name.is_empty() { "v" } else { name };
        assert_eq!(value(shown), Some(expected), "{name:?}");
    }
    assert_eq!(metrics.all("mqtt_point_value", &[]).count(), names.len() + 3);
    assert_eq!(sidecar.node("rack").unwrap()["points"], names.len() as u64 + 3);
    unharmed(&sidecar);
    sidecar.stop();
}
