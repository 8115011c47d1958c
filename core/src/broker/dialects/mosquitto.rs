//! Mosquitto 2.0 and 2.1 (`src/sys_tree.c`): text payloads, `uptime` with its unit. Held to recorded messages of 2.0.11 and
//! 2.1.2. Published only on change, and up to 2.0.15 what is retained expires after 60 s, so that silence of a topic means
//! nothing; the uptime comes at every interval.
//!
//! Who comes and goes stands in its log, which has a reader of its own. The topics of the plugin `connection-state` are
//! not read: they never say that a client with a session went, and say of clients that never got in that they did.

use super::{Dialect, Said, Tells, Told};
use crate::broker::Value;

pub(super) static DIALECT: Dialect = Dialect {
    word: "mosquitto",
    filters: &["$SYS/broker/#"],
    // The reader of its log says so when it hears one.
    tells: Tells::NOTHING,
    renames: false,
    sign,
    read,
};

/// `mosquitto version 2.0.11`, or `123 seconds`: no other make writes a unit.
fn sign(said: &Said) -> bool {
    let Some(text) = said.text() else { return false };
    match said.topic {
        "$SYS/broker/version" => text.starts_with("mosquitto version "),
        "$SYS/broker/uptime" => {
            text.strip_suffix(" seconds").is_some_and(|text| super::number(text).is_some())
        }
        _ => false,
    }
}

fn read(said: &Said, told: &mut Told) {
    let (Some(topic), Some(text)) = (said.topic.strip_prefix("$SYS/broker/"), said.text()) else { return };
    let value = match topic {
        "version" => return told.version(text.strip_prefix("mosquitto version ").unwrap_or_default()),
        "uptime" => return told.number(Value::Uptime, text.strip_suffix(" seconds")),
        "clients/connected" => Value::ClientsConnected,
        "clients/disconnected" => Value::ClientsDisconnected,
        "clients/total" => Value::ClientsTotal,
        "clients/expired" => Value::ClientsExpired,
        "messages/received" => Value::MessagesReceived,
        "messages/sent" => Value::MessagesSent,
        "publish/messages/received" => Value::PublishReceived,
        "publish/messages/sent" => Value::PublishSent,
        "publish/messages/dropped" => Value::PublishDropped,
        "bytes/received" => Value::BytesReceived,
        "bytes/sent" => Value::BytesSent,
        "subscriptions/count" => Value::Subscriptions,
        "retained messages/count" => Value::Retained,
        "store/messages/count" | "messages/stored" => Value::Stored,
        "messages/inflight" => Value::Inflight,
        "heap/current" => Value::Heap,
        // The averages, which Prometheus computes better, and old names for the above.
        _ => return,
    };
    told.number(value, Some(text));
}
