//! The consumer of the field guide: a client with a persistent session that expects each number after the one before.

use crate::support::{Mosquitto, SOON, becomes, signal, spawn};
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// See the head of this file.
pub(crate) struct Consumer {
    port: String,
    topic: String,
    file: PathBuf,
    child: Option<Child>,
}

impl Consumer {
    /// Subscribes; what it hears goes into a file of this folder.
    pub(crate) fn start(broker: &Mosquitto, topic: &str, folder: &Path) -> Self {
        let (port, topic) = (broker.port().to_string(), topic.to_owned());
        let mut consumer = Self { port, topic, file: folder.join("consumed"), child: None };
        consumer.resume();
        let subscribed = || broker.log().contains("Sending SUBACK to consumer_test_persistent");
        assert!(becomes(SOON, subscribed), "{}", broker.log());
        consumer
    }

    /// Comes back to its session.
    pub(crate) fn resume(&mut self) {
        let file = File::options().create(true).append(true).open(&self.file).unwrap();
        let mut command = Command::new("mosquitto_sub");
        command.args(["-h", "127.0.0.1", "-p", &self.port, "-t", &self.topic, "-q", "1"]);
        command.args(["-i", "consumer_test_persistent", "--disable-clean-session"]);
        self.child = Some(spawn(command.stdin(Stdio::null()).stdout(file), "mosquitto-clients"));
    }

    /// Ctrl-C.
    pub(crate) fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        signal(&child, "INT");
        child.wait().unwrap();
    }

    /// The numbers that it heard, in the order in which it did; what it was sent again is left out.
    pub(crate) fn heard(&self) -> Vec<u64> {
        let text = std::fs::read_to_string(&self.file).unwrap();
        // The last line may not be whole yet.
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut numbers: Vec<u64> = lines.map(|message| message["sequence"].as_u64().unwrap()).collect();
        let mut highest = None;
        numbers.retain(|number| {
            let is_new = highest.is_none_or(|highest| *number > highest);
            highest = highest.max(Some(*number));
            is_new
        });
        numbers
    }

    /// Until this number was heard.
    pub(crate) fn until(&self, number: u64) {
        assert!(becomes(SOON, || self.heard().contains(&number)), "{:?}", self.heard());
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.stop();
    }
}
