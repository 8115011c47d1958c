//! What we say over HTTP: metrics, health, the API and the landing page. Everything here reads; the only things
//! it may change are those that an operator asks for: a device to forget, the number that one sends next, a device that
//! is to be left out of alerts. Nothing here may wait for a broker.

mod accept;
mod api;
mod audit;
mod audit_families;
mod basic_auth;
mod escape;
mod health;
pub(crate) mod http;
mod intake_families;
mod lifecycle;
mod metrics;
mod mqtt_status;
mod mutes;
mod nodes_query;
mod own_families;
mod page;
mod problem;
mod process;
mod queues;
mod rate_limit;
#[cfg(test)]
mod reference;
mod reload;
mod routes;
mod security;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tls;
mod topics;
pub(crate) mod web_config;

use crate::audit::Window;
use crate::audit::receiving::AuditLink;
use crate::engine::handle::{EngineHandle, Stopping};
use crate::ingest::status::LinkStatus;
use crate::own::Own;
use crate::probe::status::ProbeStatus;
use crate::queues::Window as Queues;
use axum::http::StatusCode;
use problem::Problem;
use security::{Listener, Token};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use watchkeeper_core::time::Now;
use web_config::WebConfig;

/// Scrapes that may run at once; each holds a question to the engine and some buffers.
const SCRAPES_MAX: usize = 4;

/// Histories of queues that may be read at once.
const HISTORIES_MAX: usize = 4;

/// How long the engine may take to answer: it answers between two slices of arrivals.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The connections to one broker.
#[derive(Clone, Debug)]
pub(crate) struct BrokerLink {
    /// Its label.
    pub(crate) name: String,
    /// The connection that hears the devices.
    pub(crate) devices: Arc<LinkStatus>,
    /// The connection for `$SYS`, where there is one.
    pub(crate) sys: Option<Arc<LinkStatus>>,
    /// The connection for audited messages, where there are any.
    pub(crate) audit: Option<AuditLink>,
    /// What the probe finds, where it is on.
    pub(crate) probe: Option<Arc<ProbeStatus>>,
    /// `insecure_skip_verification` is on, and there is TLS to verify.
    pub(crate) unverified: bool,
}

/// What the server speaks about.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// How the engine is asked.
    pub(crate) engine: EngineHandle,
    /// Our own metrics.
    pub(crate) own: Own,
    /// The log.
    pub(crate) audit: Window,
    /// The queues of the broker's clients.
    pub(crate) queues: Queues,
    /// One entry a broker.
    pub(crate) brokers: Vec<BrokerLink>,
    /// Who reads the configuration again, where that may be asked for over HTTP.
    pub(crate) reload: Option<tokio::sync::mpsc::Sender<crate::sidecar::reload::Wish>>,
    /// Which of several processes that share the fleet this one is.
    pub(crate) shard: watchkeeper_core::shard::Shard,
    /// When the process began.
    pub(crate) started: Now,
    /// Of the program.
    pub(crate) version: &'static str,
    /// Of its source.
    pub(crate) revision: &'static str,
}

/// What all listeners share.
#[derive(Debug)]
pub(crate) struct Shared {
    subject: Subject,
    telemetry_path: String,
    /// Since when the engine gives no answer.
    silence: health::Silence,
    /// Listening addresses that are reachable from other machines.
    exposed: Vec<SocketAddr>,
    scrapes: Arc<Semaphore>,
    /// Who may ask the log at once.
    audit: audit::Room,
    /// Who may read the history of queues at once.
    histories: Arc<Semaphore>,
    token: Option<Token>,
    /// Replaced as a whole at a reload; the lock is held for a clone of the `Arc`.
    web_config: Option<RwLock<Arc<WebConfig>>>,
    basic_auth: basic_auth::Comparer,
    rate_limit: rate_limit::Bucket,
}

impl Shared {
    fn web_config(&self) -> Option<Arc<WebConfig>> {
        self.web_config.as_ref()?.read().ok().map(|config| Arc::clone(&config))
    }
}

/// What a request finds: the shared part, and the listener it came in through.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    shared: Arc<Shared>,
    listener: Listener,
}

/// Once what an operator did is on the disk. It is done in any case; who is told that it is must not lose it to a kill.
async fn saved(subject: &Subject) -> Result<StatusCode, Problem> {
    let cure = "it is saved every 3 s, so look at watchkeeper_state_saves_total, and at /api/nodes/{id} after a kill";
    match tokio::time::timeout(ANSWER_WITHIN, subject.engine.saved()).await {
        Ok(Ok(Ok(()))) => Ok(StatusCode::NO_CONTENT),
        Ok(Ok(Err(failed))) => {
            let (is_full, cure) = (failed.is_full, failed.cure());
            Err(Problem::not_saved(
                is_full,
                &format!(
                    "it is done, but a kill would undo it, for {failed}; {cure}; it is tried again every 3 s"
                ),
            ))
        }
        Ok(Err(stopping)) => Err(Problem::unavailable(&format!(
            "it is done, but {stopping} and did not say that it is saved; look at /api/nodes/{{id}} after the start"
        ))),
        Err(_) => Err(Problem::unavailable(&format!(
            "it is done, but not saved yet, and a kill would undo it; the disk is slow; {cure}"
        ))),
    }
}

/// The engine's answer, or why there is none.
async fn answer<T>(asked: impl Future<Output = Result<T, Stopping>>) -> Result<T, Problem> {
    match tokio::time::timeout(ANSWER_WITHIN, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(stopping)) => {
            Err(Problem::unavailable(&format!("{stopping}; ask again after it has started")))
        }
        Err(_) => Err(Problem::unavailable(
            "the engine did not answer in time; ask again, and look at watchkeeper_queue_depth if it goes on",
        )),
    }
}
