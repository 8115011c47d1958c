//! EMQX: `/api/v5/clients` page by page; where that is not there, `/api/v4/clients`. It tells sessions that are offline,
//! too. It does not know bytes and ages. Nothing here may change anything: only GET is used.

use super::clients::Client;
use super::http::Site;
use super::json::{count, flag};
use super::{Asked, Source, Trouble};
use crate::queues::setting::Web;
use serde::Deserialize;
use watchkeeper_core::queues::Reading;
use watchkeeper_core::queues::gather::Gather;
use watchkeeper_core::time::Wall;

/// Rows of a page: EMQX takes up to 10,000.
const PAGE: usize = 1_000;
/// So many pages are turned at most.
const PAGES_MAX: usize = 1_000;
const FIELDS: &str = "clientid,connected,mqueue_len,mqueue_max,mqueue_dropped,inflight_cnt,durable";

pub(super) struct Emqx {
    v5: Site,
    v4: Site,
    /// What answered last.
    old: bool,
    /// The operator chose the older one.
    is_chosen: bool,
    limit: usize,
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Client>,
    #[serde(default)]
    meta: Meta,
}

#[derive(Default, Deserialize)]
struct Meta {
    #[serde(default, deserialize_with = "flag")]
    hasnext: Option<bool>,
    #[serde(default, deserialize_with = "count")]
    count: Option<u64>,
}

impl Emqx {
    pub(super) fn new(web: &Web, limit: usize) -> Self {
        let (v5, v4) = (Site::new(web, "/api/v5"), Site::new(web, "/api/v4"));
        let is_chosen = v4.url_ends_with("/api/v4");
        Self { v5, v4, old: is_chosen, is_chosen, limit }
    }

    async fn page(&mut self, page: usize) -> Result<Page, Trouble> {
        if self.old {
            let answer = self.v4.json(&format!("/clients?_page={page}&_limit={PAGE}")).await;
            // A broker that was upgraded has the newer one only.
            self.old = answer.is_ok() || self.is_chosen;
            match &answer {
                Err(trouble) if page == 1 && !self.is_chosen && is_not_there(trouble) => {}
                _ => return answer,
            }
        }
        let asked = format!("/clients?page={page}&limit={PAGE}&fields={FIELDS}");
        match self.v5.json(&asked).await {
            Err(trouble) if page == 1 && is_not_there(&trouble) => {
                let answer = self.v4.json(&format!("/clients?_page={page}&_limit={PAGE}")).await;
                // If neither is there, the newer one is what the operator is told of.
                answer.inspect(|_| self.old = true).map_err(|_| trouble)
            }
            answer => answer,
        }
    }

    async fn all(&mut self) -> Result<Reading, Trouble> {
        let mut gather = Gather::new(self.limit);
        for number in 1..=PAGES_MAX {
            let page = self.page(number).await?;
            let rows = page.data.len();
            page.data.into_iter().for_each(|client| gather.put(client.queue()));
            let told = page.meta.count.is_some_and(|count| (number * PAGE) as u64 >= count);
            let more = page.meta.hasnext.unwrap_or(rows >= PAGE && !told);
            if rows == 0 || !more {
                break;
            }
        }
        Ok(gather.finish(None))
    }
}

fn is_not_there(trouble: &Trouble) -> bool {
    trouble.cause.ends_with("404 Not Found")
}

impl Source for Emqx {
    fn read(&mut self, _now: Wall) -> Asked<'_> {
        Box::pin(self.all())
    }
}
