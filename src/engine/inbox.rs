//! The bounded queue between a connection and the engine, on one thread. A connection never waits for it, so that the
//! socket is always read and the broker never takes us for a slow client: it would throw away what it likes.
//!
//! What finds no room is shed and counted: telemetry first, and of that what its device has most of, so that whoever
//! speaks little is heard (`shares`). For all else, such as presence and commands, there is a reserve. Nobody is blamed
//! for what was shed (`toll`). What says that the link changed is never shed.

mod shares;
mod toll;

use super::pace::Pace;
use crate::ingest::{Inbound, Sink};
use prometheus::IntGauge;
use shares::{Place, Room, Shares};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::Notify;
pub(crate) use toll::Gap;
use toll::{Sort, Toll};
use watchkeeper_core::rules::FleetRules;
use watchkeeper_core::time::Mono;
use watchkeeper_core::urgent::Urgency;

/// What waits at most. A deep queue is a slow one: what lies there long is no longer in any cache when its turn comes.
const ROOM: Room = Room { messages: 65_536, bytes: 64 << 20 };

/// The same with the reserve for what is no telemetry.
const WITH_RESERVE: Room = Room { messages: ROOM.messages + 8192, bytes: ROOM.bytes + (16 << 20) };

/// A connection that brought so many in one turn probably has more.
const MANY: u32 = 64;

/// A queue that grew in a flood gives back what it holds beyond so many items.
const KEPT_ITEMS: usize = 4096;

/// What waits.
#[derive(Debug)]
pub(crate) enum Item {
    /// A message of a device.
    Message(Inbound),
    /// A message of the broker about itself.
    Sys(Inbound),
    /// The connection for devices is up.
    Up(Mono),
    /// It is down; the broker was last heard then.
    Down(Mono),
    /// The connection for `$SYS` is up.
    SysUp,
    /// Here messages were shed.
    Shed(Gap),
}

/// The queue of one broker.
#[derive(Debug)]
pub(crate) struct Inbox {
    items: RefCell<VecDeque<(Item, Option<Place>)>>,
    shares: RefCell<Shares>,
    urgency: Urgency,
    toll: Toll,
    /// The last proof of life, true once everything that waits is dealt with.
    alive: Cell<Option<Mono>>,
    /// Messages since somebody asked.
    arrived: Cell<u32>,
    /// The user properties that somebody asked for.
    properties: Vec<Box<str>>,
    depth: IntGauge,
    wake: Rc<Notify>,
    pace: Arc<Pace>,
}

impl Inbox {
    /// An empty queue that wakes the engine.
    pub(crate) fn new(own: &crate::own::Own, rules: &FleetRules, wake: Rc<Notify>, pace: Arc<Pace>) -> Self {
        let labels = &[&*rules.broker, "messages"];
        own.queue_capacity
            .with_label_values(labels)
            .set(i64::try_from(ROOM.messages).expect("the capacity is a small constant"));
        Self {
            items: RefCell::default(),
            shares: RefCell::default(),
            urgency: Urgency::new(rules),
            toll: Toll::new(own, &rules.broker),
            alive: Cell::new(None),
            arrived: Cell::new(0),
            properties: rules.user_properties.clone(),
            depth: own.queue_depth.with_label_values(labels),
            wake,
            pace,
        }
    }

    /// The next item.
    pub(crate) fn pop(&self) -> Option<Item> {
        let mut items = self.items.borrow_mut();
        let (item, place) = items.pop_front()?;
        if items.is_empty() && items.capacity() > KEPT_ITEMS {
            items.shrink_to(KEPT_ITEMS);
        }
        if let Some(place) = place {
            self.shares.borrow_mut().leave(place);
        }
        Some(if matches!(item, Item::Shed(_)) { Item::Shed(self.toll.pay()) } else { item })
    }

    /// The last proof of life, if everything before it is dealt with.
    pub(crate) fn alive(&self) -> Option<Mono> {
        if self.items.borrow().is_empty() { self.alive.take() } else { None }
    }

    /// Whether anything waits.
    pub(crate) fn waits(&self) -> bool {
        !self.items.borrow().is_empty()
    }

    /// Whether a connection brought so much since the last time that it probably has more.
    pub(crate) fn brings_more(&self) -> bool {
        self.arrived.replace(0) >= MANY
    }

    /// How many messages were shed, and since when that goes on.
    pub(crate) fn shed(&self, now: Mono) -> (u64, Option<Mono>) {
        (self.toll.shed(), self.toll.since(now))
    }

    /// Shows the depth in the metrics; says that messages are shed, once a minute at most.
    pub(crate) fn tick(&self, broker: &str, now: Mono) {
        self.depth.set(i64::try_from(self.shares.borrow().messages()).unwrap_or(i64::MAX));
        if let Some(shed) = self.toll.to_tell(now) {
            tracing::warn!(
                broker,
                shed,
                "more arrives than can be dealt with, and messages were shed; no device is blamed for it. \
                 watchkeeper_shed_total says of which kind, /api/topics?by=rate who floods"
            );
        }
    }

    fn push(&self, item: Item, place: Option<Place>) {
        self.items.borrow_mut().push_back((item, place));
        self.wake.notify_one();
    }

    /// Of what a publisher says besides, only what was asked for may wait: there may be thousands.
    fn named(&self, said: Vec<(String, String)>) -> Vec<(String, String)> {
        let last = |name: &str| said.iter().rposition(|(said, _)| said == name);
        let named = self.properties.iter().filter_map(|name| last(name)).map(|at| said[at].clone());
        if said.is_empty() { said } else { named.collect() }
    }

    fn offer(&self, message: Inbound, is_sys: bool) {
        self.arrived.set(self.arrived.get().saturating_add(1));
        self.pace.came(bytes(&message));
        let message = Inbound { user_properties: self.named(message.user_properties), ..message };
        let speaker = || match self.urgency.speaker(&message.topic) {
            Some(device) => Cow::Owned(device.into_bytes()),
            None => Cow::Borrowed(&*message.topic),
        };
        let mut place = self.shares.borrow().place(ROOM, bytes(&message), speaker);
        // Nobody asks what it is while there is room for all.
        if !self.shares.borrow().admits(place, ROOM) {
            let (sort, is_urgent) = self.sort(&message, is_sys);
            let Some(reserved) = is_urgent.then(|| self.reserved(&message)).flatten() else {
                if self.toll.note(sort, &message.topic, message.at) {
                    // It is filled while it waits.
                    self.push(Item::Shed(Gap::default()), None);
                }
                return;
            };
            place = reserved;
        }
        self.toll.close();
        self.shares.borrow_mut().enter(place);
        self.push(if is_sys { Item::Sys(message) } else { Item::Message(message) }, Some(place));
    }

    /// A place for what is no telemetry. It is shared between topics, so that a device which floods with telemetry is heard
    /// when it answers.
    fn reserved(&self, message: &Inbound) -> Option<Place> {
        let shares = self.shares.borrow();
        let place = shares.place(ROOM, bytes(message), || &*message.topic);
        shares.admits(place, WITH_RESERVE).then_some(place)
    }

    fn sort(&self, message: &Inbound, is_sys: bool) -> (Sort, bool) {
        if is_sys {
            return (Sort::Sys, true);
        }
        let found = self.urgency.of(&message.topic, &message.payload);
        (found.kind.map_or(Sort::Unmatched, Sort::Of), found.is_urgent)
    }
}

/// What a message holds on to while it waits.
fn bytes(message: &Inbound) -> usize {
    let said = message.user_properties.iter().map(|(name, value)| name.len() + value.len());
    message.topic.len() + message.payload.len() + said.sum::<usize>()
}

/// The end of the queue that the connection for devices holds.
pub(crate) struct DevicesSink(pub(crate) Rc<Inbox>);

impl Sink for DevicesSink {
    fn message(&self, message: Inbound) {
        self.0.offer(message, false);
    }

    fn alive(&self, at: Mono) {
        self.0.alive.set(Some(at));
    }

    fn up(&self, at: Mono) {
        self.0.push(Item::Up(at), None);
    }

    fn down(&self, _at: Mono, last_alive: Mono) {
        self.0.push(Item::Down(last_alive), None);
    }
}

/// The end of the queue that the connection for `$SYS` holds. It proves nothing about the other connection.
pub(crate) struct SysSink(pub(crate) Rc<Inbox>);

impl Sink for SysSink {
    fn message(&self, message: Inbound) {
        self.0.offer(message, true);
    }

    fn alive(&self, _at: Mono) {}

    fn up(&self, _at: Mono) {
        self.0.push(Item::SysUp, None);
    }

    fn down(&self, _at: Mono, _last_alive: Mono) {}
}

#[cfg(test)]
mod tests;
