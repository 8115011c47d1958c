//! A client as the EMQX family tells it: EMQX 5 has one set of names, EMQX 4 and RMQTT another. Nothing here may know
//! how they are asked.

use super::json::{count, flag};
use serde::Deserialize;
use watchkeeper_core::queues::Queue;

/// One row of `/clients`.
#[derive(Debug, Deserialize)]
pub(super) struct Client {
    clientid: String,
    #[serde(default, deserialize_with = "flag")]
    connected: Option<bool>,
    #[serde(default, deserialize_with = "count")]
    mqueue_len: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    mqueue_dropped: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    mqueue_max: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    max_mqueue: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    inflight_cnt: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    inflight: Option<u64>,
    #[serde(default, deserialize_with = "flag")]
    durable: Option<bool>,
}

impl Client {
    pub(super) fn queue(self) -> Queue {
        // What a durable session waits for lies in the streams of the database, and its queue is but a window on them.
        let depth = self.mqueue_len.filter(|_| self.durable != Some(true));
        Queue {
            client_id: self.clientid,
            depth,
            inflight: self.inflight_cnt.or(self.inflight),
            // None and `infinity` are no limit, and so is 0.
            limit_messages: self.mqueue_max.or(self.max_mqueue).filter(|limit| *limit > 0),
            connected: self.connected,
            dropped: self.mqueue_dropped,
            ..Queue::default()
        }
    }
}
