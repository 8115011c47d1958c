//! Mochi, the Go library (`server.go`, v2.7.9): whole numbers as text, retained, once a second. From its sources; no
//! recording. `load/bytes` are counters here and averages elsewhere.
//!
//! What is not told: sessions that expired, what the store holds, who comes or goes.

use super::{Dialect, Said, Tells, Told};
use crate::broker::Value;

pub(super) static DIALECT: Dialect = Dialect {
    word: "mochi",
    filters: &["$SYS/broker/#"],
    tells: Tells::NOTHING,
    renames: false,
    sign: |said| said.topic == "$SYS/broker/started",
    read,
};

fn read(said: &Said, told: &mut Told) {
    let (Some(topic), Some(text)) = (said.topic.strip_prefix("$SYS/broker/"), said.text()) else { return };
    let value = match topic {
        "version" => return told.version(text),
        "uptime" => Value::Uptime,
        "clients/connected" => Value::ClientsConnected,
        "clients/disconnected" => Value::ClientsDisconnected,
        "clients/total" => Value::ClientsTotal,
        "load/bytes/received" => Value::BytesReceived,
        "load/bytes/sent" => Value::BytesSent,
        "packets/received" => Value::MessagesReceived,
        "packets/sent" => Value::MessagesSent,
        "messages/received" => Value::PublishReceived,
        "messages/sent" => Value::PublishSent,
        "messages/dropped" => Value::PublishDropped,
        "messages/inflight" => Value::Inflight,
        "retained" => Value::Retained,
        "subscriptions" => Value::Subscriptions,
        "system/memory" => Value::Heap,
        _ => return,
    };
    told.number(value, Some(text));
}
