//! What happens when things break: brokers that are away, frozen, cut off or unkind, and a sidecar that is killed,
//! stopped or held up. Real brokers and the real program; every wait is on an event and bounded.
//!
//! One law runs through all of it: an outage that is not the device's own never makes a device offline or late.
//! `WATCHKEEPER_LONG=1` makes the loops longer and adds what needs minutes.

#[path = "../support/mod.rs"]
mod support;

mod crash;
mod devices;
mod operator;
mod outages;
mod overload;
mod proxy;
mod refusals;
mod reload;
mod retained;
mod scene;
mod sequence;
mod several;
mod start;
mod statefile;
mod stop;
mod sys;
