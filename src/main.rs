//! Watchkeeper: parse → build → announce → run → drain → exit code. Nothing here may know how a room works.

#![forbid(unsafe_code)]

mod cli;
mod clock;
mod config;
mod engine;
mod ingest;
mod out;
mod own;

fn main() {}
