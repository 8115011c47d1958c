//! One item into its fleet, and a close look at it where it was bad. Nothing here may wait.

use super::inbox::Item;
use super::status::Observed;
use crate::audit::clients::ClientLog;
use crate::audit::outages::Outages;
use crate::audit::{self, specimens};
use crate::ingest::Inbound;
use crate::own::Own;
use watchkeeper_audit::record::Draft;
use watchkeeper_core::arrival::Arrival;
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
    fn look(&mut self, rules: &FleetRules, specimen: &Specimen, message: &Inbound, at: Wall) -> Draft {
        let verdict = specimens::look(rules, specimen, message, &self.audit.mask());
        if let Some(cause) = verdict.cause() {
            self.own.payload_causes.with_label_values(&[&*rules.broker, cause.word()]).inc();
        }
        self.observed.note_bad(rules, specimen, message, &verdict, at);
        specimens::draft(rules, specimen, message, &verdict, at)
    }
}

/// One item into its fleet. The calendar is read once a slice and carried to the moment of each message.
/// What comes back is a record.
pub(super) fn take(
    watched: &mut Watched,
    (outages, clients): (&mut Outages, &mut ClientLog),
    looker: &mut Looker,
    item: Item,
    read: Now,
) -> Option<Draft> {
    let at = |mono: Mono| Now { mono, wall: read.wall_of(mono) };
    match item {
        Item::Message(message) => {
            let arrival = Arrival {
                topic: &message.topic,
                payload: &message.payload,
                qos: message.qos,
                retain: message.retain,
                dup: message.dup,
                response_topic: message.response_topic.as_deref(),
                correlation: message.correlation.as_deref(),
            };
            watched.fleet.arrival(&arrival, at(message.at));
            let specimen = watched.fleet.take_specimen()?;
            Some(looker.look(watched.fleet.rules(), &specimen, &message, at(message.at).wall))
        }
        Item::Sys(message) => {
            if let Ok(topic) = std::str::from_utf8(&message.topic) {
                watched.broker.sys(topic, &message.payload, at(message.at));
            }
            let name = &watched.fleet.rules().broker;
            clients.sys(name, &message, &mut watched.broker, at(message.at))
        }
        Item::Up(mono) => {
            watched.fleet.link_up(at(mono));
            outages.up(at(mono))
        }
        Item::Down(last_alive) => {
            // All that came before is dealt with, so the clock may go up to there.
            watched.fleet.alive(last_alive);
            watched.fleet.link_down(at(last_alive));
            outages.down(at(last_alive))
        }
        Item::SysUp => {
            watched.broker.connected();
            None
        }
        Item::Shed => {
            watched.fleet.shed();
            None
        }
    }
}
