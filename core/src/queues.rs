//! What is known of the queues of a broker at one moment, whoever told it. What a source does not know is absent and
//! never zero. Nothing here may know a broker's make, a file or a database.

use crate::time::Wall;

mod board;
pub mod gather;
mod id;
mod judge;
mod level;
pub mod mosquitto_db;
mod rules;
#[cfg(test)]
mod tests;

pub use board::{Board, Shown, ShownQueue, ShownSource};
pub use id::client_id;
pub use judge::Judge;
pub use level::Level;
pub use rules::{Facts, Rules};

/// One client's queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// The MQTT client id; bytes that are not UTF-8 come as `\xNN`.
    pub client_id: String,
    /// Messages that wait, those in flight apart.
    pub depth: Option<u64>,
    /// Messages that were sent and are not acknowledged.
    pub inflight: Option<u64>,
    /// Bytes of the messages that wait.
    pub bytes: Option<u64>,
    /// So many messages may wait.
    pub limit_messages: Option<u64>,
    /// When the oldest of the messages that wait came.
    pub oldest: Option<Wall>,
    /// Whether the client has a connection.
    pub connected: Option<bool>,
    /// Messages dropped from this queue since the session began.
    pub dropped: Option<u64>,
}

/// What a source told at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The moment of which it is true, where that is not now: a file that the broker wrote a while ago.
    pub as_of: Option<Wall>,
    /// The queues, each client once.
    pub queues: Vec<Queue>,
    /// Clients beyond the limit, which are not among them.
    pub refused: u64,
}
