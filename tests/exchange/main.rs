//! Commands, alarms and settings from end to end: a second, independent publisher plays the master and the devices over
//! a real Mosquitto, and what the metrics and the audit log say of it is held against what was sent. Not a figure, and
//! not an id, may differ.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]
#![expect(clippy::float_cmp, reason = "counts are whole numbers and must be exact")]

#[path = "../support/mod.rs"]
mod support;

mod alarms;
mod away;
mod commands;
mod killed;
mod muted;
mod promised;
mod queued;
mod scene;
mod simulated;
mod truth;
