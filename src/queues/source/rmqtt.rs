//! RMQTT: `/api/v1/clients`, names as in EMQX 4. It has no pages and tells 10,000 clients at most; where there are more,
//! those with something in their queue are asked for once more by themselves. Nothing here may change anything.

use super::clients::Client;
use super::http::Site;
use super::{Asked, Source, Trouble};
use crate::queues::setting::Web;
use watchkeeper_core::queues::Reading;
use watchkeeper_core::queues::gather::Gather;
use watchkeeper_core::time::Wall;

/// `max_row_limit` of its HTTP interface, unless configured otherwise.
const ROWS: usize = 10_000;

pub(super) struct Rmqtt {
    site: Site,
    limit: usize,
}

impl Rmqtt {
    pub(super) fn new(web: &Web, limit: usize) -> Self {
        Self { site: Site::new(web, "/api/v1"), limit }
    }

    async fn all(&mut self) -> Result<Reading, Trouble> {
        let mut gather = Gather::new(self.limit);
        let mut clients: Vec<Client> = self.site.json(&format!("/clients?_limit={ROWS}")).await?;
        if clients.len() >= ROWS {
            let deep = format!("/clients?_limit={ROWS}&_gte_mqueue_len=1");
            clients.append(&mut self.site.json(&deep).await?);
        }
        for client in clients {
            gather.put(client.queue());
        }
        Ok(gather.finish(None))
    }
}

impl Source for Rmqtt {
    fn read(&mut self, _now: Wall) -> Asked<'_> {
        Box::pin(self.all())
    }
}
