//! The commands as they are typed: what they print, and the exit codes that scripts rely on.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]
#![expect(clippy::float_cmp, reason = "counts are whole numbers and must be exact")]

mod support;

use std::fs::{self, File};
use std::process::Command;
use support::{Mosquitto, Publisher, SOON, Sidecar, WATCHKEEPER, run, run_with};

/// Every command that has a help text of its own.
const COMMANDS: &[&str] = &[
    "",
    "run",
    "demo",
    "check",
    "session-test",
    "simulate",
    "state",
    "state show",
    "state reset",
    "state start-from",
    "report",
    "queues",
    "queues show",
    "queues history",
    "queues snapshot",
    "healthcheck",
    "audit",
    "audit search",
    "audit tail",
    "audit verify",
    "audit stats",
    "audit export",
    "doctor",
    "completions",
    "man",
];

/// Set `GOLDEN=write` to write the files anew.
#[test]
fn the_help_of_every_command_is_what_was_agreed() {
    let folder = format!("{}/tests/golden/help", env!("CARGO_MANIFEST_DIR"));
    for name in COMMANDS {
        let mut command = Command::new(WATCHKEEPER);
        // Both would change the text.
        command.env_remove("COLUMNS").env_remove("MQTT_USERNAME");
        let help = run_with(command.args(name.split_whitespace()).arg("--help"), "watchkeeper", b"");
        assert!(help.code == 0 && help.err.is_empty(), "{name}: {help:?}");
        let file = format!("watchkeeper {name}").trim().replace(' ', "-");
        let path = format!("{folder}/{file}.txt");
        if std::env::var("GOLDEN").is_ok_and(|wish| wish == "write") {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &help.out).unwrap();
        }
        let golden = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(help.out, golden, "{path} is not up to date; GOLDEN=write renews it");
    }
    let listed = run(&["--help"]).out;
    let (_, rest) = listed.split_once("Commands:\n").unwrap();
    let names =
        rest.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().next());
    for name in names.filter(|name| *name != "help") {
        assert!(COMMANDS.contains(&name), "{name} has no golden help");
    }
}

/// The lines that tell of the message, without the moments in them.
fn sample(arguments: &[&str], topic: &str, payload: &str) -> String {
    let mut command = Command::new(WATCHKEEPER);
    command.args(["check", "--broker", "mqtt://h"]).args(arguments).arg("--sample").arg(format!("{topic}=-"));
    let output = run_with(&mut command, "watchkeeper", payload.as_bytes());
    assert!(output.code == 0 && output.err.is_empty(), "{output:?}");
    let (_, told) = output.out.trim_end().rsplit_once("\n\n").unwrap();
    told.lines().filter(|line| !line.contains("timestamp_seconds{")).collect::<Vec<_>>().join("\n")
}

/// The records that the message becomes, without what is different at every time.
fn records(told: &str) -> Vec<serde_json::Value> {
    let records = told.lines().filter_map(|line| line.strip_prefix("  record   "));
    records.map(|record| serde_json::from_str(&record.replacen('…', "7", 1)).expect("it is JSON")).collect()
}

#[test]
fn check_shows_which_records_a_message_becomes() {
    let topic = "plant/hall/2/tc01/command/request";
    let told = sample(&[], topic, r#"{"cmd": "set", "cmd_id": "c-1", "password": "hunter2"}"#);
    let found = records(&told);
    let events: Vec<&str> = found.iter().map(|record| record["event"].as_str().unwrap()).collect();
    assert_eq!(events.last(), Some(&"command_requested"), "{told}");
    let command = &found[events.len() - 1];
    assert_eq!((&command["type"], &command["cmd_id"]), (&"COMMAND".into(), &"c-1".into()), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
    let told = sample(&[], "hall/lamp/watts", r#"{"watts": 7, "token": "hunter2",}"#);
    let cause =
        "  cause    a comma after the last element at byte 31 (line 1, column 32, $.token): remove it\n";
    assert!(told.contains(cause) && !told.contains("hunter2"), "{told}");
    let told = sample(&[], "hall/lamp/watts", r#"{"watts": 7,}"#);
    let drawn = "remove it\n           {\"watts\": 7,}\n                      ^\n";
    assert!(told.contains(drawn), "{told}");
    let bad = records(&told);
    let bad = bad.iter().find(|record| record["type"] == "PAYLOAD").expect("a bad payload is one");
    assert_eq!((&bad["event"], &bad["reason"]), (&"malformed".into(), &"json".into()));
}

#[test]
fn check_shows_what_the_telemetry_of_the_plant_becomes() {
    let payload = r#"{"timestamp": "2020-01-01T00:00:00Z", "sequence": 7, "points":
        {"7": {"temp": 23.5, "status": "OK"}, "8": {"temp": 250.5, "status": "OK"}}, "summary": {"active_points": 2}}"#;
    let told = sample(&[], "plant/hall/2/tc01/telemetry/temperature", payload);
    let expected = "plant/hall/2/tc01/telemetry/temperature: 180 bytes\n  stream   temperature\n  device   tc01\n  \
                    label    area = hall\n  label    line = 2\n  point    7 = 23.5\n  point    8 = 250.5\n  \
                    sequence the next is 8\n  error    range\n  error    stale_timestamp\n  error    too_few_points\n  finding  first_seen: ";
    assert!(told.starts_with(expected), "{told}");
    let labels = "{broker=\"h\",device=\"tc01\"";
    for series in [
        format!("mqtt_device_info{labels},area=\"hall\",line=\"2\"}} 1"),
        format!("mqtt_device_messages_total{labels},stream=\"temperature\"}} 1"),
        format!("mqtt_device_errors_total{labels},reason=\"too_few_points\"}} 1"),
        format!("mqtt_device_points{labels}}} 2"),
    ] {
        assert!(told.contains(&format!("\n  series   {series}")), "{series}\n{told}");
    }
    assert!(!told.contains("mqtt_devices{") && !told.contains("mqtt_point_value"), "{told}");
}

#[test]
fn check_shows_what_a_plain_number_becomes() {
    let told = sample(&[], "hall/lamp/watts", "21.5\n");
    let expected = "hall/lamp/watts: 5 bytes\n  stream   generic\n  device   hall/lamp\n  point    watts = 21.5\n  \
                    finding  first_seen: heard of for the first time\n  finding  online: speaks\n  \
                    series   mqtt_device_info{broker=\"h\",device=\"hall/lamp\"} 1\n";
    assert!(told.starts_with(expected), "{told}");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("w.toml");
    fs::write(&config, "[[stream]]\nname = \"t\"\nfilter = \"t/{device}\"\n[metrics]\nvalues = true\n")
        .unwrap();
    let config = ["--config", config.to_str().unwrap()];
    let told = sample(&config, "t/lamp", "21.5");
    assert!(
        told.contains("mqtt_point_value{broker=\"h\",device=\"lamp\",stream=\"t\",point=\"lamp\"} 21.5"),
        "{told}"
    );
    assert!(sample(&config, "other", "1").ends_with("no stream takes this topic"));
}

#[test]
fn check_ends_with_0_when_all_is_good_and_with_2_when_not() {
    for (arguments, code) in [
        (&["--broker", "mqtt://h"][..], 0),
        (&[], 2),
        (&["--broker", "nonsense"], 2),
        (&["--config", "/no/such/file"], 2),
        (&["--broker", "mqtt://h", "--sample", "a=/no/such/file"], 2),
        (&["--broker", "mqtt://h", "--web.config.file", "/no/such/file"], 2),
        (&["--broker", "mqtt://h", "--sample", "nothing"], 2),
        (&["--nonsense"], 2),
    ] {
        let output = run(&[&["check"], arguments].concat());
        assert_eq!(output.code, code, "{arguments:?} {output:?}");
        assert_eq!(output.err.is_empty(), code == 0, "{output:?}");
    }
}

#[test]
fn healthcheck_tells_running_degraded_and_dead() {
    let broker = Mosquitto::start();
    let folder = tempfile::tempdir().unwrap();
    let mut sidecar = Sidecar::start(&["--broker", &broker.url()], &[], folder.path());
    sidecar.until_connected();
    let url = sidecar.url();
    let ask = || run(&["healthcheck", "--url", &url]);
    let healthy = ask();
    assert!(healthy.code == 0 && healthy.out.starts_with("healthy\n"), "{healthy:?}");
    drop(broker);
    sidecar.wait_until("the outage is seen", SOON, |own| own.json("/api/health")["status"] == "degraded");
    let degraded = ask();
    assert!(degraded.code == 0 && degraded.out.contains("broker 127.0.0.1 is away"), "{degraded:?}");
    sidecar.kill9();
    let dead = ask();
    assert!(dead.code == 1 && dead.out.contains("--url"), "{dead:?}");
}

#[test]
fn state_shows_a_device_and_forgets_it() {
    let broker = Mosquitto::start();
    let folder = tempfile::tempdir().unwrap();
    let sidecar = Sidecar::start(&["--broker", &broker.url()], &[], folder.path());
    sidecar.until_connected();
    Publisher::connect(broker.port()).publish("hall 1/lamp/watts", "3");
    sidecar.until_messages(1);
    let url = sidecar.url();
    let state = |command| run(&["state", command, "hall 1/lamp", "--url", &url]);
    let shown = state("show");
    let node: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!((shown.code, &node["id"], &node["messages"]), (0, &"hall 1/lamp".into(), &1.into()));
    let device = [("device", "hall 1/lamp")];
    assert_eq!(sidecar.metrics().get("mqtt_device_up", &device), Some(1.0));
    assert_eq!(state("reset").code, 0);
    let metrics = sidecar.metrics();
    assert!(!metrics.text.contains("hall 1/lamp"), "{}", metrics.text);
    assert_eq!(metrics.sum("mqtt_messages_received_total", &[]), 1.0, "what the fleet received stays");
    for command in ["show", "reset"] {
        let unknown = state(command);
        assert!(unknown.code == 1 && unknown.err.contains("404"), "{unknown:?}");
    }
    Publisher::connect(broker.port()).publish("hall 1/lamp/watts", "3");
    sidecar.until_messages(2);
    assert_eq!(sidecar.node("hall 1/lamp").unwrap()["messages"], 1, "it is new");
    sidecar.stop();
    assert_eq!(state("show").code, 1);
}

#[test]
fn completions_for_bash_are_a_script_that_bash_accepts() {
    let output = run(&["completions", "bash"]);
    assert!(output.code == 0 && output.out.contains("complete -F _watchkeeper"), "{output:?}");
    let checked = run_with(Command::new("bash").arg("-n"), "bash", output.out.as_bytes());
    assert_eq!((checked.code, checked.err.as_str()), (0, ""));
    assert_eq!(run(&["completions", "nonsense"]).code, 2);
}

#[test]
fn the_demo_needs_nothing_shows_a_fleet_and_ends_when_it_is_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let (here, dir, said) =
        (folder.path().join("here"), folder.path().join("demo"), folder.path().join("said"));
    fs::create_dir(&here).unwrap();
    let mut command = Command::new(WATCHKEEPER);
    command.args(["demo", "--web.listen-address", "127.0.0.1:0", "--log.level", "info", "--dir"]).arg(&dir);
    command.current_dir(&here).stdout(File::create(&said).unwrap());
    let mut demo = Sidecar::from_command(&mut command);
    demo.wait_until("the fleet is online", SOON, |own| {
        own.metrics().get("mqtt_devices", &[("state", "online")]) == Some(40.0)
    });
    let out = fs::read_to_string(&said).unwrap();
    for address in
        [format!("{}/\n", demo.url()), format!("{}/metrics", demo.url()), "mqtt://127.0.0.1:".to_owned()]
    {
        assert!(out.contains(&address), "{address}\n{out}");
    }
    assert!(out.contains(dir.to_str().unwrap()), "{out}");
    assert_eq!(demo.get("/").status, 200);
    demo.signal("INT");
    let status = demo.wait(SOON);
    assert!(status.success(), "{status}\n{}", demo.log());
    assert_eq!(fs::read_dir(&here).unwrap().count(), 0, "it writes only below its folder");
}
