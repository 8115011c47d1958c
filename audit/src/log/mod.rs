//! The writer of the audit log: records go in at one end, durable segments come out at the other. Nothing here may
//! lose a record that it has taken, block whoever appends, or return an error to the thread that carries it.
//!
//! The way of a record: `handle` (the gate, the queue), `frame`, `writer` (takes frames), `batch` (waits), `commit`
//! (becomes durable), `segment` and `rotate` (where), `sign` and `seal` (evidence). Around it: `open` (the life of
//! it all), `recover`, `names` and
//! `scan` (after a restart), `trouble`, `shed`, `space` (when the disk refuses), `look` and
//! `mind` (when somebody else changes the folder), `retention`, `prune` and `closer` (what is over), `status`.

mod batch;
pub mod clock;
mod closer;
mod commit;
mod config;
pub mod disk;
mod failure;
mod frame;
mod gate;
mod handle;
pub(crate) mod lines;
mod look;
mod mind;
mod names;
mod open;
mod prune;
mod recover;
mod retention;
mod rotate;
mod scan;
pub mod seal;
mod segment;
mod shed;
mod sign;
mod space;
mod status;
#[cfg(test)]
mod tests;
mod trouble;
mod writer;

pub use config::{Compress, Config, Durability, OnFull, Parts, Reindex, Thresholds};
pub use gate::Full;
pub use handle::LogHandle;
pub use open::{Log, OpenError};
pub use status::{APPEND_BOUNDS, AppendTimes, Cause, Stage, State, Status, Verified};
pub use writer::OnDurable;
