//! What was found of commands, alarms, settings and the health of devices, as records. What only says again what the
//! record of a message says has none: a log in which one thing happens twice is no evidence.

use crate::record::{Draft, Key, Kind, Level};
use watchkeeper_core::exchange::Fault;
use watchkeeper_core::finding::{Alarm, Change, Command, QueueTurn, Queueing, Restart, Service, Turn, What};
use watchkeeper_core::operations::Operation;
use watchkeeper_core::time::seconds;

/// True of what the record of a message has already: each message on a stream of alarms or settings is one.
pub(super) fn is_told_by_its_message(what: &What) -> bool {
    match what {
        What::Alarm(alarm) => {
            matches!(alarm.turn, Turn::Raised { .. } | Turn::Acknowledged | Turn::Cleared { .. })
        }
        What::ConfigChanged(_) => true,
        _ => false,
    }
}

/// The level of what was found of a command.
pub(super) fn command_level(command: &Command) -> Level {
    match command {
        Command::Answered { is_late: false, .. }
        | Command::Repeated { .. }
        | Command::Delivered { unanswered: 0, in_order: true, .. } => Level::Info,
        Command::Answered { .. }
        | Command::TimedOut { .. }
        | Command::Orphan { .. }
        | Command::IdReused { .. }
        | Command::AnsweredAgain { .. }
        | Command::Qos0 { .. }
        | Command::Retained { .. }
        | Command::Delivered { .. }
        | Command::RequestInvalid { .. }
        | Command::ResponseInvalid { .. } => Level::Warn,
    }
}

/// The type and the level of what was found of an alarm.
pub(super) fn alarm_class(alarm: &Alarm) -> (Kind, Level) {
    let level = match alarm.turn {
        Turn::Raised { .. } | Turn::Changed { .. } | Turn::Flapping { .. } => Level::Warn,
        Turn::Acknowledged | Turn::Cleared { .. } | Turn::Steady => Level::Info,
    };
    (Kind::Alarm, level)
}

/// The type and the level of what was found of the fleet as a whole.
pub(super) fn service_class(service: &Service) -> (Kind, Level) {
    let of = |operation: &Operation| match operation {
        Operation::Publish => Kind::Delivery,
        Operation::Command => Kind::Command,
        Operation::Validation => Kind::Payload,
        Operation::Connection => Kind::Connection,
    };
    let about = |sla: &str| if sla.starts_with("publish") { Kind::Delivery } else { Kind::Command };
    match service {
        Service::SlaBroken { sla, .. } => (about(sla), Level::Warn),
        Service::SlaKept { sla, .. } => (about(sla), Level::Info),
        Service::FailuresHigh { operation, .. } => (of(operation), Level::Warn),
        Service::FailuresNormal { operation, .. } => (of(operation), Level::Info),
    }
}

/// Which promise, or what fails, and how much.
pub(super) fn service(draft: Draft, service: &Service) -> Draft {
    match service {
        Service::SlaBroken { sla, value, .. } | Service::SlaKept { sla, value, .. } => {
            draft.text(Key::Reason, sla).float(Key::LatencyMs, seconds(*value) * 1e3)
        }
        Service::FailuresHigh { operation, ratio } | Service::FailuresNormal { operation, ratio } => {
            draft.text(Key::Reason, operation.as_str()).float(Key::Ratio, *ratio)
        }
    }
}

/// What is known of a command.
pub(super) fn command(draft: Draft, command: &Command) -> Draft {
    let named = |name: &str, id: &str| draft.clone().text(Key::Cmd, name).text(Key::CmdId, id);
    match command {
        Command::Answered { command, id, status, latency, .. } => {
            let draft = named(command, id).text(Key::Result, status);
            match latency {
                Some(latency) => draft.float(Key::LatencyMs, seconds(*latency) * 1e3),
                None => draft,
            }
        }
        Command::TimedOut { command, id, after, .. } => {
            named(command, id).float(Key::Seconds, seconds(*after))
        }
        Command::AnsweredAgain { command, id, status } => named(command, id).text(Key::Result, status),
        Command::Repeated { command, id }
        | Command::IdReused { command, id }
        | Command::Retained { command, id } => named(command, id),
        Command::Orphan { id, status, .. } => draft.text(Key::CmdId, id).text(Key::Result, status),
        Command::Qos0 { command } => draft.text(Key::Cmd, command),
        Command::Delivered { answered, unanswered, took, .. } => {
            draft.int(Key::Count, answered + unanswered).float(Key::Seconds, seconds(*took))
        }
        Command::RequestInvalid { command, id, faults } => {
            named(command, id).text(Key::Reason, causes(faults))
        }
        Command::ResponseInvalid { id, faults } => {
            draft.text(Key::CmdId, id).text(Key::Reason, causes(faults))
        }
    }
}

/// The first cause: a reason is one word, and the details have each of them.
fn causes(faults: &[Fault]) -> &'static str {
    faults.first().map_or("", Fault::cause)
}

/// What is known of an alarm.
pub(super) fn alarm(draft: Draft, alarm: &Alarm) -> Draft {
    let draft = draft
        .text(Key::AlarmId, alarm.id.as_deref().unwrap_or_default())
        .text(Key::Alarm, &alarm.kind)
        .text(Key::Point, &alarm.point)
        .text(Key::Priority, &alarm.priority);
    match &alarm.turn {
        Turn::Raised { said } => draft.text(Key::Transition, said),
        Turn::Changed { from, said } => draft.text(Key::Transition, said).text(Key::Old, from),
        Turn::Cleared { after } => draft.float(Key::Seconds, seconds(*after)),
        Turn::Flapping { times, within } => {
            draft.int(Key::Count, *times).float(Key::Seconds, seconds(*within))
        }
        Turn::Acknowledged | Turn::Steady => draft,
    }
}

/// The level of what was found of a queue.
pub(super) fn queue_level(queue: &Queueing) -> Level {
    match queue.turn {
        QueueTurn::High { .. }
        | QueueTurn::Growing { .. }
        | QueueTurn::Stale { .. }
        | QueueTurn::Stuck { .. }
        | QueueTurn::Dropped { .. }
        | QueueTurn::Expired { .. }
        | QueueTurn::Flapping { .. }
        | QueueTurn::Drained { in_order: Some(false), .. } => Level::Warn,
        QueueTurn::Cleared { .. }
        | QueueTurn::Settled { .. }
        | QueueTurn::Fresh { .. }
        | QueueTurn::Moves { .. }
        | QueueTurn::Drained { .. }
        | QueueTurn::Steady => Level::Info,
    }
}

/// Whose queue, who told it, and how much.
pub(super) fn queue(draft: Draft, queue: &Queueing) -> Draft {
    let draft = draft.text(Key::ClientId, &queue.client).text(Key::Source, &queue.source);
    let count = |draft: Draft, count: u64| draft.int(Key::Count, i64::try_from(count).unwrap_or(i64::MAX));
    match queue.turn {
        QueueTurn::High { depth, limit } => {
            count(draft, depth).float(Key::Ratio, depth as f64 / limit.max(1) as f64)
        }
        QueueTurn::Growing { depth, full_in: span, .. }
        | QueueTurn::Stale { depth, age: span }
        | QueueTurn::Stuck { depth, lasted: span }
        | QueueTurn::Drained { count: depth, took: span, .. }
        | QueueTurn::Flapping { times: depth, within: span } => {
            count(draft, depth).float(Key::Seconds, seconds(span))
        }
        QueueTurn::Cleared { depth: Some(depth) }
        | QueueTurn::Settled { depth: Some(depth) }
        | QueueTurn::Fresh { depth: Some(depth) }
        | QueueTurn::Moves { depth: Some(depth) }
        | QueueTurn::Dropped { count: depth }
        | QueueTurn::Expired { count: depth } => count(draft, depth),
        // Of a client of which nobody tells any more no number is known.
        QueueTurn::Cleared { depth: None }
        | QueueTurn::Settled { depth: None }
        | QueueTurn::Fresh { depth: None }
        | QueueTurn::Moves { depth: None }
        | QueueTurn::Steady => draft,
    }
}

/// Why a device started anew, in its own words.
pub(super) fn restart(draft: Draft, restart: &Restart) -> Draft {
    let draft = draft
        .int(Key::Count, i64::try_from(restart.boots).unwrap_or(i64::MAX))
        .text(Key::Reason, restart.reason.as_deref().unwrap_or_default());
    restart.uptime.map_or(draft.clone(), |uptime| draft.float(Key::Seconds, seconds(uptime)))
}

/// What a setting was and is.
pub(super) fn change(draft: Draft, change: &Change) -> Draft {
    draft
        .text(Key::Stream, &change.stream)
        .text(Key::Old, change.old.as_deref().unwrap_or_default())
        .text(Key::New, change.new.as_deref().unwrap_or_default())
}
