//! Alarms of one device: which are active, since when, whether somebody has acknowledged them, and which come and go
//! too often. What the device reports again without a change is no edge. How many are kept is bounded; what finds no
//! room is counted. It must never take the device's word for more than a word: what is not understood is active.

pub mod said;
#[cfg(test)]
mod tests;

use super::rare::Rare;
use crate::event::Event;
use crate::finding::{self, Turn, What};
use crate::rules::Kind;
use crate::time::{Micros, Mono, SECOND};
use crate::tracker::{Context, Edges, Tracker};
use said::{Step, Words};
use serde::{Deserialize, Serialize};

/// Alarms that are kept of one device.
const ALARMS_MAX: usize = 64;

/// An alarm that is raised so many times …
const FLAPS: u32 = 4;

/// … within this time comes and goes too often, until it has been still for as long.
const FLAP_WINDOW: Micros = 600 * SECOND;

/// The alarms of one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Alarms {
    state: Rare<State>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct State {
    list: Vec<Alarm>,
    refused: u64,
}

/// One alarm, active or over for a short while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// The id that the device gave it.
    pub id: Option<Box<str>>,
    /// What it is about.
    pub kind: Box<str>,
    /// Where.
    pub point: Box<str>,
    /// How urgent it is.
    pub priority: Box<str>,
    /// Whether it is active.
    pub is_active: bool,
    /// Whether somebody has seen it.
    pub is_acknowledged: bool,
    /// Whether it comes and goes too often.
    pub is_flapping: bool,
    /// When it was last raised or, if it is over, cleared.
    pub since: Mono,
    /// Its state in the device's words.
    said: Box<str>,
    /// When it last turned.
    last: Mono,
    /// When it was raised, the latest last.
    raised: Vec<Mono>,
}

impl Alarms {
    /// The alarms that are active.
    pub fn active(&self) -> impl Iterator<Item = &Alarm> {
        self.state.get().into_iter().flat_map(|state| &state.list).filter(|alarm| alarm.is_active)
    }

    /// Messages about alarms for which there was no room.
    pub(crate) fn refused(&self) -> u64 {
        self.state.get().map_or(0, |state| state.refused)
    }
}

impl State {
    /// The alarm that a message is about: by its id where both have one, else by what and where.
    fn find(&mut self, words: &Words) -> Option<&mut Alarm> {
        self.list.iter_mut().find(|alarm| match (&alarm.id, &words.id) {
            (Some(known), Some(said)) => known == said,
            _ => alarm.kind == words.kind && alarm.point == words.point,
        })
    }

    /// Room for one more; an alarm that is over gives way.
    fn make_room(&mut self) -> bool {
        if self.list.len() < ALARMS_MAX {
            return true;
        }
        let over = self.list.iter().position(|alarm| !alarm.is_active && !alarm.is_flapping);
        if let Some(over) = over {
            self.list.remove(over);
        }
        over.is_some()
    }

    fn observe(&mut self, words: &Words, now: Mono, edges: &mut Edges) {
        if let Some(alarm) = self.find(words) {
            return alarm.turn(words, now, edges);
        }
        // The end of what was never seen is no edge.
        if words.step == Step::Clear {
            return;
        }
        if !self.make_room() {
            self.refused += 1;
            return;
        }
        let mut alarm = Alarm::new(words, now);
        alarm.turn(words, now, edges);
        self.list.push(alarm);
    }
}

impl Alarm {
    fn new(words: &Words, now: Mono) -> Self {
        Self {
            id: words.id.clone(),
            kind: words.kind.clone(),
            point: words.point.clone(),
            priority: words.priority.clone(),
            is_active: false,
            is_acknowledged: false,
            is_flapping: false,
            since: now,
            said: Box::default(),
            last: now,
            raised: Vec::new(),
        }
    }

    /// What a message makes of it.
    fn turn(&mut self, words: &Words, now: Mono, edges: &mut Edges) {
        let turn = match (words.step, self.is_active) {
            (Step::Clear, false) => return,
            (Step::Clear, true) => Turn::Cleared { after: now.since(self.since) },
            (Step::Acknowledge, true) if self.is_acknowledged => return,
            (Step::Acknowledge, _) => Turn::Acknowledged,
            (Step::Raise, false) => Turn::Raised { said: words.said.clone() },
            (Step::Raise, true) if self.priority == words.priority && self.said == words.said => return,
            (Step::Raise, true) => Turn::Changed { from: self.priority.clone(), said: words.said.clone() },
        };
        let was_active = self.is_active;
        self.is_active = words.step != Step::Clear;
        self.is_acknowledged = words.step == Step::Acknowledge;
        if self.is_active != was_active {
            self.since = now;
        }
        if words.step == Step::Raise {
            self.priority = words.priority.clone();
            self.said = words.said.clone();
        }
        self.last = now;
        edges.push((now, self.tell(turn)));
        if self.is_active && !was_active {
            self.count(now, edges);
        }
    }

    /// It was raised: perhaps too often.
    fn count(&mut self, now: Mono, edges: &mut Edges) {
        if self.raised.len() == FLAPS as usize {
            self.raised.remove(0);
        }
        self.raised.push(now);
        let often = self.raised.len() == FLAPS as usize && now.since(self.raised[0]) <= FLAP_WINDOW;
        if often && !self.is_flapping {
            self.is_flapping = true;
            let within = now.since(self.raised[0]);
            edges.push((now, self.tell(Turn::Flapping { times: FLAPS, within })));
        }
    }

    fn tell(&self, turn: Turn) -> What {
        What::Alarm(finding::Alarm {
            id: self.id.clone(),
            kind: self.kind.clone(),
            point: self.point.clone(),
            priority: self.priority.clone(),
            turn,
        })
    }

    /// The last moment at which its past counts.
    fn settled(&self) -> Mono {
        self.last.plus(FLAP_WINDOW)
    }
}

impl Tracker for Alarms {
    fn observe(&mut self, _: &Context, event: &Event, now: Mono, edges: &mut Edges) {
        if event.rules.kind == Kind::Alarm && event.malformed.is_none() {
            self.state.make().observe(&Words::read(event.document(), event.lone_point), now, edges);
        }
    }

    fn tick(&mut self, _: &Context, now: Mono, edges: &mut Edges) {
        let Some(state) = self.state.get_mut() else { return };
        for alarm in state.list.iter_mut().filter(|alarm| alarm.is_flapping && alarm.settled() < now) {
            alarm.is_flapping = false;
            edges.push((alarm.settled(), alarm.tell(Turn::Steady)));
        }
        state.list.retain(|alarm| alarm.is_active || alarm.settled() >= now);
    }

    fn due(&self, _: &Context) -> Mono {
        let list = self.state.get().into_iter().flat_map(|state| &state.list);
        let settling = list.filter(|alarm| !alarm.is_active || alarm.is_flapping).map(Alarm::settled);
        settling.min().map_or(Mono::NEVER, |last| last.plus(1))
    }

    fn resume(&mut self, _: &Context, _: Mono) {}
}
