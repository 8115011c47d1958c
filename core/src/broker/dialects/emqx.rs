//! EMQX 4 to 6 (`emqx_sys.erl`, `emqx_stats.erl`, `emqx_metrics.erl`): one number a topic, below the node's name, once a
//! minute; JSON for each client that comes or goes. From its sources and documentation; no recording.
//!
//! Refusals are no events of it: its counters tell how many, and nobody tells whom. The rules that shipped with it forbid
//! `$SYS/#` and `#` to everybody. What is not told: sessions without a connection, messages in flight, heap.

use super::{Dialect, Fact, Said, Tells, Told, count, json, number};
use crate::broker::Value;
use crate::broker::clients::{Cause, Change, Denied};
use crate::broker::event::What;
use crate::broker::order::Mark;

pub(super) static DIALECT: Dialect = Dialect {
    word: "emqx",
    filters: &[
        "$SYS/brokers/+/version",
        "$SYS/brokers/+/uptime",
        "$SYS/brokers/+/stats/#",
        "$SYS/brokers/+/metrics/#",
        "$SYS/brokers/+/clients/#",
    ],
    tells: Tells {
        connected: true,
        left: &[
            Cause::ByClient,
            Cause::Closed,
            Cause::KeepAlive,
            Cause::TakenOver,
            Cause::Administrative,
            Cause::Other,
        ],
        refused: &[Cause::NotAuthorized],
        denied: &[Denied::Publish, Denied::Subscribe],
    },
    renames: false,
    sign,
    read,
};

/// Nodes are called `name@host` by no other make with topics below `brokers`.
fn sign(said: &Said) -> bool {
    let known = ["version", "uptime", "sysdescr", "datetime"];
    said.below("$SYS/brokers/").is_some_and(|(node, rest)| {
        let group = rest.split_once('/').map(|(group, _)| group);
        let is_known = known.contains(&rest) || matches!(group, Some("stats" | "metrics" | "clients"));
        node.contains('@') && is_known
    })
}

fn read(said: &Said, told: &mut Told) {
    let Some((node, rest)) = said.below("$SYS/brokers/") else { return };
    node.clone_into(&mut told.node);
    if let Some(of) = rest.strip_prefix("clients/") {
        // A client id may have levels of its own, so that it is taken from the document.
        return match of.rsplit_once('/').map(|(_, what)| what) {
            Some("connected") => came(said, told),
            Some("disconnected") => went(said, told),
            _ => {}
        };
    }
    let Some(text) = said.text() else { return };
    match rest {
        "version" => told.version(text),
        "uptime" => told.facts.extend(uptime(text).map(|seconds| Fact::Number(Value::Uptime, seconds))),
        _ => {
            told.facts.extend(counted(rest, text).or_else(|| level(rest, number(text)?)));
        }
    }
}

/// How often somebody was not allowed to do something.
fn counted(topic: &str, text: &str) -> Option<Fact> {
    let what = match topic {
        "metrics/packets/connack/auth_error" => What::Changed(Change::Refused, Cause::NotAuthorized),
        "metrics/packets/publish/auth_error" => What::Denied(Denied::Publish),
        "metrics/packets/subscribe/auth_error" => What::Denied(Denied::Subscribe),
        _ => return None,
    };
    Some(Fact::Counted(what, count(text)?))
}

fn level(topic: &str, number: f64) -> Option<Fact> {
    let value = match topic {
        "stats/live_connections/count" | "stats/live_connections.count" => Value::ClientsConnected,
        // Before there were live connections apart, all were.
        "stats/connections.count" => return Some(Fact::SecondBest(Value::ClientsConnected, number)),
        "stats/sessions/count" | "stats/sessions.count" => Value::ClientsTotal,
        "stats/subscriptions/count" | "stats/subscriptions.count" => Value::Subscriptions,
        "stats/retained/count" | "stats/retained.count" => Value::Retained,
        "metrics/packets/received" => Value::MessagesReceived,
        "metrics/packets/sent" => Value::MessagesSent,
        "metrics/packets/publish/received" => Value::PublishReceived,
        "metrics/packets/publish/sent" => Value::PublishSent,
        "metrics/delivery/dropped/queue_full" => Value::PublishDropped,
        "metrics/bytes/received" => Value::BytesReceived,
        "metrics/bytes/sent" => Value::BytesSent,
        _ => return None,
    };
    Some(Fact::Number(value, number))
}

/// Milliseconds, or `1 days, 4 hours, 10 minutes, 5 seconds` before version 5. Without seconds it is too coarse to tell a
/// restart, and not read.
fn uptime(text: &str) -> Option<f64> {
    if let Some(millis) = number(text) {
        return Some(millis / 1000.0);
    }
    let mut sum = 0.0;
    for part in text.split(',') {
        let (count, unit) = part.trim().split_once(' ')?;
        let unit = match unit.trim_end_matches('s') {
            "day" => 86_400.0,
            "hour" => 3600.0,
            "minute" => 60.0,
            "second" => 1.0,
            _ => return None,
        };
        sum += number(count)? * unit;
    }
    let last = text.trim_end();
    (last.ends_with("seconds") || last.ends_with("second")).then_some(sum)
}

fn came(said: &Said, told: &mut Told) {
    let event = json::look(said.payload, |document| {
        // Once a client that was refused was said to have connected, with its code.
        let what = match json::whole(document, "connack") {
            None | Some(0) => What::Changed(Change::Connected, Cause::Accepted),
            Some(code) => What::Changed(Change::Refused, super::codes::refusal(u32::try_from(code).ok()?)),
        };
        let mut event = json::event(document, what, "clientid", "connected_at")?;
        json::place(&mut event, json::text(document, "ipaddress"));
        Some(event)
    });
    let stamp = event.as_ref().and_then(|event| event.at).map(|at| at.0);
    told.event(event, Mark { stamp, unordered: false });
}

fn went(said: &Said, told: &mut Told) {
    let event = json::look(said.payload, |document| {
        let reason = json::text(document, "reason");
        let cause = reason.map_or(Cause::Other, cause);
        let what = What::Changed(Change::Disconnected, cause);
        let mut event = json::event(document, what, "clientid", "disconnected_at")?;
        json::place(&mut event, json::text(document, "ipaddress"));
        event.details = reason.map(json::short);
        Some(event)
    });
    let stamp = event.as_ref().and_then(|event| event.at).map(|at| at.0);
    told.event(event, Mark { stamp, unordered: false });
}

fn cause(reason: &str) -> Cause {
    match reason {
        "normal" => Cause::ByClient,
        "tcp_closed" | "ssl_closed" => Cause::Closed,
        "keepalive_timeout" | "idle_timeout" => Cause::KeepAlive,
        "takenover" | "discarded" => Cause::TakenOver,
        "kicked" => Cause::Administrative,
        "not_authorized" => Cause::NotAuthorized,
        "internal_error" => Cause::Unavailable,
        _ => Cause::Other,
    }
}
