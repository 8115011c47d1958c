//! A Mosquitto with a configuration, a port and a folder of its own.

use super::{SOON, becomes, free_port, signal, spawn};
use std::fs::{self, File};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A running broker.
pub(crate) struct Mosquitto {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Mosquitto {
    /// Open to all, without persistence.
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// With further lines in its configuration, such as `persistence true` or `allow_anonymous false`, which stand
    /// after ours and win.
    pub(crate) fn with(lines: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let port = free_port();
        let child = start(&folder, port, lines);
        let broker = Self { child, port, folder };
        broker.until_it_accepts();
        broker
    }

    /// Where it listens, on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// As `--broker` takes it.
    pub(crate) fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Dies without a word.
    pub(crate) fn kill(&mut self) {
        // It may be dead already.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Freezes it: its connections stay open and nothing moves.
    pub(crate) fn freeze(&self) {
        signal(&self.child, "STOP");
    }

    /// Lets a frozen one go on.
    pub(crate) fn cont(&self) {
        signal(&self.child, "CONT");
    }

    /// Stops, and starts again on the same port. What it keeps is written by an orderly stop; without, it is
    /// killed and forgets everything.
    pub(crate) fn restart(&mut self, keep_state: bool) {
        let runs = self.child.try_wait().expect("it is our child").is_none();
        if keep_state && runs {
            signal(&self.child, "TERM");
            let ended = becomes(SOON, || self.child.try_wait().expect("it is our child").is_some());
            assert!(ended, "mosquitto did not stop: {}", self.log());
        } else if !keep_state {
            self.kill();
            // There is none where nothing was kept.
            drop(fs::remove_file(self.db_file()));
        }
        self.child = run(&self.folder);
        self.until_it_accepts();
    }

    /// Where it logs.
    pub(crate) fn log_file(&self) -> std::path::PathBuf {
        self.folder.path().join("mosquitto.log")
    }

    /// Where it keeps sessions and queues with `persistence true`; written every second with `autosave_interval 1`.
    pub(crate) fn db_file(&self) -> std::path::PathBuf {
        self.folder.path().join("mosquitto.db")
    }

    /// Everything it logged so far.
    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(self.folder.path().join("mosquitto.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn until_it_accepts(&self) {
        let accepts = becomes(SOON, || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
        assert!(accepts, "mosquitto does not accept on port {}: {}", self.port, self.log());
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
    }
}

fn start(folder: &TempDir, port: u16, lines: &str) -> Child {
    let path = folder.path().display();
    // As root it would change to another user, who may not write below our folder.
    let settings = format!(
        "user root\nlistener {port} 127.0.0.1\nallow_anonymous true\nsys_interval 1\npersistence_location {path}/\n\
         log_dest stderr\nlog_type all\n{lines}\n"
    );
    fs::write(folder.path().join("mosquitto.conf"), settings).expect("the temporary folder can be written");
    run(folder)
}

fn run(folder: &TempDir) -> Child {
    let log = File::options().create(true).append(true).open(folder.path().join("mosquitto.log"));
    let mut command = Command::new(if fs::exists("/usr/sbin/mosquitto").unwrap_or(false) {
        "/usr/sbin/mosquitto"
    } else {
        "mosquitto"
    });
    command.arg("-c").arg(folder.path().join("mosquitto.conf"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.expect("the log can be written"));
    spawn(&mut command, "mosquitto")
}
