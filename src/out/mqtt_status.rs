//! `GET /api/mqtt/status` and what waits for a device: what was observed on the command streams, and the report in
//! figures. What a subscriber cannot know is null, and nothing here may guess it.

use super::api::{Id, Pairs, pairs, segment, unknown_device};
use super::{Desk, answer};
use crate::clock;
use crate::engine::status::Facts;
use crate::ingest::status::LinkState;
use crate::out::problem::Problem;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use watchkeeper_core::time::{Now, Wall, seconds};

/// Errors that are shown.
const ERRORS_MAX: usize = 10;

/// One connection for devices.
#[derive(Clone, Debug)]
struct Link {
    broker: String,
    state: LinkState,
    /// Seconds of this run during which it was not there.
    outage: f64,
}

/// `GET /api/mqtt/status`.
pub(crate) async fn get(State(desk): State<Desk>, query: Pairs) -> Result<Json<Value>, Problem> {
    if !pairs(query)?.is_empty() {
        return Err(Problem::bad_request("unknown parameter; this endpoint has none"));
    }
    let subject = &desk.shared.subject;
    let facts = answer(subject.engine.observed()).await?;
    let links: Vec<Link> = subject
        .brokers
        .iter()
        .map(|link| Link {
            broker: link.name.clone(),
            state: link.devices.get(),
            outage: subject.own.outage_seconds.with_label_values(&[&*link.name]).get(),
        })
        .collect();
    Ok(Json(status(&facts, &links, subject.started, clock::now())))
}

/// `GET` or `POST /api/nodes/{id}/commands/queue-status`.
pub(crate) async fn queue(State(desk): State<Desk>, id: Id) -> Result<Json<Value>, Problem> {
    let id = segment(id)?;
    let known = answer(desk.shared.subject.engine.queue(id.clone())).await?;
    let mut status = known.ok_or_else(unknown_device)?;
    // What is inferred is known better now than in the last snapshot.
    if let Some(queue) = super::queues::of_device(&desk, &id) {
        status["queue"] = queue;
    }
    Ok(Json(status))
}

fn status(facts: &Facts, links: &[Link], started: Now, now: Now) -> Value {
    let description = match facts.queued_for {
        0 => "Not known: nothing that was sent while its device was offline was answered later in this run"
            .to_owned(),
        1 => {
            "Commands are queued: one device answered, after it was back, what was sent while it was offline"
                .to_owned()
        }
        many => format!(
            "Commands are queued: {many} devices answered, after they were back, what was sent while they were offline"
        ),
    };
    json!({
        "timestamp": now.wall.rfc3339(),
        "persistent_sessions": {
            "enabled": (facts.queued_for > 0).then_some(true),
            "description": description,
        },
        "device_manager": {"connected_devices": facts.online, "device_list": facts.ids},
        "mqtt_publisher": {
            "commands_sent": facts.commands_sent,
            "commands_failed": facts.commands_failed,
            "connection_status": !links.is_empty() && links.iter().all(|link| link.state.connected),
            "qos_level": facts.qos,
            "clean_session": null,
        },
        "statistics": statistics(facts, links, seconds(now.mono.since(started.mono))),
    })
}

fn statistics(facts: &Facts, links: &[Link], uptime: f64) -> Value {
    let received: u64 = facts.by_kind.values().sum();
    // At the very start there is nothing to divide by.
    let per_second = |count: f64| if uptime > 0.0 { count / uptime } else { 0.0 };
    let outage = links.iter().map(|link| link.outage).fold(0.0, f64::max).min(uptime);
    json!({
        "uptime_seconds": round(uptime, 3),
        "messages": {
            "published": null,
            "received": received,
            "rate_per_minute": round(per_second(received as f64) * 60.0, 3),
        },
        "data": {
            "sent_MB": null,
            "received_MB": round(facts.bytes as f64 / 1024.0 / 1024.0, 6),
            "bandwidth_kbps": round(per_second(facts.bytes as f64) / 1024.0 * 8.0, 3),
        },
        "reliability": {
            "disconnections": links.iter().map(|link| link.state.disconnections).sum::<u64>(),
            "availability_percent": round(100.0 - 100.0 * per_second(outage), 3),
        },
        "message_distribution": facts.by_kind,
        "recent_errors": recent_errors(facts, links),
    })
}

/// The last ones of the connections and of the messages, oldest first.
fn recent_errors(facts: &Facts, links: &[Link]) -> Vec<Value> {
    let failures = links.iter().flat_map(|link| link.state.failures.iter().map(|one| (&link.broker, one)));
    let failures = failures.map(|(broker, one)| {
        let kind = if one.was_up { "disconnect" } else { "connect" };
        (one.at, shown(one.at, (broker, kind, one.reason), None, &one.summary))
    });
    let bad = facts.bad.iter().map(|bad| {
        (bad.at, shown(bad.at, (&bad.broker, bad.kind, &bad.reason), bad.device.as_deref(), &bad.details))
    });
    let mut all: Vec<(Wall, Value)> = failures.chain(bad).collect();
    all.sort_by_key(|(at, _)| *at);
    let from = all.len().saturating_sub(ERRORS_MAX);
    all.drain(from..).map(|(_, shown)| shown).collect()
}

fn shown(at: Wall, (broker, kind, reason): (&str, &str, &str), device: Option<&str>, details: &str) -> Value {
    json!({
        "time": at.rfc3339(), "type": kind, "reason": reason, "broker": broker, "device": device, "details": details,
    })
}

/// So many decimals: what is beyond them is noise.
fn round(value: f64, decimals: i32) -> f64 {
    let unit = 10_f64.powi(decimals);
    (value * unit).round() / unit
}

#[cfg(test)]
mod tests;
