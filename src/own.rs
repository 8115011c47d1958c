//! Our own metrics: names in one place, through the `prometheus` crate. Only what concerns this program; the
//! fleet's families are streamed from state elsewhere. Every refused or dropped thing is counted here or there.

use crate::probe::meters::Meters;
use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};
use watchkeeper_core::shard::Shard;

/// Handles to everything we count about ourselves; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    /// Gathered at each scrape.
    pub(crate) registry: Registry,
    /// `watchkeeper_connected{broker}`: 1 with every SUBACK in.
    pub(crate) connected: IntGaugeVec,
    /// `watchkeeper_last_message_timestamp_seconds{broker}`.
    pub(crate) last_message: GaugeVec,
    /// `watchkeeper_connect_seconds{broker}`: from TCP connect to the last SUBACK.
    pub(crate) connect_seconds: HistogramVec,
    /// `watchkeeper_connect_attempts_total{broker}`.
    pub(crate) connect_attempts: IntCounterVec,
    /// `watchkeeper_connect_failures_total{broker,reason}`.
    pub(crate) connect_failures: IntCounterVec,
    /// `watchkeeper_outage_seconds_total{broker}`.
    pub(crate) outage_seconds: prometheus::CounterVec,
    /// `watchkeeper_queue_depth{broker,queue}`.
    pub(crate) queue_depth: IntGaugeVec,
    /// `watchkeeper_queue_capacity{broker,queue}`.
    pub(crate) queue_capacity: IntGaugeVec,
    /// `watchkeeper_refused_total{broker,queue}`.
    pub(crate) refused: IntCounterVec,
    /// `watchkeeper_shed_total{broker,kind}`.
    pub(crate) shed: IntCounterVec,
    /// `watchkeeper_payload_causes_total{broker,cause}`.
    pub(crate) payload_causes: IntCounterVec,
    /// `watchkeeper_scrape_duration_seconds`: of the scrape before this one.
    pub(crate) scrape_duration: Gauge,
    /// `watchkeeper_state_saves_total`.
    pub(crate) state_saves: IntCounter,
    /// `watchkeeper_state_save_failures_total`.
    pub(crate) state_save_failures: IntCounter,
    /// `watchkeeper_state_save_seconds`.
    pub(crate) state_save_seconds: Histogram,
    /// `watchkeeper_tls_certificate_not_after_timestamp_seconds{broker,certificate}`.
    pub(crate) certificate_not_after: GaugeVec,
    /// `watchkeeper_config_last_reload_successful`.
    pub(crate) reload_successful: Gauge,
    /// `watchkeeper_shard_ordinal{shard_ordinal}`: its own number, so that missing ones can be found by a sum.
    pub(crate) shard_ordinal: IntGaugeVec,
    /// `watchkeeper_total_shards`.
    pub(crate) total_shards: IntGauge,
    /// `mqtt_probe_*` and `mqtt_session_probe_*`.
    pub(crate) probe: Meters,
}

fn count(name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
    IntCounter::with_opts(opts(name, help))
}

fn counts(name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
    IntCounterVec::new(opts(name, help), labels)
}

fn levels(name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
    IntGaugeVec::new(opts(name, help), labels)
}

impl Own {
    /// Registers every family once.
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let own = Self {
            connected: levels(
                "watchkeeper_connected",
                "Whether the broker is connected and every subscription granted.",
                &["broker"],
            )?,
            last_message: GaugeVec::new(
                opts("watchkeeper_last_message_timestamp_seconds", "When the last message arrived."),
                &["broker"],
            )?,
            connect_seconds: HistogramVec::new(
                HistogramOpts::new(
                    "watchkeeper_connect_seconds",
                    "Time from the start of a connection to its last SUBACK.",
                )
                .buckets(vec![0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0]),
                &["broker"],
            )?,
            connect_attempts: counts(
                "watchkeeper_connect_attempts_total",
                "Connections that were tried.",
                &["broker"],
            )?,
            connect_failures: counts(
                "watchkeeper_connect_failures_total",
                "Connections that failed or broke, by reason.",
                &["broker", "reason"],
            )?,
            outage_seconds: prometheus::CounterVec::new(
                opts("watchkeeper_outage_seconds_total", "Time during which the broker was not watched."),
                &["broker"],
            )?,
            queue_depth: levels(
                "watchkeeper_queue_depth",
                "What waits in one of our own queues: messages, (audit) records, or snapshots of queues.",
                &["broker", "queue"],
            )?,
            queue_capacity: levels(
                "watchkeeper_queue_capacity",
                "How much one of our own queues holds.",
                &["broker", "queue"],
            )?,
            refused: counts(
                "watchkeeper_refused_total",
                "What was shed because one of our own queues was full.",
                &["broker", "queue"],
            )?,
            shed: counts(
                "watchkeeper_shed_total",
                "Messages of the broker that were shed because more came than could be dealt with, by kind of their \
                     stream; telemetry goes first. They are part of watchkeeper_refused_total.",
                &["broker", "kind"],
            )?,
            payload_causes: counts(
                "watchkeeper_payload_causes_total",
                "Payloads that are no JSON and were looked at closely, by cause; a sample of all.",
                &["broker", "cause"],
            )?,
            scrape_duration: Gauge::with_opts(opts(
                "watchkeeper_scrape_duration_seconds",
                "Duration of the scrape before this one.",
            ))?,
            state_saves: count("watchkeeper_state_saves_total", "State files written.")?,
            state_save_failures: count(
                "watchkeeper_state_save_failures_total",
                "State files that could not be written.",
            )?,
            state_save_seconds: Histogram::with_opts(
                HistogramOpts::new("watchkeeper_state_save_seconds", "Time to write a state file.")
                    .buckets(vec![0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0]),
            )?,
            certificate_not_after: GaugeVec::new(
                opts(
                    "watchkeeper_tls_certificate_not_after_timestamp_seconds",
                    "When a certificate on the way to a broker expires: the broker's, the first of the authorities \
                     above it, or our own.",
                ),
                &["broker", "certificate"],
            )?,
            reload_successful: Gauge::with_opts(opts(
                "watchkeeper_config_last_reload_successful",
                "Whether the last reading of the configuration was successful.",
            ))?,
            shard_ordinal: levels(
                "watchkeeper_shard_ordinal",
                "Which of the shards this one is, counted from 0.",
                &["shard_ordinal"],
            )?,
            total_shards: IntGauge::with_opts(opts(
                "watchkeeper_total_shards",
                "How many shards share the fleet, as this one was told.",
            ))?,
            probe: Meters::new()?,
            registry,
        };
        own.register()?;
        own.reload_successful.set(1.0);
        Ok(own)
    }

    /// Which of the shards this one is.
    pub(crate) fn show_shard(&self, shard: Shard) {
        let index = i64::from(shard.index());
        self.shard_ordinal.with_label_values(&[&index.to_string()]).set(index);
        self.total_shards.set(i64::from(shard.total()));
    }

    /// How many connections to a broker were tried, and how many failed.
    pub(crate) fn connections(&self, broker: &str) -> (u64, u64) {
        let tried = self.connect_attempts.with_label_values(&[broker]).get();
        let families = self.connect_failures.collect();
        let failed = families.iter().flat_map(prometheus::proto::MetricFamily::get_metric).filter(|metric| {
            metric.get_label().iter().any(|label| label.name() == "broker" && label.value() == broker)
        });
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of connections")]
        let failed = failed.map(|metric| metric.get_counter().get_value()).sum::<f64>() as u64;
        (tried, failed)
    }

    /// Every family, in the order of the reference.
    pub(crate) fn collectors(&self) -> Vec<Box<dyn Collector>> {
        // Destructured without `..`, so that a forgotten family does not compile.
        let Self {
            registry: _,
            connected,
            last_message,
            connect_seconds,
            connect_attempts,
            connect_failures,
            outage_seconds,
            queue_depth,
            queue_capacity,
            refused,
            shed,
            payload_causes,
            scrape_duration,
            state_saves,
            state_save_failures,
            state_save_seconds,
            certificate_not_after,
            reload_successful,
            shard_ordinal,
            total_shards,
            probe,
        } = self.clone();
        let mut families: Vec<Box<dyn Collector>> = vec![
            Box::new(connected),
            Box::new(last_message),
            Box::new(connect_seconds),
            Box::new(connect_attempts),
            Box::new(connect_failures),
            Box::new(outage_seconds),
            Box::new(queue_depth),
            Box::new(queue_capacity),
            Box::new(refused),
            Box::new(shed),
            Box::new(payload_causes),
            Box::new(scrape_duration),
            Box::new(state_saves),
            Box::new(state_save_failures),
            Box::new(state_save_seconds),
            Box::new(certificate_not_after),
            Box::new(reload_successful),
            Box::new(shard_ordinal),
            Box::new(total_shards),
        ];
        families.extend(probe.collectors());
        families
    }

    fn register(&self) -> Result<(), prometheus::Error> {
        self.collectors().into_iter().try_for_each(|family| self.registry.register(family))
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help)
}
