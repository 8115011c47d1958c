//! Watchkeeper: parse → build → announce → run → drain → exit code. Nothing here may know how a room works.

#![forbid(unsafe_code)]

mod cli;
mod clock;
mod config;
mod demo;
mod engine;
mod ingest;
mod own;
mod simulate;

fn main() {}
