//! Runs the publisher that is written in Python.

use crate::support::{Mosquitto, spawn};
use std::process::{Child, Command, Stdio};

/// It runs; `wait_with_output` says how it ended.
pub(crate) fn publisher(broker: &Mosquitto, arguments: &[&str]) -> Child {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/independent/publisher.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(broker.port().to_string()).args(arguments);
    spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()), "python3")
}

/// The same to its end; gives what it printed.
pub(crate) fn publish(broker: &Mosquitto, arguments: &[&str]) -> String {
    finished(publisher(broker, arguments))
}

/// Waits for its end, which must be a good one.
pub(crate) fn finished(publisher: Child) -> String {
    let output = publisher.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
