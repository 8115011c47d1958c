//! What the judge of queues goes by: when an edge is one, and what is known of the device behind a client. Nothing here
//! may judge.

use crate::time::{Micros, SECOND};

/// When an edge is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// This share of the limit is high.
    pub high: f64,
    /// At this share it is no longer.
    pub low: f64,
    /// Full within this time is soon.
    pub full_in: Micros,
    /// The oldest is too old.
    pub stale_after: Micros,
    /// So long a queue may stand still while its client is there.
    pub stuck_after: Micros,
    /// So many returns within `flap_within` are too many.
    pub flaps: usize,
    /// The time for these.
    pub flap_within: Micros,
    /// So many clients are judged.
    pub clients_max: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            high: 0.8,
            low: 0.6,
            full_in: 3600 * SECOND,
            stale_after: 3600 * SECOND,
            stuck_after: 600 * SECOND,
            flaps: 5,
            flap_within: 600 * SECOND,
            clients_max: 100_000,
        }
    }
}

/// What is known of the device behind a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Whether it speaks.
    pub online: Option<bool>,
    /// Times it came, as we saw it.
    pub connects: u64,
    /// Messages of it that are missing.
    pub lost: u64,
    /// Whether what waited for it last was answered in order, and how often that was seen.
    pub in_order: Option<(u64, bool)>,
}
