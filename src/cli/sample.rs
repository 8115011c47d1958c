//! `check --sample`: what one message becomes under this configuration: stream, device, points, errors, findings
//! and series. It runs the message through the same fleet as `run`, and through nothing else.

use crate::config::Config;
use crate::{clock, sidecar};
use std::fmt::Write;
use watchkeeper_core::arrival::Arrival;
use watchkeeper_core::fleet::Fleet;
use watchkeeper_core::report::{Walk, Watched};
use watchkeeper_core::sample::{Exposition, Writer};

/// What a message becomes.
pub(crate) fn show(config: &Config, topic: &str, payload: &[u8]) -> String {
    let mut text = format!("{topic}: {} bytes\n", payload.len());
    let Some(broker) = config.brokers.first() else { return text };
    let mut rules = sidecar::rules(config, broker);
    rules.expected.clear();
    let mut fleet = Fleet::new(rules);
    let now = clock::now();
    fleet.link_up(now);
    fleet.arrival(&Arrival::live(topic, payload), now);
    describe(&mut fleet, &mut text);
    series(fleet, &mut text);
    text
}

/// Writing to a string cannot fail, hence the ignored results.
fn describe(fleet: &mut Fleet, text: &mut String) {
    let findings = fleet.take_findings();
    let Some(device) = fleet.devices().next() else {
        let _ = writeln!(text, "  no stream takes this topic");
        return;
    };
    let view = fleet.view(device);
    let stream = view.streams.first().map_or("none", |stream| stream.stream);
    let _ = writeln!(text, "  stream   {stream}");
    let _ = writeln!(text, "  device   {}", view.id);
    for (label, value) in view.labels.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "  label    {label} = {value}");
    }
    let names = fleet.names();
    for (_, name, point) in device.roster.stuck.named(&names) {
        let _ = writeln!(text, "  point    {} = {}", name, point.value);
    }
    for at in view.sequence.iter().flat_map(|sequence| &sequence.positions) {
        let _ = writeln!(text, "  sequence the next is {}", at.next);
    }
    for reason in view.errors.keys() {
        let _ = writeln!(text, "  error    {reason}");
    }
    for finding in findings {
        let _ = writeln!(text, "  finding  {}: {}", finding.what.event(), finding.what.details());
    }
}

/// The series of the device, as a scrape would show them.
fn series(mut fleet: Fleet, text: &mut String) {
    fleet.choose_series(clock::mono());
    let label_bytes_max = fleet.rules().limits.label_bytes_max;
    let watched = [Watched::new(fleet)];
    let mut writer = Writer::new(Exposition::Text, label_bytes_max);
    let mut walk = Walk::new(&watched);
    while walk.step(&watched, clock::now(), &mut writer, usize::MAX) {}
    let exposition = String::from_utf8_lossy(&writer.buffer);
    for line in
        exposition.lines().filter(|line| line.starts_with("mqtt_device_") || line.starts_with("mqtt_point_"))
    {
        let _ = writeln!(text, "  series   {line}");
    }
}
