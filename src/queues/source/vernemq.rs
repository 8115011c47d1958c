//! VerneMQ: `vmq-admin session show` by its HTTP interface, with an API key as user name. A row is a session, and several
//! sessions of one client share one queue, which is told with each. It does not tell what is in flight without asking
//! every session's process, nor bytes, ages and limits. Nothing here may change anything.

use super::http::Site;
use super::json::{count, flag};
use super::{Asked, Source, Trouble};
use crate::queues::setting::Web;
use serde::Deserialize;
use std::collections::HashSet;
use watchkeeper_core::queues::gather::{CLIENTS_MAX, Gather};
use watchkeeper_core::queues::{Queue, Reading};
use watchkeeper_core::time::Wall;

const FIELDS: &str = "--client_id&--mountpoint&--offline_messages&--online_messages&--is_online";

pub(super) struct Vernemq {
    site: Site,
    limit: usize,
}

/// One document, or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    One(Document),
    Many(Vec<Document>),
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    table: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    client_id: String,
    #[serde(default)]
    mountpoint: Option<String>,
    #[serde(default, deserialize_with = "count")]
    offline_messages: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    online_messages: Option<u64>,
    #[serde(default, deserialize_with = "flag")]
    is_online: Option<bool>,
}

impl Vernemq {
    pub(super) fn new(web: &Web, limit: usize) -> Self {
        Self { site: Site::new(web, "/api/v1"), limit }
    }

    async fn all(&mut self) -> Result<Reading, Trouble> {
        let asked = format!("/session/show?{FIELDS}&--limit={CLIENTS_MAX}");
        let documents = match self.site.json(&asked).await? {
            Answer::One(document) => vec![document],
            Answer::Many(documents) => documents,
        };
        let mut gather = Gather::new(self.limit);
        let mut seen = HashSet::new();
        for row in documents.into_iter().flat_map(|document| document.table) {
            if seen.insert((row.mountpoint.clone(), row.client_id.clone())) {
                gather.add(row.queue());
            }
        }
        Ok(gather.finish(None))
    }
}

impl Row {
    fn queue(self) -> Queue {
        let depth = self.offline_messages.zip(self.online_messages).map(|(off, on)| off.saturating_add(on));
        Queue { client_id: self.client_id, depth, connected: self.is_online, ..Queue::default() }
    }
}

impl Source for Vernemq {
    fn read(&mut self, _now: Wall) -> Asked<'_> {
        Box::pin(self.all())
    }
}
