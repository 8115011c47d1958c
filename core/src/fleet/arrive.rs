//! A message on its way in: which stream it belongs to, what it says, and whose it is. Nothing here may know a
//! convention.

use super::message::{self, Message};
use super::passing::when;
use super::sought::Sought;
use super::{Device, Fleet, Missed};
use crate::arrival::Arrival;
use crate::classify::{Verdict, classify, classify_again};
use crate::decode::{Decoded, Member};
use crate::exchange::Said;
use crate::names::{ID_BYTES_MAX, bounded};
use crate::reason::{Reason, Reasons};
use crate::route::StreamId;
use crate::rules::{DeviceFrom, Expect, Kind, Statement};
use crate::time::{Micros, Mono, Now};
use crate::topics::{Found, labels};
use crate::tracker::{Context, Tracker};

/// What a message says of a command: taken where it stands, or left for later.
#[derive(Debug, Default)]
pub(super) enum Apart {
    /// Taken.
    #[default]
    No,
    /// Left.
    Yes,
    /// Left, and this is it.
    Left(Missed),
}

impl Fleet {
    /// The same as `arrival`, but what the message says of a command is left for `catch_up`: something may have been sent
    /// before it that is still to come. None where it says nothing of that.
    pub fn arrival_apart(&mut self, arrival: &Arrival, now: Now) -> Option<Missed> {
        self.apart = Apart::Yes;
        self.arrival(arrival, now);
        match std::mem::take(&mut self.apart) {
            Apart::Left(missed) => Some(missed),
            Apart::No | Apart::Yes => None,
        }
    }

    /// A message arrived.
    pub fn arrival(&mut self, arrival: &Arrival, now: Now) {
        self.link_up(now);
        self.link.alive(now.mono);
        let at = self.link.moment(now.mono);
        if self.topics.make_room(arrival.topic) {
            self.shapes.clear();
        }
        let known = *self.topics.get(arrival.topic);
        if !self.homes.is_whole() && !self.is_for_us(arrival, &known) {
            return self.pass_over(arrival, &known, now);
        }
        let found = self.decide(known.found, arrival.payload);
        let (stream, text) = match (found, std::str::from_utf8(arrival.topic)) {
            (Found::Stream(stream) | Found::Announced(stream), Ok(text)) => (stream, text),
            (found, _) => return self.nobodys(found, arrival, at, now.mono),
        };
        let rules = &self.rules.streams[usize::from(stream)];
        let (kind, is_many) = (rules.kind, rules.device == DeviceFrom::Members);
        let mut sought = Sought::of((found, stream), text, &known, &self.devices);
        if known.is_announced {
            sought.announced = self.topics.announced(arrival.topic).cloned();
        }
        let mut scratch = self.scratch.take().unwrap_or_default();
        if arrival.retain && sought.is_free(&self.rules) {
            self.early.keep(arrival);
        }
        if kind == Kind::Discovery {
            self.discovery(arrival, &sought, &mut scratch, now);
        } else if is_many {
            self.split(arrival, &sought, &mut scratch, now);
        } else {
            self.hear(arrival, &sought, &mut scratch, now);
        }
        self.scratch = Some(scratch);
    }

    /// Where a message goes whose stream depends on its payload.
    pub(super) fn decide(&self, found: Found, payload: &[u8]) -> Found {
        let takes = |stream: StreamId| self.rules.streams[usize::from(stream)].takes(payload);
        match found {
            Found::Perhaps(first, _) | Found::Unless(first, _) if takes(first) => Found::Stream(first),
            Found::Perhaps(_, other) => other.map_or(Found::Nobody, Found::Stream),
            Found::Unless(_, announced) => Found::Announced(announced),
            found => found,
        }
    }

    /// One message of one device.
    pub(super) fn hear(
        &mut self,
        arrival: &Arrival,
        sought: &Sought,
        scratch: &mut Decoded,
        now: Now,
    ) -> Reasons {
        let at = self.link.moment(now.mono);
        let stream = sought.stream;
        let mut verdict = self.classify(arrival, sought, scratch, now);
        let statement = self.statement(arrival, sought, &mut verdict, scratch);
        let rules = &self.rules.streams[usize::from(stream)];
        let mut said =
            message::said(arrival, sought.topic, (rules, &self.rules.commands), &mut verdict, scratch);
        if let Said::Request(request) = &mut said {
            request.serial = self.waiting.number();
        }
        let makes_known = message::makes_known(rules, &verdict, arrival, statement);
        let slot = self.whose((sought, makes_known), &mut verdict, scratch, now);
        if !matches!(self.apart, Apart::No)
            && let Some(left) = self.set_apart((stream, sought.topic), slot, &mut said)
        {
            self.apart = Apart::Left(left);
        }
        let is_numbered = verdict.malformed.is_none() && matches!(scratch.sequence, Member::Number(..));
        self.tally(arrival, (sought, is_numbered), slot, &mut verdict, at, now);
        // What could not be read may have left what was read before.
        if let Some(slot) = slot.filter(|_| verdict.malformed.is_none()) {
            self.resolve(slot, scratch);
        }
        let (verdict, read) = (&verdict, &*scratch);
        let message = Message { sought, arrival, verdict, read, said: &said, statement };
        match slot {
            Some(slot) if arrival.retain => self.see_retained(slot, &message, at, now),
            Some(slot) => self.observe(slot, &message, at, now),
            None if !makes_known => {}
            None => self.refuse(sought, verdict, read, now),
        }
        verdict.reasons
    }

    pub(super) fn classify<'a>(
        &mut self,
        arrival: &Arrival<'a>,
        sought: &Sought,
        scratch: &mut Decoded,
        now: Now,
    ) -> Verdict<'a> {
        let rules = &self.rules.streams[usize::from(sought.stream)];
        let plan = &self.plans[usize::from(sought.stream)];
        let limits = &self.rules.limits;
        if sought.is_piece {
            return classify(arrival, rules, plan, limits, now.wall, scratch);
        }
        let prefix = rules.kin.point_prefix.then(|| message::lone_point(rules, sought));
        let mut habit = sought.habit;
        let shapes = &mut self.shapes;
        let verdict = classify_again(arrival, (rules, plan), limits, now.wall, scratch, shapes, &mut habit);
        // The topic is looked up a second time only where something new was learned of it.
        if habit != sought.habit {
            self.topics.get(arrival.topic).habit = habit;
        }
        if let Some(prefix) = prefix.filter(|_| verdict.malformed.is_none()) {
            scratch.prefix(verdict.payload, &bounded(prefix, ID_BYTES_MAX));
        }
        verdict
    }

    /// Counts a message, and whether it has a number.
    fn tally(
        &mut self,
        arrival: &Arrival,
        (sought, is_numbered): (&Sought, bool),
        slot: Option<u32>,
        verdict: &mut Verdict,
        at: Mono,
        now: Now,
    ) {
        let stream = sought.stream;
        if arrival.retain {
            verdict.reasons = Reasons::default();
        } else if sought.is_odd(&self.rules) && verdict.malformed.is_none() {
            verdict.reasons.add(Reason::Topic);
        }
        if !sought.is_piece {
            self.count_message(arrival, stream, verdict.reasons, at);
        }
        if !arrival.retain {
            let is_bad = !verdict.reasons.is_empty();
            let device = slot.and_then(|slot| self.devices[slot as usize].as_ref());
            let muted = device.is_some_and(|device| self.mutes.of(&device.id, now.wall).is_some());
            self.judge.arrived(is_bad, is_numbered, muted, at);
        }
        self.choose(Some(stream), slot, verdict.reasons, verdict.malformed, now.mono);
    }

    /// Counts what came in one piece, be it one message or several.
    pub(super) fn count_message(&mut self, arrival: &Arrival, stream: StreamId, reasons: Reasons, at: Mono) {
        self.stats.streams[usize::from(stream)].count(arrival.payload.len(), reasons);
        if arrival.retain {
            self.stats.retained_ignored += 1;
        } else {
            self.busiest.count(arrival.topic, arrival.payload.len(), !reasons.is_empty(), at);
        }
    }

    /// A message on a topic that leads to no stream.
    fn nobodys(&mut self, found: Found, arrival: &Arrival, at: Mono, now: Mono) {
        match found {
            Found::Nobody => {
                self.stats.unmatched += 1;
                if arrival.retain {
                    self.early.keep(arrival);
                }
                self.stray(arrival, now);
            }
            _ => self.no_text(arrival, now),
        }
        self.busiest.count(arrival.topic, arrival.payload.len(), found != Found::Nobody, at);
    }

    /// How often we were away, and since when we are not.
    pub(super) fn watched(&self) -> (u32, Mono) {
        (self.link.breaks(), self.watched_since)
    }

    fn observe(&mut self, slot: u32, message: &Message, at: Mono, now: Now) {
        let Message { sought, verdict, said, .. } = *message;
        let (stream, topic_key) = (sought.stream, sought.key);
        let asked = self.asked_elsewhere(said, slot);
        let is_others = asked.is_none() && self.answers_others(said);
        let statement = self.settle_session(slot, message);
        let message = &Message { statement, ..*message };
        let rules = &self.rules.streams[usize::from(stream)];
        let said_here = if asked.is_some() || is_others { &Said::Nothing } else { said };
        let event = message.event(&self.rules, &self.kin, said_here, self.watched());
        let context = Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names };
        let Some(device) = self.devices.get_mut(slot) else { return };
        let (refused, commands) = (device.roster.stuck.refused, device.roster.commands.count());
        let alarms = device.roster.alarms.refused();
        let knew = device.roster.cadence.learned(stream, topic_key).is_some();
        device.roster.observe(&context, &event, at, &mut self.edges);
        if device.labels.count() != self.rules.labels.len() {
            device.labels = labels(&self.rules, stream, sought.topic);
        }
        if !message.arrival.user_properties.is_empty() && rules.kind.is_of_device() {
            super::whose::relabel(
                &self.rules.user_properties,
                message.arrival.user_properties,
                &mut device.labels,
            );
        }
        device.touched = at;
        let speaks = rules.kind.is_heartbeat() && !matches!(statement, Some(Statement::Gone(_)))
            || matches!(statement, Some(Statement::Online | Statement::Asleep));
        device.last_message = speaks.then_some(now.wall).or(device.last_message);
        let due = when(&context, device);
        self.due[slot as usize] = due;
        self.earliest = self.earliest.min(due);
        self.stats.points_refused += device.roster.stuck.refused - refused;
        self.stats.tally.alarms_refused += device.roster.alarms.refused() - alarms;
        self.waiting.count(commands, device.roster.commands.count());
        if rules.kind == Kind::Event {
            self.stats.tally.note_event(&rules.name, event.happened());
        }
        self.count(slot, (stream, topic_key), verdict.age, knew);
        self.say(slot, now);
        if *said != Said::Nothing {
            self.settle_commands((slot, asked), said, at, now);
        }
        self.count_with_parent(slot, message, at, now);
        if let Some(Statement::Gone(_)) = statement {
            self.children_leave(slot, false, at, now);
        }
    }

    /// Takes what a message added to the counts of its stream.
    fn count(&mut self, slot: u32, (stream, topic): (StreamId, u32), age: Option<f64>, knew: bool) {
        let Some(Device { roster, .. }) = &self.devices[slot as usize] else { return };
        let counts = &mut self.stats.streams[usize::from(stream)];
        if let Some(age) = age {
            counts.ages.observe(age.max(0.0));
        }
        if let Some(interval) = roster.cadence.fresh() {
            counts.intervals.observe_micros(interval);
        }
        let Some(habit) = roster.cadence.learned(stream, topic) else { return };
        let learns = self.rules.streams[usize::from(stream)].expect == Expect::Learn;
        if learns && self.stats.note_habit(usize::from(stream), habit, !knew) {
            self.apply_typical(stream, habit);
        }
    }

    /// What is typical of a stream has become known: devices that wait for nothing now wait for that.
    fn apply_typical(&mut self, stream: StreamId, habit: Micros) {
        let at = self.link.known();
        let Some(rules) = self.rules.streams.get(usize::from(stream)) else { return };
        let context = Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names };
        for (device, due) in self.devices.iter_mut().zip(&mut self.due) {
            if let Some(device) = device {
                device.roster.presence.expect(stream, rules, habit, at);
                *due = when(&context, device);
            }
        }
        self.earliest = Mono(0);
    }
}
