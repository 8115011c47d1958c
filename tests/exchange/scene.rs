//! A broker, a sidecar and `mosquitto_pub`: one process after the other, so that the broker has what one of them sent
//! before the next begins.

use crate::support::{Metrics, Mosquitto, Sidecar, run, spawn};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The whole burst may wait: a test of figures is no test of the broker's limits.
const PATIENT: &str = "max_queued_messages 0\nmax_queued_bytes 0\nmax_inflight_messages 0";

pub(crate) struct Scene {
    pub(crate) mosquitto: Mosquitto,
    folder: TempDir,
}

impl Scene {
    /// The built-in streams of a plant, and these settings.
    pub(crate) fn new(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = format!("presets = [\"plant\"]\n{settings}");
        std::fs::write(folder.path().join("watchkeeper.toml"), file).unwrap();
        Self { mosquitto: Mosquitto::with(PATIENT), folder }
    }

    /// A file beside the data.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn sidecar(&self) -> Sidecar {
        let config = self.folder.path().join("watchkeeper.toml");
        let args = ["--broker", &self.mosquitto.url(), "--config", config.to_str().unwrap()];
        let sidecar = Sidecar::start(&args, &[], &self.data());
        sidecar.until_connected();
        sidecar
    }

    /// Publishes each line as a message of its own; the broker has all of them afterwards.
    pub(crate) fn publish(&self, topic: &str, more: &[&str], lines: &[String]) {
        let port = self.mosquitto.port().to_string();
        let mut command = Command::new("mosquitto_pub");
        command.args(["-h", "127.0.0.1", "-p", &port, "-t", topic, "-l", "-q", "1"]).args(more);
        let mut child = spawn(command.stdin(Stdio::piped()), "mosquitto-clients");
        let mut text = lines.join("\n");
        text.push('\n');
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{topic}");
    }

    /// The records of a type, in the order of the log. The sidecar may run.
    pub(crate) fn records(&self, kind: &str) -> Vec<Value> {
        let dir = self.data().join("audit");
        let args = ["audit", "search", "--dir", dir.to_str().unwrap(), "--type", kind, "--format", "json"];
        let found = run(&args);
        assert!(found.code < 2, "{found:?}");
        found.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// How often each event was recorded.
pub(crate) fn counted(records: &[Value]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for record in records {
        *counts.entry(record["event"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

/// The ids of the commands of an event, in order; one that is there twice stays so.
pub(crate) fn ids(records: &[Value], event: &str) -> Vec<String> {
    let of = records.iter().filter(|record| record["event"] == event);
    let mut ids: Vec<String> = of.map(|record| record["cmd_id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

/// The samples of a family that are not 0, by the values of these labels.
pub(crate) fn samples(metrics: &Metrics, name: &str, labels: &[&str]) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for sample in metrics.all(name, &[]).filter(|sample| sample.value > 0.0) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counts are whole numbers"
        )]
        let value = sample.value as u64;
        let of = |label: &&str| sample.labels.get(*label).cloned().unwrap_or_default();
        let key: Vec<String> = labels.iter().map(of).collect();
        found.insert(key.join(" "), value);
    }
    found
}
