//! From the broker to the engine: connection, back-off, subscriptions, acknowledgement.
//!
//! The poll loop must never wait for anything but the broker: what arrives goes into a `Sink`, which never
//! blocks. Nothing here may look into a payload.

mod backoff;
mod client;
pub(crate) mod connack;
mod connection;
mod course;
pub(crate) mod dial;
mod dialect;
mod fate;
pub(crate) mod keep;
mod meters;
mod outcome;
pub(crate) mod reasons;
mod report;
mod session;
pub(crate) mod status;
mod stranger;
mod watch;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_refusals;

use crate::clock;
use crate::config::Broker;
use crate::own::Own;
use bytes::Bytes;
use std::rc::Rc;
use std::sync::Arc;
use watchkeeper_core::time::Mono;

/// A message as the client library handed it over.
#[derive(Clone, Debug)]
pub(crate) struct Inbound {
    /// The topic, not checked to be UTF-8.
    pub(crate) topic: Bytes,
    /// The payload; it shares the receive buffer, so whoever keeps a piece copies it.
    pub(crate) payload: Bytes,
    /// As delivered.
    pub(crate) qos: u8,
    /// Sent because we subscribed.
    pub(crate) retain: bool,
    /// Marked as perhaps sent before.
    pub(crate) dup: bool,
    /// Packet id; 0 at quality of service 0.
    pub(crate) pkid: u16,
    /// MQTT 5: where the answer is to go.
    pub(crate) response_topic: Option<Bytes>,
    /// MQTT 5 correlation data.
    pub(crate) correlation: Option<Bytes>,
    /// MQTT 5 user properties.
    pub(crate) user_properties: Vec<(String, String)>,
    /// When it was read.
    pub(crate) at: Mono,
}

/// What a connection is for. Each has a client id of its own, so that a broker never takes one for the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The devices' messages, at quality of service 1.
    Devices {
        /// What covers all streams.
        filters: Vec<String>,
    },
    /// The broker's own status, at quality of service 0: at 1 it would compete for the broker's queue limits.
    /// Apart from the devices, since some brokers hang up on it.
    Sys {
        /// `$SYS/#`, or what the broker's dialect needs.
        filters: Vec<String>,
    },
    /// The messages that go into the audit log, at quality of service 1, in a session that outlives the connection.
    /// Apart from the devices, so that no flood of telemetry stands in its way.
    Audit {
        /// What covers the audited streams, and little else.
        filters: Vec<String>,
        /// Messages that may be under way at once.
        window: u16,
    },
}

impl Role {
    /// What its client id ends in, and its name in the log.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Role::Devices { .. } => "devices",
            Role::Sys { .. } => "sys",
            Role::Audit { .. } => "audit",
        }
    }
}

/// Where a connection puts what it learns. No method may block or fail.
///
/// `alive` comes first, once for all packets that were read together; `down` only after `up`; neither of them
/// when we stop. `down` and `up` in one moment: the connection held, but the broker stood still.
pub(crate) trait Sink {
    /// A message arrived.
    fn message(&self, message: Inbound);
    /// The broker proved that it is there: any packet of it.
    fn alive(&self, at: Mono);
    /// Connected, and every SUBACK is in.
    fn up(&self, at: Mono);
    /// The connection is gone; the broker was last heard at `last_alive`.
    fn down(&self, at: Mono, last_alive: Mono);
}

/// Keeps a connection until `stop` is true or its sender is gone; to be spawned on the thread of the sink.
///
/// Only `Role::Devices` touches the metrics. `Role::Sys` ends early when the broker refuses or hangs up on it.
pub(crate) fn connect(
    broker: &Broker,
    role: Role,
    sink: Rc<dyn Sink>,
    status: Arc<status::LinkStatus>,
    own: Own,
    stop: tokio::sync::watch::Receiver<bool>,
) -> impl Future<Output = ()> + use<> {
    let now = clock::now();
    let devices = matches!(role, Role::Devices { .. });
    // What was not watched since a connection before this one was left, for a reload, is an outage as well.
    let away_from = status.get().left.map_or(now.mono, |left| left.mono);
    let meters = devices.then(|| meters::Meters::new(own, &broker.name, away_from));
    let mut report = report::Report::new(&broker.name, role.name(), status, meters, now);
    let plan = Plan::new(broker.clone(), role, sink, None);
    report.introduce(&plan.client_id, &plan.filter_states());
    connection::run(plan, report, stop)
}

/// The same for messages that are acknowledged only when `keeper` says so; for `Role::Audit`.
pub(crate) fn connect_kept(
    broker: &Broker,
    role: Role,
    keeper: Rc<dyn keep::Keeper>,
    status: Arc<status::LinkStatus>,
    stop: tokio::sync::watch::Receiver<bool>,
) -> impl Future<Output = ()> + use<> {
    let mut report = report::Report::new(&broker.name, role.name(), status, None, clock::now());
    let sink: Rc<dyn Sink> = Rc::<dyn keep::Keeper>::clone(&keeper);
    let plan = Plan::new(broker.clone(), role, sink, Some(keeper));
    report.introduce(&plan.client_id, &plan.filter_states());
    connection::run(plan, report, stop)
}

/// The client id of a connection, which others may have to know.
pub(crate) fn client_id_of(broker: &Broker, role: &Role) -> String {
    client_id(&broker.client_id, role.name())
}

/// What does not change from one attempt to the next.
struct Plan {
    broker: Broker,
    client_id: String,
    filters: Vec<String>,
    qos: u8,
    /// We can do without it: when the broker will not have it, we stop asking.
    optional: bool,
    /// The filter that nobody has.
    round_trip: String,
    sink: Rc<dyn Sink>,
    /// Who says what may be acknowledged; none: everything at once.
    keeper: Option<Rc<dyn keep::Keeper>>,
    terms: client::Terms,
}

impl Plan {
    fn new(broker: Broker, role: Role, sink: Rc<dyn Sink>, keeper: Option<Rc<dyn keep::Keeper>>) -> Self {
        let client_id = client_id_of(&broker, &role);
        let passing = client::Terms::Passing;
        let (filters, qos, optional, terms) = match role {
            Role::Devices { filters } => (filters, 1, false, passing),
            Role::Sys { filters } => (filters, 0, true, passing),
            // Never 2: a session that is resumed in the middle of its handshake throws the library out for good.
            Role::Audit { filters, window } => (filters, 1, false, client::Terms::Kept { window }),
        };
        // Characters that mean something in a filter may occur in a client id.
        let round_trip = format!("watchkeeper/round-trip/{}", client_id.replace(['+', '#', '\0'], "_"));
        Self { broker, client_id, filters, qos, optional, round_trip, sink, keeper, terms }
    }

    fn filter_states(&self) -> Vec<status::FilterState> {
        let state = |filter: &String| status::FilterState {
            filter: filter.clone(),
            qos: self.qos,
            granted: None,
            since: None,
        };
        self.filters.iter().map(state).collect()
    }
}

/// The id of one role. What is too long for a packet is cut in front of the role, so that roles stay apart.
fn client_id(base: &str, role: &str) -> String {
    let room = usize::from(u16::MAX) - role.len() - 1;
    let mut end = base.len().min(room);
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}-{role}", &base[..end])
}
