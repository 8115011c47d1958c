//! The pure core of Watchkeeper: what arrives → what it means → what we know → what we say.
//!
//! It must never touch a network, a file, a clock or a thread: bytes and moments are passed in, samples and
//! findings come out. The manifest has no runtime in it and `clippy.toml` bans the rest.

#![forbid(unsafe_code)]

pub mod time;

pub mod names;

pub mod path;

pub mod expr;

pub mod rules;

pub mod presets;

pub mod arrival;

pub mod finding;

pub mod sample;
pub mod secrets;

pub mod ours;

pub mod route;

pub mod reason;

pub mod decode;

pub mod diagnose;

pub mod exchange;

pub mod event;

pub mod classify;

pub mod tracker;

pub mod interner;

pub mod labels;
mod lean;

pub mod trackers;

pub mod queues;

pub mod certificate;

pub mod link;

pub mod received;

pub mod tally;

pub mod stats;

pub mod sla;

pub mod operations;

pub mod service;

pub mod probe;

pub mod topics;

pub mod shard;

pub mod urgent;

mod streams;
pub mod subject;

pub mod busiest;

mod series;

pub mod mutes;

pub mod specimen;

pub mod fleet;

pub mod broker;

pub mod report;

pub mod save;

pub mod view;

#[cfg(test)]
mod testing;
