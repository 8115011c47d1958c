//! Our own metrics in both text formats. The `prometheus` crate writes only the older one, and its encoder must
//! never be used beside this: two writers would differ in escaping.

use prometheus::proto::{Histogram, MetricFamily, MetricType};
use watchkeeper_core::sample::{Exposition, Writer};

/// Writes families as the registry gathered them.
pub(crate) fn write(families: &[MetricFamily], writer: &mut Writer) {
    for family in families {
        let kind = match family.get_field_type() {
            MetricType::COUNTER => "counter",
            MetricType::GAUGE => "gauge",
            MetricType::HISTOGRAM => "histogram",
            // Nothing of ours is a summary or untyped, and the writer knows neither.
            MetricType::SUMMARY | MetricType::UNTYPED => continue,
        };
        writer.family_named(family.name(), kind, family.help());
        for metric in family.get_metric() {
            let labels: Vec<(&str, &str)> =
                metric.get_label().iter().map(|label| (label.name(), label.value())).collect();
            match kind {
                "counter" => writer.sample(family.name(), "", &labels, metric.get_counter().get_value()),
                "gauge" => writer.sample(family.name(), "", &labels, metric.get_gauge().get_value()),
                _ => histogram(writer, family.name(), &labels, metric.get_histogram()),
            }
        }
    }
}

fn histogram(writer: &mut Writer, name: &str, labels: &[(&str, &str)], histogram: &Histogram) {
    for bucket in histogram.get_bucket().iter().filter(|bucket| bucket.upper_bound().is_finite()) {
        let bound = bound(bucket.upper_bound(), writer.exposition());
        self::bucket(writer, name, labels, &bound, bucket.cumulative_count());
    }
    bucket(writer, name, labels, "+Inf", histogram.get_sample_count());
    writer.sample(name, "_sum", labels, histogram.get_sample_sum());
    writer.sample(name, "_count", labels, histogram.get_sample_count() as f64);
}

fn bucket(writer: &mut Writer, name: &str, labels: &[(&str, &str)], bound: &str, seen: u64) {
    let with_bound: Vec<(&str, &str)> = labels.iter().copied().chain([("le", bound)]).collect();
    writer.sample(name, "_bucket", &with_bound, seen as f64);
}

/// The bound as each format spells it: `1` and `1.0`.
fn bound(bound: f64, exposition: Exposition) -> String {
    let text = format!("{bound:?}");
    match exposition {
        Exposition::Text => text.strip_suffix(".0").map(str::to_owned).unwrap_or(text),
        Exposition::OpenMetrics => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

    fn written(exposition: Exposition) -> String {
        let registry = Registry::new();
        let tries = IntCounterVec::new(Opts::new("x_tries_total", "Tries."), &["why"]).unwrap();
        tries.with_label_values(&["a\"b"]).inc_by(3);
        let options = HistogramOpts::new("x_seconds", "Time.").buckets(vec![0.005, 1.0]);
        let time = HistogramVec::new(options, &["broker"]).unwrap();
        time.with_label_values(&["main"]).observe(0.5);
        registry.register(Box::new(tries)).unwrap();
        registry.register(Box::new(time)).unwrap();
        let mut writer = Writer::new(exposition, 128);
        write(&registry.gather(), &mut writer);
        String::from_utf8(writer.buffer).unwrap()
    }

    #[test]
    fn the_text_format_is_written_as_its_readers_expect() {
        assert_eq!(
            written(Exposition::Text),
            "# HELP x_seconds Time.\n# TYPE x_seconds histogram\n\
             x_seconds_bucket{broker=\"main\",le=\"0.005\"} 0\nx_seconds_bucket{broker=\"main\",le=\"1\"} 1\n\
             x_seconds_bucket{broker=\"main\",le=\"+Inf\"} 1\nx_seconds_sum{broker=\"main\"} 0.5\n\
             x_seconds_count{broker=\"main\"} 1\n\
             # HELP x_tries_total Tries.\n# TYPE x_tries_total counter\nx_tries_total{why=\"a\\\"b\"} 3\n"
        );
    }

    #[test]
    fn open_metrics_names_a_counter_family_without_its_suffix() {
        let text = written(Exposition::OpenMetrics);
        assert!(text.contains("# TYPE x_tries counter\nx_tries_total{why=\"a\\\"b\"} 3.0\n"), "{text}");
        assert!(text.contains("x_seconds_bucket{broker=\"main\",le=\"1.0\"} 1.0\n"), "{text}");
    }
}
