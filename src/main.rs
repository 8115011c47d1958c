//! Watchkeeper: parse → build → announce → run → drain → exit code. Nothing here may know how a room works.

#![forbid(unsafe_code)]

mod clock;
mod config;
mod engine;
mod ingest;
mod own;
mod state;

fn main() {}
