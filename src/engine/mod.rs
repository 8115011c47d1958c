//! The owner of the fleets: arrivals, the tick, questions, stop. Written by one task; no locks.

pub(crate) mod handle;
