//! Commands: the backend that sends them and the devices that answer. It must never answer a command twice, nor one
//! that it cannot read.

use super::link::{Link, Listening, Publisher};
use super::payload;
use super::truth::CommandTruth;
use super::{Settings, SimulateError, device::Device};
use crate::clock;
use rumqttc::Publish;
use serde_json::json;
use std::collections::HashSet;
use std::time::Duration;
use tokio::sync::mpsc;

/// Commands that wait for a device, and answers that wait for the backend.
pub(crate) const WAITING: usize = 4096;
/// What a device takes to carry out a command.
const EXECUTION_MS: u64 = 2;
/// How long the backend waits after the last answer.
const PATIENCE: Duration = Duration::from_secs(10);
const NAMES: [&str; 4] = ["help", "system.status", "relay.get", "config.get"];

/// What a device listens to.
pub(crate) fn request_filter(prefix: &str, device: &str) -> String {
    format!("{prefix}/+/+/{device}/command/request")
}

/// Answers what arrives until the connection is closed; gives the number of answers.
pub(crate) async fn answer(publisher: Publisher, mut requests: mpsc::Receiver<Publish>) -> u64 {
    let mut answered = 0;
    while let Some(request) = requests.recv().await {
        let command: serde_json::Value = match serde_json::from_slice(&request.payload) {
            Ok(command) => command,
            Err(_) => continue,
        };
        let (Some(id), Some(stem)) = (command.get("cmd_id"), request.topic.strip_suffix("/request")) else {
            continue;
        };
        tokio::time::sleep(Duration::from_millis(EXECUTION_MS)).await;
        let response = json!({
            "cmd_id": id, "timestamp": payload::timestamp(clock::wall()), "status": "success",
            "execution_time": EXECUTION_MS, "data": {},
        });
        publisher.publish(&format!("{stem}/response"), 1, false, response.to_string().into_bytes()).await;
        answered += 1;
    }
    answered
}

/// The backend's connection; it sends nothing yet.
#[derive(Debug)]
pub(crate) struct Backend {
    link: Link,
    answers: mpsc::Receiver<Publish>,
    topics: Vec<String>,
}

impl Backend {
    /// Connects and listens to every answer.
    pub(crate) async fn open(
        settings: &Settings,
        id: String,
        fleet: &[Device],
    ) -> Result<Self, SimulateError> {
        let (to, answers) = mpsc::channel(WAITING);
        let filters = vec![format!("{}/+/+/+/command/response", settings.prefix)];
        let link = Link::open(settings, id, Listening { filters, to: Some(to) }).await?;
        let request = |device: &Device| device.topic().replace("/telemetry/temperature", "/command/request");
        Ok(Self { link, answers, topics: fleet.iter().map(request).collect() })
    }

    /// Sends so many commands, to one device after the other and without waiting in between, and collects the
    /// answers.
    pub(crate) async fn send(mut self, commands: u64, run: &str) -> CommandTruth {
        let publisher = self.link.publisher();
        let topics = &self.topics;
        let sending = async {
            let mut sent = 0;
            for (n, topic) in (0..commands).zip(topics.iter().cycle()) {
                let name = NAMES[usize::try_from(n).unwrap_or(0) % NAMES.len()];
                let command = json!({
                    "cmd_id": format!("{run}-{n}"), "timestamp": payload::timestamp(clock::wall()),
                    "command": name, "parameters": {},
                });
                sent += u64::from(publisher.publish(topic, 1, false, command.to_string().into_bytes()).await);
            }
            sent
        };
        let prefix = format!("{run}-");
        let (sent, answered) = tokio::join!(sending, collect(&mut self.answers, &prefix, commands));
        self.link.close(false, PATIENCE).await;
        CommandTruth { sent, answered, unanswered: sent.saturating_sub(answered) }
    }
}

/// Distinct commands of ours that were answered.
async fn collect(answers: &mut mpsc::Receiver<Publish>, prefix: &str, commands: u64) -> u64 {
    let mut seen = HashSet::new();
    while (seen.len() as u64) < commands {
        let Ok(Some(answer)) = tokio::time::timeout(PATIENCE, answers.recv()).await else { break };
        let parsed: Option<serde_json::Value> = serde_json::from_slice(&answer.payload).ok();
        let id = parsed.as_ref().and_then(|answer| answer.get("cmd_id")?.as_str());
        if let Some(id) = id.filter(|id| id.starts_with(prefix)) {
            seen.insert(id.to_owned());
        }
    }
    seen.len() as u64
}
