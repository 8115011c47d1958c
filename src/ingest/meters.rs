//! What the metrics say of one broker's connection. Only the connection for devices has meters: a broker that
//! is away would otherwise count once for each of our connections. Nothing here may read a clock.

use super::dial::Which;
use super::reasons::REASONS;
use super::status::Failure;
use crate::own::Own;
use prometheus::{Counter, Gauge, Histogram, IntCounter, IntGauge};
use watchkeeper_core::certificate::Certificate;
use watchkeeper_core::time::{Micros, Mono, Wall, seconds};

/// The series of one broker.
pub(super) struct Meters {
    own: Own,
    broker: String,
    connected: IntGauge,
    attempts: IntCounter,
    seconds: Histogram,
    outage: Counter,
    /// Absent until there is something to say: zero would be a message of 1970.
    last_message: Option<Gauge>,
    /// While away: up to when the outage is counted.
    counted_to: Option<Mono>,
}

impl Meters {
    /// Every series exists from the start, so that a first failure is an increase. Away until told otherwise.
    pub(super) fn new(own: Own, broker: &str, now: Mono) -> Self {
        let label = [broker];
        for reason in REASONS {
            own.connect_failures.with_label_values(&[broker, reason]);
        }
        Self {
            connected: own.connected.with_label_values(&label),
            attempts: own.connect_attempts.with_label_values(&label),
            seconds: own.connect_seconds.with_label_values(&label),
            outage: own.outage_seconds.with_label_values(&label),
            last_message: None,
            counted_to: Some(now),
            broker: broker.to_owned(),
            own,
        }
    }

    /// A connection is tried.
    pub(super) fn attempt(&self) {
        self.attempts.inc();
    }

    /// A connection failed or broke.
    pub(super) fn failure(&self, failure: &Failure) {
        self.own.connect_failures.with_label_values(&[self.broker.as_str(), failure.reason]).inc();
    }

    /// Every SUBACK is in, so long after the start.
    pub(super) fn up(&mut self, took: Micros, now: Mono) {
        self.tick(now);
        self.counted_to = None;
        self.seconds.observe(seconds(took));
        self.connected.set(1);
    }

    /// Not watched since `since`, which may be long ago when silence was the sign.
    pub(super) fn away(&mut self, since: Mono) {
        self.connected.set(0);
        self.counted_to.get_or_insert(since);
    }

    /// Connected all the time, but nothing could be watched.
    pub(super) fn stood_still(&mut self, since: Mono, now: Mono) {
        self.outage.inc_by(seconds(now.since(since)));
    }

    /// Time passed: an outage grows while it lasts, or an alert on it would come when all is well again.
    pub(super) fn tick(&mut self, now: Mono) {
        if let Some(counted_to) = &mut self.counted_to {
            self.outage.inc_by(seconds(now.since(*counted_to)));
            *counted_to = now.max(*counted_to);
        }
    }

    /// What TLS showed this time; what it showed before and does not any more is gone.
    pub(super) fn certificates(&self, seen: &[(Which, Certificate)]) {
        for which in Which::ALL {
            let labels = [self.broker.as_str(), which.name()];
            match seen.iter().find(|(kind, _)| *kind == which) {
                Some((_, one)) => {
                    self.own.certificate_not_after.with_label_values(&labels).set(one.not_after.seconds());
                }
                // It may never have been there.
                None => drop(self.own.certificate_not_after.remove_label_values(&labels)),
            }
        }
    }

    /// A message arrived.
    pub(super) fn message(&mut self, at: Wall) {
        self.last_message
            .get_or_insert_with(|| self.own.last_message.with_label_values(&[self.broker.as_str()]))
            .set(at.seconds());
    }
}
