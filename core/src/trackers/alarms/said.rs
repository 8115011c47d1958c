//! What a message says of an alarm, in the words that devices use: the member or the topic level that names its state,
//! and what that means. Nothing here may remember anything.

use crate::decode::{Document, Is, Leaf};
use crate::names::bounded;
use crate::tally::NAME_BYTES_MAX;

/// What a message does to its alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is active, or active again.
    Raise,
    /// Somebody has seen it.
    Acknowledge,
    /// It is over.
    Clear,
}

/// The words of a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Words {
    pub(super) id: Option<Box<str>>,
    pub(super) kind: Box<str>,
    pub(super) point: Box<str>,
    pub(super) priority: Box<str>,
    pub(super) step: Step,
    /// The state or transition as it was said.
    pub(super) said: Box<str>,
}

/// Members that name the state, the most telling first.
pub const STATES: &[&str] = &[
    "state_transition",
    "stateTransition",
    "transition",
    "alarm_state",
    "state",
    "new_state",
    "status",
    "action",
];

/// Members that say that somebody has seen it.
pub const SEEN_BY: &[&str] = &["acknowledged", "acked", "is_acknowledged"];

/// Words of a state in which an alarm is over.
const OVER: &[&str] = &[
    "NORMAL", "OK", "CLEAR", "CLEARED", "INACTIVE", "RESOLVED", "RTN", "RETURN", "RETURNED", "GOOD", "OFF",
    "CLOSED", "ENDED", "FALSE", "NONE", "0",
];

/// Words of a state in which somebody has seen it.
const SEEN: &[&str] = &["ACK", "ACKED", "ACKNOWLEDGE", "ACKNOWLEDGED"];

impl Words {
    /// Reads a message. `level` is the last level of its topic, which names the state where no member does.
    pub(super) fn read(document: Document<'_>, level: &str) -> Self {
        let word = |names: &[&str]| document.first(names).and_then(Leaf::word).map(kept);
        let state = document.first(STATES);
        let said = match state.map(|state| (state.is(), state.raw())) {
            Some((Is::Text | Is::Number(_) | Is::Bool(_), said)) => said,
            _ => level,
        };
        let seen = document.first(SEEN_BY).map(Leaf::is);
        let step = match step(said) {
            Step::Raise if seen == Some(Is::Bool(true)) => Step::Acknowledge,
            step => step,
        };
        Self {
            id: word(&["alarm_id", "id"]),
            kind: word(&["alarm_type", "type", "alarm", "name"]).unwrap_or_else(|| "unknown".into()),
            point: word(&["point_id", "point_name", "point", "sensor_id", "sensor"]).unwrap_or_default(),
            priority: word(&["priority", "severity", "level"]).unwrap_or_else(|| "none".into()),
            step,
            said: kept(said),
        }
    }
}

fn kept(word: &str) -> Box<str> {
    bounded(word, NAME_BYTES_MAX).into()
}

/// What a state means, or the state behind the arrow of a transition.
pub fn step(said: &str) -> Step {
    let upper = said.to_uppercase();
    let arrow = ["->", "=>", "→", ">", " TO ", "_TO_"].into_iter().find_map(|arrow| upper.rsplit_once(arrow));
    let state = arrow.map_or(&*upper, |(_, state)| state);
    let words = || state.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let has = |list: &[&str]| words().any(|word| list.contains(&word));
    // «Not OK» is no end, whatever it is.
    if has(&["NOT"]) {
        Step::Raise
    } else if has(OVER) {
        Step::Clear
    } else if has(SEEN) {
        Step::Acknowledge
    } else {
        Step::Raise
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_means_what_people_mean_by_it() {
        for (said, expected) in [
            ("NORMAL->HIGH", Step::Raise),
            ("HIGH->NORMAL", Step::Clear),
            ("HIGH -> HIGH_HIGH", Step::Raise),
            ("NEW → ACTIVE", Step::Raise),
            ("ACTIVE to CLEARED", Step::Clear),
            ("NORMAL_TO_ALARM", Step::Raise),
            ("NORMAL->ALARM", Step::Raise),
            ("ALARM->CLOSED", Step::Clear),
            ("ACTIVE=>ACKNOWLEDGED", Step::Acknowledge),
            ("acknowledged", Step::Acknowledge),
            ("ACTIVE_UNACK", Step::Raise),
            ("ACTIVE_ACK", Step::Acknowledge),
            ("RTN_UNACK", Step::Clear),
            ("UNACKNOWLEDGED", Step::Raise),
            ("not ok", Step::Raise),
            ("cleared", Step::Clear),
            ("active", Step::Raise),
            ("inactive", Step::Clear),
            ("1", Step::Raise),
            ("0", Step::Clear),
            ("false", Step::Clear),
            ("", Step::Raise),
        ] {
            assert_eq!(step(said), expected, "{said}");
        }
    }
}
