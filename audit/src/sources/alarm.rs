//! What an alarm's message says: which alarm, of which point, how grave, and what became of it, by the same words as the
//! tracker of alarms. What is not understood must be told as an alarm, never left out and never guessed to be over.

use super::envelope::{self as part, Envelope};
use super::message::{Message, SAID_BYTES_MAX, details, last_level, made, said_by, set};
use crate::record::{Draft, Key, Level};
use watchkeeper_core::trackers::alarms::said::{SEEN_BY, STATES, Step, step};

/// Adds to the record of a message on an alarm stream what it says.
pub(super) fn tell(message: &Message<'_>, envelope: &Envelope, draft: Draft) -> Draft {
    let transition = envelope.text(part::TRANSITION);
    let mut draft = said_by(envelope, draft);
    let turn = turn(envelope, &last_level(message.topic));
    let priority = envelope.text(part::PRIORITY);
    draft.event = event(turn).into();
    draft.level = match turn {
        Some(Step::Clear | Step::Acknowledge) => Level::Info,
        Some(Step::Raise) | None if is_critical(&priority) => Level::Error,
        Some(Step::Raise) | None => Level::Warn,
    };
    for (key, part) in
        [(Key::AlarmId, part::ALARM_ID), (Key::Alarm, part::ALARM), (Key::Reason, part::REASON)]
    {
        draft = set(draft, key, envelope, part);
    }
    let (point, name) = (envelope.text(part::POINT), envelope.text(part::POINT_NAME));
    let draft = draft
        .short(Key::Priority, &priority, SAID_BYTES_MAX)
        .short(Key::Transition, &transition, SAID_BYTES_MAX)
        .short(Key::Point, if point.is_empty() { &name } else { &point }, SAID_BYTES_MAX)
        .float(Key::Value, envelope.number(part::VALUE).unwrap_or(f64::NAN));
    let name = if point.is_empty() || name.is_empty() { String::new() } else { format!("point {name}") };
    let threshold = envelope.number(part::THRESHOLD).map(|threshold| format!("threshold {threshold}"));
    details(draft, &[&name, &threshold.unwrap_or_default(), &made(envelope)])
}

/// What the alarm does; none where neither a member nor the topic says it.
fn turn(envelope: &Envelope, level: &str) -> Option<Step> {
    let said = envelope.text(STATES);
    match step(if said.is_empty() { level } else { &said }) {
        Step::Raise if envelope.text(SEEN_BY) == "true" => Some(Step::Acknowledge),
        // A level that is no state, such as `alarm/state`, has not said that it is active.
        Step::Raise if said.is_empty() && !RAISED.contains(&&*level.to_ascii_lowercase()) => None,
        turn => Some(turn),
    }
}

/// Levels of topics on which alarms are active.
const RAISED: &[&str] = &[
    "active",
    "activated",
    "raise",
    "raised",
    "trigger",
    "triggered",
    "set",
    "on",
    "new",
    "fired",
    "firing",
];

fn event(turn: Option<Step>) -> &'static str {
    match turn {
        Some(Step::Raise) => "alarm_raised",
        Some(Step::Clear) => "alarm_cleared",
        Some(Step::Acknowledge) => "alarm_acknowledged",
        None => "alarm",
    }
}

fn is_critical(priority: &str) -> bool {
    ["critical", "emergency", "fatal"].contains(&priority.to_ascii_lowercase().as_str())
}
