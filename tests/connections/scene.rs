//! A broker with listeners of every kind, and the sidecar before it.

use crate::support::{Authority, Holds, Mosquitto, SOON, Sidecar, Signed, free_port};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder with an authority, and what it signed for 127.0.0.1 and `localhost`.
pub(crate) struct Papers {
    pub(crate) folder: TempDir,
    pub(crate) authority: Authority,
    pub(crate) server: Signed,
}

impl Papers {
    pub(crate) fn new() -> Self {
        Self::of(&["127.0.0.1", "localhost"], Holds::Now)
    }

    pub(crate) fn of(names: &[&str], holds: Holds) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let authority = Authority::new(folder.path(), "authority");
        let server = authority.sign("server", names, holds);
        Self { folder, authority, server }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// `ca_file` of a broker.
    pub(crate) fn trusted(&self) -> String {
        format!("ca_file = \"{}\"", self.authority.file.display())
    }

    /// Lines of a listener with TLS.
    pub(crate) fn listener(&self, port: u16, more: &str) -> String {
        let Signed { cert, key } = &self.server;
        format!(
            "listener {port} 127.0.0.1\ncertfile {}\nkeyfile {}\ncafile {}\n{more}\n",
            cert.display(),
            key.display(),
            self.authority.file.display()
        )
    }
}

/// A broker with one more listener; gives its port.
pub(crate) fn with_listener(lines: impl FnOnce(u16) -> String) -> (Mosquitto, u16) {
    let port = free_port();
    (Mosquitto::with(&lines(port)), port)
}

/// Where the configuration of one sidecar lies, and its data.
pub(crate) struct Scene {
    folder: TempDir,
}

impl Scene {
    /// One broker at this URL with more settings.
    pub(crate) fn new(url: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let text = format!(
            "[[broker]]\nname = \"main\"\nurl = \"{url}\"\nconnect_timeout = \"2s\"\nreconnect_min = \"100ms\"\n\
             reconnect_max = \"400ms\"\n{more}\n\
             [[stream]]\nname = \"t\"\nfilter = \"fleet/{{device}}/t\"\nformat = \"json\"\n"
        );
        fs::write(folder.path().join("watchkeeper.toml"), text).expect("the folder can be written");
        Self { folder }
    }

    /// The folder of its data.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("watchkeeper.toml")
    }

    pub(crate) fn sidecar(&self) -> Sidecar {
        let config = self.config();
        let config = config.to_str().expect("the folder's name is UTF-8");
        Sidecar::start(&["--config", config], &[], &self.data())
    }
}

/// The only broker as health has it.
pub(crate) fn broker(sidecar: &Sidecar) -> Value {
    sidecar.get("/api/health").json()["brokers"][0].clone()
}

/// Waits until health names this reason, and gives the failure.
pub(crate) fn failed(sidecar: &Sidecar, reason: &str) -> Value {
    sidecar.wait_until(reason, SOON, |own| broker(own)["failure"]["reason"] == reason);
    let failure = broker(sidecar)["failure"].clone();
    assert!(!failure["cure"].as_str().unwrap_or_default().is_empty(), "{failure}");
    failure
}

/// The first issue with this code.
pub(crate) fn issue(sidecar: &Sidecar, code: &str) -> Option<Value> {
    let health = sidecar.get("/api/health").json();
    health["issues"].as_array().into_iter().flatten().find(|issue| issue["code"] == code).cloned()
}
