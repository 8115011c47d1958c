//! The log from end to end: the real program, a real broker, and the folder that they leave behind. What is promised
//! of records is held here against what is on the disk, never against what the program says of itself alone.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../lifecycle/devices.rs"]
mod devices;
#[path = "../lifecycle/scene.rs"]
#[expect(dead_code, reason = "each test file uses its own part of this")]
mod scene;

mod api;
mod forged;
mod full;
mod life;
mod log;
mod refusals;
mod secrets;
mod tail;
