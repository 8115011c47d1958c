//! `GET /audit`: the log, searched, page by page, each record and each search with an address of its own. With a script
//! it follows the log as it is written; without one everything else is there.

use super::View;
use super::devices::options;
use super::markup::{Markup, Table, number, words};
use super::query::{Asked, link};
use super::words::{NONE, badge, bytes, clock, count, device, text};
use crate::out::api::Pairs;
use crate::out::audit::Found;
use crate::out::problem::Problem;
use crate::out::security::Sender;
use crate::out::{Desk, audit};
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use serde_json::Value;
use std::time::Duration;
use watchkeeper_audit::record::Kind;
use watchkeeper_core::time::{Wall, parse_rfc3339};

/// A search over HTTP ends after so long.
const WITHIN: Duration = Duration::from_secs(10);

/// Records on a page.
const ROWS_MAX: usize = 100;

/// Characters of a record's details that are shown in a row.
const DETAILS_CHARS_MAX: usize = 400;

/// What the form has a field for; the rest of the search's parameters is kept when it is sent.
const FIELDS: [&str; 8] = ["text", "type", "level", "device", "client", "event", "since", "until"];

/// Has its own column, or is for those who read the record itself.
const SHOWN_ELSEWHERE: [&str; 9] =
    ["seq", "ts", "level", "type", "event", "device", "details", "payload_sha256", "observed_at"];

/// Serves the log.
pub(in crate::out) async fn get(
    State(desk): State<Desk>,
    Extension(sender): Extension<Sender>,
    query: Pairs,
) -> Response {
    match searched(&desk, &sender, query).await {
        Ok(response) => response,
        Err(problem) => super::refused(&desk, "/audit", &problem),
    }
}

async fn searched(desk: &Desk, sender: &Sender, query: Pairs) -> Result<Response, Problem> {
    let asked = Asked::any(query)?;
    let mut pairs = asked.all().to_vec();
    // The newest first, where nobody says otherwise: that is what one looks for.
    if asked.get("order").is_none() {
        pairs.push(("order".to_owned(), "desc".to_owned()));
    }
    if asked.place("limit")? > ROWS_MAX {
        return Err(Problem::bad_request(format!(
            "limit: the page shows at most {ROWS_MAX} records; go on with the next page, or ask /api/audit for 1000"
        )));
    }
    if asked.get("limit").is_none() {
        pairs.push(("limit".to_owned(), "50".to_owned()));
    }
    let found = audit::found(desk, sender, pairs, WITHIN).await?;
    let mut view = View::new(desk, "/audit", "Audit log", &asked);
    view.has_script = true;
    view.may_repeat = false;
    let (now, page) = (view.now, &mut view.body);
    form(page, &asked);
    outcome(page, &asked, &found);
    table(page, &found.records, now, "Records of the audit log");
    ways(page, &asked, &found);
    Ok(view.answer())
}

fn form(page: &mut Markup, asked: &Asked) {
    page.raw("<form class=\"filters\" action=\"/audit\" method=\"get\" role=\"search\" aria-label=\"Audit log\">\n");
    let mut field = |name: &'static str, label: &'static str, hint: &'static str| {
        page.put("<p><label for=\"f-{}\">{}</label>", &[name, label]);
        let value = asked.or_empty(name);
        page.put(
            "<input id=\"f-{}\" name=\"{}\" value=\"{}\" placeholder=\"{}\"></p>\n",
            &[name, name, value, hint],
        );
    };
    field("text", "Text", "");
    field("device", "Device", "");
    field("client", "Client", "");
    field("event", "Event", "offline");
    field("since", "Since", "15m or 2026-11-21T06:00:00Z");
    field("until", "Until", "");
    let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
    let choices = |words: &[&'static str]| -> Vec<(&'static str, &'static str)> {
        std::iter::once(("", "any")).chain(words.iter().map(|word| (*word, *word))).collect()
    };
    page.raw("<p><label for=\"f-type\">Type</label><select id=\"f-type\" name=\"type\">");
    options(page, &choices(&kinds), asked.or_empty("type"));
    page.raw("</select></p>\n<p><label for=\"f-level\">Level</label><select id=\"f-level\" name=\"level\">");
    options(page, &choices(&["INFO", "WARN", "ERROR"]), asked.or_empty("level"));
    page.raw("</select></p>\n<p><label for=\"f-order\">Order</label><select id=\"f-order\" name=\"order\">");
    options(page, &[("desc", "newest first"), ("asc", "oldest first")], asked.get("order").unwrap_or("desc"));
    page.raw("</select></p>\n");
    for (name, value) in asked.all() {
        let is_here =
            FIELDS.contains(&name.as_str()) || ["order", "cursor", "every"].contains(&name.as_str());
        if !is_here {
            page.put("<input type=\"hidden\" name=\"{}\" value=\"{}\">", &[name, value]);
        }
    }
    page.raw("<p><button>Search</button> <a href=\"/audit\">All</a></p></form>\n");
}

/// What was found, and where the script puts its own.
fn outcome(page: &mut Markup, asked: &Asked, found: &Found) {
    let said = [
        super::words::things(found.records.len() as u64, "record"),
        bytes(found.scanned_bytes),
        super::words::figure(found.took_ms.round()),
    ];
    page.put("<p>{} on this page; {} looked through in {} ms.", &[&said[0], &said[1], &said[2]]);
    if !found.complete {
        page.raw(" <b>The search took too long and is not complete</b>: narrow the time.");
    }
    page.raw("</p>\n");
    for problem in &found.problems {
        page.put("<p class=\"notice bad\">{}</p>\n", &[problem]);
    }
    let mut follow = asked.all().to_vec();
    follow.retain(|(name, _)| {
        !["until", "order", "limit", "cursor", "every", "since", "after"].contains(&name.as_str())
    });
    let follow = link("/api/audit/tail", follow.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    page.put("<div id=\"follow\" class=\"follow\" data-tail=\"{}\" hidden></div>\n", &[&follow]);
    page.raw("<noscript><p class=\"quiet\">To follow the log without a script: <code>watchkeeper audit tail</code>.</p></noscript>\n");
}

/// Records as a table; each leads to itself.
pub(super) fn table(page: &mut Markup, records: &[Value], now: Wall, caption: &str) {
    if records.is_empty() {
        page.raw("<p class=\"notice\">No record matches.</p>\n");
    }
    let columns = [
        words("When (UTC)"),
        words("Level").wide(),
        words("Type").minor(),
        words("Event"),
        words("Device").wide(),
        words("Details").minor(),
        number("Record"),
    ];
    let mut table = Table::open(page, caption, &columns);
    for record in records {
        let seq = record["seq"].as_u64();
        let mut itself = Markup::new();
        match seq {
            Some(seq) => {
                let after = seq.checked_sub(1).map(|after| after.to_string()).unwrap_or_default();
                let address = link("/audit", [("after", &*after), ("order", "asc"), ("limit", "1")]);
                itself.put("<a href=\"{}\">{}</a>", &[&address, &seq.to_string()]);
            }
            None => _ = itself.raw(NONE),
        }
        table.row(&[
            when(&record["ts"], now).into(),
            badge(text(&record["level"])).into(),
            text(&record["type"]).into(),
            text(&record["event"]).replace('_', " ").into(),
            record["device"].as_str().map_or_else(|| NONE.into(), device),
            details(record).into(),
            itself.into(),
        ]);
    }
    table.close();
}

fn when(ts: &Value, now: Wall) -> Markup {
    let mut piece = Markup::new();
    match ts.as_str().and_then(parse_rfc3339) {
        Some(at) => {
            let shown = clock(at);
            // Today the date says nothing.
            let (day, time) = shown.split_at(shown.len().min(11));
            let today = clock(now);
            if !today.starts_with(day) {
                piece.put("<span class=\"quiet\">{}</span>", &[day]);
            }
            piece.put("<time datetime=\"{}\">{}</time>", &[text(ts), time]);
        }
        None => _ = piece.put("{}", &[text(ts)]),
    }
    piece
}

/// What it says in words, and quietly everything that has no column.
fn details(record: &Value) -> Markup {
    let mut piece = Markup::new();
    let said = record["details"].as_str().unwrap_or_default();
    piece.put("<div class=\"details\">{} ", &[&cut(said)]);
    let rest = record.as_object().into_iter().flatten();
    let rest: Vec<String> = rest
        .filter(|(key, _)| !SHOWN_ELSEWHERE.contains(&key.as_str()))
        .map(|(key, value)| {
            format!("{key} {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        })
        .collect();
    if !rest.is_empty() {
        piece.put("<span class=\"quiet\">{}</span>", &[&cut(&rest.join(" · "))]);
    }
    piece.raw("</div>");
    piece
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(DETAILS_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// On to the next page, and the same search elsewhere.
fn ways(page: &mut Markup, asked: &Asked, found: &Found) {
    page.raw("<nav class=\"pages\" aria-label=\"Pages\"><p>");
    if asked.get("cursor").is_some() {
        page.put("<a href=\"{}\">first page</a> ", &[&asked.link("/audit", &[("cursor", "")])]);
    }
    if let Some(next) = &found.next_cursor {
        let word = if asked.get("order") == Some("asc") { "later records" } else { "earlier records" };
        page.put("<a href=\"{}\">{}</a>", &[&asked.link("/audit", &[("cursor", next)]), word]);
    }
    let kept = asked.all().iter().filter(|(name, _)| name != "every");
    let export = link(
        "/api/audit/export",
        kept.filter(|(name, _)| !["order", "cursor", "limit"].contains(&name.as_str()))
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .chain([("format", "ndjson")]),
    );
    page.put("</p><p><a href=\"{}\">this address is the permalink</a> · ", &[&asked.link("/audit", &[])]);
    page.put("<a href=\"{}\">Export as NDJSON</a></p></nav>\n", &[&export]);
    if let Some(records) = found.records.len().checked_sub(1) {
        page.put(
            "<p class=\"quiet\">{} on this page. Each number leads to its record.</p>\n",
            &[&count(records as u64 + 1)],
        );
    }
}
