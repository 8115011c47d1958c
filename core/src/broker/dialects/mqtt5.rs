//! The broker of `watchkeeper demo` (crate `mqtt5`, `sys_topics.rs`): text payloads, retained. From its sources, and from the
//! demo's own test.
//!
//! `clients/total` counts every connection since the start and `messages` only PUBLISH packets, with `bytes` their sum; the
//! first and the bytes are absent.

use super::{Dialect, Said, Tells, Told};
use crate::broker::Value;

pub(super) static DIALECT: Dialect = Dialect {
    word: "mqtt5",
    filters: &["$SYS/broker/#"],
    tells: Tells::NOTHING,
    renames: false,
    sign: |said| said.topic == "$SYS/broker/implementation" && said.payload == b"mqtt-v5",
    read,
};

fn read(said: &Said, told: &mut Told) {
    let (Some(topic), Some(text)) = (said.topic.strip_prefix("$SYS/broker/"), said.text()) else { return };
    let value = match topic {
        "version" => return told.version(text),
        "uptime" => Value::Uptime,
        "clients/connected" => Value::ClientsConnected,
        "messages/publish/received" => Value::PublishReceived,
        "messages/publish/sent" => Value::PublishSent,
        "retained/count" => Value::Retained,
        "subscriptions/count" => Value::Subscriptions,
        _ => return,
    };
    told.number(value, Some(text));
}
