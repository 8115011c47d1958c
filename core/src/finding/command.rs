//! What becomes true of a device's commands. Each command is said to be answered or timed out at most once; an answer
//! after the time-out is said to be late.

use crate::exchange::Fault;
use crate::time::{Micros, seconds};
use std::fmt::Write;

/// Everything that can become true of commands.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// A command has its answer, or a further part of one.
    Answered {
        /// Its name.
        command: Box<str>,
        /// Its id.
        id: Box<str>,
        /// What the answer says.
        status: Box<str>,
        /// From request to answer, as both arrived here; none where we were away meanwhile, for then nobody knows.
        latency: Option<Micros>,
        /// What the device says it took.
        device: Option<Micros>,
        /// It had timed out, or was given up, before.
        is_late: bool,
        /// The device was offline meanwhile.
        has_waited: bool,
        /// We were away meanwhile.
        was_away: bool,
    },
    /// No answer came in time.
    TimedOut {
        /// Its name.
        command: Box<str>,
        /// Its id.
        id: Box<str>,
        /// The time that it had.
        after: Micros,
        /// We were away meanwhile: the answer may have gone by.
        was_away: bool,
    },
    /// An answer that belongs to no command.
    Orphan {
        /// Its id.
        id: Box<str>,
        /// What it says.
        status: Box<str>,
        /// We have not watched for long: its command may have gone by.
        was_away: bool,
    },
    /// A request that was there before, byte by byte.
    Repeated {
        /// Its name.
        command: Box<str>,
        /// Its id.
        id: Box<str>,
    },
    /// Another request with the id of one that still waits: their answers cannot be told apart.
    IdReused {
        /// Its name.
        command: Box<str>,
        /// The id.
        id: Box<str>,
    },
    /// A second answer to a command that had its answer.
    AnsweredAgain {
        /// Its name.
        command: Box<str>,
        /// Its id.
        id: Box<str>,
        /// What the second answer says.
        status: Box<str>,
    },
    /// A command was published at quality of service 0: it can be lost and nobody is told.
    Qos0 {
        /// Its name.
        command: Box<str>,
    },
    /// A command is retained: every device that subscribes gets it again.
    Retained {
        /// Its name.
        command: Box<str>,
        /// Its id.
        id: Box<str>,
    },
    /// All commands that waited for the device have had their answer or their time.
    Delivered {
        /// So many were answered.
        answered: u32,
        /// So many were not.
        unanswered: u32,
        /// The answers came in the order of the commands.
        in_order: bool,
        /// Since the device was back.
        took: Micros,
    },
    /// A request that breaks its rules.
    RequestInvalid {
        /// Its name, as far as there is one.
        command: Box<str>,
        /// Its id, as far as there is one.
        id: Box<str>,
        /// What is wrong.
        faults: Vec<Fault>,
    },
    /// An answer that breaks its rules.
    ResponseInvalid {
        /// Its id, as far as there is one.
        id: Box<str>,
        /// What is wrong.
        faults: Vec<Fault>,
    },
}

impl Command {
    /// One sentence for people.
    pub fn details(&self) -> String {
        match self {
            Self::Answered { .. } => self.answer(),
            Self::TimedOut { command, id, after, was_away } => {
                format!("{}: no answer for {:.1} s{}", named(command, id), seconds(*after), away(*was_away))
            }
            Self::Orphan { id, status, was_away: true } => {
                let answer = answer_of(id);
                format!("{answer} ({status}) belongs to no command that we saw; we have not watched for long")
            }
            Self::Orphan { id, status, .. } => format!("{} ({status}) belongs to no command", answer_of(id)),
            Self::Repeated { command, id } => format!("{}: the same request again", named(command, id)),
            Self::IdReused { command, id } => {
                format!("{}: another request with this id still waits", named(command, id))
            }
            Self::AnsweredAgain { command, id, status } => {
                format!("{}: {status}, a second answer", named(command, id))
            }
            Self::Qos0 { command } => {
                format!("{}: sent at QoS 0, so that it can be lost unnoticed", name(command))
            }
            Self::Retained { command, id } => {
                format!("{}: retained, so that whoever subscribes gets it again", named(command, id))
            }
            Self::Delivered { answered, unanswered, in_order, took } => {
                let order = if *in_order { "in order" } else { "not in order" };
                let all = answered + unanswered;
                let took = seconds(*took);
                format!(
                    "{answered} of {all} commands that waited were answered, {order}, {took:.1} s after it was back"
                )
            }
            Self::RequestInvalid { command, id, faults } => {
                format!("{}: {}", named(command, id), told(faults))
            }
            Self::ResponseInvalid { id, faults } => format!("{}: {}", answer_of(id), told(faults)),
        }
    }

    fn answer(&self) -> String {
        let Self::Answered { command, id, status, latency, device, is_late, has_waited, was_away } = self
        else {
            return String::new();
        };
        // Writing to a string cannot fail, hence the ignored result.
        let mut text = format!("{}: {status}", named(command, id));
        if let Some(latency) = latency {
            let _ = write!(text, " after {:.3} s", seconds(*latency));
        }
        if let Some(device) = device {
            let _ = write!(text, ", {:.3} s of it in the device", seconds(*device));
        }
        if *is_late {
            text.push_str(", too late");
        }
        if *has_waited {
            text.push_str(", it had waited for the device");
        }
        text.push_str(away(*was_away));
        text
    }

    /// The event's name in records and metrics.
    pub fn event(&self) -> &'static str {
        match self {
            Self::Answered { is_late: false, .. } => "command_matched",
            Self::Answered { is_late: true, .. } => "command_answered_late",
            Self::TimedOut { .. } => "command_timed_out",
            Self::Orphan { .. } => "command_orphan_response",
            Self::Repeated { .. } => "command_repeated",
            Self::IdReused { .. } => "command_id_reused",
            Self::AnsweredAgain { .. } => "command_answered_again",
            Self::Qos0 { .. } => "command_qos0",
            Self::Retained { .. } => "command_retained",
            Self::Delivered { .. } => "commands_delivered",
            Self::RequestInvalid { .. } => "request_invalid",
            Self::ResponseInvalid { .. } => "response_invalid",
        }
    }
}

/// A command for people, whatever of its name and id there is.
fn named(command: &str, id: &str) -> String {
    let name = name(command);
    if id.is_empty() { format!("{name} (without an id)") } else { format!("{name} ({id})") }
}

fn name(command: &str) -> &str {
    if command.is_empty() { "a command without a name" } else { command }
}

fn answer_of(id: &str) -> String {
    if id.is_empty() { "an answer without an id".to_owned() } else { format!("answer {id}") }
}

fn away(was_away: bool) -> &'static str {
    if was_away { "; we were away meanwhile" } else { "" }
}

fn told(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_said_in_words() {
        let (command, id, faults): (Box<str>, Box<str>, _) = ("".into(), "".into(), vec![Fault::NoId]);
        let invalid =
            Command::RequestInvalid { command: command.clone(), id: id.clone(), faults: faults.clone() };
        let said = invalid.details();
        assert!(said.starts_with("a command without a name (without an id): "), "{said}");
        let said = Command::ResponseInvalid { id: id.clone(), faults }.details();
        assert!(said.starts_with("an answer without an id: "), "{said}");
        let said = Command::Qos0 { command }.details();
        assert!(said.starts_with("a command without a name: "), "{said}");
        let fault = Fault::Value { member: "status".into(), value: id };
        assert_eq!(fault.to_string(), "status cannot be empty");
    }
}
