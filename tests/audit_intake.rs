//! What brokers hand over, on its way into the log: the real program and a real Mosquitto, which is killed, restarted
//! and kept waiting. What was acknowledged is looked for in the segments themselves.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

#[path = "support/mod.rs"]
mod support;

#[path = "lifecycle/scene.rs"]
#[expect(dead_code, reason = "each test file uses its own part of this")]
mod scene;

use scene::{Scene, broker, issue, long};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use support::{Mosquitto, Publisher, SOON, Sidecar, SmallDisk};

const STREAMS: &str = r#"
[[stream]]
name = "command"
filter = "{site...}/{device}/command/request"
kind = "command"
[[stream]]
name = "telemetry"
filter = "{site...}/{device}/telemetry/{channel}"
[audit]
compress = "none"
"#;

/// Room for everything that is published while the sidecar is away.
const QUEUE: &str = "max_queued_messages 0\n";

fn scene(mosquitto: &Mosquitto, more: &str) -> Scene {
    Scene::new(&(broker("main", &mosquitto.url(), more) + STREAMS))
}

/// The segments, oldest first.
fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut segments: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.retain(|path| {
        path.file_name().unwrap().to_str().unwrap().starts_with("audit-0")
            && path.extension().is_some_and(|end| end == "log")
    });
    segments.sort();
    segments
}

/// Every record of the folder, which must follow each other without a gap. A torn end is not a record.
fn records(dir: &Path) -> Vec<Value> {
    let text: String = segments(dir).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let records: Vec<Value> = whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(records.iter().enumerate().all(|(at, record)| record["seq"] == at), "no gap, nothing twice");
    records
}

fn dir(scene: &Scene) -> PathBuf {
    scene.data().join("audit")
}

fn of<'a>(records: &'a [Value], event: &str) -> Vec<&'a Value> {
    records.iter().filter(|record| record["event"] == event).collect()
}

fn until(sidecar: &Sidecar, scene: &Scene, what: &str, so: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let mut found = Vec::new();
    sidecar.wait_until(what, SOON * 2, |_| {
        found = records(&dir(scene));
        so(&found)
    });
    found
}

fn until_listening(sidecar: &Sidecar) {
    sidecar.wait_until("the connection for audited messages is up", SOON, |own| {
        own.metrics().get("watchkeeper_audit_connected", &[]) == Some(1.0)
    });
}

/// What the broker says from now on is heard.
fn until_sys(sidecar: &Sidecar) {
    sidecar.wait_until("the connection for $SYS is up", SOON, |own| {
        own.log().contains("connected broker=\"main\" connection=\"sys\"")
    });
}

/// How often each command is in the log, and how often without the mark of a duplicate.
fn commands(records: &[Value]) -> BTreeMap<String, (u32, u32)> {
    let mut found = BTreeMap::new();
    for record in of(records, "command_requested") {
        let Some(id) = record["cmd_id"].as_str() else { continue };
        let entry: &mut (u32, u32) = found.entry(id.to_owned()).or_default();
        entry.0 += 1;
        entry.1 += u32::from(record["dup"] != true);
    }
    found
}

fn command(number: u64) -> String {
    format!(r#"{{"cmd_id": "c{number:06}", "command": "restart"}}"#)
}

#[test]
fn every_audited_message_is_recorded_and_acknowledged_and_no_other() {
    for version in ["5", "3.1.1"] {
        let mosquitto = Mosquitto::start();
        let scene = scene(&mosquitto, &format!("version = \"{version}\"\nclient_id = \"own\""));
        let sidecar = scene.sidecar();
        sidecar.until_connected();
        until_listening(&sidecar);
        let mut publisher = Publisher::connect(mosquitto.port());
        for number in 0..200 {
            publisher.publish(format!("plant/a/l/d{}/command/request", number % 3), command(number));
            publisher.publish("plant/a/l/d1/telemetry/t", "1");
        }
        publisher.publish("d9/x/command/request", "no document");
        let found =
            until(&sidecar, &scene, "all commands", |found| of(found, "command_requested").len() == 201);
        assert!(commands(&found[..found.len()]).values().all(|counts| *counts == (1, 1)));
        let first = of(&found, "command_requested")[0];
        for (key, value) in [
            ("type", "COMMAND"),
            ("device", "d0"),
            ("stream", "command"),
            ("cmd", "restart"),
            ("broker", "main"),
        ] {
            assert_eq!(first[key], value, "{version}: {first}");
        }
        assert!(first["payload_sha256"].as_str().unwrap().len() == 64 && first["mid"].is_number(), "{first}");
        let metrics = sidecar.metrics();
        assert_eq!(metrics.get("watchkeeper_audit_messages_total", &[]), Some(201.0));
        let log = sidecar.stop();
        assert!(!log.contains("WARN"), "{log}");
        // Nothing is left for the next connection: everything was acknowledged.
        let sidecar = scene.sidecar();
        until_listening(&sidecar);
        publisher.publish("d9/x/command/request", command(999));
        let found =
            until(&sidecar, &scene, "the next command", |found| of(found, "command_requested").len() >= 202);
        assert_eq!(of(&found, "command_requested").len(), 202, "{version}");
        assert!(of(&found, "session_lost").is_empty());
        assert!(mosquitto.log().contains("own-audit"), "the session has a name of its own");
    }
}

#[test]
fn what_was_published_while_the_sidecar_was_away_is_recorded_when_it_is_back() {
    let mosquitto = Mosquitto::with(QUEUE);
    let scene = scene(&mosquitto, "");
    let sidecar = scene.sidecar();
    until_listening(&sidecar);
    sidecar.stop();
    let mut publisher = Publisher::connect(mosquitto.port());
    for number in 0..2_500 {
        publisher.publish("plant/a/l/d1/command/request", command(number));
    }
    let sidecar = scene.sidecar();
    let found = until(&sidecar, &scene, "what was queued", |found| commands(found).len() == 2_500);
    assert!(commands(&found).values().all(|counts| *counts == (1, 1)));
}

/// Kills the sidecar at random moments under load; at the end every message is there once, or marked.
fn kills(rounds: u64, version: &str) {
    let mosquitto = Mosquitto::with(QUEUE);
    let scene = scene(&mosquitto, &format!("version = \"{version}\""));
    let sidecar = scene.sidecar();
    until_listening(&sidecar);
    sidecar.stop();
    let (done, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let load = std::thread::spawn({
        let (done, sent, port) = (Arc::clone(&done), Arc::clone(&sent), mosquitto.port());
        move || {
            let mut publisher = Publisher::connect(port);
            while !done.load(Ordering::Relaxed) {
                let number = sent.fetch_add(1, Ordering::Relaxed);
                publisher.publish("plant/a/l/d1/command/request", command(number));
                if number.is_multiple_of(20) {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        }
    });
    // Spread over the life of a sidecar: before it connects, while it catches up, while it idles along.
    let mut state = 0x9e37_79b9_u64;
    for round in 0..rounds {
        let mut sidecar = scene.sidecar();
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(round | 1);
        std::thread::sleep(Duration::from_millis((state >> 33) % 400));
        sidecar.kill9();
        if !long() || round % 50 == 49 {
            records(&dir(&scene));
            // What came after the last checkpoint is not signed yet, and that is all that may be said.
            verifies(&scene, &[0, 2]);
        }
    }
    done.store(true, Ordering::Relaxed);
    load.join().unwrap();
    let all = usize::try_from(sent.load(Ordering::Relaxed)).unwrap();
    let sidecar = scene.sidecar();
    // What is queued is delivered in its order; to read the whole log over and over would take the time it needs.
    Publisher::connect(mosquitto.port()).publish("plant/a/l/last/command/request", command(999_999_999));
    sidecar.wait_until("the last command", if long() { SOON * 20 } else { SOON * 2 }, |_| {
        let newest = segments(&dir(&scene)).into_iter().rev().take(2);
        newest.into_iter().any(|path| fs::read_to_string(path).unwrap().contains("\"c999999999\""))
    });
    let mut found = records(&dir(&scene));
    found.retain(|record| record["device"] != "last");
    assert_eq!(commands(&found).len(), all, "each of them is there");
    let wrong: Vec<_> = commands(&found).into_iter().filter(|(_, counts)| counts.1 != 1).collect();
    let (first, last) = (wrong.first(), wrong.last());
    assert!(wrong.is_empty(), "{} are neither there once nor marked: {first:?} to {last:?}", wrong.len());
    assert!(of(&found, "session_lost").is_empty());
    sidecar.stop();
    verifies(&scene, &[0]);
}

/// `audit verify` ends like this.
fn verifies(scene: &Scene, codes: &[i32]) {
    let dir = dir(scene);
    let verified = support::run(&["audit", "verify", "--dir", dir.to_str().unwrap()]);
    assert!(codes.contains(&verified.code), "{codes:?} is expected: {verified:?}");
}

#[test]
fn a_kill_costs_no_acknowledged_message_and_each_is_there_once_or_marked() {
    kills(if long() { 1000 } else { 12 }, "5");
    kills(if long() { 100 } else { 4 }, "3.1.1");
}

#[test]
fn a_broker_that_lost_our_session_is_told_and_one_that_kept_it_is_not() {
    let mut mosquitto = Mosquitto::with("persistence true\n");
    let scene = scene(&mosquitto, "");
    let sidecar = scene.sidecar();
    until_listening(&sidecar);
    mosquitto.restart(true);
    sidecar.wait_until("connected again", SOON, |own| {
        own.log().contains("connected again broker=\"main\" connection=\"audit\"")
    });
    Publisher::connect(mosquitto.port()).publish("plant/a/l/d1/command/request", command(1));
    let found = until(&sidecar, &scene, "a command", |found| !of(found, "command_requested").is_empty());
    assert!(of(&found, "session_lost").is_empty());
    std::thread::sleep(Duration::from_secs(1));
    mosquitto.restart(false);
    let found = until(&sidecar, &scene, "the loss", |found| !of(found, "session_lost").is_empty());
    let lost = of(&found, "session_lost")[0];
    assert_eq!(
        (&lost["type"], &lost["level"], &lost["broker"]),
        (&"SECURITY".into(), &"WARN".into(), &"main".into())
    );
    let seconds = lost["seconds"].as_f64().unwrap();
    assert!(seconds > 0.0 && seconds < 60.0, "{lost}");
    until_listening(&sidecar);
    Publisher::connect(mosquitto.port()).publish("plant/a/l/d1/command/request", command(2));
    until(&sidecar, &scene, "commands flow again", |found| of(found, "command_requested").len() == 2);
    sidecar.stop();
    // The sidecar is away when it happens, and notices at the next start.
    mosquitto.restart(false);
    let sidecar = scene.sidecar();
    until(&sidecar, &scene, "the second loss", |found| of(found, "session_lost").len() == 2);
}

#[test]
fn a_session_that_is_left_behind_is_told_with_what_ends_it() {
    let mosquitto = Mosquitto::start();
    let scene = scene(&mosquitto, "client_id = \"own\"");
    let sidecar = scene.sidecar();
    until_listening(&sidecar);
    sidecar.stop();
    let log = scene.sidecar_with(&[], &[("WATCHKEEPER_AUDIT__ENABLED", "false")]).stop();
    assert!(log.contains("own-audit") && log.contains("mosquitto_sub -i ID -E"), "{log}");
    let port = mosquitto.port().to_string();
    let ended = Command::new("mosquitto_sub")
        .args(["-h", "127.0.0.1", "-p", &port, "-i", "own-audit", "-E", "-t", "x"])
        .status();
    assert!(ended.unwrap().success());
    // What the line says is true: the session is gone.
    let sidecar = scene.sidecar();
    until(&sidecar, &scene, "the loss", |found| !of(found, "session_lost").is_empty());
}

#[test]
fn a_full_disk_makes_the_broker_wait_and_costs_nothing() {
    let (mosquitto, disk) = (Mosquitto::with(QUEUE), SmallDisk::new(8 << 20));
    let settings = broker("main", &mosquitto.url(), "")
        + &STREAMS.replace(
            "[audit]",
            &format!(
                "[audit]\ndir = {:?}\nspace_left = \"2MiB\"\nadmin_space_left = \"1MiB\"",
                disk.path().join("log")
            ),
        );
    let scene = Scene::new(&settings);
    let mut program = disk.program();
    program.args(["run", "--web.listen-address", "127.0.0.1:0", "--data-dir"]).arg(scene.data());
    program.arg("--config").arg(scene.folder.path().join("watchkeeper.toml"));
    let sidecar = Sidecar::from_command(&mut program);
    until_listening(&sidecar);
    let dir = disk.seen(sidecar.id()).join("log");
    let ballast = disk.fill(sidecar.id());
    let mut publisher = Publisher::connect(mosquitto.port());
    let mut sent = 0;
    sidecar.wait_until("the log is blocked", SOON, |own| {
        for _ in 0..100 {
            publisher.publish("plant/a/l/d1/command/request", command(sent));
            sent += 1;
        }
        own.metrics().get("watchkeeper_audit_blocked", &[]) == Some(1.0)
    });
    for _ in 0..3_000 {
        publisher.publish("plant/a/l/d1/command/request", command(sent));
        sent += 1;
    }
    assert!(issue(&sidecar, "audit_blocked").is_some());
    assert!(issue(&sidecar, "audit_unconnected").is_none(), "the connection lives");
    fs::remove_file(ballast).unwrap();
    let all = usize::try_from(sent).unwrap();
    sidecar.wait_until("every command", SOON * 2, |_| commands(&records(&dir)).len() == all);
    assert!(commands(&records(&dir)).values().all(|counts| *counts == (1, 1)));
    sidecar.signal("TERM");
    let mut sidecar = sidecar;
    assert!(sidecar.wait(SOON).success(), "{}", sidecar.log());
}

/// A client that is let in or not, and leaves.
fn visit(mosquitto: &Mosquitto, id: &str, more: &[&str]) {
    let port = mosquitto.port().to_string();
    let args = ["-h", "127.0.0.1", "-p", &port, "-i", id, "-t", "x", "-m", "1"];
    drop(Command::new("mosquitto_pub").args(args).args(more).output().unwrap());
}

fn clients<'a>(records: &'a [Value], event: &str, client: &str) -> Vec<&'a Value> {
    of(records, event).into_iter().filter(|record| record["client_id"] == client).collect()
}

#[test]
fn clients_that_come_go_and_are_refused_are_recorded_and_counted_once_whatever_the_source() {
    for file in [false, true] {
        let mosquitto = Mosquitto::with("log_dest topic\n");
        let log = mosquitto.log_file();
        let more = if file { format!("log_file = {:?}", log.to_str().unwrap()) } else { String::new() };
        let scene = scene(&mosquitto, &more);
        let sidecar = scene.sidecar();
        until_listening(&sidecar);
        until_sys(&sidecar);
        visit(&mosquitto, "dev (p2, c1, k60) 1", &["-u", "o'brien"]);
        let found = until(&sidecar, &scene, "the visit", |found| {
            !clients(found, "client_disconnected", "dev (p2, c1, k60) 1").is_empty()
        });
        let came = clients(&found, "client_connected", "dev (p2, c1, k60) 1");
        assert_eq!(came.len(), 1, "file: {file}, {found:#?}");
        assert_eq!((&came[0]["user"], &came[0]["source_ip"]), (&"o'brien".into(), &"127.0.0.1".into()));
        assert_eq!(came[0]["protocol"], "3.1.1");
        let left = clients(&found, "client_disconnected", "dev (p2, c1, k60) 1");
        assert_eq!((left.len(), &left[0]["reason"]), (1, &"by_client".into()));
        sidecar.wait_until("the counts agree", SOON, |own| {
            let found = records(&dir(&scene));
            let events = own.metrics();
            ["connected", "disconnected"].iter().all(|event| {
                let counted = events.sum("mqtt_broker_client_events_total", &[("event", event)]);
                (counted - of(&found, &format!("client_{event}")).len() as f64).abs() < 0.5
            })
        });
        sidecar.stop();
    }
}

#[test]
fn a_wrong_password_is_a_security_record() {
    let folder = tempfile::tempdir().unwrap();
    let passwords = folder.path().join("passwords");
    fs::write(&passwords, "").unwrap();
    for user in ["own", "other"] {
        let made = Command::new("mosquitto_passwd").arg("-b").arg(&passwords).args([user, "right"]).status();
        assert!(made.unwrap().success());
    }
    let mosquitto = Mosquitto::with(&format!(
        "log_dest topic\nallow_anonymous false\npassword_file {}\n",
        passwords.display()
    ));
    let secret = folder.path().join("secret");
    fs::write(&secret, "right").unwrap();
    let scene =
        scene(&mosquitto, &format!("username = \"own\"\npassword_file = {:?}", secret.to_str().unwrap()));
    let sidecar = scene.sidecar();
    until_listening(&sidecar);
    until_sys(&sidecar);
    visit(&mosquitto, "intruder", &["-u", "other", "-P", "wrong"]);
    let found = until(&sidecar, &scene, "the refusal", |found| !of(found, "client_refused").is_empty());
    let refused = of(&found, "client_refused")[0];
    assert_eq!(
        (&refused["type"], &refused["reason"]),
        (&"SECURITY".into(), &"not_authorized".into()),
        "{refused}"
    );
    assert!(!found.iter().any(|record| record.to_string().contains("wrong")));
    sidecar.wait_until("it is counted", SOON, |own| {
        own.metrics().get("mqtt_broker_auth_failures_total", &[("reason", "not_authorized")]) == Some(1.0)
    });
}

#[test]
fn a_followed_log_misses_nothing_while_the_sidecar_is_away_or_the_log_is_rotated() {
    let mosquitto = Mosquitto::start();
    let log = mosquitto.log_file();
    let scene = scene(&mosquitto, &format!("log_file = {:?}", log.to_str().unwrap()));
    let sidecar = scene.sidecar();
    until_listening(&sidecar);
    visit(&mosquitto, "before", &[]);
    until(&sidecar, &scene, "the first visit", |found| {
        !clients(found, "client_disconnected", "before").is_empty()
    });
    sidecar.stop();
    visit(&mosquitto, "while away", &[]);
    // What copies and empties a log, as logrotate does for programs that do not open theirs anew.
    fs::copy(&log, log.with_file_name("mosquitto.log.1")).unwrap();
    fs::File::options().write(true).truncate(true).open(&log).unwrap();
    visit(&mosquitto, "after rotation", &[]);
    let sidecar = scene.sidecar();
    let found = until(&sidecar, &scene, "the visits meanwhile", |found| {
        !clients(found, "client_disconnected", "after rotation").is_empty()
    });
    for client in ["before", "while away", "after rotation"] {
        for event in ["client_connected", "client_disconnected"] {
            assert_eq!(clients(&found, event, client).len(), 1, "{client} {event}");
        }
    }
    assert!(of(&found, "broker_log_lost").is_empty());
    sidecar.stop();
}
