//! `GET /queues/{client}`: what was known of one client's queue over time, as a picture and a table.

use super::View;
use super::devices::options;
use super::markup::{Markup, Table, number, words};
use super::picture::{Line, line};
use super::query::Asked;
use super::words::{NONE, clock, count};
use crate::clock::wall;
use crate::out::api::{Id, Pairs, segment};
use crate::out::problem::Problem;
use crate::out::{Desk, escape, queues};
use crate::queues::store::history::{History, Point, Span};
use axum::extract::State;
use axum::response::Response;
use std::collections::BTreeMap;
use watchkeeper_core::time::SECOND;

/// Points of a picture, and rows of the table below it.
const POINTS: usize = 500;
const ROWS: usize = 50;

const HOURS: [(&str, &str); 4] = [("1", "hour"), ("6", "6 hours"), ("24", "day"), ("168", "week")];

/// Serves the history.
pub(in crate::out) async fn get(State(desk): State<Desk>, id: Id, query: Pairs) -> Response {
    match shown(&desk, id, query).await {
        Ok(response) => response,
        Err(problem) => super::refused(&desk, "/queues", &problem),
    }
}

async fn shown(desk: &Desk, id: Id, query: Pairs) -> Result<Response, Problem> {
    let asked = Asked::read(query, &["hours"])?;
    let hours =
        asked.get("hours").map_or(Ok("24"), |_| asked.word("hours", &HOURS.map(|(value, _)| value)))?;
    let (client, to) = (segment(id)?, wall());
    let from = to.minus(hours.parse::<u64>().unwrap_or(24) * 3600 * SECOND);
    let history =
        queues::read_history(desk, Span { client: client.clone(), from, to, points_max: POINTS }).await?;
    let title = format!("Queue of {}", super::words::name(&client));
    let own_path = format!("/queues/{}", escape::segment(&client));
    let mut view = View::new(desk, "/queues", &title, &asked);
    view.own_path = &own_path;
    let page = &mut view.body;
    page.put("<form class=\"filters\" action=\"{}\" method=\"get\" aria-label=\"History\">", &[&own_path]);
    page.raw("<p><label for=\"hours\">The last</label><select id=\"hours\" name=\"hours\">");
    options(page, &HOURS, hours);
    page.raw("</select></p><p><button>Show</button></p></form>\n");
    if history.points.is_empty() {
        page.raw("<p class=\"notice\">Nothing is known of a queue of this client in this time.</p>\n");
    } else {
        pictures(page, &history, to.seconds());
        table(page, &history);
    }
    let segment = escape::segment(&client);
    page.put("<p><a href=\"/devices/{}\">The device with this id</a> · ", &[&segment]);
    page.put("<a href=\"/api/queues/{}/history?hours={}\">As JSON</a></p>\n", &[&segment, hours]);
    Ok(view.answer())
}

/// A picture for each source; what it told last holds until now.
fn pictures(page: &mut Markup, history: &History, now: f64) {
    let mut by_source: BTreeMap<&str, Vec<&Point>> = BTreeMap::new();
    for point in &history.points {
        by_source.entry(&point.source).or_default().push(point);
    }
    for (source, points) in by_source {
        let depth = |point: &Point| point.queue.as_ref().and_then(|queue| queue.depth);
        let mut drawn: Vec<(f64, f64)> =
            points.iter().map(|point| (point.at.seconds(), depth(point).unwrap_or(0) as f64)).collect();
        let Some((began, last)) = drawn.first().zip(drawn.last()).map(|(first, last)| (first.0, last.1))
        else {
            continue;
        };
        drawn.push((now, last));
        let most = points.iter().filter_map(|point| depth(point)).max();
        let limit = points.iter().rev().find_map(|point| point.queue.as_ref()?.limit_messages);
        let known = |number: Option<u64>| number.map_or_else(|| NONE.to_owned(), count);
        page.put("<section><h2>Messages waiting, by {}</h2>\n", &[source]);
        page.put(
            "<p>Now <b>{}</b>, at most {}; the limit is {}.</p><div class=\"charts\">",
            &[&known(points.last().and_then(|point| depth(point))), &known(most), &known(limit)],
        );
        let label = format!("Messages waiting over time, at most {}", known(most));
        let ceiling = most.map(|most| most.max(1) as f64);
        let whole = Line { points: &drawn, floor: Some(0.0), ceiling, is_stepped: true };
        line(page, &whole, (600, 100), &label, "chart");
        page.raw("</div>");
        super::overview::scale(page, now - began);
        page.raw("</section>\n");
    }
}

fn table(page: &mut Markup, history: &History) {
    page.raw("<section><h2>Snapshots that changed something</h2>\n");
    let columns = [
        words("When (UTC)"),
        number("Waiting"),
        number("In flight"),
        number("Dropped").minor(),
        words("Connected").minor(),
        words("Source").minor(),
    ];
    let mut table = Table::open(page, "The newest snapshots in which something changed", &columns);
    for point in history.points.iter().rev().take(ROWS) {
        let of = |number: Option<u64>| number.map_or_else(|| NONE.to_owned(), count);
        let queue = point.queue.as_ref();
        let connected = match queue.and_then(|queue| queue.connected) {
            Some(true) => "yes",
            Some(false) => "no",
            None => NONE,
        };
        let waiting = queue.map_or_else(|| "gone".to_owned(), |queue| of(queue.depth));
        table.row(&[
            clock(point.at).into(),
            waiting.into(),
            of(queue.and_then(|queue| queue.inflight)).into(),
            of(queue.and_then(|queue| queue.dropped)).into(),
            connected.into(),
            point.source.as_str().into(),
        ]);
    }
    table.close();
    if history.points.len() > ROWS || history.left_out > 0 {
        page.raw("<p class=\"quiet\">There are more; the whole history comes as JSON.</p>\n");
    }
    page.raw("</section>\n");
}
