//! What the room of queues wants to know of the fleets, and what it tells them: totals of a broker, commands that wait
//! for devices, facts about the devices behind clients; the newest snapshot and what became true with it.

use super::State;
use std::sync::Arc;
use tokio::sync::oneshot;
use watchkeeper_core::broker::Value;
use watchkeeper_core::finding::{Finding, Queueing, What};
use watchkeeper_core::fleet::Fleet;
use watchkeeper_core::queues::{Facts, Queue, Reading, Shown};
use watchkeeper_core::report::Watched;
use watchkeeper_core::time::{Now, Wall};
use watchkeeper_core::trackers::presence;

/// What the room of queues asks; the broker is meant by its name.
#[derive(Debug)]
pub(crate) enum QueueAsk {
    /// What the broker says of itself over `$SYS`.
    Totals(String, oneshot::Sender<Totals>),
    /// Commands that wait for devices; at most so many devices.
    Waiting(String, usize, oneshot::Sender<Reading>),
    /// What is known of the devices with these ids, in their order.
    Facts(String, Vec<Box<str>>, oneshot::Sender<Vec<Facts>>),
    /// A snapshot is safe. What was shown before is given back: to take ten thousand queues apart takes time, too.
    Told(String, Arc<Shown>, oneshot::Sender<Arc<Shown>>),
    /// This became true with it, a few hundred findings at most.
    Found(String, Vec<Queueing>, oneshot::Sender<()>),
}

/// What a broker says of itself; what it does not say is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) last_update: Option<Wall>,
    pub(crate) stored: Option<u64>,
    pub(crate) retained: Option<u64>,
    pub(crate) inflight: Option<u64>,
    pub(crate) dropped: Option<u64>,
}

/// Answers; an asker who has gone is no error.
pub(super) fn answer(state: &mut State, ask: QueueAsk, now: Now) {
    match ask {
        QueueAsk::Totals(broker, reply) => {
            let of = find(&state.watched, &broker).map(|at| totals(&state.watched[at]));
            let _ = reply.send(of.unwrap_or_default());
        }
        QueueAsk::Waiting(broker, limit, reply) => {
            let of = find(&state.watched, &broker).map(|at| waiting(&state.watched[at].fleet, limit));
            drop(reply.send(of.unwrap_or_default()));
        }
        QueueAsk::Facts(broker, clients, reply) => {
            let of = find(&state.watched, &broker).map(|at| &state.watched[at].fleet);
            let each =
                clients.iter().map(|client| of.map_or_else(Facts::default, |of| facts(state, of, client)));
            drop(reply.send(each.collect()));
        }
        QueueAsk::Told(broker, mut shown, reply) => {
            if let Some(at) = find(&state.watched, &broker) {
                std::mem::swap(&mut state.watched[at].queues, &mut shown);
            }
            drop(reply.send(shown));
        }
        QueueAsk::Found(broker, found, reply) => {
            if let Some(at) = find(&state.watched, &broker) {
                note(state, at, found, now);
            }
            let _ = reply.send(());
        }
    }
}

fn find(watched: &[Watched], broker: &str) -> Option<usize> {
    watched.iter().position(|one| &*one.fleet.rules().broker == broker)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the broker counts whole things")]
fn totals(one: &Watched) -> Totals {
    let value = |value| one.broker.value(value).filter(|number| *number >= 0.0).map(|number| number as u64);
    Totals {
        last_update: one.broker.last_update(),
        stored: value(Value::Stored),
        retained: value(Value::Retained),
        inflight: value(Value::Inflight),
        dropped: value(Value::PublishDropped),
    }
}

/// One row a device for which commands wait, the most first.
fn waiting(fleet: &Fleet, limit: usize) -> Reading {
    let each = fleet.devices().filter_map(|device| {
        let mut queued =
            device.roster.commands.waiting().map(|(_, command)| command).filter(|it| it.is_queued());
        let oldest = queued.next()?;
        Some(Queue {
            client_id: device.id.to_string(),
            depth: Some(1 + queued.count() as u64),
            oldest: Some(fleet.link().wall(oldest.sent)),
            ..Queue::default()
        })
    });
    let mut queues: Vec<Queue> = each.collect();
    queues.sort_unstable_by(|one, other| {
        other.depth.cmp(&one.depth).then_with(|| one.client_id.cmp(&other.client_id))
    });
    let refused = queues.len().saturating_sub(limit) as u64;
    queues.truncate(limit);
    Reading { as_of: None, queues, refused }
}

fn facts(state: &State, fleet: &Fleet, client: &str) -> Facts {
    let Some(device) = fleet.device(client) else { return Facts::default() };
    let presence = &device.roster.presence;
    let online =
        (presence.state() != presence::State::Unknown).then_some(presence.state() == presence::State::Online);
    Facts {
        online,
        connects: u64::from(presence.connects) + u64::from(presence.flaps),
        lost: device.roster.sequence.counts().map_or(0, |counts| counts.lost),
        in_order: state.observed.delivered(client),
    }
}

/// What became true of queues takes the way of all findings; it is the device's where one has the client's id.
fn note(state: &mut State, at: usize, found: Vec<Queueing>, now: Now) {
    let fleet = &state.watched[at].fleet;
    let finding = |queue: Queueing| {
        let device = fleet.device(&queue.client).map_or_else(Box::default, |device| device.id.clone());
        let muted = fleet.mutes.of(&queue.client, now.wall).is_some();
        Finding { at: fleet.link().known(), wall: now.wall, device, what: What::Queue(queue), muted }
    };
    let found: Vec<Finding> = found.into_iter().map(finding).collect();
    state.note_findings(now);
    for finding in &found {
        state.note_finding(at, finding, now);
    }
    state.hand_over();
}
