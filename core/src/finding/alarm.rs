//! What becomes true of a device's alarms. An alarm that is reported again, and is no other than it was, is no edge.

use crate::time::{Micros, seconds};

/// Everything that can become true of alarms.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    /// The id that the device gave it, if it did.
    pub id: Option<Box<str>>,
    /// What it is about, such as `HIGH_TEMP`.
    pub kind: Box<str>,
    /// Where; empty: nobody said.
    pub point: Box<str>,
    /// How urgent it is, as the device says.
    pub priority: Box<str>,
    /// What happened to it.
    pub turn: Turn,
}

/// What happens to an alarm.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    /// It became active.
    Raised {
        /// The transition in the device's words.
        said: Box<str>,
    },
    /// It was active, and its state or priority is another.
    Changed {
        /// The priority it had.
        from: Box<str>,
        /// The transition in the device's words.
        said: Box<str>,
    },
    /// Somebody has seen it; where it was not known before, it is active by that.
    Acknowledged,
    /// It is over.
    Cleared {
        /// How long it was active.
        after: Micros,
    },
    /// It comes and goes too often.
    Flapping {
        /// Raised so many times.
        times: u32,
        /// Within this time.
        within: Micros,
    },
    /// It no longer does.
    Steady,
}

impl Turn {
    /// The label value of a transition; none for what is no transition but a judgement of ours.
    pub fn transition(&self) -> Option<&'static str> {
        match self {
            Self::Raised { .. } => Some("raised"),
            Self::Changed { .. } => Some("changed"),
            Self::Acknowledged => Some("acknowledged"),
            Self::Cleared { .. } => Some("cleared"),
            Self::Flapping { .. } | Self::Steady => None,
        }
    }
}

impl Alarm {
    /// One sentence for people.
    pub fn details(&self) -> String {
        let Self { kind, priority, .. } = self;
        let place = if self.point.is_empty() { String::new() } else { format!(" at {}", self.point) };
        let alarm = format!("{kind}{place}, priority {priority}");
        match &self.turn {
            Turn::Raised { said } => format!("{alarm}: active ({said})"),
            Turn::Changed { from, said } => format!("{alarm}, which was {from}: still active ({said})"),
            Turn::Acknowledged => format!("{alarm}: acknowledged"),
            Turn::Cleared { after } => format!("{alarm}: over after {:.1} s", seconds(*after)),
            Turn::Flapping { times, within } => {
                format!("{alarm}: raised {times} times within {:.0} s", seconds(*within))
            }
            Turn::Steady => format!("{alarm}: no longer comes and goes"),
        }
    }

    /// The event's name in records and metrics.
    pub fn event(&self) -> &'static str {
        match &self.turn {
            Turn::Raised { .. } => "alarm_raised",
            Turn::Changed { .. } => "alarm_changed",
            Turn::Acknowledged => "alarm_acknowledged",
            Turn::Cleared { .. } => "alarm_cleared",
            Turn::Flapping { .. } => "alarm_flapping",
            Turn::Steady => "alarm_steady",
        }
    }
}
