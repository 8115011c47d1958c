//! `check --sample`: what one message becomes under this configuration: stream, device, points, errors, findings,
//! series and records. It runs the message through the same fleet as `run`, and through nothing else.

use super::sample_members::{self, Rules};
use crate::audit::specimens::{self, Verdict};
use crate::config::Config;
use crate::ingest::Inbound;
use crate::{clock, sidecar};
use bytes::Bytes;
use std::fmt::Write;
use watchkeeper_audit::line;
use watchkeeper_audit::mask::Mask;
use watchkeeper_audit::record::Draft;
use watchkeeper_audit::sources::{self, message::Message};
use watchkeeper_core::arrival::Arrival;
use watchkeeper_core::diagnose;
use watchkeeper_core::finding::Finding;
use watchkeeper_core::fleet::Fleet;
use watchkeeper_core::report::{Walk, Watched};
use watchkeeper_core::rules::FleetRules;
use watchkeeper_core::sample::{Exposition, Writer};
use watchkeeper_core::shard::Shard;
use watchkeeper_core::subject::Subjects;
use watchkeeper_core::time::{Now, Wall};

/// What a message becomes.
pub(crate) fn show(config: &Config, topic: &str, payload: &[u8]) -> String {
    let mut text = format!("{topic}: {} bytes\n", payload.len());
    let Some(broker) = config.brokers.first() else { return text };
    let mut rules = sidecar::rules(config, broker);
    // What a message becomes is the same in whichever shard it is kept.
    rules.shard = Shard::default();
    rules.expected.clear();
    let mut fleet = Fleet::new(rules);
    let now = clock::now();
    fleet.link_up(now);
    // How it would be published is not known; nothing is to be said of that.
    fleet.arrival(&Arrival { qos: 1, ..Arrival::live(topic, payload) }, now);
    let mask = Mask::new(&config.audit.redact);
    let inbound = inbound(topic, payload, now);
    let bad = fleet.take_specimen().map(|specimen| {
        let verdict = specimens::look(fleet.rules(), &specimen, &inbound, &mask);
        (specimen, verdict)
    });
    let findings = fleet.take_findings();
    describe(&fleet, &findings, topic, &mut text);
    if let Some((specimen, verdict)) = &bad {
        explain(verdict, &mut text);
        let stream = specimen.stream.and_then(|stream| fleet.stream(stream));
        let reasons: Vec<_> = specimen.reasons.iter().collect();
        let rules = |stream| Rules { stream, limits: &fleet.rules().limits, now: now.wall };
        let members = stream.map(|stream| sample_members::explain(payload, rules(stream), &reasons, &mask));
        for member in members.unwrap_or_default() {
            let _ = writeln!(text, "  member   {member}");
        }
    }
    let mut drafts = Vec::new();
    if config.audit.enabled {
        drafts.extend(bad.map(|(specimen, verdict)| {
            specimens::draft(fleet.rules(), &specimen, &inbound, &verdict, now.wall)
        }));
        drafts = records(fleet.rules(), &findings, drafts, (topic, payload), &mask, now);
    }
    series(fleet, &mut text);
    for draft in &drafts {
        // As it stands in the log, but for its number, which only the writer knows.
        let encoded = line::encode(draft, config.audit.form());
        let _ = write!(text, "  record   {}…{}", encoded.head, encoded.tail);
    }
    text
}

/// The records that the message becomes: what was found, a sample of what is wrong with it, and the message itself
/// where its stream is audited.
fn records(
    rules: &FleetRules,
    findings: &[Finding],
    bad: Vec<Draft>,
    (topic, payload): (&str, &[u8]),
    mask: &Mask,
    now: Now,
) -> Vec<Draft> {
    let found =
        findings.iter().filter_map(|finding| sources::finding::draft(&rules.broker, finding, now.wall));
    let audited = audited(rules, topic, payload, mask, now.wall);
    found.chain(bad).chain(audited).map(|draft| mask.draft(draft)).collect()
}

/// As it would arrive.
fn inbound(topic: &str, payload: &[u8], now: Now) -> Inbound {
    Inbound {
        topic: Bytes::copy_from_slice(topic.as_bytes()),
        payload: Bytes::copy_from_slice(payload),
        qos: 1,
        retain: false,
        dup: false,
        pkid: 0,
        response_topic: None,
        correlation: None,
        user_properties: Vec::new(),
        at: now.mono,
    }
}

/// Why it is bad: the cause, the place, and what was meant.
fn explain(verdict: &Verdict, text: &mut String) {
    if let Some(found) = &verdict.diagnosis {
        let _ = writeln!(text, "  cause    {}: {}", found.place(), found.cause.cure());
        for line in found.drawn().lines().filter(|_| !found.context.is_empty()) {
            let _ = writeln!(text, "           {line}");
        }
    }
    if !verdict.topic.is_empty() {
        let _ = writeln!(text, "  topic    {}", verdict.topic);
    }
}

/// The record of the message itself.
fn audited(rules: &FleetRules, topic: &str, payload: &[u8], mask: &Mask, at: Wall) -> Option<Draft> {
    let mut subjects = Subjects::new(rules);
    let subject = subjects.find(topic, payload);
    let (_, stream) = subjects.stream(topic).filter(|(_, stream)| stream.is_audited())?;
    let message = Message {
        broker: &rules.broker,
        stream: &stream.name,
        kind: stream.kind,
        device: subject.as_ref().map(|subject| &*subject.device),
        topic: topic.as_bytes(),
        payload,
        qos: 1,
        retain: false,
        mid: 0,
        correlation: None,
        keep_payload: stream.audit_payload,
        at,
    };
    Some(sources::message::draft(&message, mask))
}

/// Writing to a string cannot fail, hence the ignored results.
fn describe(fleet: &Fleet, findings: &[Finding], topic: &str, text: &mut String) {
    let Some(device) = fleet.devices().next() else {
        let _ = writeln!(text, "  no stream takes this topic");
        if let (_, Some(meant)) = diagnose::topic(topic, fleet.rules().streams.iter().map(|one| &one.pattern))
        {
            let _ = writeln!(text, "  topic    meant most likely: {meant}");
        }
        return;
    };
    let view = fleet.view(device, watchkeeper_core::time::Wall::default());
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

/// The series of the device, and those of the fleet that the message adds to, as a scrape would show them.
fn series(fleet: Fleet, text: &mut String) {
    let label_bytes_max = fleet.rules().limits.label_bytes_max;
    let mut watched = [Watched::new(fleet)];
    let mut writer = Writer::new(Exposition::Text, label_bytes_max);
    let mut walk = Walk::new();
    while walk.step(&mut watched, clock::now(), &mut writer, usize::MAX) {}
    let exposition = String::from_utf8_lossy(&writer.buffer);
    for line in exposition.lines().filter(|line| is_shown(line)) {
        let _ = writeln!(text, "  series   {line}");
    }
}

/// What a device has is shown with its zeros: they are series, too.
fn is_shown(line: &str) -> bool {
    let is_of = |prefixes: &[&str]| prefixes.iter().any(|prefix| line.starts_with(prefix));
    let is_counted = is_of(&["mqtt_command", "mqtt_alarm", "mqtt_events_"]) && !line.ends_with(" 0");
    is_of(&["mqtt_device_", "mqtt_point_"]) || is_counted && !line.contains("_bucket{")
}
