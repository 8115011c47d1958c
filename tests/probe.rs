//! The probe against a real Mosquitto: what comes back and how quickly, what is told when nothing does, that two sidecars do
//! not disturb each other, that a session is tested, and that none of it is taken for a device.

#[path = "probe/retained.rs"]
mod retained;
#[path = "support/mod.rs"]
mod support;

use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};
use support::{Mosquitto, SOON, Sidecar};
use tempfile::TempDir;

const EVERY_SECOND: (&str, &str) = ("WATCHKEEPER_PROBE__EVERY", "1s");

/// Probes once a second, with more variables.
fn sidecar(mosquitto: &Mosquitto, data: &TempDir, more: &[(&str, &str)]) -> Sidecar {
    let env: Vec<(&str, &str)> = [EVERY_SECOND].into_iter().chain(more.iter().copied()).collect();
    Sidecar::start(&["--broker", &mosquitto.url()], &env, data.path())
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

/// Waits until so many rounds came back whole.
fn until_rounds(sidecar: &Sidecar, rounds: f64) {
    sidecar.wait_until("messages came back", SOON, |own| {
        own.metrics().get("mqtt_probe_round_trip_seconds_count", &[("qos", "2")]) >= Some(rounds)
    });
}

fn success(sidecar: &Sidecar) -> Vec<f64> {
    let metrics = sidecar.metrics();
    let each = ["0", "1", "2"].map(|qos| metrics.get("mqtt_probe_success", &[("qos", qos)]));
    each.into_iter().flatten().collect()
}

fn issue(sidecar: &Sidecar, code: &str) -> Option<Value> {
    let health = sidecar.get("/api/health").json();
    health["issues"].as_array()?.iter().find(|issue| issue["code"] == code).cloned()
}

fn until_issue(sidecar: &Sidecar, code: &str) -> Value {
    let mut found = None;
    sidecar.wait_until(code, SOON, |own| {
        found = issue(own, code);
        found.is_some()
    });
    found.expect("it was waited for")
}

fn findings(sidecar: &Sidecar) -> Vec<String> {
    let findings = sidecar.json("/api/findings")["findings"].clone();
    let each = findings.as_array().into_iter().flatten();
    each.filter_map(|finding| finding["event"].as_str().map(str::to_owned)).collect()
}

#[test]
fn what_goes_to_a_sound_broker_comes_back_and_is_no_device() {
    // With its log, which tells of each client that comes: the probe is none of the fleet.
    let (mosquitto, data) = (Mosquitto::with("log_dest topic"), folder());
    let sidecar = sidecar(&mosquitto, &data, &[]);
    assert!(success(&sidecar).is_empty(), "nothing is said before the first round");
    until_rounds(&sidecar, 3.0);
    assert_eq!(success(&sidecar), [1.0, 1.0, 1.0]);
    let metrics = sidecar.metrics();
    for qos in ["0", "1", "2"] {
        let labels = [("qos", qos), ("broker", "127.0.0.1")];
        assert!(metrics.get("mqtt_probe_round_trip_seconds_sum", &labels) > Some(0.0), "{}", metrics.text);
        assert_eq!(metrics.get("mqtt_probe_messages_lost_total", &labels), Some(0.0));
        assert_eq!(metrics.get("mqtt_probe_messages_duplicated_total", &labels), Some(0.0));
    }
    for phase in ["dial", "connect", "subscribe"] {
        assert!(metrics.get("mqtt_probe_phase_seconds", &[("phase", phase)]) > Some(0.0), "{phase}");
    }
    assert_eq!(metrics.get("mqtt_sla_violations_total", &[("sla", "publish_p95")]), Some(0.0));
    assert_eq!(metrics.all("mqtt_session_probe_success", &[]).count(), 0, "it is off");
    // The sidecar hears everything, and so its own messages; what others say there is no device either.
    for topic in
        ["watchkeeper/probe/other/round-trip", "watchkeeper/doctor/x/qos1", "watchkeeper/session-test/1"]
    {
        publish(&mosquitto, topic);
    }
    publish(&mosquitto, "hall/lamp/state");
    sidecar.until_messages(1);
    let nodes = sidecar.nodes(100);
    let ids: Vec<&str> = nodes.iter().filter_map(|node| node["id"].as_str()).collect();
    assert_eq!(ids, ["hall/lamp"]);
    assert_eq!(Some(sidecar.metrics().sum("mqtt_messages_received_total", &[])), Some(1.0));
    let probe = sidecar.json("/api/health")["brokers"][0]["probe"].clone();
    assert_eq!(probe["ok"], true, "{probe}");
    assert!(issue(&sidecar, "probe_failed").is_none());
    sidecar.stop();
}

fn publish(mosquitto: &Mosquitto, topic: &str) {
    let port = mosquitto.port().to_string();
    let arguments = ["-h", "127.0.0.1", "-p", &port, "-q", "1", "-t", topic, "-m", "{\"v\":1}"];
    let output = support::run_with(
        std::process::Command::new("mosquitto_pub").args(arguments),
        "mosquitto-clients",
        b"",
    );
    assert_eq!(output.code, 0, "{}", output.err);
}

#[test]
fn the_probe_is_no_activity_of_the_fleet() {
    let (mosquitto, data) = (Mosquitto::start(), folder());
    let sidecar = sidecar(&mosquitto, &data, &[]);
    until_rounds(&sidecar, 2.0);
    let health = sidecar.json("/api/health");
    assert_eq!(health["mqtt"]["last_activity_seconds_ago"], Value::Null, "{health:#}");
    assert!(sidecar.nodes(10).is_empty());
    publish(&mosquitto, "hall/lamp/state");
    sidecar.wait_until("the lamp was heard", SOON, |own| {
        own.json("/api/health")["mqtt"]["last_activity_seconds_ago"].is_f64()
    });
}

#[test]
fn a_topic_that_is_denied_is_a_failure_with_its_cause_and_no_loss() {
    let data = folder();
    let acl = data.path().join("acl");
    // Everything may be read, but nothing written; the probe is the only one who would.
    fs::write(&acl, "topic read #\ntopic read $SYS/#\n").expect("the folder can be written");
    let mosquitto = Mosquitto::with(&format!("acl_file {}", acl.display()));
    let sidecar = sidecar(&mosquitto, &data, &[]);
    let told = until_issue(&sidecar, "probe_failed");
    assert_eq!(
        (&told["severity"], sidecar.json("/api/health")["status"].clone()),
        (&"warning".into(), "degraded".into())
    );
    let (summary, cure) = (told["summary"].as_str().unwrap(), told["cure"].as_str().unwrap());
    assert!(summary.contains("not authorized") && summary.contains("watchkeeper/probe/"), "{told}");
    assert!(cure.contains("watchkeeper/probe/#") && cure.contains("every = \"0\""), "{told}");
    assert_eq!(success(&sidecar), [0.0, 0.0, 0.0]);
    assert_eq!(Some(sidecar.metrics().sum("mqtt_probe_messages_lost_total", &[])), Some(0.0));
    assert!(findings(&sidecar).contains(&"probe_failed".to_owned()));
    sidecar.stop();
}

#[test]
fn what_is_denied_in_silence_is_named_with_the_first_loss() {
    let data = folder();
    let acl = data.path().join("acl");
    fs::write(&acl, "topic read #\n").expect("the folder can be written");
    let mosquitto = Mosquitto::with(&format!("acl_file {}", acl.display()));
    // MQTT 3.1.1 has no refusal: the broker acknowledges the message and drops it. No second round comes.
    let settings = [
        ("WATCHKEEPER_BROKER__0__VERSION", "3.1.1"),
        ("WATCHKEEPER_BROKER__0__CONNECT_TIMEOUT", "1s"),
        ("WATCHKEEPER_PROBE__EVERY", "1h"),
    ];
    let sidecar = Sidecar::start(&["--broker", &mosquitto.url()], &settings, data.path());
    let told = until_issue(&sidecar, "probe_lost");
    let (summary, cure) = (told["summary"].as_str().unwrap(), told["cure"].as_str().unwrap());
    assert!(summary.contains("not allowed") && summary.contains("lost"), "{told}");
    assert!(cure.contains("watchkeeper/probe/#") && cure.contains("limits"), "{told}");
    // Health hears of it a moment before the engine does.
    let lost = |own: &Sidecar| {
        let findings = own.json("/api/findings")["findings"].clone();
        findings.as_array().unwrap().iter().find(|finding| finding["event"] == "probe_lost").cloned()
    };
    sidecar.wait_until("it is found", SOON, |own| lost(own).is_some());
    let details = lost(&sidecar).unwrap()["details"].to_string();
    assert!(details.contains("may not publish or read") && details.contains("loses"), "{details}");
    assert!(issue(&sidecar, "probe_failed").is_none(), "it was one round");
    sidecar.stop();
}

#[test]
fn a_broker_that_stops_fails_the_probe_without_a_loss_and_one_that_is_back_restores_it() {
    let (mut mosquitto, data) = (Mosquitto::start(), folder());
    let settings = [("WATCHKEEPER_BROKER__0__RECONNECT_MAX", "1s")];
    let sidecar = sidecar(&mosquitto, &data, &settings);
    until_rounds(&sidecar, 1.0);
    mosquitto.kill();
    sidecar.wait_until("the probe failed for good", SOON, |own| {
        findings(own).contains(&"probe_failed".to_owned())
    });
    assert_eq!(success(&sidecar), [0.0, 0.0, 0.0]);
    let metrics = sidecar.metrics();
    assert_eq!(metrics.all("mqtt_probe_phase_seconds", &[]).count(), 0, "it did not come to any of them");
    // The link says that it is away; that is said once.
    assert!(issue(&sidecar, "probe_failed").is_none());
    mosquitto.restart(false);
    sidecar.wait_until("the end is told", SOON, |own| findings(own).contains(&"probe_restored".to_owned()));
    assert_eq!(success(&sidecar), [1.0, 1.0, 1.0]);
    assert_eq!(Some(sidecar.metrics().sum("mqtt_probe_messages_lost_total", &[])), Some(0.0));
    let records = support::run(&[
        "audit",
        "search",
        "--dir",
        data.path().join("audit").to_str().unwrap(),
        "--event",
        "probe_failed",
        "--count",
    ]);
    assert_eq!((records.code, records.out.trim()), (0, "1"), "{}", records.err);
}

#[test]
fn two_sidecars_at_one_broker_do_not_disturb_each_other() {
    let (mosquitto, one, other) = (Mosquitto::start(), folder(), folder());
    let settings = [("WATCHKEEPER_PROBE__SESSION_EVERY", "1s")];
    let sidecars = [sidecar(&mosquitto, &one, &settings), sidecar(&mosquitto, &other, &settings)];
    for sidecar in &sidecars {
        until_rounds(sidecar, 4.0);
        sidecar.wait_until("a session was tested", SOON, |own| {
            own.metrics().get("mqtt_session_probe_success", &[]).is_some()
        });
    }
    for sidecar in &sidecars {
        let metrics = sidecar.metrics();
        assert_eq!(metrics.get("mqtt_session_probe_success", &[]), Some(1.0));
        for counter in [
            "mqtt_probe_messages_stray_total",
            "mqtt_probe_messages_lost_total",
            "mqtt_probe_messages_duplicated_total",
        ] {
            assert_eq!(Some(metrics.sum(counter, &[])), Some(0.0), "{counter}");
        }
        assert_eq!(success(sidecar), [1.0, 1.0, 1.0]);
        assert_eq!(metrics.get("mqtt_probe_retained_success", &[]), Some(1.0));
    }
    let log = mosquitto.log();
    assert!(!log.contains("already connected"), "nobody is thrown out:\n{log}");
}

#[test]
fn what_is_retained_or_said_by_others_on_its_topic_is_no_success() {
    let (mosquitto, data) = (Mosquitto::start(), folder());
    let id = [("WATCHKEEPER_BROKER__0__CLIENT_ID", "wk")];
    let port = mosquitto.port().to_string();
    let old = "watchkeeper-probe 0000000000000001 0";
    let topic = "watchkeeper/probe/wk/round-trip";
    let arguments = ["-h", "127.0.0.1", "-p", &port, "-q", "1", "-r", "-t", topic, "-m", old];
    let output = support::run_with(
        std::process::Command::new("mosquitto_pub").args(arguments),
        "mosquitto-clients",
        b"",
    );
    assert_eq!(output.code, 0, "{}", output.err);
    let sidecar = sidecar(&mosquitto, &data, &id);
    until_rounds(&sidecar, 2.0);
    let metrics = sidecar.metrics();
    assert!(metrics.sum("mqtt_probe_messages_stray_total", &[]) >= 2.0, "one a round");
    assert_eq!(Some(metrics.sum("mqtt_probe_messages_duplicated_total", &[])), Some(0.0));
}

#[test]
fn a_session_probe_finds_what_a_short_queue_loses_and_nothing_at_a_sound_broker() {
    let settings = [("WATCHKEEPER_PROBE__SESSION_EVERY", "1s")];
    let (mosquitto, data) = (Mosquitto::start(), folder());
    let sound = sidecar(&mosquitto, &data, &settings);
    sound.wait_until("a session was tested", SOON, |own| {
        own.metrics().get("mqtt_session_probe_success", &[]) == Some(1.0)
    });
    assert_eq!(sound.metrics().get("mqtt_session_probe_messages_lost_total", &[]), Some(0.0));
    sound.stop();
    let (mosquitto, data) = (Mosquitto::with("max_queued_messages 5"), folder());
    let short = sidecar(&mosquitto, &data, &settings);
    let told = until_issue(&short, "session_probe_failed");
    let summary = told["summary"].as_str().unwrap();
    assert!(summary.contains("15 are missing: 5 to 19"), "{summary}");
    assert!(told["cure"].as_str().unwrap().contains("max_queued_messages"), "{told}");
    let metrics = short.metrics();
    assert_eq!(metrics.get("mqtt_session_probe_success", &[]), Some(0.0));
    assert!(metrics.get("mqtt_session_probe_messages_lost_total", &[]) >= Some(15.0));
    assert!(findings(&short).contains(&"session_probe_failed".to_owned()));
    // What goes there and back at once needs no queue.
    until_rounds(&short, 1.0);
    assert_eq!(success(&short), [1.0, 1.0, 1.0]);
    short.stop();
}

#[test]
fn a_quality_of_service_that_the_broker_has_not_is_left_out_or_told() {
    let mosquitto = Mosquitto::with("max_qos 1");
    let [new, old] = ["5", "3.1.1"].map(|version| {
        let data = folder();
        (sidecar(&mosquitto, &data, &[("WATCHKEEPER_BROKER__0__VERSION", version)]), data)
    });
    // MQTT 5 says it, and what is not there is not probed.
    new.0.wait_until("messages came back", SOON, |own| {
        own.metrics().get("mqtt_probe_round_trip_seconds_count", &[("qos", "1")]) >= Some(4.0)
    });
    assert_eq!(success(&new.0), [1.0, 1.0]);
    assert!(issue(&new.0, "probe_failed").is_none());
    // In 3.1.1 the broker hangs up.
    let told = until_issue(&old.0, "probe_failed");
    assert!(told["summary"].as_str().unwrap().contains("after a message at QoS 2"), "{told}");
    assert!(told["cure"].as_str().unwrap().contains("leave it out of [probe] qos"), "{told}");
    assert_eq!(success(&old.0), [1.0, 1.0, 0.0]);
}

#[test]
fn it_stops_at_once_while_a_broker_says_nothing() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port is free");
    let (url, data) = (format!("mqtt://{}", silent.local_addr().unwrap()), folder());
    let sidecar = Sidecar::start(&["--broker", &url], &[EVERY_SECOND], data.path());
    // For the devices, the broker's statistics, the audit log, and the probe: then all of them wait for ten seconds.
    let held: Vec<_> = (0..4).map(|_| silent.accept().expect("somebody comes")).collect();
    let began = Instant::now();
    let log = sidecar.stop();
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}\n{log}", began.elapsed());
    drop(held);
}
