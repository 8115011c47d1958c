//! What became true, on its way out: edges of one device become findings, and those of the fleet as a whole are found
//! by what became true of its devices.

use super::Fleet;
use crate::finding::{Finding, Service, What};
use crate::operations::Counts;
use crate::time::{Micros, Mono, Now};

impl Fleet {
    /// Turns the edges of one device into findings, in the order in which they became true.
    pub(super) fn say(&mut self, slot: u32, now: Now) {
        if self.edges.is_empty() {
            return;
        }
        let Some(device) = self.devices[slot as usize].as_ref() else { return self.edges.clear() };
        self.edges.sort_by_key(|(at, _)| *at);
        for (at, what) in self.edges.drain(..) {
            self.stats.note(&what);
            // A bunch of messages is said when it is over, and became true when they came.
            let wall = self.link.date(what.since().unwrap_or(at), now);
            let muted = self.mutes.of(&device.id, wall).is_some();
            self.judge.found(&what, muted, at);
            self.findings.push(Finding { at, wall, device: device.id.clone(), what, muted });
        }
        for (at, what) in self.judge.take() {
            self.findings.push(of_all(at, self.link.date(at, now), what));
        }
    }

    /// Says what time alone makes true of the fleet as a whole. Every device must have been looked at.
    pub(super) fn say_of_all(&mut self, known: Mono, now: Now) {
        for (at, what) in self.judge.tick(known) {
            self.findings.push(of_all(at, self.link.date(at, now), what));
        }
    }

    /// So many connections to the broker were tried so far, and so many of them failed.
    pub fn note_connections(&mut self, all: u64, failed: u64, now: Now) {
        for (ago, what) in self.judge.connections(Counts { all, failed }, now) {
            self.findings.push(of_all(self.link.known(), now.wall.minus(ago), what));
        }
    }

    /// So long did messages of our own take there and back; none: time passed.
    pub fn note_round_trips(&mut self, took: &[Micros], now: Now) {
        for (ago, what) in self.judge.round_trips(took, now) {
            self.findings.push(of_all(self.link.known(), now.wall.minus(ago), what));
        }
    }

    /// Takes the findings made since the last call.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }
}

/// No device in particular.
fn of_all(at: Mono, wall: crate::time::Wall, what: Service) -> Finding {
    Finding { at, wall, device: Box::default(), what: What::Service(what), muted: false }
}
