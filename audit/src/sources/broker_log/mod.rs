//! What brokers tell about clients, as records; and what they write about them into their own logs. One file per dialect of
//! log; a dialect must never guess, and must never believe what a client wrote about itself to be what the broker wrote.
//! Pure: text in, events out. The events that come over MQTT are read in the core.

pub mod mosquitto;
mod prefix;

use crate::record::{Draft, Key, Kind, Level};
use watchkeeper_core::broker::clients::{Cause, Change, Denied};
pub use watchkeeper_core::broker::event::{ClientEvent, What};
use watchkeeper_core::time::Wall;

/// The log's dates have whole seconds: what is seen within one is dated when it was seen.
const SECOND: i64 = 1_000_000;

/// Who told of an event: the value of `source` in its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Teller {
    /// A line of the broker's log.
    Log,
    /// What the broker says over MQTT of one client, or counts of all.
    Events,
}

impl Teller {
    const fn word(self) -> &'static str {
        match self {
            Teller::Log => "broker_log",
            Teller::Events => "broker_events",
        }
    }
}

/// The type, the level and the name of the record of an event.
fn class(event: &ClientEvent) -> (Kind, Level, &'static str) {
    match event.what {
        What::Changed(Change::Connected, _) => (Kind::Connection, Level::Info, "client_connected"),
        What::Changed(Change::Disconnected, cause) => {
            let usual = matches!(cause, Cause::ByClient | Cause::Closed | Cause::TakenOver)
                // Some makes never say why, and then it is no worse than usual.
                || (cause == Cause::Other && event.details.is_none());
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

/// The record of an event.
pub fn draft(broker: &str, teller: Teller, event: &ClientEvent, seen: Wall) -> Draft {
    let (kind, level, name) = class(event);
    let at = event.at.filter(|at| !(0..SECOND).contains(&(seen.0.saturating_sub(at.0)))).unwrap_or(seen);
    let text = |text: &Option<Box<str>>| text.as_deref().unwrap_or_default().to_owned();
    let mut draft = Draft::new(at, level, kind, name)
        .text(Key::Broker, broker)
        .text(Key::ClientId, &text(&event.client))
        .text(Key::User, &text(&event.user))
        .text(Key::SourceIp, &text(&event.ip))
        .text(Key::Topic, &text(&event.topic))
        .text(Key::Source, teller.word())
        .text(Key::Protocol, event.protocol.unwrap_or_default())
        .text(Key::Details, &text(&event.details));
    if event.times > 1 {
        draft = draft.int(Key::Count, event.times);
    }
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
