//! What a connection needs of those who keep its messages: nothing is acknowledged to the broker before they say that
//! it is safe. A ledger is made for each connection and thrown away with it, so that no acknowledgement can ever reach
//! a message of another connection that has the same packet id. No method may block.

use super::{Inbound, Sink};
use std::time::Duration;
use tokio::sync::watch;
use watchkeeper_core::time::{Mono, Now};

/// A message to be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// Its packet id, which means something on its own connection alone.
    pub(crate) pkid: u16,
    /// 1, or 2 from a broker that does not keep to what was asked.
    pub(crate) qos: u8,
}

/// Keeps what one broker hands over.
pub(crate) trait Keeper: Sink {
    /// Changes whenever more of what was handed over is safe.
    fn steps(&self) -> watch::Receiver<u64>;

    /// How long a stop may wait until what was taken is safe.
    fn patience(&self) -> Duration;

    /// CONNACK: a connection begins. `resumed`: the broker had kept our session.
    fn open(&self, resumed: bool, now: Now) -> Box<dyn Ledger>;

    /// Filters that the session still has and nobody wants any more.
    fn unwanted(&self) -> Vec<String>;

    /// The session has the filters that are wanted, and no others.
    fn subscribed(&self);
}

/// What one connection delivered and did not acknowledge yet.
pub(crate) trait Ledger {
    /// A message arrived; in the order of their arrival.
    fn message(&mut self, message: Inbound, now: Now);

    /// Tries again to hand over what found no room.
    fn look(&mut self) -> Waiting;

    /// The delivery that is to be acknowledged next, if that may be done by now. Always in the order of arrival, which
    /// the specification demands (MQTT-4.6.0-2).
    fn due(&mut self) -> Option<Delivery>;

    /// It is on its way.
    fn sent(&mut self);

    /// Whether the broker should be asked something, which proves by its answer that it has read the acknowledgements.
    fn wants_to_ask(&self, now: Mono) -> bool;

    /// It is asked something, behind what was acknowledged so far.
    fn asked(&mut self, now: Mono);

    /// It has answered; questions are answered in their order.
    fn answered(&mut self);

    /// From now on nothing is taken that the broker can deliver again.
    fn close(&mut self);

    /// Nothing that was taken waits to be acknowledged.
    fn is_settled(&self) -> bool;
}

/// How much could not be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// Nothing.
    Nothing,
    /// Some.
    Some,
    /// More than is good: the broker does not keep to its window. It has it all still.
    TooMuch,
}
