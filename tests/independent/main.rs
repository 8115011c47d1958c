//! A second publisher that shares no line with the program: Python with nothing but a socket, and Mosquitto's own
//! clients. The session tests of the field guide are played by it, and a fleet with faults is held against what it says
//! that it did. Not a figure may differ.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]
#![expect(clippy::float_cmp, reason = "counts are whole numbers and must be exact")]

#[path = "../support/mod.rs"]
mod support;

mod consumer;
mod fleet;
mod python;
#[path = "../exchange/scene.rs"]
#[expect(dead_code, reason = "each suite uses its part")]
mod scene;
mod sessions;
