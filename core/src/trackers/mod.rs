//! The roster: every tracker of one device, in the order in which they look at an event. The roster is
//! destructured without `..`, so that a tracker that is added but forgotten somewhere does not compile.

pub mod alarms;
pub mod cadence;
pub mod commands;
pub mod errors;
pub mod presence;
mod rare;
pub mod restarts;
pub mod sequence;
pub mod session;
pub mod settings;
pub mod skew;
pub mod stuck;
pub mod system;

use crate::event::{Counted, Event};
use crate::route::StreamId;
use crate::time::Mono;
use crate::tracker::{Context, Edges, Tracker};
use alarms::Alarms;
use cadence::Cadence;
use commands::Commands;
use errors::Errors;
use presence::{Presence, State};
use restarts::{Restarts, Sign};
use sequence::Sequence;
use serde::{Deserialize, Serialize};
use session::Session;
use settings::Settings;
use skew::Skew;
use stuck::Stuck;
use system::System;

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
    /// Commands and their answers.
    pub commands: Commands,
    /// Alarms.
    pub alarms: Alarms,
    /// Settings.
    pub settings: Settings,
    /// Its own health.
    pub system: System,
    /// How often it started anew, by whatever sign.
    pub restarts: Restarts,
    /// What it said when its session began.
    pub session: Session,
}

impl Roster {
    /// How often the device started anew; none where nothing tells of its starts.
    pub fn starts(&self) -> Option<u32> {
        let count = self.restarts.count;
        let tells = self.system.tells_starts() || self.sequence.counts().is_some();
        (count > 0 || tells).then_some(count)
    }

    /// Takes over the numbers that streams have in a new configuration; what has none is left out.
    pub fn renumber(&mut self, new: &dyn Fn(StreamId) -> Option<StreamId>) {
        let Self {
            cadence,
            presence,
            stuck,
            sequence,
            settings,
            errors: _,
            skew: _,
            commands: _,
            alarms: _,
            system: _,
            restarts: _,
            session: _,
        } = self;
        cadence.renumber(new);
        presence.renumber(new);
        stuck.renumber(new);
        sequence.renumber(new);
        settings.renumber(new);
    }
}

/// What sequences show is counted once, though the device may tell of the same start in other ways.
fn note_resets(before: u32, sequence: &Sequence, restarts: &mut Restarts) {
    let new = sequence.restarts().saturating_sub(before);
    if new > 0 {
        restarts.note(Sign::Sequence, u64::from(new), sequence.restarted());
    }
}

impl Roster {
    /// A message of the device was shed before it got here: neither its silence nor its pace up to `now` says anything.
    pub(crate) fn spare(&mut self, context: &Context, now: Mono) {
        self.cadence.resume(context, now);
        self.presence.spare(now);
    }
}

impl Tracker for Roster {
    fn observe(&mut self, context: &Context, event: &Event, now: Mono, edges: &mut Edges) {
        self.tick(context, now, edges);
        let Self {
            cadence,
            presence,
            stuck,
            errors,
            sequence,
            skew,
            commands,
            alarms,
            settings,
            system,
            restarts,
            session: _,
        } = self;
        let own_topic = event.topic;
        // Presence judges by the interval that cadence has learned, so cadence comes first.
        let event = &Event { topic: cadence.admit(event.stream, event.topic), ..*event };
        cadence.observe(context, event, now, edges);
        let event = &Event { expected: cadence.expected(context, event.stream, event.topic), ..*event };
        let before = presence.state();
        presence.observe(context, event, now, edges);
        if before == State::Offline && presence.state() == State::Online {
            // What waited for the device has its time from now on.
            commands.back(now);
        }
        match event.points_of {
            None => stuck.observe(context, event, now, edges),
            joined => stuck.observe(context, &event.as_of(joined), now, edges),
        }
        errors.observe(context, event, now, edges);
        let resets = sequence.restarts();
        match event.sequence_of {
            Counted::Here => sequence.observe(context, event, now, edges),
            Counted::With(stream) => sequence.join(context, &event.as_of(Some(stream)), now, edges),
            Counted::Anew(stream) => sequence.begin_anew(&event.as_of(Some(stream)), now),
            Counted::Elsewhere => {}
        }
        note_resets(resets, sequence, restarts);
        skew.observe(context, event, now, edges);
        if !event.rules.kind.is_envelope() {
            return;
        }
        // Settings are told apart by their topics, also by those that have no pace of their own.
        let is_offline = presence.state() == State::Offline;
        let event = &Event { is_offline, topic: own_topic, ..*event };
        commands.observe(context, event, now, edges);
        alarms.observe(context, event, now, edges);
        settings.observe(context, event, now, edges);
        system.observe(context, event, now, edges);
        if system.starts() > 0 {
            restarts.note(Sign::System, system.starts(), now);
        }
    }

    fn tick(&mut self, context: &Context, now: Mono, edges: &mut Edges) {
        let Self {
            cadence,
            presence,
            stuck,
            errors,
            sequence,
            skew,
            commands,
            alarms,
            settings,
            system,
            restarts,
            session: _,
        } = self;
        cadence.tick(context, now, edges);
        let before = presence.state();
        presence.tick(context, now, edges);
        if presence.state() == State::Offline && before != State::Offline {
            // A point whose whole device is silent is not stuck.
            stuck.release(context, presence.since(), edges);
        }
        stuck.tick(context, now, edges);
        errors.tick(context, now, edges);
        let resets = sequence.restarts();
        sequence.tick(context, now, edges);
        note_resets(resets, sequence, restarts);
        skew.tick(context, now, edges);
        commands.tick(context, now, edges);
        alarms.tick(context, now, edges);
        settings.tick(context, now, edges);
        system.tick(context, now, edges);
    }

    fn due(&self, context: &Context) -> Mono {
        let Self {
            cadence,
            presence,
            stuck,
            errors,
            sequence,
            skew,
            commands,
            alarms,
            settings,
            system,
            restarts: _,
            session: _,
        } = self;
        let first = cadence.due(context).min(presence.due(context)).min(stuck.due(context));
        let first = first.min(errors.due(context)).min(sequence.due(context)).min(skew.due(context));
        let first = first.min(commands.due(context)).min(alarms.due(context));
        first.min(settings.due(context)).min(system.due(context))
    }

    fn resume(&mut self, context: &Context, now: Mono) {
        let Self {
            cadence,
            presence,
            stuck,
            errors,
            sequence,
            skew,
            commands,
            alarms,
            settings,
            system,
            restarts: _,
            session: _,
        } = self;
        cadence.resume(context, now);
        presence.resume(context, now);
        stuck.resume(context, now);
        errors.resume(context, now);
        sequence.resume(context, now);
        skew.resume(context, now);
        commands.resume(context, now);
        alarms.resume(context, now);
        settings.resume(context, now);
        system.resume(context, now);
    }
}
