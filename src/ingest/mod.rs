//! From the broker to the engine: connection, back-off, subscriptions, acknowledgement.
//!
//! The poll loop must never wait for anything but the broker: what arrives goes into a `Sink`, which never
//! blocks. Nothing here may look into a payload.

pub(crate) mod status;

use bytes::Bytes;
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
    /// When it was read.
    pub(crate) at: Mono,
}

/// Where a connection puts what it learns. No method may block or fail.
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
