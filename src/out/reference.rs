//! The reference of our own metrics, `docs/metrics-own.md`, rendered from the families themselves. What is added or
//! described anew makes this fail until `WATCHKEEPER_BLESS=1` has written the file again.

use super::{audit_families, intake_families, metrics, process};
use crate::own::Own;
use prometheus::core::Collector;
use prometheus::proto::MetricType;
use std::fmt::Write as _;
use std::path::Path;
use watchkeeper_core::sample::{Exposition, Type, Writer};

const HEAD: &str = "# Metrics of the program itself

Written by `cargo test -p watchkeeper reference` from `src/own.rs` and `src/out/`; do not edit by hand
(`WATCHKEEPER_BLESS=1` writes it anew). What is said of the fleet is in [metrics.md](metrics.md).

See them all: `curl -s http://127.0.0.1:10883/metrics | grep -E '^(watchkeeper|process)_'`

| family | type | labels | what it says |
|---|---|---|---|
";

fn row(page: &mut String, name: &str, kind: &str, labels: &[&str], help: &str) {
    let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
    writeln!(page, "| `{name}` | {kind} | {} | {help} |", labels.join(" "))
        .expect("a string takes everything");
}

fn registered(page: &mut String, collector: &dyn Collector) {
    for (desc, family) in collector.desc().into_iter().zip(collector.collect()) {
        let kind = match family.get_field_type() {
            MetricType::COUNTER => "counter",
            MetricType::GAUGE => "gauge",
            MetricType::HISTOGRAM => "histogram",
            MetricType::SUMMARY | MetricType::UNTYPED => panic!("{} cannot be written", desc.fq_name),
        };
        let labels: Vec<&str> = desc.variable_labels.iter().map(String::as_str).collect();
        row(page, &desc.fq_name, kind, &labels, &desc.help);
    }
}

/// Families that are written by hand and have no labels.
fn written(page: &mut String, text: &str) {
    let helps = text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' '));
    let kinds = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    for ((name, help), (_, kind)) in helps.zip(kinds) {
        row(page, name, kind, &[], help);
    }
}

fn render() -> String {
    let mut page = HEAD.to_owned();
    for (desc, labels) in [(&metrics::BUILD_INFO, &["version", "revision"][..]), (&metrics::COMPLETE, &[])] {
        assert_eq!(desc.kind, Type::Gauge, "{}", desc.name);
        row(&mut page, desc.name, "gauge", labels, desc.help);
    }
    for collector in Own::new().unwrap().collectors() {
        registered(&mut page, &*collector);
    }
    for (desc, labels) in audit_families::ALL.into_iter().chain(intake_families::all()) {
        let kind = match desc.kind {
            Type::Counter => "counter",
            Type::Gauge => "gauge",
            Type::Histogram => "histogram",
        };
        row(&mut page, desc.name, kind, labels, desc.help);
    }
    let mut writer = Writer::new(Exposition::Text, 128);
    process::write(&mut writer);
    written(&mut page, &String::from_utf8(writer.buffer).unwrap());
    page
}

#[test]
fn the_reference_of_our_own_metrics_says_what_the_code_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics-own.md");
    let page = render();
    if std::env::var_os("WATCHKEEPER_BLESS").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        known == page,
        "docs/metrics-own.md is stale; write it anew:\n  WATCHKEEPER_BLESS=1 cargo test -p watchkeeper reference"
    );
}
