//! Which bad messages are worth a record. What was passed over is nobody's to have; the counts have it.

use super::Fleet;
use crate::arrival::Arrival;
use crate::decode::Malformed;
use crate::reason::{Reason, Reasons};
use crate::route::StreamId;
use crate::specimen::Specimen;
use crate::time::Mono;
use std::hash::BuildHasher;

impl Fleet {
    /// The last message, if it was bad and is worth a record. To be asked after each `arrival`.
    pub fn take_specimen(&mut self) -> Option<Specimen> {
        self.specimens.chosen.take()
    }

    pub(super) fn choose(
        &mut self,
        stream: Option<StreamId>,
        slot: Option<u32>,
        reasons: Reasons,
        malformed: Option<Malformed>,
        now: Mono,
    ) {
        self.specimens.chosen = None;
        if reasons.is_empty() {
            return;
        }
        let device = slot.and_then(|slot| self.devices[slot as usize].as_ref()).map(|device| &device.id);
        // Devices without room share what their stream may have.
        let who = self.hasher.hash_one((stream, device));
        if self.specimens.wants(who, reasons, now) {
            let device = device.cloned();
            self.specimens.chosen = Some(Specimen { stream, device, reasons, malformed });
        }
    }

    /// A message that no stream takes is worth a record where its topic is nearly one that a stream would take.
    pub(super) fn stray(&mut self, arrival: &Arrival, now: Mono) {
        self.specimens.chosen = None;
        let topic = std::str::from_utf8(arrival.topic).unwrap_or_default();
        if arrival.retain || !self.strays.wants(self.hasher.hash_one(topic), Reason::Topic.into(), now) {
            return;
        }
        let patterns = self.rules.streams.iter().map(|stream| &stream.pattern);
        if let (_, Some(_)) = crate::diagnose::topic(topic, patterns) {
            let reasons = Reason::Topic.into();
            self.specimens.chosen = Some(Specimen { stream: None, device: None, reasons, malformed: None });
        }
    }

    /// Counts a message whose topic is no text.
    pub(super) fn no_text(&mut self, arrival: &Arrival, now: Mono) {
        self.stats.bad_topics += 1;
        let reasons = if arrival.retain { Reasons::default() } else { Reason::Topic.into() };
        self.choose(None, None, reasons, None, now);
    }
}
