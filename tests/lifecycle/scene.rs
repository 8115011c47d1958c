//! What most of these tests begin with: a configuration whose devices are judged within seconds, and the questions
//! that are asked of a sidecar again and again.

use crate::support::{Metrics, Sidecar};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// A device speaks so often, much more often than it must: only silence makes it late.
pub(crate) const EVERY: Duration = Duration::from_millis(200);

/// Five of them.
pub(crate) const TOPICS: [&str; 5] = ["fleet/d1/t", "fleet/d2/t", "fleet/d3/t", "fleet/d4/t", "fleet/d5/t"];

/// Late after 1.5 s, suspected after 2 s, offline after 2.5 s.
pub(crate) const STREAM: &str = r#"
[[stream]]
name = "t"
filter = "fleet/{device}/t"
kind = "telemetry"
format = "json"
points = "$.points.*"
range = [0, 100]
expect_every = "1s"
tolerance = 0.5
offline_after = "2s"
hold_off = "500ms"
stuck_after = 5
"#;

/// A folder with the configuration and the data of one sidecar.
pub(crate) struct Scene {
    pub(crate) folder: TempDir,
}

/// One `[[broker]]` that comes back quickly.
pub(crate) fn broker(name: &str, url: &str, more: &str) -> String {
    format!(
        "[[broker]]\nname = \"{name}\"\nurl = \"{url}\"\nconnect_timeout = \"1s\"\nreconnect_min = \"100ms\"\n\
         reconnect_max = \"400ms\"\n{more}\n"
    )
}

impl Scene {
    /// Of these sections.
    pub(crate) fn new(settings: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        fs::write(folder.path().join("watchkeeper.toml"), settings).expect("the folder can be written");
        Self { folder }
    }

    /// One broker, and the stream above.
    pub(crate) fn plain(url: &str) -> Self {
        Self::new(&(broker("main", url, "") + STREAM))
    }

    /// Where the sidecar keeps its state.
    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// Starts the sidecar, for the first time or again.
    pub(crate) fn sidecar(&self) -> Sidecar {
        self.sidecar_with(&[], &[])
    }

    /// The same with more arguments and environment.
    pub(crate) fn sidecar_with(&self, args: &[&str], env: &[(&str, &str)]) -> Sidecar {
        let config = self.folder.path().join("watchkeeper.toml");
        let config = config.to_str().expect("the folder's name is UTF-8");
        Sidecar::start(&[&["--config", config], args].concat(), env, &self.data())
    }
}

/// Whether the longer tests are wanted.
pub(crate) fn long() -> bool {
    std::env::var("WATCHKEEPER_LONG").is_ok_and(|value| value == "1")
}

/// `watchkeeper_connected` of the only broker.
pub(crate) fn connected(metrics: &Metrics) -> bool {
    metrics.get("watchkeeper_connected", &[]) == Some(1.0)
}

/// Messages of devices.
pub(crate) fn messages(metrics: &Metrics) -> f64 {
    metrics.sum("mqtt_messages_received_total", &[])
}

/// The first issue of health with this code.
pub(crate) fn issue(sidecar: &Sidecar, code: &str) -> Option<Value> {
    let health = sidecar.get("/api/health").json();
    health["issues"].as_array().into_iter().flatten().find(|issue| issue["code"] == code).cloned()
}

/// Everything about one file of the data folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the data folder is there");
    entries.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned()).collect()
}

/// Waits until all devices are online.
pub(crate) fn until_online(sidecar: &Sidecar, devices: usize) {
    sidecar.wait_until("all devices are online", crate::support::SOON, |own| {
        own.metrics().get("mqtt_devices", &[("state", "online")]) == Some(devices as f64)
    });
}

/// Nobody was called offline or late, and everybody is there.
pub(crate) fn assert_nobody_blamed(sidecar: &Sidecar, devices: usize, when: &str) {
    let metrics = sidecar.metrics();
    let late = metrics.sum("mqtt_device_interval_deviations_total", &[("direction", "late")]);
    let gone = metrics.sum("mqtt_device_disconnects_total", &[]);
    let came = metrics.sum("mqtt_device_connects_total", &[]);
    let nodes = || format!("{when}\n{:#?}\n{}", sidecar.nodes(100), sidecar.log());
    assert!(late == 0.0, "{late} late: {}", nodes());
    assert!(gone == 0.0, "{gone} offline: {}", nodes());
    assert!((came - devices as f64).abs() < 0.5, "{came} came: {}", nodes());
}
