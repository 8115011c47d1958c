//! OCSF 1.3: the class follows from the event, what the class has a place for goes there, the rest to `unmapped`. It
//! must have every attribute that the class requires; what a record does not say is then said to be unknown.

use super::class::{self, Class};
use super::facts::{Facts, object, some_object};
use super::{PRODUCT, VENDOR, VERSION};
use crate::line::moment;
use crate::record::{Key, Level};
use serde_json::{Value as Json, json};

const OCSF_VERSION: &str = "1.3.0";

pub(super) fn document(facts: &mut Facts<'_>) -> Json {
    let known = facts.text(Key::ClientId).is_some() || facts.text(Key::User).is_some();
    let class = Class::of(facts.kind, &facts.event, known);
    let (status, worked) = (facts.text(Key::Result).map(str::to_owned), facts.worked());
    let mut document = object([
        ("activity_id", Some(class.activity.into())),
        ("activity_name", Some(class.activity_name(&facts.event).into())),
        ("category_uid", Some((class.uid / 1000).into())),
        ("class_uid", Some(class.uid.into())),
        ("class_name", Some(class.name.into())),
        ("type_uid", Some((class.uid * 100 + class.activity).into())),
        ("severity_id", Some(severity(facts.level).into())),
        ("severity", Some(severity_name(facts.level).into())),
        ("time", Some(facts.ts.0.div_euclid(1000).into())),
        ("time_dt", Some(moment(facts.ts).into())),
        ("message", Some(facts.sentence().into())),
        ("raw_data", Some(facts.line.into())),
        ("metadata", Some(metadata(facts))),
    ]);
    // Of a finding it says how far it is, not whether something worked.
    if class.uid == class::FINDING {
        document["status_id"] = [0, 1, 2, 4].get(class.activity as usize).copied().unwrap_or(0).into();
    } else {
        document["status_id"] = worked.map_or(0, |worked| if worked { 1 } else { 2 }).into();
        set(&mut document, "status", status.map(Json::from));
        facts.take(Key::Result);
        set(&mut document, "status_detail", facts.json(Key::Reason));
        set(
            &mut document,
            "status_code",
            facts.take(Key::Code).map(|code| super::facts::to_text(&code).into()),
        );
    }
    facts.take(Key::Details);
    whose(facts, class, &mut document);
    what(facts, class, &mut document);
    let mut unmapped = facts.rest_json();
    unmapped.insert("type".to_owned(), facts.kind.word().into());
    document["unmapped"] = Json::Object(unmapped);
    document
}

fn set(document: &mut Json, name: &str, value: Option<Json>) {
    if let Some(value) = value {
        document[name] = value;
    }
}

fn metadata(facts: &mut Facts<'_>) -> Json {
    let product = json!({"name": PRODUCT, "vendor_name": VENDOR, "version": VERSION});
    let seen = facts.time(Key::ObservedAt);
    facts.take(Key::ObservedAt);
    object([
        ("version", Some(OCSF_VERSION.into())),
        ("product", Some(product)),
        ("profiles", Some(json!(["datetime", "host"]))),
        ("sequence", Some(facts.seq.into())),
        ("event_code", Some(facts.event.as_str().into())),
        ("log_name", Some("audit".into())),
        ("log_provider", Some(facts.origin.into())),
        ("log_level", Some(facts.level.word().into())),
        ("original_time", Some(moment(facts.ts).into())),
        ("uid", facts.json(Key::Id)),
        ("correlation_uid", facts.text(Key::CmdId).map(Json::from)),
        ("logged_time", seen.map(|at| at.0.div_euclid(1000).into())),
        ("logged_time_dt", seen.map(|at| moment(at).into())),
    ])
}

/// Who, from where, to where, and which device.
fn whose(facts: &mut Facts<'_>, class: Class, document: &mut Json) {
    let client = facts.json(Key::ClientId);
    let user = facts.json(Key::User);
    let mut source = object([
        ("ip", facts.json(Key::SourceIp)),
        ("port", facts.json(Key::SourcePort)),
        ("uid", client.clone()),
    ]);
    if class.uid == class::API && source == json!({}) {
        // Who sent a message is not known to those who receive it.
        source = json!({"name": "unknown"});
    }
    let person = object([
        ("name", user.clone()),
        ("uid", if user.is_none() { client } else { None }),
        ("type_id", Some(0.into())),
    ]);
    if class.uid == class::AUTHENTICATION {
        document["user"] = person;
        document["service"] = json!({"name": "mqtt"});
    } else if user.is_some() {
        document["actor"] = json!({"user": person});
    } else if class.uid == class::API {
        // The sender as the payload says it; the key stays in `unmapped`, too.
        document["actor"] = json!({"app_name": facts.text(Key::Source).unwrap_or("unknown")});
    }
    if source != json!({}) {
        document["src_endpoint"] = source;
    }
    let broker = some_object([("name", facts.json(Key::Broker))]);
    set(
        document,
        "dst_endpoint",
        broker.or((class.uid == class::NETWORK).then(|| json!({"name": "unknown"}))),
    );
    if let Some(device) = facts.json(Key::Device) {
        document["device"] = json!({"uid": device, "type_id": 7, "type": "IOT"});
    }
}

/// The object that the class is about.
fn what(facts: &mut Facts<'_>, class: Class, document: &mut Json) {
    match class.uid {
        class::API => {
            let operation = facts.json(Key::Cmd).unwrap_or_else(|| facts.event.as_str().into());
            let request = facts.json(Key::CmdId).map(|id| json!({"uid": id}));
            document["api"] = object([("operation", Some(operation)), ("request", request)]);
            let latency = facts.float(Key::LatencyMs);
            set(document, "duration", latency.map(|latency| Json::from(whole(latency))));
        }
        class::ENTITY => {
            let name = facts.text(Key::Topic).unwrap_or("unknown").to_owned();
            let entity = |value: Option<Json>| {
                let data = value.map(|value| json!({"value": value}));
                object([
                    ("name", Some(name.as_str().into())),
                    ("type", Some("configuration".into())),
                    ("data", data),
                ])
            };
            document["entity"] = entity(facts.json(Key::Old));
            document["entity_result"] = entity(facts.json(Key::New));
        }
        class::FINDING => {
            let uid =
                facts.json(Key::AlarmId).unwrap_or_else(|| format!("{}/{}", facts.origin, facts.seq).into());
            let title = facts.text(Key::Alarm).unwrap_or(&facts.event).to_owned();
            document["finding_info"] = json!({"uid": uid, "title": title, "types": [facts.event]});
            document["is_alert"] = (class.activity == 1 && facts.level > Level::Info).into();
        }
        class::LIFECYCLE => {
            let version = facts.json(Key::Version).unwrap_or_else(|| VERSION.into());
            document["app"] = json!({"name": PRODUCT, "vendor_name": VENDOR, "version": version});
        }
        class::EVENT_LOG => {
            document["log_name"] = "audit".into();
            document["log_provider"] = PRODUCT.into();
            if let Some(name) = facts.json(Key::File) {
                let hash = facts
                    .json(Key::Sha256)
                    .map(|hash| json!([{"algorithm_id": 3, "algorithm": "SHA-256", "value": hash}]));
                document["file"] =
                    object([("name", Some(name)), ("type_id", Some(1.into())), ("hashes", hash)]);
            }
        }
        _ => {}
    }
}

/// Milliseconds as a whole number.
#[expect(clippy::cast_possible_truncation, reason = "the cast ends at the largest number there is")]
fn whole(ms: f64) -> i64 {
    ms.round() as i64
}

fn severity(level: Level) -> u32 {
    match level {
        Level::Info => 1,
        Level::Warn => 3,
        Level::Error => 4,
    }
}

fn severity_name(level: Level) -> &'static str {
    match level {
        Level::Info => "Informational",
        Level::Warn => "Medium",
        Level::Error => "High",
    }
}
