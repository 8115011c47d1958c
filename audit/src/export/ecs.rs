//! Elastic Common Schema: what it has a field for goes there, what belongs to MQTT under `mqtt`, the rest under our own
//! name. The line itself is `event.original`. No field may get a value that its type there refuses.

use super::facts::{Facts, object, some_object};
use super::{PRODUCT, VENDOR, VERSION};
use crate::line::moment;
use crate::record::{Key, Kind, Level};
use serde_json::{Value as Json, json};
use std::net::IpAddr;

const ECS_VERSION: &str = "8.17.0";

pub(super) fn document(facts: &mut Facts<'_>) -> Json {
    let event = event(facts);
    let message = facts.sentence();
    facts.take(Key::Details);
    let mqtt = mqtt(facts);
    let broker = facts.json(Key::Broker).map(|broker| json!({"type": "mqtt", "node": {"name": broker}}));
    let (device, user) = (facts.json(Key::Device), facts.json(Key::User));
    let (source, file) = (source(facts), file(facts));
    let command = facts.json(Key::CmdId);
    let mut rest = facts.rest_json();
    rest.insert("type".to_owned(), facts.kind.word().into());
    let observer = json!({"name": facts.origin, "product": PRODUCT, "vendor": VENDOR, "version": VERSION});
    object([
        ("@timestamp", Some(moment(facts.ts).into())),
        ("ecs", Some(json!({"version": ECS_VERSION}))),
        ("event", Some(event)),
        ("message", Some(message.into())),
        ("log", Some(json!({"level": facts.level.word().to_ascii_lowercase()}))),
        ("observer", Some(observer)),
        ("service", broker),
        ("host", some_object([("id", device)])),
        ("user", some_object([("name", user)])),
        ("source", source),
        ("network", mqtt.is_some().then(|| json!({"protocol": "mqtt"}))),
        ("transaction", some_object([("id", command)])),
        ("file", file),
        ("mqtt", mqtt),
        (PRODUCT, Some(Json::Object(rest))),
    ])
}

fn mqtt(facts: &mut Facts<'_>) -> Option<Json> {
    some_object([
        ("topic", facts.json(Key::Topic)),
        ("client_id", facts.json(Key::ClientId)),
        ("packet_id", facts.json(Key::Mid)),
        ("protocol_version", facts.json(Key::Protocol)),
        ("qos", facts.json(Key::Qos)),
        ("retain", facts.json(Key::Retain)),
        ("dup", facts.json(Key::Dup)),
        ("correlation_data", facts.json(Key::Correlation)),
    ])
}

/// The peer; `source.ip` takes addresses and nothing else.
fn source(facts: &mut Facts<'_>) -> Option<Json> {
    let address = facts.json(Key::SourceIp);
    let ip = address.clone().filter(|ip| ip.as_str().is_some_and(|ip| ip.parse::<IpAddr>().is_ok()));
    some_object([("address", address), ("ip", ip), ("port", facts.json(Key::SourcePort))])
}

fn file(facts: &mut Facts<'_>) -> Option<Json> {
    let hash = some_object([("sha256", facts.json(Key::Sha256))]);
    some_object([("name", facts.json(Key::File)), ("hash", hash)])
}

fn event(facts: &mut Facts<'_>) -> Json {
    let seen = facts.time(Key::ObservedAt);
    facts.take(Key::ObservedAt);
    let outcome = facts.worked().map_or("unknown", |worked| if worked { "success" } else { "failure" });
    let span = facts.float(Key::LatencyMs).map(|ms| ms * 1e6).or(facts.float(Key::Seconds).map(|s| s * 1e9));
    let (categories, types) = (categories(facts.kind), types(facts.kind, &facts.event));
    object([
        ("kind", Some(if is_alert(facts) { "alert" } else { "event" }.into())),
        ("category", Some(categories.into())),
        ("type", Some(types.into())),
        ("action", Some(facts.event.as_str().into())),
        ("module", Some(PRODUCT.into())),
        ("dataset", Some("watchkeeper.audit".into())),
        ("provider", Some("audit".into())),
        ("sequence", Some(facts.seq.into())),
        ("severity", Some(severity(facts.level).into())),
        ("outcome", Some(outcome.into())),
        ("id", facts.json(Key::Id)),
        ("reason", facts.json(Key::Reason)),
        ("code", facts.take(Key::Code).map(|code| super::facts::to_text(&code).into())),
        ("created", seen.map(|at| moment(at).into())),
        ("duration", span.filter(|span| *span >= 0.0).map(|span| Json::from(whole(span)))),
        ("original", Some(facts.line.into())),
    ])
}

fn is_alert(facts: &Facts<'_>) -> bool {
    matches!(facts.kind, Kind::Alarm | Kind::Security) && facts.level > Level::Info
}

/// The categories are a closed set there; what fits none has none.
fn categories(kind: Kind) -> Vec<&'static str> {
    match kind {
        Kind::Connection => vec!["authentication", "session"],
        Kind::Command => vec!["api"],
        Kind::Config => vec!["configuration"],
        Kind::Security => vec!["intrusion_detection"],
        Kind::Delivery | Kind::Payload => vec!["network"],
        Kind::Alarm | Kind::Device => vec!["host"],
        Kind::System => vec!["process"],
    }
}

fn types(kind: Kind, event: &str) -> Vec<&'static str> {
    match event {
        "client_connected" | "started" => vec!["start"],
        "client_disconnected" | "session_expired" | "stopped" => vec!["end"],
        "client_refused" => vec!["start", "denied"],
        "publish_denied" | "subscribe_denied" => vec!["denied"],
        "config_changed" | "config_message" | "key_rotated" | "config_reloaded" => vec!["change"],
        "config_removed" | "pruned" | "device_forgotten" => vec!["deletion"],
        "searched" | "exported" => vec!["access"],
        "disk_full" | "write_failed" | "records_dropped" => vec!["error"],
        _ if kind == Kind::Command => vec!["access"],
        _ => vec!["info"],
    }
}

/// Nanoseconds as a whole number.
#[expect(clippy::cast_possible_truncation, reason = "the cast ends at the largest number there is")]
fn whole(ns: f64) -> i64 {
    ns.round() as i64
}

/// The numbers of syslog, as most pipelines use them there.
fn severity(level: Level) -> u32 {
    match level {
        Level::Info => 6,
        Level::Warn => 4,
        Level::Error => 3,
    }
}
