//! The trait of all trackers: one concern, one device, no clock and no I/O inside. A tracker yields findings
//! (edges) and samples (levels) and nothing else.
//!
//! A finding is dated when it became true, not when we looked; `observe` is called after `tick` for the same
//! moment, and nothing is said twice. Hence a law that the simulation holds all trackers to: the log does not
//! depend on how often we look.

use crate::event::Event;
use crate::finding::What;
use crate::interner::Names;
use crate::route::StreamId;
use crate::rules::{FleetRules, StreamRules};
use crate::time::{Micros, Mono};
use std::cell::RefCell;

/// What every tracker may know beside its own state.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The rules of the fleet.
    pub rules: &'a FleetRules,
    /// What interval is typical on each stream, for devices whose own habit is not known yet.
    pub typical: &'a [Option<Micros>],
    /// The names of points, shared by the fleet.
    pub names: &'a RefCell<Names>,
}

impl<'a> Context<'a> {
    /// The rules of a stream; a state file may name one that is no more.
    pub fn stream(&self, stream: StreamId) -> Option<&'a StreamRules> {
        self.rules.streams.get(usize::from(stream))
    }
}

/// Where edges go: what became true, and when.
pub type Edges = Vec<(Mono, What)>;

/// One concern of one device.
pub trait Tracker {
    /// A message said something. Retained messages are no sign of life and never get here.
    fn observe(&mut self, context: &Context, event: &Event, now: Mono, edges: &mut Edges);

    /// Time passed. Idempotent; everything that became true up to `now` is said, dated when it did.
    fn tick(&mut self, context: &Context, now: Mono, edges: &mut Edges);

    /// The next moment at which time alone may make something true.
    fn due(&self, context: &Context) -> Mono;

    /// We were away and are back: what happened meanwhile is nobody's fault.
    fn resume(&mut self, context: &Context, now: Mono);
}
