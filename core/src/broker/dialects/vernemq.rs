//! `VerneMQ` (`vmq_systree.erl`, `vmq_metrics.erl`): one whole number a topic, every 20 s, not retained; the topic is the name
//! of the metric, split at every `_`, below the name of the node. From its sources and documentation; no recording.
//!
//! Clients are no events of it; its counters tell how many were refused over MQTT 3.1.1, and over MQTT 5 nobody tells why.
//! What is not told: sessions without a connection, messages in flight, uptime, version.

use super::{Dialect, Fact, Said, Tells, Told, count, number};
use crate::broker::Value;
use crate::broker::clients::{Cause, Change, Denied};
use crate::broker::event::What;

pub(super) static DIALECT: Dialect = Dialect {
    word: "vernemq",
    filters: &["$SYS/#"],
    tells: Tells {
        connected: false,
        left: &[Cause::KeepAlive],
        refused: &[Cause::BadCredentials, Cause::NotAuthorized, Cause::BadClientId],
        denied: &[Denied::Publish, Denied::Subscribe],
    },
    renames: false,
    sign,
    read,
};

/// A node called `name@host` right below `$SYS`.
fn sign(said: &Said) -> bool {
    said.below("$SYS/").is_some_and(|(node, rest)| {
        node.contains('@') && said.text().and_then(|text| fact(rest, text)).is_some()
    })
}

fn read(said: &Said, told: &mut Told) {
    let Some((node, rest)) = said.below("$SYS/") else { return };
    node.clone_into(&mut told.node);
    told.facts.extend(said.text().and_then(|text| fact(rest, text)));
}

fn fact(topic: &str, text: &str) -> Option<Fact> {
    let refused = |cause| What::Changed(Change::Refused, cause);
    let what = match topic {
        "mqtt/connack/bad/credentials/sent" => refused(Cause::BadCredentials),
        "mqtt/connack/not/authorized/sent" => refused(Cause::NotAuthorized),
        "mqtt/connack/identifier/rejected/sent" => refused(Cause::BadClientId),
        "mqtt/publish/auth/error" => What::Denied(Denied::Publish),
        "mqtt/subscribe/auth/error" => What::Denied(Denied::Subscribe),
        "client/keepalive/expired" => What::Changed(Change::Disconnected, Cause::KeepAlive),
        _ => return Some(Fact::Number(level(topic)?, number(text)?)),
    };
    Some(Fact::Counted(what, count(text)?))
}

fn level(topic: &str) -> Option<Value> {
    Some(match topic {
        "active/mqtt/connections" => Value::ClientsConnected,
        // A queue is a session, with or without a connection.
        "queue/processes" => Value::ClientsTotal,
        "mqtt/publish/received" => Value::PublishReceived,
        "mqtt/publish/sent" => Value::PublishSent,
        "queue/message/drop" => Value::PublishDropped,
        "bytes/received" => Value::BytesReceived,
        "bytes/sent" => Value::BytesSent,
        "router/subscriptions" => Value::Subscriptions,
        "retain/messages" => Value::Retained,
        _ => return None,
    })
}
