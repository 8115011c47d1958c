//! What is counted of the queue in front of the database. Nothing here may wait.

use super::WAITING_MAX;
use crate::own::Own;
use prometheus::{IntCounter, IntGauge};

/// What is counted of the queue in front of the database.
#[derive(Clone)]
pub(crate) struct Meters {
    /// How many snapshots wait.
    pub(super) depth: IntGauge,
    /// How many found no room.
    pub(super) refused: IntCounter,
}

impl Meters {
    /// Those of the queue `snapshots`, which is one for all brokers.
    pub(crate) fn new(own: &Own) -> Self {
        let labels = &["", "snapshots"];
        let capacity = i64::try_from(WAITING_MAX).expect("the capacity is a small constant");
        own.queue_capacity.with_label_values(labels).set(capacity);
        Self {
            depth: own.queue_depth.with_label_values(labels),
            refused: own.refused.with_label_values(labels),
        }
    }
}
