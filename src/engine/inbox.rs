//! The bounded queue between a connection and the engine, on one thread. A connection never waits for it: a
//! message that finds it full is shed and counted, so that the socket is always read and the broker never
//! takes us for a slow client. What says that the link changed is never shed.

use crate::ingest::{Inbound, Sink};
use prometheus::{IntCounter, IntGauge};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use tokio::sync::Notify;
use watchkeeper_core::time::Mono;

/// Messages that wait at most.
pub(crate) const MESSAGES_MAX: usize = 65_536;

/// Bytes of topics and payloads that wait at most.
const BYTES_MAX: usize = 256 << 20;

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
    Shed,
}

/// The queue of one broker.
#[derive(Debug)]
pub(crate) struct Inbox {
    items: RefCell<VecDeque<Item>>,
    bytes: Cell<usize>,
    /// The last proof of life, true once everything that waits is dealt with.
    alive: Cell<Option<Mono>>,
    depth: IntGauge,
    refused: IntCounter,
    shed: Cell<u64>,
    /// The last message that came was shed, and that is noted.
    sheds: Cell<bool>,
    wake: Rc<Notify>,
}

impl Inbox {
    /// An empty queue that wakes the engine.
    pub(crate) fn new(own: &crate::own::Own, broker: &str, wake: Rc<Notify>) -> Self {
        let labels = &[broker, "messages"];
        own.queue_capacity
            .with_label_values(labels)
            .set(i64::try_from(MESSAGES_MAX).expect("the capacity is a small constant"));
        Self {
            items: RefCell::default(),
            bytes: Cell::new(0),
            alive: Cell::new(None),
            depth: own.queue_depth.with_label_values(labels),
            refused: own.refused.with_label_values(labels),
            shed: Cell::new(0),
            sheds: Cell::new(false),
            wake,
        }
    }

    /// The next item.
    pub(crate) fn pop(&self) -> Option<Item> {
        let item = self.items.borrow_mut().pop_front()?;
        if let Item::Message(message) | Item::Sys(message) = &item {
            self.bytes.set(self.bytes.get() - bytes(message));
        }
        Some(item)
    }

    /// The last proof of life, if everything before it is dealt with.
    pub(crate) fn alive(&self) -> Option<Mono> {
        if self.items.borrow().is_empty() { self.alive.take() } else { None }
    }

    /// Whether anything waits.
    pub(crate) fn waits(&self) -> bool {
        !self.items.borrow().is_empty()
    }

    /// How many messages were shed.
    pub(crate) fn shed(&self) -> u64 {
        self.shed.get()
    }

    /// Shows the depth in the metrics.
    pub(crate) fn show_depth(&self) {
        self.depth.set(i64::try_from(self.items.borrow().len()).unwrap_or(i64::MAX));
    }

    fn push(&self, item: Item) {
        self.items.borrow_mut().push_back(item);
        self.wake.notify_one();
    }

    fn offer(&self, bytes: usize, item: impl FnOnce() -> Item) {
        let full = self.items.borrow().len() >= MESSAGES_MAX || self.bytes.get() + bytes > BYTES_MAX;
        if full {
            self.shed.set(self.shed.get() + 1);
            self.refused.inc();
            if !self.sheds.replace(true) {
                self.push(Item::Shed);
            }
            return;
        }
        self.sheds.set(false);
        self.bytes.set(self.bytes.get() + bytes);
        self.push(item());
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
        self.0.offer(bytes(&message), || Item::Message(message));
    }

    fn alive(&self, at: Mono) {
        self.0.alive.set(Some(at));
    }

    fn up(&self, at: Mono) {
        self.0.push(Item::Up(at));
    }

    fn down(&self, _at: Mono, last_alive: Mono) {
        self.0.push(Item::Down(last_alive));
    }
}

/// The end of the queue that the connection for `$SYS` holds. It proves nothing about the other connection.
pub(crate) struct SysSink(pub(crate) Rc<Inbox>);

impl Sink for SysSink {
    fn message(&self, message: Inbound) {
        self.0.offer(bytes(&message), || Item::Sys(message));
    }

    fn alive(&self, _at: Mono) {}

    fn up(&self, _at: Mono) {
        self.0.push(Item::SysUp);
    }

    fn down(&self, _at: Mono, _last_alive: Mono) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn where_messages_were_shed_is_marked_once_and_in_its_place() {
        let own = crate::own::Own::new().unwrap();
        let inbox = Inbox::new(&own, "main", Rc::default());
        let (large, small) = (Bytes::from(vec![0; BYTES_MAX]), Bytes::new());
        let offer = |payload: &Bytes| {
            let (topic, at) = (Bytes::from_static(b"t"), Mono(0));
            let message = Inbound {
                topic,
                payload: payload.clone(),
                qos: 0,
                retain: false,
                dup: false,
                at,
                response_topic: None,
                correlation: None,
                user_properties: Vec::new(),
                pkid: 0,
            };
            inbox.offer(payload.len(), || Item::Message(message));
        };
        [&small, &large, &large, &large, &small].into_iter().for_each(offer);
        assert_eq!(inbox.shed(), 2);
        let kinds = std::iter::from_fn(|| inbox.items.borrow_mut().pop_front());
        let kinds: Vec<bool> = kinds.map(|item| matches!(item, Item::Shed)).collect();
        assert_eq!(kinds, [false, false, true, false]);
    }
}
