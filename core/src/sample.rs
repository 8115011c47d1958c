//! Levels: what a metric family is, and the writer that turns samples into Prometheus text or `OpenMetrics`.
//!
//! The writer streams: it holds one buffer and never a list of samples. It must never see a family twice, and
//! the callers must never give it one series twice; a test of the whole exposition holds both.

use crate::names::{cut, fnv1a};
use crate::time::Micros;

/// What a family measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Only grows; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Buckets, a count and a sum.
    Histogram,
}

/// A metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Desc {
    /// The full name, counters with `_total`.
    pub name: &'static str,
    /// What it is.
    pub kind: Type,
    /// One sentence.
    pub help: &'static str,
}

impl Desc {
    /// A counter.
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Type::Counter, help }
    }

    /// A gauge.
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Type::Gauge, help }
    }

    /// A histogram.
    pub const fn histogram(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Type::Histogram, help }
    }
}

/// Which text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposition {
    /// Prometheus text format 0.0.4.
    Text,
    /// `OpenMetrics` text format 1.0.0.
    OpenMetrics,
}

/// Writes families and samples into a buffer that the caller empties.
#[derive(Debug)]
pub struct Writer {
    /// What was written since the caller last took it.
    pub buffer: Vec<u8>,
    exposition: Exposition,
    label_bytes_max: usize,
}

impl Writer {
    /// A writer with an empty buffer.
    pub fn new(exposition: Exposition, label_bytes_max: usize) -> Self {
        Self { buffer: Vec::new(), exposition, label_bytes_max }
    }

    /// The text that is written.
    pub fn exposition(&self) -> Exposition {
        self.exposition
    }

    /// Begins a family.
    pub fn family(&mut self, desc: &Desc) {
        let kind = match desc.kind {
            Type::Counter => "counter",
            Type::Gauge => "gauge",
            Type::Histogram => "histogram",
        };
        self.family_named(desc.name, kind, desc.help);
    }

    /// Begins a family whose description is not ours (`counter`, `gauge`, `histogram`, …).
    pub fn family_named(&mut self, name: &str, kind: &str, help: &str) {
        let family = match self.exposition {
            Exposition::OpenMetrics if kind == "counter" => name.strip_suffix("_total").unwrap_or(name),
            _ => name,
        };
        for (keyword, text) in [("HELP", help), ("TYPE", kind)] {
            self.buffer.extend_from_slice(b"# ");
            self.buffer.extend_from_slice(keyword.as_bytes());
            self.buffer.push(b' ');
            self.buffer.extend_from_slice(family.as_bytes());
            self.buffer.push(b' ');
            escape(&mut self.buffer, text, self.exposition == Exposition::OpenMetrics);
            self.buffer.push(b'\n');
        }
    }

    /// One sample; `suffix` is `_bucket`, `_sum`, `_count` or nothing.
    pub fn sample(&mut self, name: &str, suffix: &str, labels: &[(&str, &str)], value: f64) {
        self.buffer.extend_from_slice(name.as_bytes());
        self.buffer.extend_from_slice(suffix.as_bytes());
        write_labels(&mut self.buffer, b'{', labels, self.label_bytes_max);
        if !labels.is_empty() {
            self.buffer.push(b'}');
        }
        self.value(value);
    }

    /// Labels as a line begins with them, bracket included, for many lines that begin alike.
    pub(crate) fn labels(&self, labels: &[(&str, &str)], into: &mut Vec<u8>) {
        write_labels(into, b'{', labels, self.label_bytes_max);
    }

    /// One sample that begins with labels which were written before, and has these besides.
    pub(crate) fn sample_headed(&mut self, name: &str, head: &[u8], labels: &[(&str, &str)], value: f64) {
        self.buffer.extend_from_slice(name.as_bytes());
        self.buffer.extend_from_slice(head);
        write_labels(&mut self.buffer, b',', labels, self.label_bytes_max);
        self.buffer.push(b'}');
        self.value(value);
    }

    fn value(&mut self, value: f64) {
        self.buffer.push(b' ');
        self.number(value);
        self.buffer.push(b'\n');
    }

    /// All samples of one histogram.
    pub fn histogram(&mut self, name: &str, labels: &[(&str, &str)], histogram: &Histogram) {
        let mut seen = 0;
        for (bound, count) in histogram.bounds.iter().zip(&histogram.counts) {
            seen += count;
            let mut text = ryu::Buffer::new();
            let bound = trim_float(text.format(*bound), self.exposition);
            self.bucket(name, labels, bound, seen);
        }
        self.bucket(name, labels, "+Inf", histogram.count);
        self.sample(name, "_sum", labels, histogram.sum);
        self.sample(name, "_count", labels, histogram.count as f64);
    }

    fn bucket(&mut self, name: &str, labels: &[(&str, &str)], bound: &str, seen: u64) {
        let with_bound: Vec<(&str, &str)> = labels.iter().copied().chain([("le", bound)]).collect();
        self.sample(name, "_bucket", &with_bound, seen as f64);
    }

    /// Ends the exposition.
    pub fn finish(&mut self) {
        if self.exposition == Exposition::OpenMetrics {
            self.buffer.extend_from_slice(b"# EOF\n");
        }
    }

    fn number(&mut self, value: f64) {
        if value.is_nan() {
            self.buffer.extend_from_slice(b"NaN");
        } else if value.is_infinite() {
            self.buffer.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
        } else {
            let mut text = ryu::Buffer::new();
            self.buffer.extend_from_slice(trim_float(text.format_finite(value), self.exposition).as_bytes());
        }
    }
}

/// Labels, the first of them behind `first`.
fn write_labels(into: &mut Vec<u8>, first: u8, labels: &[(&str, &str)], bytes_max: usize) {
    for (at, (label, text)) in labels.iter().enumerate() {
        into.push(if at == 0 { first } else { b',' });
        into.extend_from_slice(label.as_bytes());
        into.extend_from_slice(b"=\"");
        write_label(into, text, bytes_max);
        into.push(b'"');
    }
}

/// A label value; one that is too long is cut and ends in a hash of the whole, so that two long ones which
/// begin alike stay two.
fn write_label(into: &mut Vec<u8>, text: &str, bytes_max: usize) {
    if text.len() <= bytes_max {
        return escape(into, text, true);
    }
    escape(into, cut(text, bytes_max), true);
    let mark = format!("…{:016x}", fnv1a(text));
    into.extend_from_slice(mark.as_bytes());
}

fn escape(into: &mut Vec<u8>, text: &str, quotes: bool) {
    // Most labels need no escape: one look, one copy.
    if !text.bytes().any(|b| matches!(b, b'\\' | b'\n' | b'"')) {
        into.extend_from_slice(text.as_bytes());
        return;
    }
    for byte in text.bytes() {
        match byte {
            b'\\' => into.extend_from_slice(b"\\\\"),
            b'\n' => into.extend_from_slice(b"\\n"),
            b'"' if quotes => into.extend_from_slice(b"\\\""),
            byte => into.push(byte),
        }
    }
}

/// `12.0` is `12` in the text format, whose readers expect Go's way; `OpenMetrics` wants `12.0`.
fn trim_float(text: &str, exposition: Exposition) -> &str {
    match exposition {
        Exposition::Text => text.strip_suffix(".0").unwrap_or(text),
        Exposition::OpenMetrics => text,
    }
}

/// Counts by upper bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    bounds: &'static [f64],
    counts: Vec<u64>,
    count: u64,
    sum: f64,
}

impl Histogram {
    /// An empty histogram with these upper bounds, ascending; `+Inf` is implied.
    pub fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len()], count: 0, sum: 0.0 }
    }

    /// Counts one observation.
    pub fn observe(&mut self, value: f64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(at) {
            *count += 1;
        }
        self.count += 1;
        self.sum += value;
    }

    /// Counts a length of time in seconds.
    pub fn observe_micros(&mut self, span: Micros) {
        self.observe(crate::time::seconds(span));
    }

    /// How many observations there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What is saved: the counts of the buckets, of all, and the sum.
    pub fn parts(&self) -> (Vec<u64>, u64, f64) {
        (self.counts.clone(), self.count, self.sum)
    }

    /// Takes over what was saved, if it has as many buckets.
    pub fn restore(&mut self, parts: (Vec<u64>, u64, f64)) {
        if parts.0.len() == self.counts.len() {
            (self.counts, self.count, self.sum) = parts;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(exposition: Exposition, write: impl FnOnce(&mut Writer)) -> String {
        let mut writer = Writer::new(exposition, 12);
        write(&mut writer);
        writer.finish();
        String::from_utf8(writer.buffer).unwrap()
    }

    #[test]
    fn both_formats_are_written_as_their_readers_expect() {
        static SEEN: Desc = Desc::counter("seen_total", "What \"was\" seen.");
        let write = |writer: &mut Writer| {
            writer.family(&SEEN);
            writer.sample(SEEN.name, "", &[("a", "q\"b\\n\n"), ("b", "")], 12.0);
        };
        assert_eq!(
            text(Exposition::Text, write),
            "# HELP seen_total What \"was\" seen.\n# TYPE seen_total counter\nseen_total{a=\"q\\\"b\\\\n\\n\",b=\"\"} 12\n"
        );
        assert_eq!(
            text(Exposition::OpenMetrics, write),
            "# HELP seen What \\\"was\\\" seen.\n# TYPE seen counter\nseen_total{a=\"q\\\"b\\\\n\\n\",b=\"\"} 12.0\n# EOF\n"
        );
    }

    #[test]
    fn a_long_label_is_cut_between_characters_and_marked() {
        let line = text(Exposition::Text, |writer| writer.sample("m", "", &[("a", "ääääääää")], f64::NAN));
        assert_eq!(line, "m{a=\"ääääää…8e5ec4c7c518e4e5\"} NaN\n");
    }

    #[test]
    fn buckets_are_cumulative_and_end_at_infinity() {
        let mut histogram = Histogram::new(&[0.5, 1.0]);
        for value in [0.5, 0.7, 3.0] {
            histogram.observe(value);
        }
        let lines = text(Exposition::Text, |writer| writer.histogram("h", &[], &histogram));
        assert_eq!(
            lines,
            "h_bucket{le=\"0.5\"} 1\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 4.2\nh_count 3\n"
        );
    }
}
