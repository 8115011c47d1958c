//! amqtt with its plugin `BrokerSysPlugin`: text payloads, of which only the version is retained. Held to recorded messages
//! of 0.12.1.
//!
//! `clients/disconnected` counts every farewell since the start, not sessions, and `clients/total` adds it to those that
//! are connected; `heap/size` is the memory of the process. All three are absent, as are drops and who comes or goes.

use super::{Dialect, Said, Tells, Told};
use crate::broker::Value;

const VERSION: &str = "aMQTT version ";

pub(super) static DIALECT: Dialect = Dialect {
    word: "amqtt",
    filters: &["$SYS/broker/#"],
    tells: Tells::NOTHING,
    renames: false,
    sign: |said| said.topic == "$SYS/broker/version" && said.payload.starts_with(VERSION.as_bytes()),
    read,
};

fn read(said: &Said, told: &mut Told) {
    let (Some(topic), Some(text)) = (said.topic.strip_prefix("$SYS/broker/"), said.text()) else { return };
    let value = match topic {
        "version" => return told.version(text.strip_prefix(VERSION).unwrap_or_default()),
        "uptime" => Value::Uptime,
        "clients/connected" => Value::ClientsConnected,
        "load/bytes/received" => Value::BytesReceived,
        "load/bytes/sent" => Value::BytesSent,
        "messages/received" => Value::MessagesReceived,
        "messages/sent" => Value::MessagesSent,
        "messages/publish/received" => Value::PublishReceived,
        "messages/publish/sent" => Value::PublishSent,
        "messages/inflight" => Value::Inflight,
        "messages/inflight/stored" => Value::Stored,
        "messages/retained/count" => Value::Retained,
        "messages/subscriptions/count" => Value::Subscriptions,
        _ => return,
    };
    told.number(value, Some(text));
}
