//! A promise that no answer can keep: a metric, a finding, a record and an issue of health say so.

use crate::scene::{Scene, counted};
use crate::support::SOON;
use crate::truth::answer;

#[test]
fn a_broken_promise_is_told_by_metric_finding_record_and_health() {
    let scene = Scene::new("[errors]\nminimum = 5\n[commands]\nsla = { p50 = \"1ms\", p95 = \"1h\" }\n");
    let sidecar = scene.sidecar();
    for n in 0..6 {
        let request = format!(r#"{{"cmd_id":"{n}","command":"get_status"}}"#);
        scene.publish("plant/hall/line/tc01/command/request", &[], &[request]);
        let response = answer("cmd_id", &n.to_string(), "success");
        scene.publish("plant/hall/line/tc01/command/response", &[], &[response]);
    }
    sidecar.wait_until("the promise is broken", SOON, |own| {
        own.metrics().get("mqtt_sla_violations_total", &[("sla", "command_p50")]) == Some(1.0)
    });
    let metrics = sidecar.metrics();
    for (sla, broken) in [("command_p50", 1.0), ("command_p95", 0.0)] {
        assert_eq!(metrics.get("mqtt_sla_broken", &[("sla", sla)]), Some(broken), "{sla}");
    }
    assert_eq!(metrics.get("mqtt_operations_total", &[("operation", "command")]), Some(6.0));
    let health = sidecar.json("/api/health");
    let issues = health["issues"].as_array().unwrap();
    let issue = issues.iter().find(|issue| issue["code"] == "sla_broken").unwrap();
    assert!(issue["summary"].as_str().unwrap().contains("command_p50 is "), "{issue:#}");
    let findings = sidecar.json("/api/findings");
    let findings = findings["findings"].as_array().unwrap();
    let broken = findings.iter().find(|finding| finding["event"] == "sla_broken").unwrap();
    // Two readings of the clocks may be a microsecond apart.
    let second = |at: &serde_json::Value| at.as_str().unwrap()[..19].to_owned();
    assert_eq!(second(&issue["since"]), second(&broken["ts"]), "it says since when");
    assert!(findings.iter().any(|finding| finding["event"] == "sla_broken"), "{findings:#?}");
    sidecar.stop();
    let records = scene.records("COMMAND");
    assert_eq!(counted(&records).get("sla_broken"), Some(&1));
    let record = records.iter().find(|record| record["event"] == "sla_broken").unwrap();
    assert!(record["latency_ms"].as_f64() > Some(1.0) && record["device"].is_null(), "{record}");
}
