//! The metrics of the probe. A gauge that nothing was measured for is absent; nothing here may judge.

use super::done::{Done, Phases, Session};
use crate::config::Probe;
use prometheus::core::Collector;
use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts};
use std::time::Duration;
use watchkeeper_core::time::seconds;

/// Handles to all of them; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Meters {
    success: IntGaugeVec,
    round_trip: HistogramVec,
    lost: IntCounterVec,
    duplicated: IntCounterVec,
    strays: IntCounterVec,
    phase: GaugeVec,
    retained: IntGaugeVec,
    session_success: IntGaugeVec,
    session_lost: IntCounterVec,
}

impl Meters {
    /// Registers nothing yet.
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let by_qos = &["broker", "qos"];
        Ok(Self {
            success: IntGaugeVec::new(
                Opts::new(
                    "mqtt_probe_success",
                    "Whether our own message came back in the last round; absent before the first.",
                ),
                by_qos,
            )?,
            round_trip: HistogramVec::new(
                HistogramOpts::new(
                    "mqtt_probe_round_trip_seconds",
                    "Time until our own message was acknowledged and back.",
                )
                .buckets(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0]),
                by_qos,
            )?,
            lost: IntCounterVec::new(
                Opts::new(
                    "mqtt_probe_messages_lost_total",
                    "Our own messages that the broker took and did not bring back in time.",
                ),
                by_qos,
            )?,
            duplicated: IntCounterVec::new(
                Opts::new("mqtt_probe_messages_duplicated_total", "Our own messages that came once more."),
                by_qos,
            )?,
            strays: IntCounterVec::new(
                Opts::new(
                    "mqtt_probe_messages_stray_total",
                    "Messages on the topic of the probe that were none of its round.",
                ),
                &["broker"],
            )?,
            phase: GaugeVec::new(
                Opts::new(
                    "mqtt_probe_phase_seconds",
                    "Time of each step of the last round; absent where it did not come to that.",
                ),
                &["broker", "phase"],
            )?,
            retained: IntGaugeVec::new(
                Opts::new(
                    "mqtt_probe_retained_success",
                    "Whether our own retained message came in the last round to whoever subscribed after it, with its mark, and was gone when it was taken away; absent before the first and where the broker keeps none.",
                ),
                &["broker"],
            )?,
            session_success: IntGaugeVec::new(
                Opts::new(
                    "mqtt_session_probe_success",
                    "Whether the session that we left was kept, and everything that waited was there once and in order.",
                ),
                &["broker"],
            )?,
            session_lost: IntCounterVec::new(
                Opts::new(
                    "mqtt_session_probe_messages_lost_total",
                    "Messages that waited for the session that we left, and were not there.",
                ),
                &["broker"],
            )?,
        })
    }

    /// Every family.
    pub(crate) fn collectors(&self) -> Vec<Box<dyn Collector>> {
        // Destructured without `..`, so that a forgotten family does not compile.
        let Self {
            success,
            round_trip,
            lost,
            duplicated,
            strays,
            phase,
            retained,
            session_success,
            session_lost,
        } = self.clone();
        vec![
            Box::new(success),
            Box::new(round_trip),
            Box::new(lost),
            Box::new(duplicated),
            Box::new(strays),
            Box::new(phase),
            Box::new(retained),
            Box::new(session_success),
            Box::new(session_lost),
        ]
    }

    /// Counters begin at 0, so that the first loss is an increase.
    pub(super) fn begin(&self, broker: &str, setting: &Probe) {
        if setting.every.is_some() {
            for qos in &setting.qos {
                for counter in [&self.lost, &self.duplicated] {
                    counter.with_label_values(&[broker, &qos.to_string()]).inc_by(0);
                }
            }
            self.strays.with_label_values(&[broker]).inc_by(0);
        }
        if setting.session_every.is_some() {
            self.session_lost.with_label_values(&[broker]).inc_by(0);
        }
    }

    /// A round is over.
    pub(super) fn round(&self, broker: &str, qualities: &[u8], done: &Done) {
        for qos in qualities {
            let labels = [broker, &qos.to_string()];
            if *qos > done.qos_max {
                // It was there before the broker was another; what it was not has no error.
                drop(self.success.remove_label_values(&labels));
                continue;
            }
            self.success.with_label_values(&labels).set(i64::from(done.verdict.is_back(*qos)));
            let duplicates = done.verdict.duplicates.get(usize::from(*qos)).copied().unwrap_or(0);
            self.duplicated.with_label_values(&labels).inc_by(duplicates);
        }
        for (qos, took) in done.verdict.round_trips() {
            self.round_trip.with_label_values(&[broker, &qos.to_string()]).observe(seconds(took));
        }
        for qos in done.verdict.lost() {
            self.lost.with_label_values(&[broker, &qos.to_string()]).inc();
        }
        self.strays.with_label_values(&[broker]).inc_by(done.verdict.strays);
        let Phases { dial, connect, subscribe } = done.phases;
        for (phase, took) in [("dial", dial), ("connect", connect), ("subscribe", subscribe)] {
            self.phase(broker, phase, took);
        }
    }

    fn phase(&self, broker: &str, phase: &str, took: Option<Duration>) {
        match took {
            Some(took) => self.phase.with_label_values(&[broker, phase]).set(took.as_secs_f64()),
            None => drop(self.phase.remove_label_values(&[broker, phase])),
        }
    }

    /// What the last round says of retained messages, and how long one took; none: the broker keeps none, or nothing is known.
    pub(super) fn retained(&self, broker: &str, success: Option<bool>, took: Option<Duration>) {
        self.phase(broker, "retained", took);
        match success {
            Some(success) => self.retained.with_label_values(&[broker]).set(i64::from(success)),
            None => drop(self.retained.remove_label_values(&[broker])),
        }
    }

    /// A session was tested, or could not be.
    pub(super) fn session(&self, broker: &str, session: &Session) {
        let (is_sound, lost) = match session {
            Session::Tested(tested) => (tested.is_sound(), tested.received.lost()),
            Session::Away(_) | Session::Denied(_) => (false, 0),
        };
        self.session_success.with_label_values(&[broker]).set(i64::from(is_sound));
        self.session_lost.with_label_values(&[broker]).inc_by(lost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchkeeper_core::probe::{Fate, Verdict};

    #[test]
    fn a_round_that_did_not_come_far_has_no_phases_and_counts_no_loss() {
        let meters = Meters::new().unwrap();
        let series =
            |of: &dyn Collector| of.collect().iter().map(|family| family.get_metric().len()).sum::<usize>();
        let verdict = Verdict { fates: vec![(0, Fate::Back(900)), (1, Fate::Lost)], ..Verdict::default() };
        let took = Some(Duration::from_millis(3));
        let phases = Phases { dial: took, connect: took, subscribe: took };
        let done = Done { phases, verdict, qos_max: 1, ..Done::default() };
        meters.round("b", &[0, 1, 2], &done);
        assert_eq!(
            (series(&meters.phase), series(&meters.success)),
            (3, 2),
            "there is no quality of service 2"
        );
        assert_eq!(meters.lost.with_label_values(&["b", "1"]).get(), 1);
        meters.round("b", &[0, 1, 2], &Done { qos_max: 2, ..Done::default() });
        assert_eq!((series(&meters.phase), series(&meters.success)), (0, 3));
        let success: Vec<i64> =
            ["0", "1", "2"].map(|qos| meters.success.with_label_values(&["b", qos]).get()).to_vec();
        assert_eq!((success, meters.lost.with_label_values(&["b", "1"]).get()), (vec![0, 0, 0], 1));
    }
}
