//! `GET /devices/{id}`: one device, everything known, in the order in which one asks: how it is, what is wrong, what it
//! says, and what happened to it last.

use super::View;
use super::device_parts::{alarms, commands, errors, facts, points, sequence, streams, system};
use super::query::{Asked, link};
use super::words::{badge, text};
use crate::engine::recent::Looked;
use crate::out::api::{Id, Pairs, segment};
use crate::out::audit::Found;
use crate::out::problem::Problem;
use crate::out::security::Sender;
use crate::out::{Desk, answer, audit, escape};
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use serde_json::Value;
use std::time::Duration;

/// Records that are shown, and the time that finding them may take: a quiet device may be far down in a large log.
const RECORDS: u64 = 10;
const RECORDS_WITHIN: Duration = Duration::from_millis(100);

/// Serves the device.
pub(in crate::out) async fn get(
    State(desk): State<Desk>,
    Extension(sender): Extension<Sender>,
    id: Id,
    query: Pairs,
) -> Response {
    match shown(&desk, &sender, id, query).await {
        Ok(response) => response,
        Err(problem) => super::refused(&desk, "/devices", &problem),
    }
}

async fn shown(desk: &Desk, sender: &Sender, id: Id, query: Pairs) -> Result<Response, Problem> {
    let asked = Asked::read(query, &["points"])?;
    let (id, from) = (segment(id)?, asked.place("points")?);
    let engine = &desk.shared.subject.engine;
    let unknown = || Problem::not_found("no device has this id; it was never heard of, or it was forgotten");
    let node = answer(engine.node(id.clone())).await?.ok_or_else(unknown)?;
    let looked = answer(engine.look(id.clone(), from)).await?;
    let queue = answer(engine.queue(id.clone())).await?;
    let records = records(desk, sender, &id).await;
    let title = super::words::name(&id);
    let own_path = format!("/devices/{}", escape::segment(&id));
    let mut view = View::new(desk, "/devices", &title, &asked);
    view.own_path = &own_path;
    body(&mut view, &id, &node, (looked.as_ref(), queue.as_ref(), &records));
    Ok(view.answer())
}

/// Its last records, or why there are none to show.
async fn records(desk: &Desk, sender: &Sender, id: &str) -> Result<Found, Problem> {
    let limit = RECORDS.to_string();
    let pairs = [("device", id), ("order", "desc"), ("limit", &limit)];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    audit::found(desk, sender, pairs.to_vec(), RECORDS_WITHIN).await
}

type Beside<'a> = (Option<&'a Looked>, Option<&'a Value>, &'a Result<Found, Problem>);

fn body(view: &mut View, id: &str, node: &Value, (looked, queue, records): Beside) {
    let (now, own_path, page) = (view.now, view.own_path, &mut view.body);
    page.raw("<section class=\"verdict\" aria-label=\"State\"><p>").add(&badge(text(&node["state"])));
    if let Some(muted) = node["muted"].as_object() {
        page.raw(" ").add(&badge("muted"));
        let until = text(&muted["until"]);
        let until = until.get(..16).unwrap_or(until).replace('T', " ");
        page.put(" until {} UTC: {}", &[&until, text(&muted["reason"])]);
    }
    if node["error_ratio_high"] == true {
        page.raw(" ").add(&badge("high")).raw(" error ratio");
    }
    page.raw("</p></section>\n");
    facts(page, node, now);
    alarms(page, &node["alarms"], now);
    streams(page, &node["streams"]);
    points(page, looked, own_path, now);
    errors(page, node);
    sequence(page, &node["sequence"]);
    if let Some(queue) = queue {
        commands(page, queue, now);
    }
    system(page, &node["system"]);
    page.raw("<section><h2>Last records</h2>\n");
    match records {
        Ok(found) => {
            super::audit::table(page, &found.records, now, "The last records of this device");
            if !found.complete {
                page.raw("<p class=\"quiet\">Only the newest part of the log was looked through.</p>\n");
            }
        }
        Err(problem) => _ = page.put("<p class=\"quiet\">{}</p>\n", &[&problem.detail]),
    }
    let (log, queue) = (link("/audit", [("device", id)]), format!("/queues/{}", escape::segment(id)));
    page.put("<p><a href=\"{}\">All its records</a> · ", &[&log]);
    page.put("<a href=\"{}\">The queue of the client with this id</a> · ", &[&queue]);
    page.put("<a href=\"/api/nodes/{}\">As JSON</a></p></section>\n", &[&escape::segment(id)]);
}
