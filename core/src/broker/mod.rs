//! What the broker says of itself, in canonical terms: the same name means the same thing whatever the make.
//! What a broker does not tell is absent and never zero. The make is the one that the configuration names, else the one
//! that alone says what was heard; until it is known nothing is read, and nothing may be guessed.

pub mod clients;
pub mod dialects;
pub mod event;
mod nodes;
mod order;

use crate::time::{Micros, Now, SECOND, Wall};
use dialects::{Dialect, Fact, Said};
use event::ClientEvent;
use nodes::{Moment, Nodes};
use order::Order;

/// A canonical value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Value {
    /// Seconds since the broker started.
    Uptime,
    /// Clients with a connection.
    ClientsConnected,
    /// Sessions without a connection.
    ClientsDisconnected,
    /// Both.
    ClientsTotal,
    /// Sessions that expired.
    ClientsExpired,
    /// Packets of all types that the broker received.
    MessagesReceived,
    /// Packets of all types that the broker sent.
    MessagesSent,
    /// PUBLISH packets that the broker received.
    PublishReceived,
    /// PUBLISH packets that the broker sent.
    PublishSent,
    /// PUBLISH messages that the broker dropped because of its queue or inflight limits.
    PublishDropped,
    /// Bytes that the broker received.
    BytesReceived,
    /// Bytes that the broker sent.
    BytesSent,
    /// Subscriptions of all clients.
    Subscriptions,
    /// Retained messages.
    Retained,
    /// Messages in the store.
    Stored,
    /// Messages in flight.
    Inflight,
    /// Bytes of the heap in use.
    Heap,
}

impl Value {
    /// All of them.
    pub const ALL: [Value; VALUES] = [
        Value::Uptime,
        Value::ClientsConnected,
        Value::ClientsDisconnected,
        Value::ClientsTotal,
        Value::ClientsExpired,
        Value::MessagesReceived,
        Value::MessagesSent,
        Value::PublishReceived,
        Value::PublishSent,
        Value::PublishDropped,
        Value::BytesReceived,
        Value::BytesSent,
        Value::Subscriptions,
        Value::Retained,
        Value::Stored,
        Value::Inflight,
        Value::Heap,
    ];
}

const VALUES: usize = Value::Heap as usize + 1;

/// Messages that wait until the make is known, and their bytes; what is beyond is left out.
const WAITING_MAX: usize = 512;
const WAITING_BYTES_MAX: usize = 256 * 1024;
/// A moment further from ours than a day is not believed.
const BELIEVED: Micros = 24 * 3600 * SECOND;

/// What is known of one broker.
#[derive(Clone, Debug, Default)]
pub struct Broker {
    /// The make that the configuration names.
    named: Option<&'static Dialect>,
    /// The make that was seen.
    seen: Option<&'static Dialect>,
    /// It was seen on this connection.
    is_sure: bool,
    waiting: Vec<Waiting>,
    nodes: Nodes,
    order: Order,
    version: Option<String>,
    /// When it last said anything.
    last_update: Option<Wall>,
    /// Counts our connections, so that values from before a restart of the broker can be told.
    connection: u32,
    /// Who came and went.
    pub clients: clients::Clients,
}

#[derive(Clone, Debug)]
struct Waiting {
    topic: Box<str>,
    payload: Box<[u8]>,
    retain: bool,
    at: Now,
}

impl Broker {
    /// A broker of the make that the configuration names; none: of the one that is seen.
    pub fn of(named: Option<&'static Dialect>) -> Self {
        Self { named, ..Self::default() }
    }

    /// Takes a message of the broker about itself; gives what happened to clients. It is not counted yet: who knows of a
    /// better source leaves it alone.
    pub fn take(&mut self, said: &Said, now: Now) -> Vec<ClientEvent> {
        let mut events = Vec::new();
        if let Some(dialect) = self.named {
            self.read(dialect, said, now, &mut events);
            return events;
        }
        if !self.is_sure
            && let Some(dialect) = dialects::of(said)
        {
            self.recognise(dialect);
            for waiting in std::mem::take(&mut self.waiting) {
                let Waiting { topic, payload, retain, at } = &waiting;
                self.read(dialect, &Said { topic, payload, retain: *retain }, *at, &mut events);
            }
        }
        match self.seen.filter(|_| self.is_sure) {
            Some(dialect) => self.read(dialect, said, now, &mut events),
            None => self.wait(said, now),
        }
        events
    }

    /// The make is known; if it was another before, that one is gone with all that it said.
    fn recognise(&mut self, dialect: &'static Dialect) {
        if self.seen.is_some_and(|seen| !std::ptr::eq(seen, dialect)) {
            self.nodes.clear();
            self.order.clear();
            self.version = None;
        }
        (self.seen, self.is_sure) = (Some(dialect), true);
    }

    fn wait(&mut self, said: &Said, at: Now) {
        let bytes: usize = self.waiting.iter().map(|one| one.topic.len() + one.payload.len()).sum();
        let more = said.topic.len() + said.payload.len();
        if self.waiting.len() < WAITING_MAX && bytes + more <= WAITING_BYTES_MAX {
            let (topic, payload) = (said.topic.into(), said.payload.into());
            self.waiting.push(Waiting { topic, payload, retain: said.retain, at });
        }
    }

    fn read(&mut self, dialect: &Dialect, said: &Said, now: Now, events: &mut Vec<ClientEvent>) {
        let told = dialect.read(said);
        if told.facts.is_empty() {
            return;
        }
        self.last_update = Some(now.wall);
        self.clients.told_by(&dialect.tells);
        let at = Moment { now: now.mono, connection: self.connection, renames: dialect.renames };
        for fact in told.facts {
            match fact {
                Fact::Version(version) => self.version = Some(version),
                Fact::Number(value, number) => self.nodes.number(&told.node, value, number, false, at),
                Fact::SecondBest(value, number) => self.nodes.number(&told.node, value, number, true, at),
                Fact::Counted(what, number) => {
                    let times = self.nodes.counted(&told.node, what, number, at);
                    if times > 0 {
                        let details = Some("the broker counts them and does not say whom".into());
                        events.push(ClientEvent { times, details, ..ClientEvent::new(what, None) });
                    }
                }
                Fact::Event(event, mark) => {
                    let at = event.at.filter(|at| at.0.abs_diff(now.wall.0) <= BELIEVED);
                    events.extend(self.order.take(ClientEvent { at, ..*event }, mark, now.mono));
                }
            }
        }
    }

    /// A connection to hear the broker itself begins. It may be another one by now, which it will tell.
    pub fn connected(&mut self) {
        self.connection += 1;
        self.is_sure = false;
        self.waiting.clear();
        // What happened to clients meanwhile is not known.
        self.order.clear();
    }

    /// The make, as the configuration or the broker says.
    pub fn dialect(&self) -> Option<&'static Dialect> {
        self.named.or(self.seen)
    }

    /// A value, if the broker told it.
    pub fn value(&self, value: Value) -> Option<f64> {
        self.nodes.value(value)
    }

    /// The version text, without the name of the make.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// When it last said anything.
    pub fn last_update(&self) -> Option<Wall> {
        self.last_update
    }
}

#[cfg(test)]
mod tests;
