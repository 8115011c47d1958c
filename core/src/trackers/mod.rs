//! The roster: every tracker of one device, in the order in which they look at an event. The roster is
//! destructured without `..`, so that a tracker that is added but forgotten somewhere does not compile.

pub mod cadence;
pub mod errors;
pub mod presence;
pub mod sequence;
pub mod skew;
pub mod stuck;

use crate::event::Event;
use crate::route::StreamId;
use crate::time::Mono;
use crate::tracker::{Context, Edges, Tracker};
use cadence::Cadence;
use errors::Errors;
use presence::{Presence, State};
use sequence::Sequence;
use serde::{Deserialize, Serialize};
use skew::Skew;
use stuck::Stuck;

/// All that is tracked of one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Roster {
    /// Intervals.
    pub cadence: Cadence,
    /// Whether it is there.
    pub presence: Presence,
    /// Values that stand still.
    pub stuck: Stuck,
    /// Bad messages.
    pub errors: Errors,
    /// Messages that are missing, came twice or late.
    pub sequence: Sequence,
    /// How far its clock is off.
    pub skew: Skew,
}

impl Roster {
    /// Takes over the numbers that streams have in a new configuration; what has none is left out.
    pub fn renumber(&mut self, new: &dyn Fn(StreamId) -> Option<StreamId>) {
        let Self { cadence, presence, stuck, errors: _, sequence, skew: _ } = self;
        cadence.renumber(new);
        presence.renumber(new);
        stuck.renumber(new);
        sequence.renumber(new);
    }
}

impl Tracker for Roster {
    fn observe(&mut self, context: &Context, event: &Event, now: Mono, edges: &mut Edges) {
        self.tick(context, now, edges);
        let Self { cadence, presence, stuck, errors, sequence, skew } = self;
        // Presence judges by the interval that cadence has learned, so cadence comes first.
        let event = &Event { topic: cadence.admit(event.stream, event.topic), ..*event };
        cadence.observe(context, event, now, edges);
        let event = &Event { expected: cadence.expected(context, event.stream, event.topic), ..*event };
        presence.observe(context, event, now, edges);
        stuck.observe(context, event, now, edges);
        errors.observe(context, event, now, edges);
        sequence.observe(context, event, now, edges);
        skew.observe(context, event, now, edges);
    }

    fn tick(&mut self, context: &Context, now: Mono, edges: &mut Edges) {
        let Self { cadence, presence, stuck, errors, sequence, skew } = self;
        cadence.tick(context, now, edges);
        let before = presence.state();
        presence.tick(context, now, edges);
        if presence.state() == State::Offline && before != State::Offline {
            // A point whose whole device is silent is not stuck.
            stuck.release(context, presence.since(), edges);
        }
        stuck.tick(context, now, edges);
        errors.tick(context, now, edges);
        sequence.tick(context, now, edges);
        skew.tick(context, now, edges);
    }

    fn due(&self, context: &Context) -> Mono {
        let Self { cadence, presence, stuck, errors, sequence, skew } = self;
        let due = cadence.due(context).min(presence.due(context)).min(stuck.due(context));
        due.min(errors.due(context)).min(sequence.due(context)).min(skew.due(context))
    }

    fn resume(&mut self, context: &Context, now: Mono) {
        let Self { cadence, presence, stuck, errors, sequence, skew } = self;
        cadence.resume(context, now);
        presence.resume(context, now);
        stuck.resume(context, now);
        errors.resume(context, now);
        sequence.resume(context, now);
        skew.resume(context, now);
    }
}
