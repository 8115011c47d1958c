//! VerneMQ (`vmq_systree.erl`, `vmq_metrics.erl`): one whole number a topic, every 20 s, not retained; the topic is the name
//! of the metric, split at every `_`, below the name of the node. From its sources and documentation; no recording.
//!
//! Clients are no events of it; its counters tell how many were refused over MQTT 3.1.1, and over MQTT 5 nobody tells why.
//! What is not told: sessions without a connection, messages in flight, uptime, version.

use super::{Dialect, Fact, Said, Tells, Told, number};
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
        node.contains('@') && fact(rest, 0.0).is_some() && said.text().and_then(number).is_some()
    })
}

fn read(said: &Said, told: &mut Told) {
    let Some((node, rest)) = said.below("$SYS/") else { return };
    node.clone_into(&mut told.node);
    let number = said.text().and_then(number);
    told.facts.extend(number.and_then(|number| fact(rest, number)));
}

fn fact(topic: &str, number: f64) -> Option<Fact> {
    let refused = |cause| Some(Fact::Counted(What::Changed(Change::Refused, cause), number));
    let value = match topic {
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
        "mqtt/connack/bad/credentials/sent" => return refused(Cause::BadCredentials),
        "mqtt/connack/not/authorized/sent" => return refused(Cause::NotAuthorized),
        "mqtt/connack/identifier/rejected/sent" => return refused(Cause::BadClientId),
        "mqtt/publish/auth/error" => return Some(Fact::Counted(What::Denied(Denied::Publish), number)),
        "mqtt/subscribe/auth/error" => return Some(Fact::Counted(What::Denied(Denied::Subscribe), number)),
        "client/keepalive/expired" => {
            return Some(Fact::Counted(What::Changed(Change::Disconnected, Cause::KeepAlive), number));
        }
        _ => return None,
    };
    Some(Fact::Number(value, number))
}
