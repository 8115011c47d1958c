//! `FlashMQ` (`publishStat` in `threaddata.cpp`): text payloads every 10 s, retained, units in the topic. From lines of a
//! recording of 1.26.2 and its sources; the recording is not at hand.
//!
//! `clients/total` are those that are connected, not the sessions as elsewhere. What is not told: clients that come or go
//! (they stand in its log file), sessions without a connection, bytes, packets, drops, uptime, version, heap.

use super::{Dialect, Said, Tells, Told};
use crate::broker::Value;

pub(super) static DIALECT: Dialect = Dialect {
    word: "flashmq",
    filters: &["$SYS/broker/#"],
    tells: Tells::NOTHING,
    renames: false,
    sign: |said| said.topic == "$SYS/broker/network/socketconnects/total",
    read,
};

fn read(said: &Said, told: &mut Told) {
    let value = match said.topic.strip_prefix("$SYS/broker/") {
        Some("clients/total") => Value::ClientsConnected,
        Some("sessions/total") => Value::ClientsTotal,
        Some("load/messages/received/total") => Value::PublishReceived,
        Some("load/messages/sent/total") => Value::PublishSent,
        Some("subscriptions/count") => Value::Subscriptions,
        Some("retained messages/count") => Value::Retained,
        _ => return,
    };
    told.number(value, said.text());
}
