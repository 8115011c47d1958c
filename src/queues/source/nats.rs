//! NATS: the monitoring interface. `/jsz` tells the consumers of the stream `$MQTT_msgs`, named after a hash of the client
//! id; `/connz` tells who is connected and who was, by client id. Nothing here may subscribe to anything.
//!
//! A hash whose client no connection names, since the server was started after the client had left, is told as
//! `nats-hash:<hash>` until the client comes back: what waits for it is known, who it is not.

use super::http::Site;
use super::json::count;
use super::{Asked, Source, Trouble};
use crate::queues::setting::Web;
use ring::digest;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use watchkeeper_core::queues::gather::{CLIENTS_MAX, Gather};
use watchkeeper_core::queues::{Queue, Reading};
use watchkeeper_core::time::Wall;

/// Connections of a page.
const PAGE: usize = 10_000;
/// So many pages are turned at most.
const PAGES_MAX: usize = 100;
const STREAM: &str = "$MQTT_msgs";
const HASH_CHARS: usize = 8;

pub(super) struct Nats {
    site: Site,
    limit: usize,
    /// Client ids by their hash, as connections told them.
    names: HashMap<String, String>,
}

#[derive(Deserialize)]
struct Jsz {
    /// Without JetStream it is absent.
    #[serde(default)]
    account_details: Vec<Account>,
    #[serde(default)]
    disabled: bool,
    /// Only a server of a cluster has it.
    #[serde(default)]
    meta_cluster: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Account {
    #[serde(default)]
    stream_detail: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    name: String,
    #[serde(default)]
    consumer_detail: Vec<Consumer>,
}

#[derive(Deserialize)]
struct Consumer {
    name: String,
    #[serde(default, deserialize_with = "count")]
    num_pending: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    num_ack_pending: Option<u64>,
}

#[derive(Deserialize)]
struct Connz {
    #[serde(default)]
    connections: Vec<Connection>,
    #[serde(default)]
    total: usize,
}

#[derive(Deserialize)]
struct Connection {
    #[serde(default)]
    mqtt_client: Option<String>,
}

impl Nats {
    pub(super) fn new(web: &Web, limit: usize) -> Self {
        Self { site: Site::new(web, ""), limit, names: HashMap::new() }
    }

    /// A server that is being started tells only of those consumers that it has found again so far.
    async fn is_ready(&self) -> Result<(), Trouble> {
        // Two names of one question: whether the server is ready, and not whether every part of a cluster is.
        let asked = self.site.get("/healthz?js-enabled=true&js-enabled-only=true").await;
        match asked {
            Err(trouble) if trouble.cause.ends_with("503 Service Unavailable") => Err(Trouble::new(
                trouble.cause,
                "it is being started, and is asked again; or it has no JetStream, which MQTT of NATS needs",
            )),
            // It is older than the question.
            Err(trouble) if trouble.cause.ends_with("404 Not Found") => Ok(()),
            other => other.map(drop),
        }
    }

    async fn all(&mut self) -> Result<Reading, Trouble> {
        self.is_ready().await?;
        let jsz: Jsz = self.site.json("/jsz?accounts=true&streams=true&consumers=true").await?;
        if jsz.disabled {
            return Err(Trouble::new(
                "this NATS server has no JetStream",
                "MQTT of NATS needs it: jetstream {}",
            ));
        }
        let consumers = consumers(jsz.account_details);
        // One server of a cluster does not know who is connected to the others.
        let alone = jsz.meta_cluster.is_none();
        let connected = self.connections("open").await?;
        if consumers.iter().any(|(hash, _)| !self.names.contains_key(hash)) {
            self.connections("closed").await?;
        }
        let mut gather = Gather::new(self.limit);
        for (hash, consumer) in &consumers {
            let online = connected.contains(hash);
            gather.add(Queue {
                client_id: self.names.get(hash).cloned().unwrap_or_else(|| format!("nats-hash:{hash}")),
                depth: consumer.num_pending,
                inflight: consumer.num_ack_pending,
                connected: (online || alone).then_some(online),
                ..Queue::default()
            });
        }
        // Sessions that are gone need no name.
        let alive: HashSet<&str> = consumers.iter().map(|(hash, _)| hash.as_str()).collect();
        self.names.retain(|hash, _| alive.contains(hash.as_str()));
        Ok(gather.finish(None))
    }

    /// Learns the names of connections in this state, and says whose they are.
    async fn connections(&mut self, state: &str) -> Result<HashSet<String>, Trouble> {
        let mut hashes = HashSet::new();
        for page in 0..PAGES_MAX {
            let offset = page * PAGE;
            let connz: Connz =
                self.site.json(&format!("/connz?state={state}&limit={PAGE}&offset={offset}")).await?;
            let rows = connz.connections.len();
            for client in connz.connections.into_iter().filter_map(|connection| connection.mqtt_client) {
                let hash = hash(&client);
                hashes.insert(hash.clone());
                if self.names.len() < CLIENTS_MAX {
                    self.names.insert(hash, client);
                }
            }
            if rows == 0 || offset + rows >= connz.total {
                break;
            }
        }
        Ok(hashes)
    }
}

/// Those of clients, each with the hash in its name.
fn consumers(accounts: Vec<Account>) -> Vec<(String, Consumer)> {
    let streams = accounts.into_iter().flat_map(|account| account.stream_detail);
    let all = streams.filter(|stream| stream.name == STREAM).flat_map(|stream| stream.consumer_detail);
    all.filter_map(|consumer| {
        let (hash, _) = consumer.name.split_once('_').filter(|(hash, _)| hash.len() == HASH_CHARS)?;
        Some((hash.to_owned(), consumer))
    })
    .collect()
}

/// How NATS names a client: eight bytes of the hash of its id, each as a letter or a digit.
fn hash(client_id: &str) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let digest = digest::digest(&digest::SHA256, client_id.as_bytes());
    digest.as_ref().iter().take(HASH_CHARS).map(|byte| char::from(DIGITS[usize::from(byte % 62)])).collect()
}

impl Source for Nats {
    fn read(&mut self, _now: Wall) -> Asked<'_> {
        Box::pin(self.all())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_client_has_the_name_that_a_real_server_gave_it() {
        assert_eq!(super::hash("dev-persist"), "2Bt8umKY");
    }
}
