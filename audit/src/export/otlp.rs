//! OpenTelemetry's logs in their JSON encoding: each line is a request that a collector takes at `/v1/logs`. Names are
//! those of its conventions where it has one. Whole numbers of 64 bits are text there, by its rules.

use super::facts::{Facts, object};
use super::{PRODUCT, VERSION};
use crate::line::moment;
use crate::record::{Key, Level, Value};
use serde_json::{Value as Json, json};
use watchkeeper_core::time::Wall;

pub(super) fn document(facts: &Facts<'_>) -> Json {
    let seen = facts.time(Key::ObservedAt).unwrap_or(facts.ts);
    // A number beyond 63 bits has no place there but as text.
    let sequence = match i64::try_from(facts.seq) {
        Ok(seq) => Value::Int(seq),
        Err(_) => Value::Text(facts.seq.to_string().into()),
    };
    let mut attributes = vec![
        attribute("event.sequence", &sequence),
        text("watchkeeper.type", facts.kind.word()),
        text("watchkeeper.ts", &moment(facts.ts)),
    ];
    attributes.extend(facts.rest().map(|(key, value)| attribute(&name(key), &value)));
    let record = object([
        ("timeUnixNano", Some(nanoseconds(facts.ts).into())),
        ("observedTimeUnixNano", Some(nanoseconds(seen).into())),
        ("severityNumber", Some(severity(facts.level).into())),
        ("severityText", Some(facts.level.word().into())),
        ("eventName", Some(format!("mqtt.audit.{}", facts.event).into())),
        ("body", Some(json!({"stringValue": facts.sentence()}))),
        ("attributes", Some(attributes.into())),
    ]);
    let resource = [
        text("service.name", PRODUCT),
        text("service.version", VERSION),
        text("service.instance.id", facts.origin),
    ];
    json!({"resourceLogs": [{
        "resource": {"attributes": resource},
        "scopeLogs": [{"scope": {"name": "watchkeeper.audit", "version": VERSION}, "logRecords": [record]}],
    }]})
}

/// The name that the conventions have for a key, or ours.
fn name(key: &str) -> String {
    let known = match Key::from_word(key) {
        Some(Key::Id) => "event.id",
        Some(Key::Broker) => "server.address",
        Some(Key::Device) => "device.id",
        Some(Key::ClientId) => "messaging.client.id",
        Some(Key::User) => "user.name",
        Some(Key::SourceIp) => "client.address",
        Some(Key::SourcePort) => "client.port",
        Some(Key::Topic) => "messaging.destination.name",
        Some(Key::Mid) => "messaging.message.id",
        Some(Key::CmdId) => "messaging.message.conversation_id",
        Some(Key::PayloadBytes) => "messaging.message.body.size",
        Some(Key::Reason) => "error.type",
        Some(Key::Protocol) => "network.protocol.version",
        Some(Key::Result) => "event.outcome",
        _ => return format!("watchkeeper.{key}"),
    };
    known.to_owned()
}

fn text(key: &str, value: &str) -> Json {
    json!({"key": key, "value": {"stringValue": value}})
}

fn attribute(key: &str, value: &Value) -> Json {
    let value = match value {
        Value::Text(text) => json!({"stringValue": **text}),
        Value::Int(number) => json!({"intValue": number.to_string()}),
        Value::Float(number) => json!({"doubleValue": number}),
        Value::Bool(yes) => json!({"boolValue": yes}),
        Value::Time(at) => json!({"stringValue": moment(*at)}),
    };
    json!({"key": key, "value": value})
}

/// Since 1970, as text; a moment that does not fit there is not known there, and stands in `watchkeeper.ts`.
fn nanoseconds(at: Wall) -> String {
    u64::try_from(at.0).ok().and_then(|at| at.checked_mul(1000)).unwrap_or_default().to_string()
}

fn severity(level: Level) -> u32 {
    match level {
        Level::Info => 9,
        Level::Warn => 13,
        Level::Error => 17,
    }
}
