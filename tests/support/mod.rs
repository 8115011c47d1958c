//! What the end-to-end tests stand on: a real Mosquitto, the real program, a real Prometheus, and a publisher that
//! can send what no decent client would. Everything listens on loopback, writes below a temporary folder and is
//! killed when it is dropped. A program that is not installed fails the test; it never passes it.

#![allow(dead_code, unused_imports, reason = "each test file uses its own part of this")]

mod authority;
mod command;
mod disk;
mod http;
mod metrics;
mod mosquitto;
mod prometheus;
mod publisher;
mod scripted;
mod sidecar;

pub(crate) use authority::{Authority, Holds, Signed};
pub(crate) use command::{Output, promtool, run, run_with};
pub(crate) use disk::SmallDisk;
pub(crate) use http::Response;
pub(crate) use metrics::{Metrics, Sample};
pub(crate) use mosquitto::Mosquitto;
pub(crate) use prometheus::Prometheus;
pub(crate) use publisher::Publisher;
pub(crate) use scripted::{Noted, deliver, noting, slow_to_part};
pub(crate) use sidecar::Sidecar;

use std::net::TcpListener;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// The program under test.
pub(crate) const WATCHKEEPER: &str = env!("CARGO_BIN_EXE_watchkeeper");

/// Between two looks.
pub(crate) const STEP: Duration = Duration::from_millis(20);

/// Long enough for anything that should happen at once, on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(45);

/// Looks until it is so; false when the time is over.
pub(crate) fn becomes(within: Duration, mut so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + within;
    while !so() {
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(STEP);
    }
    true
}

/// A port of the loopback address that nobody listens on now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port is free");
    listener.local_addr().expect("a listener has an address").port()
}

/// Sends a signal such as `STOP`, `CONT`, `INT` or `TERM`.
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status();
    assert!(sent.is_ok_and(|status| status.success()), "kill -{name} {} failed", child.id());
}

/// Starts a program; where it is missing, the test fails and says what to install.
pub(crate) fn spawn(command: &mut Command, package: &str) -> Child {
    // Ours, and the program refuses variables that it does not know.
    command.env_remove("WATCHKEEPER_LONG");
    command.spawn().unwrap_or_else(|error| {
        let program = command.get_program().to_string_lossy().into_owned();
        panic!("{program} cannot be started: {error}; install the package {package}")
    })
}
