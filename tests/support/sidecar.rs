//! The program as it is delivered: started with arguments, asked over HTTP, stopped by signals.

use super::http::{self, Response};
use super::metrics::Metrics;
use super::{SOON, WATCHKEEPER, becomes, signal, spawn};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A running sidecar.
pub(crate) struct Sidecar {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Sidecar {
    /// `run` with further arguments, such as `--broker URL`, on a port of its own.
    pub(crate) fn start(args: &[&str], env: &[(&str, &str)], data_dir: &Path) -> Self {
        let mut command = Command::new(WATCHKEEPER);
        command.args(["run", "--web.listen-address", "127.0.0.1:0", "--data-dir"]).arg(data_dir).args(args);
        // Other tests are about what devices do; the one of the probe switches it on.
        command.env("WATCHKEEPER_PROBE__EVERY", "0");
        command.stdout(Stdio::null()).envs(env.iter().copied());
        Self::from_command(&mut command)
    }

    /// Any command that logs its addresses as `run` does.
    pub(crate) fn from_command(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = spawn(command, "watchkeeper");
        let stderr = child.stderr.take().expect("stderr is piped");
        let log = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = written.lock().expect("nobody panics with the log in hand");
                log.push_str(&line);
                log.push('\n');
            }
        });
        let mut found = None;
        becomes(SOON, || {
            found = address(&log.lock().expect("nobody panics with the log in hand"));
            found.is_some() || child.try_wait().is_ok_and(|ended| ended.is_some())
        });
        let Some(address) = found else {
            drop(child.kill());
            let log = log.lock().expect("nobody panics with the log in hand");
            panic!("the sidecar did not start: {:?}\n{log}", child.wait());
        };
        Self { child, address, log }
    }

    /// Where it serves.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// As `--url` takes it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything it logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("nobody panics with the log in hand").clone()
    }

    /// GET of a program that may be about to end.
    pub(crate) fn try_get(&self, path: &str) -> std::io::Result<Response> {
        http::request(self.address, "GET", path, &[])
    }

    /// GET.
    pub(crate) fn get(&self, path: &str) -> Response {
        self.ask("GET", path, &[])
    }

    /// Any request.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        http::request(self.address, method, path, headers)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.log()))
    }

    /// POST of a JSON body.
    pub(crate) fn post(&self, path: &str, body: &str) -> Response {
        let headers = [("Content-Type", "application/json")];
        http::request_with(self.address, ("POST", path), &headers, body)
            .unwrap_or_else(|error| panic!("POST {path}: {error}\n{}", self.log()))
    }

    /// GET, which must be 200 and JSON.
    pub(crate) fn json(&self, path: &str) -> serde_json::Value {
        let response = self.get(path);
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        response.json()
    }

    /// One device as `/api/nodes/{id}` has it; None where it is not known.
    pub(crate) fn node(&self, id: &str) -> Option<serde_json::Value> {
        let id = percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC);
        let response = self.get(&format!("/api/nodes/{id}"));
        match response.status {
            200 => Some(response.json()),
            404 => None,
            other => panic!("/api/nodes/{id}: {other} {}", response.text()),
        }
    }

    /// Every device, page by page.
    pub(crate) fn nodes(&self, limit: usize) -> Vec<serde_json::Value> {
        let mut nodes = Vec::new();
        let mut path = format!("/api/nodes?limit={limit}");
        loop {
            let page = self.json(&path);
            nodes.extend(page["nodes"].as_array().expect("nodes is a list").iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else {
                assert_eq!(page["total"], nodes.len(), "total is the sum of the pages");
                return nodes;
            };
            let cursor = percent_encoding::utf8_percent_encode(cursor, percent_encoding::NON_ALPHANUMERIC);
            path = format!("/api/nodes?limit={limit}&cursor={cursor}");
        }
    }

    /// A scrape.
    pub(crate) fn metrics(&self) -> Metrics {
        let response = self.get("/metrics");
        assert_eq!(response.status, 200, "{}", response.text());
        Metrics::parse(response.text())
    }

    /// Looks every 20 ms until it is so; fails with what was waited for and the log when the time is over.
    pub(crate) fn wait_until(&self, what: &str, within: Duration, mut so: impl FnMut(&Self) -> bool) {
        assert!(becomes(within, || so(self)), "not within {within:?}: {what}\n{}", self.log());
    }

    /// Until every subscription is granted.
    pub(crate) fn until_connected(&self) {
        self.wait_until("connected", SOON, |own| own.get("/api/health").json()["mqtt"]["connected"] == true);
    }

    /// Until so many messages of devices were counted, retained ones included.
    pub(crate) fn until_messages(&self, count: u64) {
        self.until_messages_within(count, SOON);
    }

    /// The same for a flood, which takes its time on a busy machine. Looks are rare where a scrape is dear.
    pub(crate) fn until_messages_within(&self, count: u64, within: Duration) {
        self.wait_until(&format!("{count} messages counted"), within, |own| {
            let begun = Instant::now();
            let there = own.metrics().sum("mqtt_messages_received_total", &[]) >= count as f64;
            if !there {
                std::thread::sleep(begun.elapsed());
            }
            there
        });
    }

    /// Resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells VmRSS");
        let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse().expect("VmRSS is a number");
        kib * 1024
    }

    /// Sends a signal such as `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Dies without a word.
    pub(crate) fn kill9(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// SIGTERM; it must end by itself and with 0. Gives what it logged.
    pub(crate) fn stop(mut self) -> String {
        self.signal("TERM");
        let status = self.wait(SOON);
        assert!(status.success(), "{status}\n{}", self.log());
        self.log()
    }

    /// How it ended; fails when it has not within this time.
    pub(crate) fn wait(&mut self, within: Duration) -> ExitStatus {
        let mut status = None;
        becomes(within, || {
            status = self.child.try_wait().expect("it is our child");
            status.is_some()
        });
        status.unwrap_or_else(|| panic!("still running after {within:?}\n{}", self.log()))
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// The first address in the line that says «started».
fn address(log: &str) -> Option<SocketAddr> {
    let (_, rest) = log.split_once("addresses=[")?;
    let (addresses, _) = rest.split_once(']')?;
    let first = addresses.split(", ").next()?;
    first.replace("0.0.0.0", "127.0.0.1").parse().ok()
}
