//! One item into its fleet, and a close look at it where it was bad. Nothing here may wait.

use super::inbox::{Gap, Item};
use super::status::Observed;
use super::twins::{Turn, Twins};
use crate::audit::clients::ClientLog;
use crate::audit::outages::Outages;
use crate::audit::{self, specimens};
use crate::ingest::Inbound;
use crate::own::Own;
use watchkeeper_audit::record::Draft;
use watchkeeper_core::arrival::Arrival;
use watchkeeper_core::exchange::print;
use watchkeeper_core::report::Watched;
use watchkeeper_core::rules::FleetRules;
use watchkeeper_core::specimen::Specimen;
use watchkeeper_core::time::{Mono, Now, Wall};

/// Looks closely at bad messages, and tells everybody who wants to know.
pub(super) struct Looker<'a> {
    pub(super) observed: &'a mut Observed,
    pub(super) audit: &'a audit::Desk,
    pub(super) own: &'a Own,
}

impl Looker<'_> {
    /// The record of a message that was just taken, if it was bad and is one to be looked at.
    fn bad(&mut self, watched: &mut Watched, message: &Inbound, at: Wall) -> Option<Draft> {
        let specimen = watched.fleet.take_specimen()?;
        Some(self.look(watched.fleet.rules(), &specimen, message, at))
    }

    fn look(&mut self, rules: &FleetRules, specimen: &Specimen, message: &Inbound, at: Wall) -> Draft {
        let verdict = specimens::look(rules, specimen, message, &self.audit.mask());
        if let Some(cause) = verdict.cause() {
            self.own.payload_causes.with_label_values(&[&*rules.broker, cause.word()]).inc();
        }
        self.observed.note_bad(rules, specimen, message, &verdict, at);
        specimens::draft(rules, specimen, message, &verdict, at)
    }
}

/// An item whose turn is now: a message of a command stream may have to wait for what was sent before it.
pub(super) fn in_turn(watched: &mut Watched, twins: &mut Twins, item: Item) -> Option<Item> {
    match item {
        Item::Message(message)
            if twins.is_on() && !message.retain && watched.fleet.is_exchange(&arrival(&message)) =>
        {
            twins.arrived(print(&arrival(&message)), message).map(Item::Message)
        }
        Item::Up(at) => {
            twins.up(at);
            Some(item)
        }
        item => Some(item),
    }
}

/// What was missed, and what waited for that.
pub(super) fn take_turns(
    watched: &mut Watched,
    (outages, clients): (&mut Outages, &mut ClientLog),
    twins: &mut Twins,
    looker: &mut Looker,
    read: Now,
    drafts: &mut Vec<Draft>,
) {
    for turn in twins.turns(read.mono) {
        match turn {
            Turn::Missed(heard) => {
                let now = Now { mono: heard.at, wall: read.wall_of(heard.at) };
                watched.fleet.catch_up(heard.what, now);
            }
            Turn::Said(missed, at) => {
                watched.fleet.catch_up(missed, Now { mono: at, wall: read.wall_of(at) });
            }
            Turn::Arrived(message) => {
                let sources = (&mut *outages, &mut *clients);
                drafts.extend(take(watched, sources, looker, Item::Message(message), read));
            }
        }
    }
}

/// The devices' connection is gone: what waits its turn was received before that.
pub(super) fn take_apart(
    watched: &mut Watched,
    twins: &mut Twins,
    looker: &mut Looker,
    read: Now,
    drafts: &mut Vec<Draft>,
) {
    twins.down(|message| {
        let now = Now { mono: message.at, wall: read.wall_of(message.at) };
        let missed = watched.fleet.arrival_apart(&arrival(&message), now);
        drafts.extend(looker.bad(watched, &message, now.wall));
        missed
    });
}

fn arrival(message: &Inbound) -> Arrival<'_> {
    Arrival {
        topic: &message.topic,
        payload: &message.payload,
        qos: message.qos,
        retain: message.retain,
        dup: message.dup,
        response_topic: message.response_topic.as_deref(),
        correlation: message.correlation.as_deref(),
        user_properties: &message.user_properties,
    }
}

/// What happened to clients says something of the presence of devices.
pub(super) fn tell(watched: &mut Watched, clients: &mut ClientLog, now: Now) {
    for event in clients.take_happened() {
        watched.fleet.client_event(&event, now);
    }
}

/// One item into its fleet. The calendar is read once a slice and carried to the moment of each message.
/// What comes back are records.
pub(super) fn take(
    watched: &mut Watched,
    (outages, clients): (&mut Outages, &mut ClientLog),
    looker: &mut Looker,
    item: Item,
    read: Now,
) -> Vec<Draft> {
    let at = |mono: Mono| Now { mono, wall: read.wall_of(mono) };
    match item {
        Item::Message(message) => {
            watched.fleet.arrival(&arrival(&message), at(message.at));
            looker.bad(watched, &message, at(message.at).wall).into_iter().collect()
        }
        Item::Sys(message) => {
            let (name, now) = (&watched.fleet.rules().broker, at(message.at));
            let drafts = clients.sys(name, &message, &mut watched.broker, now);
            tell(watched, clients, now);
            drafts
        }
        Item::Up(mono) => {
            watched.fleet.link_up(at(mono));
            outages.up(at(mono)).into_iter().collect()
        }
        Item::Down(last_alive) => {
            // All that came before is dealt with, so the clock may go up to there.
            watched.fleet.alive(last_alive);
            watched.fleet.link_down(at(last_alive));
            outages.down(at(last_alive)).into_iter().collect()
        }
        Item::SysUp => {
            watched.broker.connected();
            Vec::new()
        }
        Item::Shed(gap) => {
            forgive(watched, &gap);
            Vec::new()
        }
    }
}

/// What was shed is our fault: nobody has lost it, and whoever sent it was there.
fn forgive(watched: &mut Watched, gap: &Gap) {
    watched.fleet.shed();
    for (topic, at) in &gap.topics {
        watched.fleet.spare(topic, *at);
    }
    if let Some(at) = gap.others {
        watched.fleet.spare_all(at);
    }
}
