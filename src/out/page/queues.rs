//! `GET /queues`: who is behind, by how much and since when, as the newest snapshots have it. Nothing here may ask a
//! source.

use super::View;
use super::markup::{Cell, Markup, Table, number, words};
use super::query::Asked;
use super::words::{NONE, badge, bytes, count, moment, percent, rate, span};
use crate::out::api::Pairs;
use crate::out::problem::Problem;
use crate::out::{Desk, escape};
use axum::extract::State;
use axum::response::Response;
use std::cmp::Reverse;
use std::sync::Arc;
use watchkeeper_core::queues::{Shown, ShownQueue};
use watchkeeper_core::time::{Wall, seconds};

/// Clients on a page.
const ROWS: usize = 100;

/// The client that is furthest behind.
pub(super) struct Deepest {
    pub(super) client: String,
    pub(super) depth: u64,
    pub(super) share: Option<f64>,
    /// How many are near their limit.
    pub(super) near: u64,
}

/// None where no source tells of a client.
pub(super) fn deepest(desk: &Desk) -> Option<Deepest> {
    let brokers = desk.shared.subject.queues.shown();
    let near = brokers.iter().map(|(_, shown)| shown.near_limit_count as u64).sum();
    let all =
        brokers.iter().flat_map(|(_, shown)| &shown.queues).filter(|one| !one.queue.client_id.is_empty());
    let one = all.max_by_key(|one| one.queue.depth)?;
    Some(Deepest {
        client: one.queue.client_id.clone(),
        depth: one.queue.depth.unwrap_or(0),
        share: one.share,
        near,
    })
}

/// Serves the queues.
pub(in crate::out) async fn get(State(desk): State<Desk>, query: Pairs) -> Response {
    match listed(&desk, query) {
        Ok(response) => response,
        Err(problem) => super::refused(&desk, "/queues", &problem),
    }
}

fn listed(desk: &Desk, query: Pairs) -> Result<Response, Problem> {
    let asked = Asked::read(query, &["q", "from"])?;
    let from = asked.place("from")?;
    let brokers = desk.shared.subject.queues.shown();
    let mut view = View::new(desk, "/queues", "Queues", &asked);
    let (now, page) = (view.now, &mut view.body);
    let q = asked.or_empty("q");
    page.raw(
        "<form class=\"filters\" action=\"/queues\" method=\"get\" role=\"search\" aria-label=\"Queues\">\n",
    );
    page.put(
        "<p><label for=\"q\">Client id contains</label><input id=\"q\" name=\"q\" type=\"search\" maxlength=\"1024\" \
         value=\"{}\"></p><p><button>Show</button> <a href=\"/queues\">All</a></p></form>\n",
        &[q],
    );
    let mut queues: Vec<(&str, &ShownQueue)> = brokers
        .iter()
        .flat_map(|(broker, shown)| shown.queues.iter().map(move |one| (broker.as_str(), one)))
        .filter(|(_, one)| one.queue.client_id.contains(q))
        .collect();
    queues.sort_by_key(|(_, one)| Reverse((!one.queue.client_id.is_empty(), one.queue.depth)));
    let total = queues.len();
    let from = from.min(total.saturating_sub(1)) / ROWS * ROWS;
    let shown = &queues[from..(from + ROWS).min(total)];
    if shown.is_empty() {
        page.raw("<p class=\"notice\">No source tells of a queue");
        page.raw(if q.is_empty() { " yet.</p>\n" } else { " of such a client.</p>\n" });
    } else {
        table(page, shown, now);
        places(page, &asked, (from, shown.len(), total));
    }
    sources(page, &brokers, now);
    Ok(view.answer())
}

fn table(page: &mut Markup, queues: &[(&str, &ShownQueue)], now: Wall) {
    let columns = [
        words("Client"),
        number("Waiting"),
        number("Of its limit"),
        number("In flight").seldom(),
        number("Bytes").minor(),
        number("Oldest").minor(),
        number("Grows by").seldom(),
        number("Full in").wide(),
        number("Dropped").seldom(),
        words("Connected").wide(),
        words("Source").minor(),
    ];
    let mut table = Table::open(page, "Queues of the broker's clients, the deepest first", &columns);
    for (broker, one) in queues {
        table.row(&row(broker, one, now));
    }
    table.close();
}

fn row(broker: &str, one: &ShownQueue, now: Wall) -> [Cell; 11] {
    let queue = &one.queue;
    let known = |number: Option<u64>| number.map_or_else(|| NONE.to_owned(), count);
    let client = if queue.client_id.is_empty() {
        Cell::from(format!("all of {broker}"))
    } else {
        let link = format!("/queues/{}", escape::segment(&queue.client_id));
        Cell::Link(link, super::words::name(&queue.client_id))
    };
    let connected = match queue.connected {
        Some(true) => badge("yes").into(),
        Some(false) => badge("no").into(),
        None => Cell::from(NONE),
    };
    let mut source = moment(one.taken_at, now);
    source.put(" <span class=\"quiet\">{}</span>", &[&one.source]);
    [
        client,
        known(queue.depth).into(),
        one.share.map_or_else(|| NONE.to_owned(), percent).into(),
        known(queue.inflight).into(),
        queue.bytes.map_or_else(|| NONE.to_owned(), bytes).into(),
        one.age.map_or_else(|| NONE.to_owned(), |age| span(seconds(age))).into(),
        one.growth.map_or_else(|| NONE.to_owned(), |growth| format!("{} /s", rate(growth))).into(),
        one.full_in.map_or_else(|| NONE.to_owned(), |full| span(seconds(full))).into(),
        known(queue.dropped).into(),
        connected,
        source.into(),
    ]
}

fn places(page: &mut Markup, asked: &Asked, (from, shown, total): (usize, usize, usize)) {
    let figures = [from + 1, from + shown, total].map(|number| count(number as u64));
    page.put(
        "<nav class=\"pages\" aria-label=\"Pages\"><p><b>{}–{}</b> of {}</p><p>",
        &[&figures[0], &figures[1], &figures[2]],
    );
    if from > 0 {
        let link = asked.link("/queues", &[("from", &from.saturating_sub(ROWS).to_string())]);
        page.put("<a href=\"{}\">previous</a> ", &[&link]);
    }
    if from + shown < total {
        let link = asked.link("/queues", &[("from", &(from + shown).to_string())]);
        page.put("<a href=\"{}\">next</a>", &[&link]);
    }
    page.raw("</p></nav>\n");
}

/// Who tells, and how well.
fn sources(page: &mut Markup, brokers: &[(String, Arc<Shown>)], now: Wall) {
    page.raw("<section><h2>Sources</h2>\n");
    if brokers.is_empty() {
        page.raw("<p>No source of queues is configured.</p></section>\n");
        return;
    }
    let columns = [
        words("Source"),
        words("Broker"),
        words("State"),
        words("Snapshot"),
        number("Clients"),
        number("Refused").minor(),
    ];
    let mut table = Table::open(page, "Sources of queues", &columns);
    for (broker, source) in
        brokers.iter().flat_map(|(broker, shown)| shown.sources.iter().map(move |one| (broker, one)))
    {
        let mut state = match source.is_up {
            Some(true) => badge("ok"),
            Some(false) => badge("down"),
            None => badge("waiting"),
        };
        if let Some((error, _)) = &source.error {
            state.put(" <span class=\"quiet\">{}</span>", &[error]);
        }
        table.row(&[
            source.name.to_string().into(),
            broker.as_str().into(),
            state.into(),
            moment(source.taken_at, now).into(),
            count(source.clients as u64).into(),
            count(source.refused).into(),
        ]);
    }
    table.close();
    page.raw("</section>\n");
}
