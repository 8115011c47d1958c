//! A Prometheus that scrapes once a second.

use super::{SOON, becomes, free_port, http, spawn};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A running Prometheus.
pub(crate) struct Prometheus {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Prometheus {
    /// Scrapes these addresses.
    pub(crate) fn start(targets: &[SocketAddr]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let targets: Vec<String> = targets.iter().map(|target| format!("'{target}'")).collect();
        let settings = format!(
            "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n  - job_name: watchkeeper\n    \
             static_configs:\n      - targets: [{}]\n",
            targets.join(", ")
        );
        fs::write(folder.path().join("prometheus.yml"), settings)
            .expect("the temporary folder can be written");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let log = File::create(folder.path().join("prometheus.log")).expect("the log can be written");
        let mut command = Command::new("prometheus");
        command
            .current_dir(folder.path())
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={address}"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let prometheus = Self { child: spawn(&mut command, "prometheus"), address, folder };
        let ready = becomes(SOON, || {
            http::request(address, "GET", "/-/ready", &[]).is_ok_and(|answer| answer.status == 200)
        });
        assert!(ready, "prometheus is not ready: {}", prometheus.log());
        prometheus
    }

    /// The result of an instant query.
    pub(crate) fn query(&self, expression: &str) -> serde_json::Value {
        let encoded = percent_encoding::utf8_percent_encode(expression, percent_encoding::NON_ALPHANUMERIC);
        self.json(&format!("/api/v1/query?query={encoded}"))["data"]["result"].clone()
    }

    /// The value where the query has exactly one.
    pub(crate) fn value(&self, expression: &str) -> Option<f64> {
        let result = self.query(expression);
        let [one] = result.as_array()?.as_slice() else { return None };
        one["value"][1].as_str()?.parse().ok()
    }

    /// Any endpoint.
    pub(crate) fn json(&self, path: &str) -> serde_json::Value {
        http::request(self.address, "GET", path, &[])
            .unwrap_or_else(|error| panic!("{path}: {error}\n{}", self.log()))
            .json()
    }

    /// Everything it logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("prometheus.log")).unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
