//! A fleet that three processes share: the real program, a real Mosquitto, and sums over all three that must be what was
//! sent, to the last message.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]
#![expect(clippy::float_cmp, reason = "counts are whole numbers and must be exact")]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use support::{Metrics, Mosquitto, Publisher, SOON, Sidecar, becomes};
use tempfile::TempDir;

const SHARDS: usize = 3;
const DEVICES: usize = 200;

/// What is sent of each device: two good messages, one whose payload names it, a bad one, a command and its answer.
const MESSAGES: f64 = 6.0;

const STREAMS: &str = r#"
[[stream]]
name = "values"
filter = "f/{device}/t"
format = "json"
[[stream]]
name = "named"
filter = "site/{x}"
device = "$.device_id"
[[stream]]
name = "command"
filter = "f/{device}/command/request"
kind = "command"
[[stream]]
name = "response"
filter = "f/{device}/command/response"
kind = "response"
[audit]
compress = "none"
[shard]
total = 3
"#;

struct Fleet {
    broker: Mosquitto,
    folder: TempDir,
    sidecars: Vec<Option<Sidecar>>,
}

impl Fleet {
    fn start() -> Self {
        let broker = Mosquitto::with("max_queued_messages 0\nlog_dest topic\n");
        let folder = tempfile::tempdir().unwrap();
        let config =
            format!("[[broker]]\nname = \"main\"\nurl = {:?}\nclient_id = \"own\"\n{STREAMS}", broker.url());
        fs::write(folder.path().join("w.toml"), config).unwrap();
        let mut fleet = Self { broker, folder, sidecars: Vec::new() };
        fleet.sidecars.resize_with(SHARDS, || None);
        (0..SHARDS).for_each(|index| fleet.begin(index));
        fleet
    }

    fn begin(&mut self, index: usize) {
        self.begin_as(index, index);
    }

    /// One that is told this number.
    fn begin_as(&mut self, index: usize, number: usize) {
        let (config, data) = (self.folder.path().join("w.toml"), self.folder.path().join(index.to_string()));
        let number = number.to_string();
        let args = ["--config", config.to_str().unwrap(), "--shard.index", &number];
        let sidecar = Sidecar::start(&args, &[], &data);
        sidecar.until_connected();
        sidecar.wait_until("the connection for audited messages is up", SOON, |own| {
            own.metrics().get("watchkeeper_audit_connected", &[]) == Some(1.0)
        });
        sidecar.wait_until("the connection for $SYS is up", SOON, |own| {
            own.log().contains("connected broker=\"main\" connection=\"sys\"")
        });
        self.sidecars[index] = Some(sidecar);
    }

    fn running(&self) -> impl Iterator<Item = &Sidecar> {
        self.sidecars.iter().flatten()
    }

    fn scrapes(&self) -> Vec<Metrics> {
        self.running().map(Sidecar::metrics).collect()
    }

    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.scrapes().iter().map(|metrics| metrics.sum(name, labels)).sum()
    }

    fn until_sum(&self, name: &str, labels: &[(&str, &str)], sum: f64) {
        let so = becomes(SOON, || self.sum(name, labels) >= sum);
        assert!(so, "{name} {labels:?}: {} of {sum}", self.sum(name, labels));
    }

    /// The devices that a shard knows.
    fn devices(&self, index: usize) -> Vec<String> {
        let id = |node: &Value| node["id"].as_str().unwrap().to_owned();
        self.sidecars[index].as_ref().unwrap().nodes(100).iter().map(id).collect()
    }

    /// The records of a shard's log.
    fn records(&self, index: usize) -> Vec<Value> {
        let dir = self.folder.path().join(index.to_string()).join("audit");
        let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| {
            path.file_name().unwrap().to_str().unwrap().starts_with("audit-0")
                && path.extension().is_some_and(|end| end == "log")
        });
        files.sort();
        let text: String = files.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// How often each device is in each log with this event: `log/device`.
    fn recorded(&self, event: &str) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        for index in 0..SHARDS {
            for record in self.records(index).iter().filter(|record| record["event"] == event) {
                let device = record["device"].as_str().unwrap();
                *found.entry(format!("{index}/{device}")).or_default() += 1;
            }
        }
        found
    }

    fn until_recorded(&self, event: &str, count: usize) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        let so = becomes(SOON, || {
            found = self.recorded(event);
            found.values().sum::<usize>() >= count
        });
        assert!(so, "{event}: {} of {count}", found.values().sum::<usize>());
        found
    }
}

fn device(number: usize) -> String {
    format!("d{number:03}")
}

/// Speaks as all devices; gives the bytes of the payloads.
fn speak(publisher: &mut Publisher) -> usize {
    let mut bytes = 0;
    let mut say = |topic: &str, payload: &str| {
        publisher.publish(topic, payload);
        bytes += payload.len();
    };
    for id in (0..DEVICES).map(device) {
        say(&format!("f/{id}/t"), r#"{"value": 1}"#);
        say(&format!("f/{id}/t"), r#"{"value": 2}"#);
        say("site/a", &format!(r#"{{"device_id": "{id}", "value": 3}}"#));
        say(&format!("f/{id}/t"), r#"{"value": "#);
        say(&format!("f/{id}/command/request"), &format!(r#"{{"cmd_id": "{id}", "command": "get"}}"#));
        let answer = format!(r#"{{"cmd_id": "{id}", "status": "success", "timestamp": 1, "data": {{}}}}"#);
        say(&format!("f/{id}/command/response"), &answer);
    }
    bytes
}

/// 2 to the power of each number that is missing, as the alert has it.
fn missing(scrapes: &[Metrics]) -> f64 {
    let there: f64 = scrapes
        .iter()
        .flat_map(|metrics| metrics.all("watchkeeper_shard_ordinal", &[]))
        .map(|sample| sample.value.exp2())
        .sum();
    scrapes[0].get("watchkeeper_total_shards", &[]).unwrap().exp2() - 1.0 - there
}

#[test]
fn three_shards_together_are_what_one_would_be() {
    let fleet = Fleet::start();
    let all = DEVICES as f64;
    let bytes = speak(&mut Publisher::connect(fleet.broker.port()));
    fleet.until_sum("mqtt_messages_received_total", &[], MESSAGES * all);
    fleet.until_sum("mqtt_command_responses_total", &[], all);
    fleet.until_sum("watchkeeper_shard_skipped_total", &[], (SHARDS - 1) as f64 * MESSAGES * all);
    for (name, labels, sum) in [
        ("mqtt_messages_received_total", &[][..], MESSAGES * all),
        ("mqtt_messages_received_total", &[("stream", "named")], all),
        ("mqtt_message_bytes_total", &[], bytes as f64),
        ("mqtt_errors_total", &[], all),
        ("mqtt_commands_total", &[], all),
        ("mqtt_command_responses_total", &[("status", "success")], all),
        ("mqtt_command_orphan_responses_total", &[], 0.0),
        ("watchkeeper_devices_tracked", &[], all),
        ("watchkeeper_shard_skipped_total", &[], (SHARDS - 1) as f64 * MESSAGES * all),
        ("watchkeeper_audit_messages_total", &[], 2.0 * all),
        ("watchkeeper_audit_messages_skipped_total", &[], (SHARDS - 1) as f64 * 2.0 * all),
    ] {
        assert_eq!(fleet.sum(name, labels), sum, "{name} {labels:?}");
    }
    assert_eq!(missing(&fleet.scrapes()), 0.0);

    // Every device is in one shard, and its records are in that one's log.
    let mut known: Vec<String> = Vec::new();
    for index in 0..SHARDS {
        let devices = fleet.devices(index);
        assert!(devices.len() > DEVICES / SHARDS / 2, "shard {index} has {}", devices.len());
        known.extend(devices.iter().map(|id| format!("{index}/{id}")));
    }
    known.sort();
    for event in ["command_requested", "command_answered", "command_matched", "first_seen"] {
        let found = fleet.until_recorded(event, DEVICES);
        assert!(found.values().all(|count| *count == 1), "{event}: {found:?}");
        assert_eq!(found.into_keys().collect::<Vec<_>>(), known, "{event}");
    }
    let ids: Vec<String> =
        known.iter().filter_map(|known| known.split_once('/')).map(|at| at.1.into()).collect();
    let mut sorted = ids.clone();
    sorted.sort();
    assert_eq!(sorted, (0..DEVICES).map(device).collect::<Vec<_>>());

    // What belongs to no device is heard by all, and in the log of the first.
    let gone =
        |metrics: &Metrics| metrics.sum("mqtt_broker_client_events_total", &[("event", "disconnected")]);
    let before: Vec<f64> = fleet.scrapes().iter().map(gone).collect();
    Publisher::named(fleet.broker.port(), "visitor").goodbye();
    let heard = || fleet.scrapes().iter().map(gone).zip(&before).all(|(now, before)| now > *before);
    assert!(becomes(SOON, heard), "not every shard heard of the visit");
    let visits =
        |index| fleet.records(index).iter().filter(|record| record["client_id"] == "visitor").count();
    assert!(becomes(SOON, || visits(0) == 2), "{}", visits(0));
    let of_clients = |index| {
        let records = fleet.records(index);
        records.iter().filter(|record| record["event"].as_str().unwrap().starts_with("client_")).count()
    };
    assert_eq!((of_clients(1), of_clients(2)), (0, 0));
    for (index, sidecar) in fleet.running().enumerate() {
        let health = sidecar.json("/api/health");
        assert_eq!((&health["shard"]["index"], &health["shard"]["total"]), (&index.into(), &SHARDS.into()));
        assert!(fleet.broker.log().contains(&format!("own-{index}-audit")), "a session of its own");
    }
}

#[test]
fn a_shard_that_was_killed_is_missed_and_comes_back_to_its_devices() {
    const KILLED: usize = 2;
    let mut fleet = Fleet::start();
    let all = DEVICES as f64;
    speak(&mut Publisher::connect(fleet.broker.port()));
    fleet.until_sum("mqtt_messages_received_total", &[], MESSAGES * all);
    fleet.until_recorded("command_matched", DEVICES);
    let (devices, others) = (fleet.devices(KILLED), DEVICES - fleet.devices(KILLED).len());
    let sidecar = fleet.sidecars[KILLED].as_ref().unwrap();
    let saves = |own: &Sidecar| own.metrics().get("watchkeeper_state_saves_total", &[]).unwrap();
    // One that began after the last message.
    let before = saves(sidecar);
    sidecar.wait_until("saved twice", SOON, |own| saves(own) >= before + 2.0);
    fleet.sidecars[KILLED].as_mut().unwrap().kill9();
    fleet.sidecars[KILLED] = None;

    let scrapes = fleet.scrapes();
    assert_eq!(missing(&scrapes), f64::from(1 << KILLED));
    let tracked: f64 = scrapes.iter().map(|metrics| metrics.sum("watchkeeper_devices_tracked", &[])).sum();
    assert_eq!(tracked, others as f64);

    let mut publisher = Publisher::connect(fleet.broker.port());
    for id in (0..DEVICES).map(device) {
        let request = format!(r#"{{"cmd_id": "{id}-2", "command": "set"}}"#);
        publisher.publish(format!("f/{id}/command/request"), request);
    }
    fleet.until_recorded("command_requested", DEVICES + others);
    fleet.begin(KILLED);
    // What was sent meanwhile the broker had kept for it, and only its own become records.
    let found = fleet.until_recorded("command_requested", 2 * DEVICES);
    assert!(found.values().all(|count| *count == 2), "{found:?}");
    fleet.until_sum("mqtt_commands_total", &[("command", "set")], all);
    assert_eq!(fleet.sum("mqtt_commands_total", &[]), 2.0 * all);
    assert_eq!(fleet.devices(KILLED), devices);
    assert_eq!(missing(&fleet.scrapes()), 0.0);
}

#[test]
fn a_shard_that_was_started_with_the_number_of_another_can_be_given_its_devices_back() {
    const WRONG: usize = 1;
    let mut fleet = Fleet::start();
    speak(&mut Publisher::connect(fleet.broker.port()));
    fleet.until_sum("mqtt_messages_received_total", &[], MESSAGES * DEVICES as f64);
    let devices = fleet.devices(0);
    assert!(!devices.is_empty());
    fleet.sidecars.iter_mut().filter_map(Option::take).for_each(|sidecar| drop(sidecar.stop()));

    fleet.begin_as(0, WRONG);
    assert_eq!(fleet.devices(0), Vec::<String>::new());
    let log = fleet.sidecars[0].take().unwrap().stop();
    assert!(log.contains("state.before-shard-1-of-3.bin"), "{log}");

    let folder = fleet.folder.path().join("0");
    fs::rename(folder.join("state.before-shard-1-of-3.bin"), folder.join("state.bin")).unwrap();
    fleet.begin(0);
    assert_eq!(fleet.devices(0), devices);
}
