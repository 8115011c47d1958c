//! What brokers write into their own logs about clients, as records. One file per dialect; a dialect must never guess,
//! and must never believe what a client wrote about itself to be what the broker wrote. Pure: text in, events out.

pub mod mosquitto;
mod prefix;

use crate::record::{Draft, Key, Kind, Level};
use watchkeeper_core::broker::clients::{Cause, Change, Clients, Denied};
use watchkeeper_core::time::Wall;

/// The log's dates have whole seconds: what is seen within one is dated when it was seen.
const SECOND: i64 = 1_000_000;

/// What happened to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It came, went or was refused.
    Changed(Change, Cause),
    /// It was not allowed to publish or subscribe.
    Denied(Denied),
    /// It is too slow or away, and the broker drops messages for it.
    Dropping,
    /// It was away for so long that its session is gone.
    Expired,
}

/// One event of a client. What the broker did not say, or what cannot be told from what a client made up, is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientEvent {
    /// What happened.
    pub what: What,
    /// Its client id.
    pub client: Option<Box<str>>,
    /// Its user name.
    pub user: Option<Box<str>>,
    /// Where it came from.
    pub ip: Option<Box<str>>,
    /// And from which port.
    pub port: Option<u16>,
    /// `3.1`, `3.1.1` or `5`.
    pub protocol: Option<&'static str>,
    /// The topic that was denied.
    pub topic: Option<Box<str>>,
    /// The broker's own words for the cause, or what is to be known of the line.
    pub details: Option<Box<str>>,
    /// When, by the broker's clock.
    pub at: Option<Wall>,
}

impl ClientEvent {
    fn new(what: What, at: Option<Wall>) -> Self {
        Self {
            what,
            client: None,
            user: None,
            ip: None,
            port: None,
            protocol: None,
            topic: None,
            details: None,
            at,
        }
    }

    /// Counts it.
    pub fn count(&self, clients: &mut Clients) {
        match self.what {
            What::Changed(change, cause) => clients.count(change, cause),
            What::Denied(what) => clients.deny(what),
            What::Dropping | What::Expired => clients.heard(),
        }
    }

    /// The type, the level and the name of its record.
    fn class(&self) -> (Kind, Level, &'static str) {
        match self.what {
            What::Changed(Change::Connected, _) => (Kind::Connection, Level::Info, "client_connected"),
            What::Changed(Change::Disconnected, cause) => {
                let usual = matches!(cause, Cause::ByClient | Cause::Closed | Cause::TakenOver);
                let level = if usual { Level::Info } else { Level::Warn };
                (Kind::Connection, level, "client_disconnected")
            }
            What::Changed(Change::Refused, cause) => {
                let (kind, level) = match cause {
                    // Port scans and health checks, some of them every few seconds.
                    Cause::BeforeConnect => (Kind::Connection, Level::Info),
                    Cause::Unavailable | Cause::MaxConnections => (Kind::Connection, Level::Warn),
                    _ => (Kind::Security, Level::Warn),
                };
                (kind, level, "client_refused")
            }
            What::Denied(Denied::Publish) => (Kind::Security, Level::Warn, "publish_denied"),
            What::Denied(Denied::Subscribe) => (Kind::Security, Level::Warn, "subscribe_denied"),
            What::Dropping => (Kind::Delivery, Level::Warn, "messages_dropped"),
            What::Expired => (Kind::Connection, Level::Info, "session_expired"),
        }
    }
}

/// The record of an event.
pub fn draft(broker: &str, event: &ClientEvent, seen: Wall) -> Draft {
    let (kind, level, name) = event.class();
    let at = event.at.filter(|at| !(0..SECOND).contains(&(seen.0.saturating_sub(at.0)))).unwrap_or(seen);
    let text = |text: &Option<Box<str>>| text.as_deref().unwrap_or_default().to_owned();
    let mut draft = Draft::new(at, level, kind, name)
        .text(Key::Broker, broker)
        .text(Key::ClientId, &text(&event.client))
        .text(Key::User, &text(&event.user))
        .text(Key::SourceIp, &text(&event.ip))
        .text(Key::Topic, &text(&event.topic))
        .text(Key::Source, "broker_log")
        .text(Key::Protocol, event.protocol.unwrap_or_default())
        .text(Key::Details, &text(&event.details));
    if let Some(port) = event.port {
        draft = draft.int(Key::SourcePort, port);
    }
    if let What::Changed(change, cause) = event.what
        && change != Change::Connected
    {
        draft = draft.text(Key::Reason, cause.word());
    }
    if at == seen { draft } else { draft.time(Key::ObservedAt, seen) }
}
