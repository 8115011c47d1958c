//! How we are: a pure report over what the connections and the engine say, and the endpoints that serve it.
//! It must always answer, also when the engine does not. The health of the fleet is no part of ours.
//!
//! One rule binds it together: the worst severity among the issues is the status.

mod audit;
mod certificates;
mod issues;
mod link;
mod probe;
mod probed;
mod queues;

pub(crate) use probe::alive;

use super::{Desk, Shared, answer};
use crate::clock;
use crate::engine::handle::Overview;
use audit::AuditView;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use link::LinkView;
use queues::QueuesView;
use serde::Serialize;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use watchkeeper_core::shard::Shard;
use watchkeeper_core::time::{Now, SECOND, Wall, seconds};

/// A broker that has been away for longer makes us unhealthy.
const AWAY_MAX: u64 = 300 * SECOND;

/// All that the report is made of.
#[derive(Clone, Debug)]
pub(crate) struct Inputs {
    now: Now,
    started: Now,
    version: &'static str,
    links: Vec<LinkView>,
    /// None: the engine did not answer.
    overview: Option<Overview>,
    /// Since when it does not.
    silent_since: Option<Wall>,
    /// None: the log is off.
    audit: Option<AuditView>,
    queues: QueuesView,
    /// Addresses that answer everything to other machines without asking who they are.
    open: Vec<SocketAddr>,
    shard: Shard,
}

/// Since when the engine has not answered: the first question of those that it left without an answer, and the last one. If
/// nobody has asked for long, nobody knows what was in between.
#[derive(Debug, Default)]
pub(super) struct Silence(Mutex<Option<(Wall, Wall)>>);

/// Questions that are further apart, in microseconds, belong to two silences.
const APART: i64 = 300 * SECOND.cast_signed();

impl Silence {
    fn note(&self, is_answered: bool, asked: Wall) -> Option<Wall> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lasting = known.filter(|(_, last)| asked.0.saturating_sub(last.0) < APART);
        *known = (!is_answered).then(|| (lasting.map_or(asked, |(first, _)| first), asked));
        known.map(|(first, _)| first)
    }
}

/// `GET /api/health`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct HealthReport {
    status: Status,
    timestamp: String,
    version: &'static str,
    uptime_seconds: f64,
    mqtt: Mqtt,
    brokers: Vec<Value>,
    audit: Value,
    /// Only where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<Value>,
    issues: Option<Vec<Issue>>,
}

/// In one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Healthy,
    Degraded,
    Unhealthy,
}

/// How much an issue weighs: the status it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    Info,
    Warning,
    Critical,
}

/// What is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Issue {
    code: &'static str,
    severity: Severity,
    summary: String,
    since: Option<String>,
    cure: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    broker: Option<String>,
}

/// The worst of the connections.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Mqtt {
    connected: bool,
    last_activity_seconds_ago: Option<f64>,
    reconnect_attempts: u64,
    pending_requests: u64,
}

/// The report.
pub(crate) fn report(inputs: &Inputs) -> HealthReport {
    let issues = issues::find(inputs);
    let worst = link::worst_first(inputs).first().copied();
    HealthReport {
        status: status(&issues),
        timestamp: inputs.now.wall.rfc3339(),
        version: inputs.version,
        uptime_seconds: seconds(inputs.now.mono.since(inputs.started.mono)),
        mqtt: Mqtt {
            connected: worst.is_some_and(|link| link.devices.connected),
            last_activity_seconds_ago: worst.and_then(|link| link.seconds_ago(inputs.now)),
            reconnect_attempts: worst.map_or(0, LinkView::attempts),
            pending_requests: inputs
                .overview
                .iter()
                .flat_map(|all| &all.brokers)
                .map(|one| one.pending)
                .sum(),
        },
        brokers: inputs.links.iter().map(LinkView::summary).collect(),
        audit: audit::summary(inputs.audit.as_ref()),
        shard: shard(inputs.shard),
        issues: (!issues.is_empty()).then_some(issues),
    }
}

/// Which of several shards this is, and who does what only one of them does.
fn shard(shard: Shard) -> Option<Value> {
    let by_one = if shard.is_first() { "this one" } else { "shard 0" };
    let (index, total) = (shard.index(), shard.total());
    let shown =
        json!({"index": index, "total": total, "queues": by_one, "probe": by_one, "client_events": by_one});
    (!shard.is_whole()).then_some(shown)
}

impl HealthReport {
    pub(super) fn response_status(&self) -> StatusCode {
        match self.status {
            Status::Healthy | Status::Degraded => StatusCode::OK,
            Status::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl Inputs {
    /// What the engine said; none where it did not answer.
    pub(super) fn overview(&self) -> Option<&Overview> {
        self.overview.as_ref()
    }
}

#[cfg(test)]
impl Inputs {
    /// Lets time pass.
    pub(super) fn pass(&mut self, seconds: u64) {
        self.now.mono = self.now.mono.plus(seconds * SECOND);
    }
}

fn status(issues: &[Issue]) -> Status {
    match issues.iter().map(|issue| issue.severity).max() {
        None | Some(Severity::Info) => Status::Healthy,
        Some(Severity::Warning) => Status::Degraded,
        Some(Severity::Critical) => Status::Unhealthy,
    }
}

/// `GET /api/health/mqtt`: the worst broker, and all of them where there are several.
pub(crate) fn mqtt_report(inputs: &Inputs) -> Value {
    let links = link::worst_first(inputs);
    let mut details = links.iter().map(|link| link.detail(inputs));
    let mut worst = details.next().unwrap_or_else(|| json!({"connected": false}));
    if links.len() > 1 {
        let all: Vec<Value> = std::iter::once(worst.clone()).chain(details).collect();
        worst["brokers"] = Value::Array(all);
    }
    worst
}

/// Serves the report.
pub(crate) async fn get(State(desk): State<Desk>) -> Response {
    let report = report(&inputs(&desk.shared).await);
    (report.response_status(), Json(report)).into_response()
}

/// Serves the connections.
pub(crate) async fn get_mqtt(State(desk): State<Desk>) -> Json<Value> {
    Json(mqtt_report(&inputs(&desk.shared).await))
}

/// Reads what there is to read now.
pub(crate) async fn inputs(shared: &Shared) -> Inputs {
    let subject = &shared.subject;
    let asked = clock::wall();
    let overview = answer(subject.engine.overview()).await.ok();
    let silent_since = shared.silence.note(overview.is_some(), asked);
    let asks_who = shared.token.is_some() || shared.web_config().is_some_and(|config| config.asks_who());
    Inputs {
        now: clock::now(),
        started: subject.started,
        version: subject.version,
        links: subject.brokers.iter().map(LinkView::read).collect(),
        overview,
        silent_since,
        audit: subject
            .audit
            .status()
            .zip(subject.audit.dir())
            .map(|(status, dir)| AuditView { dir: dir.to_owned(), status }),
        queues: QueuesView::read(&subject.queues),
        shard: subject.shard,
        open: if asks_who || shared.web_config.is_none() { Vec::new() } else { shared.exposed.clone() },
    }
}

#[cfg(test)]
mod tests;
