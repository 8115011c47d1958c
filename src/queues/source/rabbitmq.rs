//! RabbitMQ: the queues `mqtt-subscription-<client id>qos0` and `…qos1` of one virtual host, by the management interface
//! page by page, or by `/metrics/detailed` of the Prometheus plugin where the URL ends so. Queues of one client are added
//! up. Nothing here may change anything: only GET is used.

use super::http::Site;
use super::json::count;
use super::rabbitmq_metrics;
use super::{Asked, Source, Trouble};
use crate::queues::setting::Web;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use std::collections::HashMap;
use watchkeeper_core::queues::gather::{CLIENTS_MAX, Gather};
use watchkeeper_core::queues::{Queue, Reading};
use watchkeeper_core::time::Wall;

/// Rows of a page: it takes no more than 500.
const PAGE: u64 = 500;
/// So many pages are turned at most.
const PAGES_MAX: u64 = 4_000;
const METRICS: &str = "/metrics/detailed";
const COLUMNS: &str = "name,type,messages_ready,messages_unacknowledged,message_bytes_ready,consumers,arguments,\
                       effective_policy_definition,head_message_timestamp";

pub(super) struct Rabbitmq {
    site: Site,
    metrics: bool,
    /// As it stands in a URL.
    vhost: String,
    limit: usize,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Row>,
    #[serde(default)]
    page_count: u64,
}

#[derive(Deserialize)]
struct Row {
    name: String,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "count")]
    messages_ready: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    messages_unacknowledged: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    message_bytes_ready: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    consumers: Option<u64>,
    /// Objects, but an empty list where there is nothing in them.
    #[serde(default)]
    arguments: serde_json::Value,
    #[serde(default)]
    effective_policy_definition: serde_json::Value,
    #[serde(default, deserialize_with = "count")]
    head_message_timestamp: Option<u64>,
}

impl Rabbitmq {
    pub(super) fn new(web: &Web, vhost: Option<&str>, limit: usize) -> Self {
        let metrics = Site::new(web, METRICS);
        let is = metrics.url_ends_with(METRICS);
        let site = if is { metrics } else { Site::new(web, "/api") };
        let vhost = utf8_percent_encode(vhost.unwrap_or("/"), NON_ALPHANUMERIC).to_string();
        Self { site, metrics: is, vhost, limit }
    }

    async fn all(&mut self) -> Result<Reading, Trouble> {
        let mut gather = Gather::new(self.limit);
        if self.metrics {
            let asked =
                format!("?vhost={}&family=queue_coarse_metrics&family=queue_consumer_count", self.vhost);
            let text = self.site.get(&asked).await?;
            rabbitmq_metrics::take(&text, &mut gather);
            return Ok(gather.finish(None));
        }
        let vhost = self.vhost.clone();
        // Where queues come and go while the pages are turned, one may stand on two of them.
        let mut rows: HashMap<String, Row> = HashMap::new();
        for number in 1..=PAGES_MAX {
            let asked = format!(
                "/queues/{vhost}?page={number}&page_size={PAGE}&name=%5Emqtt-subscription-&use_regex=true\
                 &columns={COLUMNS}"
            );
            let page: Page = self.site.json(&asked).await?;
            rows.extend(page.items.into_iter().map(|row| (row.name.clone(), row)));
            if number >= page.page_count || rows.len() > CLIENTS_MAX {
                break;
            }
        }
        rows.into_values().filter_map(Row::queue).for_each(|queue| gather.add(queue));
        Ok(gather.finish(None))
    }
}

/// The client id in the name of a queue. It may hold anything, the same words among it: so it is what is left between the
/// beginning and the end.
pub(super) fn client_of(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("mqtt-subscription-")?;
    rest.strip_suffix("qos1").or_else(|| rest.strip_suffix("qos0"))
}

impl Row {
    fn queue(self) -> Option<Queue> {
        let client_id = client_of(&self.name)?.to_owned();
        // It lives as long as the connection, and hands its messages on at once: nothing ever waits in it.
        if self.kind.as_deref() == Some("rabbit_mqtt_qos0_queue") {
            return Some(Queue {
                client_id,
                depth: Some(0),
                inflight: Some(0),
                bytes: Some(0),
                connected: Some(true),
                ..Queue::default()
            });
        }
        let limit = |value: &serde_json::Value, key| value.get(key).and_then(super::json::number);
        let argument = limit(&self.arguments, "x-max-length");
        let policy = limit(&self.effective_policy_definition, "max-length");
        Some(Queue {
            client_id,
            depth: self.messages_ready,
            inflight: self.messages_unacknowledged,
            bytes: self.message_bytes_ready,
            limit_messages: argument.into_iter().chain(policy).min(),
            oldest: self.head_message_timestamp.and_then(wall),
            // A client consumes from its queues while it is connected.
            connected: self.consumers.map(|consumers| consumers > 0),
            dropped: None,
        })
    }
}

fn wall(seconds: u64) -> Option<Wall> {
    Some(Wall(i64::try_from(seconds).ok()?.checked_mul(1_000_000)?)).filter(|at| at.0 > 0)
}

impl Source for Rabbitmq {
    fn read(&mut self, _now: Wall) -> Asked<'_> {
        Box::pin(self.all())
    }
}
