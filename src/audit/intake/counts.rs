//! What is counted of the way of audited messages, for metrics and health. Written by the intake, read by others.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter that several threads may look at.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    /// One more.
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Of one broker, since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Audited messages that were delivered.
    pub(crate) messages: Count,
    /// Those that came at quality of service 0, which nobody delivers again.
    pub(crate) unprotected: Count,
    /// Those that were in the log already, and are marked.
    pub(crate) duplicates: Count,
    /// What the broker keeps and the log had: acknowledged without a record.
    pub(crate) kept: Count,
    /// What our filters brought and no audited stream takes: acknowledged without a record.
    pub(crate) passed: Count,
    /// Messages of devices that other shards keep: acknowledged without a record.
    pub(crate) skipped: Count,
    /// Messages at quality of service 0 for which there was no room: lost.
    pub(crate) lost: Count,
    /// Connections that were left because the broker did not wait for acknowledgements.
    pub(crate) backlogs: Count,
    /// Sessions that the broker did not keep.
    pub(crate) sessions_lost: Count,
}
