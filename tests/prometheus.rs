//! The exposition as its readers take it: promtool finds nothing to say, and what a real Prometheus stores is what
//! `/metrics` and `/api/nodes` say.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]
#![expect(clippy::float_cmp, reason = "counts are whole numbers and must be exact")]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use support::{Metrics, Mosquitto, Prometheus, Publisher, SOON, Sample, Sidecar, becomes, promtool};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A broker with three devices, of which one sends errors and one a point that stands still.
fn watched(folder: &std::path::Path) -> (Mosquitto, Sidecar) {
    let broker = Mosquitto::start();
    let sidecar = Sidecar::start(&["--broker", &broker.url()], &[], folder);
    sidecar.until_connected();
    let mut publisher = Publisher::connect(broker.port());
    for n in 0..12 {
        publisher.publish("hall/lamp/state", format!("{n}"));
        publisher.publish("hall/pump/telemetry", r#"{"pressure": 3.5}"#);
    }
    publisher.publish("plant/a/1/tc01/telemetry/temperature", "{");
    publisher.publish("plant/a/1/tc01/telemetry/temperature", "\"quo\\\"ted\"");
    sidecar.until_messages(26);
    (broker, sidecar)
}

#[test]
fn promtool_finds_nothing_to_say_and_no_series_occurs_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (_broker, sidecar) = watched(folder.path());
    let broker_told = |own: &Sidecar| own.metrics().get("mqtt_broker_uptime_seconds", &[]).is_some();
    sidecar.wait_until("$SYS was read", SOON, broker_told);
    let metrics = sidecar.metrics();
    assert_eq!(promtool(&metrics.text), "");
    assert_eq!(metrics.duplicates(), Vec::<String>::new());
    assert_eq!(metrics.get("mqtt_points_stuck", &[]), Some(1.0));
    sidecar.stop();
}

#[test]
fn each_reader_gets_the_format_and_the_coding_it_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let (_broker, sidecar) = watched(folder.path());
    // What the broker says of itself comes by and by, and would be in one scrape and not in the other.
    let told = |own: &Sidecar| {
        let broker = |own: &Sidecar| own.metrics().text.matches("\nmqtt_broker_").count();
        let before = broker(own);
        let heard = own.metrics().get("mqtt_broker_uptime_seconds", &[]).is_some_and(|uptime| uptime >= 3.0);
        heard && before == broker(own)
    };
    sidecar.wait_until("$SYS was read", SOON, told);
    let plain = sidecar.get("/metrics");
    assert_eq!(plain.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(plain.header("content-encoding"), "");
    let open = sidecar.ask("GET", "/metrics", &[("Accept", "application/openmetrics-text; version=1.0.0")]);
    assert_eq!(open.header("content-type"), OPENMETRICS);
    let text = open.text();
    assert!(
        text.ends_with("\n# EOF\n") && text.contains("# TYPE mqtt_messages_received counter\n"),
        "{text}"
    );
    let packed = sidecar.ask("GET", "/metrics", &[("Accept-Encoding", "gzip")]);
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(packed.bytes.len() * 3 < plain.bytes.len(), "it is worth it");
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(&*packed.bytes).read_to_string(&mut unpacked).unwrap();
    // The same series in all three; what they say of this process and this moment may differ.
    let names = |text: String| -> Vec<String> {
        Metrics::parse(text).samples.iter().map(|sample| key(sample, &[])).collect()
    };
    assert_eq!(names(unpacked), names(plain.text()));
    assert_eq!(names(text), names(plain.text()));
    sidecar.stop();
}

#[test]
fn a_real_prometheus_stores_what_the_sidecar_says() {
    let folder = tempfile::tempdir().unwrap();
    let (_broker, sidecar) = watched(folder.path());
    let prometheus = Prometheus::start(&[sidecar.address()]);
    assert!(becomes(SOON, || prometheus.value("up") == Some(1.0)), "{}", prometheus.json("/api/v1/targets"));
    // The fleet is silent, so that its levels stand still but for those of the broker itself.
    let same = || stored(&prometheus) == shown(&sidecar);
    assert!(becomes(SOON, same), "{:#?}\n{:#?}", stored(&prometheus), shown(&sidecar));
    assert!(shown(&sidecar).len() > 50);

    for node in sidecar.nodes(2) {
        let id = node["id"].as_str().unwrap();
        let value = |what: &str| prometheus.value(&format!("sum({what}{{device={id:?}}})"));
        assert_eq!(value("mqtt_device_messages_total"), node["messages"].as_f64(), "{id}");
        assert_eq!(value("mqtt_device_points_stuck"), node["stuck_points"].as_f64(), "{id}");
        let errors: u64 = node["errors"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
        assert_eq!(value("mqtt_device_errors_total").unwrap_or(0.0), errors as f64, "{id}");
    }
    let target = &prometheus.json("/api/v1/targets")["data"]["activeTargets"][0];
    assert_eq!((&target["health"], &target["lastError"]), (&"up".into(), &"".into()));
    assert!(!prometheus.log().contains("level=warn component=\"scrape manager\""), "{}", prometheus.log());
    sidecar.stop();
}

/// The name with its labels, without those that Prometheus adds and those without a value, which it drops.
fn key(sample: &Sample, dropped: &[&str]) -> String {
    let labels: BTreeMap<&str, String> = sample
        .labels
        .iter()
        .filter(|(label, value)| !dropped.contains(&label.as_str()) && !value.is_empty())
        .map(|(label, value)| match value.parse::<f64>() {
            Ok(bound) if label == "le" => (label.as_str(), bound.to_string()),
            _ => (label.as_str(), value.clone()),
        })
        .collect();
    format!("{}{labels:?}", sample.name)
}

fn is_of_the_fleet(name: &str) -> bool {
    name.starts_with("mqtt_") && !name.starts_with("mqtt_broker_")
}

fn shown(sidecar: &Sidecar) -> BTreeMap<String, f64> {
    let metrics = sidecar.metrics();
    let own = metrics.samples.iter().filter(|sample| is_of_the_fleet(&sample.name));
    own.map(|sample| (key(sample, &[]), sample.value)).collect()
}

fn stored(prometheus: &Prometheus) -> BTreeMap<String, f64> {
    let found = prometheus.query(r#"{__name__=~"mqtt_.*"}"#);
    let samples = found.as_array().unwrap().iter().map(|one| Sample {
        name: one["metric"]["__name__"].as_str().unwrap().to_owned(),
        labels: serde_json::from_value(one["metric"].clone()).unwrap(),
        value: one["value"][1].as_str().unwrap().parse().unwrap(),
    });
    let added = ["__name__", "job", "instance"];
    samples
        .filter(|sample| is_of_the_fleet(&sample.name))
        .map(|sample| (key(&sample, &added), sample.value))
        .collect()
}
