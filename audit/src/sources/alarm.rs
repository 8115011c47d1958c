//! What an alarm's message says: which alarm, of which point, how grave, and what became of it. Fleets have no words in
//! common for that; what is not understood must be told as an alarm, never left out and never guessed to be over.

use super::envelope::{self as part, Envelope};
use super::message::{Message, SAID_BYTES_MAX, details, last_level, made, said_by, set};
use crate::record::{Draft, Key, Level};

/// Adds to the record of a message on an alarm stream what it says.
pub(super) fn tell(message: &Message<'_>, envelope: &Envelope, draft: Draft) -> Draft {
    let transition = envelope.text(part::TRANSITION);
    let mut draft = said_by(envelope, draft);
    let (action, state) = (envelope.text(part::ACTION), envelope.text(part::STATE));
    let said = [&action, &transition, &state, &last_level(message.topic), &envelope.text(part::STATUS)];
    let turn = said.iter().find_map(|text| Turn::of(text));
    let priority = envelope.text(part::PRIORITY);
    draft.event = turn.map_or("alarm", Turn::event).into();
    draft.level = match turn {
        Some(Turn::Cleared | Turn::Acknowledged) => Level::Info,
        Some(Turn::Raised) | None if is_critical(&priority) => Level::Error,
        Some(Turn::Raised) | None => Level::Warn,
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

/// What an alarm does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Raised,
    Cleared,
    Acknowledged,
}

impl Turn {
    fn event(self) -> &'static str {
        match self {
            Self::Raised => "alarm_raised",
            Self::Cleared => "alarm_cleared",
            Self::Acknowledged => "alarm_acknowledged",
        }
    }

    /// The last word that is understood: of `NORMAL -> ACTIVE` where it goes to, not where it comes from. What is
    /// said with a negation is not understood.
    fn of(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let words = || text.rsplit(|c: char| !c.is_alphanumeric());
        if words().any(|word| matches!(word, "not" | "no" | "never")) {
            return None;
        }
        words().find_map(|word| {
            Some(match word {
                "active" | "activated" | "raise" | "raised" | "trigger" | "triggered" | "set" | "on"
                | "new" | "fired" | "firing" | "high" | "low" => Self::Raised,
                "clear" | "cleared" | "inactive" | "normal" | "ok" | "off" | "resolved" | "reset" | "rtn" => {
                    Self::Cleared
                }
                "ack" | "acked" | "acknowledge" | "acknowledged" | "confirmed" => Self::Acknowledged,
                _ => return None,
            })
        })
    }
}

fn is_critical(priority: &str) -> bool {
    ["critical", "emergency", "fatal"].contains(&priority.to_ascii_lowercase().as_str())
}
