//! `session-test` against real brokers: one that keeps what it promises, one that cannot, and runs that are killed.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

mod support;

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::{Mosquitto, SOON, WATCHKEEPER, run};

/// As quick as it may be and still let messages queue.
const QUICK: &[&str] = &["--away", "400ms", "--cycles", "2", "--settle", "1500ms", "--json"];

fn arguments<'a>(url: &'a str, state: &'a Path) -> Vec<&'a str> {
    let state = state.to_str().unwrap();
    [&["session-test", "--broker", url, "--state", state], QUICK].concat()
}

fn tested(url: &str, state: &Path) -> (i32, Value) {
    let run = run(&arguments(url, state));
    (run.code, serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {run:?}")))
}

fn trial<'a>(report: &'a Value, name: &str) -> &'a Value {
    let trials = report["brokers"][0]["trials"].as_array().unwrap();
    trials.iter().find(|trial| trial["name"] == name).unwrap_or_else(|| panic!("{name} in {report}"))
}

#[test]
fn a_sound_broker_loses_nothing_in_either_version() {
    let mosquitto = Mosquitto::start();
    let folder = tempfile::tempdir().unwrap();
    for version in ["5", "3.1.1"] {
        let config = folder.path().join("config.toml");
        let text = format!("[[broker]]\nurl = \"{}\"\nversion = \"{version}\"\n", mosquitto.url());
        std::fs::write(&config, text).unwrap();
        let state = folder.path().join("state.json");
        let places = ["--config", config.to_str().unwrap(), "--state", state.to_str().unwrap()];
        let run = run(&[&["session-test"], &places[..], QUICK].concat());
        let report: Value = serde_json::from_str(&run.out).unwrap();
        assert_eq!((run.code, &report["verdict"]), (0, &"sound".into()), "{report}");
        let broker = &report["brokers"][0];
        assert_eq!((&broker["protocol"], &broker["lost"]), (&version.into(), &0.into()));
        assert_eq!(broker["trials"].as_array().unwrap().len(), 6);
        for trial in broker["trials"].as_array().unwrap() {
            assert!(trial["sent"].as_u64().unwrap() > 0 && trial["sent"] == trial["received"], "{trial}");
        }
        // What is given up with its session on purpose was sent as well, and whoever listens hears it.
        assert_eq!((&trial(&report, "reset")["given_up"], &broker["given_up"]), (&10.into(), &10.into()));
        assert!(!state.exists(), "there is nothing to go on with");
    }
}

#[test]
fn whoever_listens_hears_as_many_messages_as_are_told() {
    let mosquitto = Mosquitto::start();
    let folder = tempfile::tempdir().unwrap();
    let port = mosquitto.port().to_string();
    let publish = |more: &[&str]| {
        let published =
            Command::new("mosquitto_pub").args(["-p", &port, "-q", "1", "-m", "x"]).args(more).status();
        assert!(published.expect("mosquitto-clients is installed").success());
    };
    publish(&["-r", "-t", "the/start"]);
    let topics = ["-t", "watchkeeper/session-test/#", "-t", "the/end", "-t", "the/start"];
    let mut listener = Command::new("mosquitto_sub");
    let listener = listener
        .args(["-p", &port, "-q", "1", "-v"])
        .args(topics)
        .stdout(Stdio::piped())
        .spawn()
        .expect("mosquitto-clients is installed");
    let mut listener = Ended(listener);
    let mut lines = BufReader::new(listener.0.stdout.take().unwrap()).lines();
    // It is subscribed when it hears what was retained for it.
    assert!(lines.next().unwrap().unwrap().starts_with("the/start"));
    let (code, report) = tested(&mosquitto.url(), &folder.path().join("state.json"));
    assert_eq!(code, 0, "{report}");
    publish(&["-t", "the/end"]);
    let heard = lines.by_ref().map_while(Result::ok).take_while(|line| !line.starts_with("the/end")).count();
    let broker = &report["brokers"][0];
    let told = broker["sent"].as_u64().unwrap() + broker["given_up"].as_u64().unwrap();
    assert_eq!(heard as u64, told, "{report}");
}

/// A process that does not outlive its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn what_a_short_queue_drops_is_told_with_its_ranges() {
    let mosquitto = Mosquitto::with("max_queued_messages 5\nmax_inflight_messages 5\nsys_interval 1\n");
    let folder = tempfile::tempdir().unwrap();
    let (code, report) = tested(&mosquitto.url(), &folder.path().join("state.json"));
    assert_eq!((code, &report["verdict"]), (1, &"lost".into()));
    let broker = &report["brokers"][0];
    let lost = broker["lost"].as_u64().unwrap();
    let counted: u64 = broker["missing"]
        .as_array()
        .unwrap()
        .iter()
        .map(|range| range["last"].as_u64().unwrap() - range["first"].as_u64().unwrap() + 1)
        .sum();
    assert_eq!(counted, lost);
    assert_eq!(broker["sent"].as_u64().unwrap() - broker["received"].as_u64().unwrap(), lost);
    // The broker itself counts what it drops, by another way.
    let port = mosquitto.port().to_string();
    let until = Instant::now() + SOON;
    loop {
        let topic = "$SYS/broker/publish/messages/dropped";
        let told =
            Command::new("mosquitto_sub").args(["-p", &port, "-t", topic, "-C", "1", "-W", "5"]).output();
        let dropped = String::from_utf8(told.unwrap().stdout).unwrap().trim().parse().unwrap_or(0_u64);
        // Of the ten that are given up on purpose before a reset it may have dropped some, too.
        if (lost..=lost + 10).contains(&dropped) {
            break;
        }
        assert!(Instant::now() < until, "we say {lost}, the broker {dropped}");
    }
    for (name, ok) in [("delivery", true), ("away_under_load", false), ("killed", false), ("reset", true)] {
        assert_eq!(trial(&report, name)["ok"], ok, "{report}");
    }
}

#[test]
fn a_broker_that_forgets_its_sessions_is_told() {
    // The session is gone before the consumer is back.
    let mut mosquitto = Mosquitto::start();
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    killed_in(&mosquitto.url(), &state, 1);
    mosquitto.restart(false);
    let (code, report) = tested(&mosquitto.url(), &state);
    assert_eq!(code, 1, "{report}");
    let lost: u64 = report["brokers"][0]["trials"]
        .as_array()
        .unwrap()
        .iter()
        .map(|trial| trial["sessions_lost"].as_u64().unwrap())
        .sum();
    assert_eq!(lost, 1, "{report}");
}

/// Starts a run and kills it when so many trials are over.
fn killed_in(url: &str, state: &Path, trials: usize) {
    let mut child =
        Command::new(WATCHKEEPER).args(arguments(url, state)).stdout(Stdio::null()).spawn().unwrap();
    let until = Instant::now() + SOON;
    loop {
        let saved: Value = std::fs::read(state)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        if saved["done"].as_array().is_some_and(|done| done.len() >= trials) {
            break;
        }
        assert!(Instant::now() < until && child.try_wait().unwrap().is_none(), "{saved}");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_run_that_was_killed_goes_on_and_misses_nothing() {
    let mosquitto = Mosquitto::start();
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    killed_in(&mosquitto.url(), &state, 1);
    killed_in(&mosquitto.url(), &state, 2);
    let (code, report) = tested(&mosquitto.url(), &state);
    assert_eq!((code, &report["brokers"][0]["lost"]), (0, &0.into()), "{report}");
    assert_eq!(report["brokers"][0]["trials"].as_array().unwrap().len(), 6);
}

#[test]
fn what_keeps_it_from_running_is_told_and_is_no_loss() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    let (code, report) = tested("mqtt://127.0.0.1:1", &state);
    assert_eq!((code, &report["verdict"]), (2, &"unknown".into()));
    let error = &report["brokers"][0]["error"];
    assert!(error["summary"].as_str().unwrap().contains("refused"), "{error}");
    std::fs::write(&state, "something else").unwrap();
    let (code, report) = tested("mqtt://127.0.0.1:1", &state);
    let summary = report["brokers"][0]["error"]["summary"].as_str().unwrap().to_owned();
    assert!(code == 2 && summary.contains("state.json"), "{summary}");
    assert_eq!(std::fs::read_to_string(&state).unwrap(), "something else");
    assert_eq!(run(&["session-test", "--away", "0s"]).code, 2);
}
