//! The counts of commands: sent, answered by status, timed out, and what was wrong. Nothing here may know which
//! commands wait.

use super::{COMMANDS_MAX, OTHER, Times};
use crate::exchange::{Fault, Request};
use crate::finding::Command;
use crate::time::{Micros, Mono, SECOND};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// That a command is published at quality of service 0 is said once so often.
const QOS0_AGAIN: Micros = 3600 * SECOND;

/// The counts of one command.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CommandCounts {
    /// Requests, each once.
    pub sent: u64,
    /// Those that were published at quality of service 0.
    pub qos0: u64,
    /// When that was last said.
    qos0_said: Option<Mono>,
    /// Answers by status.
    pub answers: BTreeMap<Box<str>, u64>,
    /// From request to answer.
    pub times: Times,
    /// Commands without an answer in time.
    pub timeouts: u64,
}

/// The counts of all commands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Commands {
    /// By name.
    pub by_name: BTreeMap<Box<str>, CommandCounts>,
    /// What the devices say that their commands took.
    pub device: Times,
    /// Answers that belong to no command.
    pub orphans: u64,
    /// Answers after the time-out.
    pub late: u64,
    /// Requests that came twice.
    pub repeated: u64,
    /// Requests with the id of another that waited.
    pub ids_reused: u64,
    /// Answers to what was answered.
    pub answered_again: u64,
    /// Commands that were given up unanswered because too many waited.
    pub dropped: u64,
    /// Causes for which requests were invalid.
    pub request_faults: BTreeMap<Box<str>, u64>,
    /// Causes for which answers were invalid.
    pub response_faults: BTreeMap<Box<str>, u64>,
}

impl Commands {
    /// Counts a request that was not there before; gives what is to be said of it.
    pub fn sent(&mut self, request: &Request, now: Mono) -> Option<Command> {
        let name: &str = if request.is_known { &request.command } else { OTHER };
        let room = self.by_name.len() < COMMANDS_MAX - 1 || self.by_name.contains_key(name);
        let counts = self.by_name.entry(if room { name } else { OTHER }.into()).or_default();
        counts.sent += 1;
        if request.qos > 0 {
            return None;
        }
        counts.qos0 += 1;
        let is_new = counts.qos0_said.is_none_or(|said| now.since(said) >= QOS0_AGAIN);
        if is_new {
            counts.qos0_said = Some(now);
        }
        is_new.then(|| Command::Qos0 { command: request.command.clone() })
    }

    /// Counts what became true of a command.
    pub fn note(&mut self, what: &Command) {
        match what {
            Command::Answered { command, status, latency, device, is_late, .. } => {
                let counts = self.of(command);
                *counts.answers.entry(status.clone()).or_default() += 1;
                if let Some(latency) = latency {
                    counts.times.observe(*latency);
                }
                self.late += u64::from(*is_late);
                if let Some(device) = device {
                    self.device.observe(*device);
                }
            }
            Command::TimedOut { command, .. } => self.of(command).timeouts += 1,
            Command::Orphan { .. } => self.orphans += 1,
            Command::Repeated { .. } => self.repeated += 1,
            Command::IdReused { .. } => self.ids_reused += 1,
            Command::AnsweredAgain { .. } => self.answered_again += 1,
            Command::RequestInvalid { faults, .. } => count(&mut self.request_faults, faults),
            Command::ResponseInvalid { faults, .. } => count(&mut self.response_faults, faults),
            Command::Qos0 { .. } | Command::Retained { .. } | Command::Delivered { .. } => {}
        }
    }

    /// The counts of a command that was sent, under its name or with the others.
    fn of(&mut self, command: &str) -> &mut CommandCounts {
        let name = if self.by_name.contains_key(command) { command } else { OTHER };
        self.by_name.entry(name.into()).or_default()
    }
}

/// Counts each cause once a message.
fn count(causes: &mut BTreeMap<Box<str>, u64>, faults: &[Fault]) {
    for (at, fault) in faults.iter().enumerate() {
        if faults[..at].iter().all(|before| before.cause() != fault.cause()) {
            *causes.entry(fault.cause().into()).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Ids;

    fn request(command: &str, is_known: bool) -> Request {
        let (ids, command) = (Ids::default(), command.into());
        Request { ids, command, is_known, print: 0, qos: 1, serial: 0, faults: Vec::new() }
    }

    #[test]
    fn a_thousand_names_of_commands_have_a_bounded_number_of_counts() {
        let mut commands = Commands::default();
        for n in 0..1000 {
            commands.sent(&request(&format!("c{n}"), true), Mono(0));
        }
        commands.sent(&request("rm -rf", false), Mono(0));
        commands.note(&Command::TimedOut {
            command: "c999".into(),
            id: "x".into(),
            after: 1,
            was_away: false,
        });
        commands.note(&Command::TimedOut { command: "c1".into(), id: "x".into(), after: 1, was_away: false });
        assert_eq!(commands.by_name.len(), COMMANDS_MAX);
        let other = &commands.by_name[OTHER];
        assert_eq!((other.sent, other.timeouts, commands.by_name["c1"].timeouts), (1001 - 255, 1, 1));
    }

    #[test]
    fn that_a_command_is_sent_at_qos_0_is_said_once_an_hour() {
        let mut commands = Commands::default();
        let careless = Request { qos: 0, ..request("reboot", true) };
        let said =
            [0, 10, 3599, 3600, 3601, 8000].map(|second| commands.sent(&careless, Mono(second * SECOND)));
        assert_eq!(said.map(|said| said.is_some()), [true, false, false, true, false, true]);
        assert_eq!(commands.by_name["reboot"].qos0, 6);
    }
}
