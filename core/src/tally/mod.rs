//! What is counted of commands, alarms and events over the whole fleet: a fold over what became true, so that counts
//! and findings cannot disagree. Names come from strangers: each list of them is bounded, and what has no place in it
//! is counted as `other`.

mod commands;
mod times;

pub use commands::{CommandCounts, Commands};
pub use times::Times;

use crate::finding::{Alarm, What};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Stands for all names beyond a limit.
pub const OTHER: &str = "other";

/// Commands with counts of their own.
const COMMANDS_MAX: usize = 256;

/// Pairs of type and priority of alarms with counts of their own.
const ALARMS_MAX: usize = 256;

/// Names of events with counts of their own, over all streams.
const EVENTS_MAX: usize = 512;

/// The longest name that is kept whole.
pub(crate) const NAME_BYTES_MAX: usize = 64;

/// Two names under which something is counted.
pub type Pair = (Box<str>, Box<str>);

/// All counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Commands and their answers.
    pub commands: Commands,
    /// How often alarms of a type and priority made each transition.
    pub alarms: BTreeMap<Pair, BTreeMap<Box<str>, u64>>,
    /// How often each event happened, by the name of its stream and its own.
    pub events: BTreeMap<Pair, u64>,
    /// Alarms for which their device had no room.
    pub alarms_refused: u64,
}

impl Tally {
    /// Counts what became true.
    pub fn note(&mut self, what: &What) {
        match what {
            What::Command(command) => self.commands.note(command),
            What::Alarm(alarm) => self.note_alarm(alarm),
            _ => {}
        }
    }

    fn note_alarm(&mut self, alarm: &Alarm) {
        let Some(transition) = alarm.turn.transition() else { return };
        let pair = self.alarm(&alarm.kind, &alarm.priority);
        *self.alarms.entry(pair).or_default().entry(transition.into()).or_default() += 1;
    }

    /// The type and priority under which an alarm is counted.
    pub fn alarm(&self, kind: &str, priority: &str) -> Pair {
        let pair = (kind.into(), priority.into());
        let room = self.alarms.len() < ALARMS_MAX - 1;
        if room || self.alarms.contains_key(&pair) { pair } else { (OTHER.into(), OTHER.into()) }
    }

    /// Counts an event of a stream.
    pub fn note_event(&mut self, stream: &str, event: &str) {
        let event = crate::names::bounded(event, NAME_BYTES_MAX);
        let mut name = (stream.into(), event.into());
        if self.events.len() >= EVENTS_MAX && !self.events.contains_key(&name) {
            // A stream is of the configuration, so that there are no more of these than of those.
            name.1 = OTHER.into();
        }
        *self.events.entry(name).or_default() += 1;
    }

    /// Leaves out what belongs to streams that are no more.
    pub(crate) fn keep_streams(&mut self, exists: impl Fn(&str) -> bool) {
        self.events.retain(|(stream, _), _| exists(stream));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Turn;

    #[test]
    fn names_beyond_the_limit_are_counted_as_other() {
        let mut tally = Tally::default();
        for n in 0..1000 {
            tally.note_event("event", &format!("e{n}"));
            tally.note_event("event", "e1");
        }
        assert_eq!(tally.events.len(), EVENTS_MAX + 1);
        let count = |event: &str| tally.events[&("event".into(), event.into())];
        assert_eq!((count("e1"), count(OTHER)), (1001, 1000 - EVENTS_MAX as u64));
        for n in 0..1000 {
            let said = Box::default();
            let (kind, priority) = (format!("k{n}").into(), "1".into());
            let turn = Turn::Raised { said };
            tally.note(&What::Alarm(Alarm { id: None, kind, point: Box::default(), priority, turn }));
        }
        assert_eq!(tally.alarms.len(), ALARMS_MAX);
        assert_eq!(tally.alarms.values().flat_map(BTreeMap::values).sum::<u64>(), 1000);
    }
}
