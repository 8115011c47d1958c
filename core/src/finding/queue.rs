//! What becomes true of a client's queue: it fills, it stands still although its client is there, it is empty again.

use crate::time::{Micros, seconds};

/// An edge of one queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Queueing {
    /// The MQTT client id, or the device where the depth is inferred.
    pub client: Box<str>,
    /// The source that told it.
    pub source: Box<str>,
    /// What.
    pub turn: QueueTurn,
}

/// Everything that can become true of it.
#[derive(Clone, Debug, PartialEq)]
pub enum QueueTurn {
    /// Most of what may wait does.
    High {
        /// So many wait.
        depth: u64,
        /// So many may.
        limit: u64,
    },
    /// It no longer does.
    Cleared {
        /// So many wait; none: no source tells of the client any more.
        depth: Option<u64>,
    },
    /// It grows, and will soon be full.
    Growing {
        /// So many wait.
        depth: u64,
        /// Messages a second.
        rate: f64,
        /// Time until it is full.
        full_in: Micros,
    },
    /// It no longer does.
    Settled {
        /// So many wait; none: no source tells of the client any more.
        depth: Option<u64>,
    },
    /// The oldest of what waits is too old.
    Stale {
        /// So many wait.
        depth: u64,
        /// Age of the oldest.
        age: Micros,
    },
    /// It no longer is.
    Fresh {
        /// So many wait; none: no source tells of the client any more.
        depth: Option<u64>,
    },
    /// The client is there and misses nothing, and its queue does not become shorter.
    Stuck {
        /// So many wait.
        depth: u64,
        /// For so long.
        lasted: Micros,
    },
    /// It does again.
    Moves {
        /// So many wait; none: no source tells of the client any more.
        depth: Option<u64>,
    },
    /// After the client was back its queue became empty.
    Drained {
        /// So many had waited.
        count: u64,
        /// In this time at most: from the last look at which the client was away.
        took: Micros,
        /// First in, first out; none: not known.
        in_order: Option<bool>,
    },
    /// The broker dropped messages that should have waited.
    Dropped {
        /// So many since the reading before.
        count: u64,
    },
    /// The queue became shorter though its client was away: messages expired or were removed.
    Expired {
        /// So many since the reading before.
        count: u64,
    },
    /// The client comes and goes.
    Flapping {
        /// So often it was back.
        times: u64,
        /// Within this time.
        within: Micros,
    },
    /// It no longer does.
    Steady,
}

impl Queueing {
    /// One sentence for people.
    pub fn details(&self) -> String {
        let Self { client, source, turn } = self;
        let what = match turn {
            QueueTurn::High { depth, limit } => format!("{depth} of {limit} messages wait"),
            QueueTurn::Cleared { depth: Some(depth) } => format!("{depth} messages wait, few enough"),
            QueueTurn::Growing { depth, rate, full_in } => {
                format!("{depth} messages wait, {rate:.2} more a second: full in {:.0} s", seconds(*full_in))
            }
            QueueTurn::Settled { depth: Some(depth) } => {
                format!("{depth} messages wait, and it will not soon be full")
            }
            QueueTurn::Stale { depth, age } => {
                format!("{depth} messages wait, the oldest for {:.0} s", seconds(*age))
            }
            QueueTurn::Fresh { depth: Some(depth) } => format!("{depth} messages wait, none for long"),
            QueueTurn::Stuck { depth, lasted } => format!(
                "{depth} messages stay for {:.0} s though the client is there and misses nothing: delivered, but not \
                 cleaned up",
                seconds(*lasted)
            ),
            QueueTurn::Moves { depth: Some(depth) } => format!("{depth} messages wait, and they move again"),
            QueueTurn::Cleared { .. }
            | QueueTurn::Settled { .. }
            | QueueTurn::Fresh { .. }
            | QueueTurn::Moves { .. } => "the source tells of this client no longer".to_owned(),
            QueueTurn::Drained { count, took, in_order } => {
                let order = match in_order {
                    Some(true) => "in order",
                    Some(false) => "not in order",
                    None => "order not known",
                };
                format!("{count} messages that had waited were taken within {:.0} s, {order}", seconds(*took))
            }
            QueueTurn::Dropped { count } => format!("the broker dropped {count} messages"),
            QueueTurn::Expired { count } => {
                format!("{count} messages expired or were removed while the client was away")
            }
            QueueTurn::Flapping { times, within } => {
                format!("the client was back {times} times within {:.0} s", seconds(*within))
            }
            QueueTurn::Steady => "the client no longer comes and goes".to_owned(),
        };
        format!("{client}: {what} ({source})")
    }

    /// The event's name in records and metrics.
    pub fn event(&self) -> &'static str {
        match self.turn {
            QueueTurn::High { .. } => "queue_high",
            QueueTurn::Cleared { .. } => "queue_cleared",
            QueueTurn::Growing { .. } => "queue_growing",
            QueueTurn::Settled { .. } => "queue_settled",
            QueueTurn::Stale { .. } => "queue_stale",
            QueueTurn::Fresh { .. } => "queue_fresh",
            QueueTurn::Stuck { .. } => "queue_stuck",
            QueueTurn::Moves { .. } => "queue_moves",
            QueueTurn::Drained { .. } => "queue_drained",
            QueueTurn::Dropped { .. } => "queue_dropped",
            QueueTurn::Expired { .. } => "queue_expired",
            QueueTurn::Flapping { .. } => "queue_flapping",
            QueueTurn::Steady => "queue_steady",
        }
    }
}
