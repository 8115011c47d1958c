//! RMQTT 0.24 (plugins `sys-topic` and `counter`): statistics and counters as one document each, below the number of the
//! node; JSON for each client that comes or goes. From lines of a recording and its sources; the recording is not at hand.
//!
//! `undefined` is no user. Refusals are no events: its counters tell how many. What is not told: bytes, packets, uptime,
//! version, heap.

use super::{Dialect, Fact, Said, Tells, Told, json};
use crate::broker::Value;
use crate::broker::clients::{Cause, Change, Denied};
use crate::broker::event::What;
use crate::broker::order::Mark;

pub(super) static DIALECT: Dialect = Dialect {
    word: "rmqtt",
    filters: &["$SYS/brokers/+/stats", "$SYS/brokers/+/metrics", "$SYS/brokers/+/clients/#"],
    tells: Tells {
        connected: true,
        left: &[
            Cause::ByClient,
            Cause::Closed,
            Cause::KeepAlive,
            Cause::TakenOver,
            Cause::Network,
            Cause::Administrative,
            Cause::Other,
        ],
        refused: &[Cause::NotAuthorized, Cause::Unavailable],
        denied: &[Denied::Publish, Denied::Subscribe],
    },
    renames: false,
    sign,
    read,
};

/// Members of the two documents, and what they mean.
const LEVELS: [(&str, Value); 5] = [
    ("connections.count", Value::ClientsConnected),
    ("sessions.count", Value::ClientsTotal),
    ("subscriptions.count", Value::Subscriptions),
    ("retaineds.count", Value::Retained),
    ("out_inflights.count", Value::Inflight),
];
const COUNTERS: [(&str, What); 4] = [
    ("client.connack.auth.error", What::Changed(Change::Refused, Cause::NotAuthorized)),
    ("client.connack.unavailable.error", What::Changed(Change::Refused, Cause::Unavailable)),
    ("client.publish.auth.error", What::Denied(Denied::Publish)),
    ("client.subscribe.auth.error", What::Denied(Denied::Subscribe)),
];

/// Nodes are numbers, and the documents have dots in their names.
fn sign(said: &Said) -> bool {
    let Some((node, rest)) = said.below("$SYS/brokers/") else { return false };
    let has = |name| json::look(said.payload, |document| document.member(name).map(|_| ())).is_some();
    node.parse::<u64>().is_ok()
        && match rest {
            "stats" => has("connections.count"),
            "metrics" => has("client.connack.auth.error"),
            _ => rest.starts_with("clients/") && has("clientid") && has("node"),
        }
}

fn read(said: &Said, told: &mut Told) {
    let Some((node, rest)) = said.below("$SYS/brokers/") else { return };
    node.clone_into(&mut told.node);
    match rest {
        "stats" | "metrics" => members(said, told),
        _ => match rest.strip_prefix("clients/").and_then(|of| of.rsplit_once('/')) {
            Some((_, "connected")) => event(said, told, "connected_at", |_| {
                (What::Changed(Change::Connected, Cause::Accepted), None)
            }),
            Some((_, "disconnected")) => event(said, told, "disconnected_at", |reason| {
                (What::Changed(Change::Disconnected, reason.map_or(Cause::Other, cause)), reason)
            }),
            _ => {}
        },
    }
}

/// The members of a document that mean something.
fn members(said: &Said, told: &mut Told) {
    let read = json::look(said.payload, |document| {
        let level = |(name, value): &(&str, Value)| Some(Fact::Number(*value, json::level(document, name)?));
        let counted = |(name, what): &(&str, What)| {
            Some(Fact::Counted(*what, u64::try_from(json::whole(document, name)?).ok()?))
        };
        Some(
            LEVELS.iter().filter_map(level).chain(COUNTERS.iter().filter_map(counted)).collect::<Vec<Fact>>(),
        )
    });
    told.facts.extend(read.unwrap_or_default());
}

fn event(said: &Said, told: &mut Told, at: &str, what: fn(Option<&str>) -> (What, Option<&str>)) {
    let event = json::look(said.payload, |document| {
        let (what, details) = what(json::text(document, "reason"));
        let mut event = json::event(document, what, "clientid", at)?;
        json::place(&mut event, json::text(document, "ipaddress"));
        event.details = details.map(json::short);
        Some(event)
    });
    let stamp = event.as_ref().and_then(|event| event.at).map(|at| at.0);
    told.event(event, Mark { stamp, unordered: false });
}

/// Reasons come in a row, the first being what happened first: `Disconnect(V3),RemoteClose`.
fn cause(reason: &str) -> Cause {
    let starts = |word| reason.starts_with(word);
    if starts("Disconnect") {
        Cause::ByClient
    } else if starts("RemoteClose") {
        Cause::Closed
    } else if starts("KeepaliveTimeout") {
        Cause::KeepAlive
    } else if starts("ByAdminKick") {
        Cause::Administrative
    } else if starts("Kicked") {
        Cause::TakenOver
    } else if starts("ProtocolError") || starts("Unsupported packet type") {
        Cause::ProtocolError
    } else if starts("io error") || starts("ReadWriteError") || starts("ReadWriteTimeout") {
        Cause::Network
    } else {
        Cause::Other
    }
}
