//! `GET /devices`: the devices page by page, sorted and filtered by the server. The whole state is in the address; a
//! cursor names a device and not a number, so that no page shows one twice because others came or went.

use super::View;
use super::markup::{Cell, Column, Markup, Table, number, words};
use super::query::Asked;
use super::words::{NONE, badge, count, device, moment_of, percent, rate, text};
use crate::engine::handle::NodesPage;
use crate::out::api::Pairs;
use crate::out::problem::Problem;
use crate::out::{Desk, answer, nodes_query};
use axum::extract::State;
use axum::response::Response;
use serde_json::Value;
use watchkeeper_core::time::Wall;

const KNOWN: [&str; 6] = ["state", "q", "sort", "limit", "cursor", "before"];
const STATES: [(&str, &str); 5] = [
    ("", "any"),
    ("online", "online"),
    ("offline", "offline"),
    ("unknown", "unknown"),
    ("never_seen", "never seen"),
];
const LIMITS: [&str; 2] = ["50", "100"];

/// The columns, and what each is sorted by.
const COLUMNS: [(Column, &str); 9] = [
    (words("Device"), "id"),
    (words("State"), ""),
    (words("Last message"), "-last_seen"),
    (number("Per minute").minor(), ""),
    (number("Messages").minor(), "-messages"),
    (number("Errors").wide(), "-error_ratio"),
    (number("Stuck").wide(), "-stuck"),
    (number("Lost").minor(), "-lost"),
    (number("Pending").minor(), ""),
];

/// Serves the list.
pub(in crate::out) async fn get(State(desk): State<Desk>, query: Pairs) -> Response {
    match listed(&desk, query).await {
        Ok(response) => response,
        Err(problem) => super::refused(&desk, "/devices", &problem),
    }
}

async fn listed(desk: &Desk, query: Pairs) -> Result<Response, Problem> {
    let asked = Asked::read(query, &KNOWN)?;
    let limit = asked.word("limit", &LIMITS)?;
    let mut pairs = asked.only(&["state", "q", "sort", "cursor"]);
    pairs.push(("limit".to_owned(), limit.to_owned()));
    let before = asked.get("before");
    if let Some(cursor) = before {
        pairs.push(("cursor".to_owned(), cursor.to_owned()));
    }
    let mut query = nodes_query::nodes(pairs)?;
    if before.is_some() {
        query.sort = Some(opposite(query.sort.as_deref().unwrap_or("id")));
    }
    let mut found = answer(desk.shared.subject.engine.nodes(query)).await?;
    if before.is_some() {
        found = turned(found);
    }
    let mut view = View::new(desk, "/devices", "Devices", &asked);
    let (now, page) = (view.now, &mut view.body);
    filters(page, &asked, limit);
    places(page, &asked, &found, "Pages, above the table");
    table(page, &asked, &found, now);
    if found.nodes.len() > 20 {
        places(page, &asked, &found, "Pages, below the table");
    }
    Ok(view.answer())
}

fn opposite(sort: &str) -> String {
    sort.strip_prefix('-').map_or_else(|| format!("-{sort}"), str::to_owned)
}

/// A page that was found backwards, as if it had been found forwards.
fn turned(found: NodesPage) -> NodesPage {
    let NodesPage { mut nodes, total, next_cursor, first, before } = found;
    nodes.reverse();
    let shown = nodes.len();
    NodesPage {
        // What was first backwards is the last one now, and what came before it follows.
        next_cursor: first.filter(|_| before > 0),
        first: next_cursor,
        before: total.saturating_sub(before + shown),
        nodes,
        total,
    }
}

fn filters(page: &mut Markup, asked: &Asked, limit: &str) {
    page.raw("<form class=\"filters\" action=\"/devices\" method=\"get\" role=\"search\" aria-label=\"Devices\">\n");
    page.raw("<p><label for=\"q\">Id contains</label>");
    page.put(
        "<input id=\"q\" name=\"q\" type=\"search\" maxlength=\"1024\" value=\"{}\"></p>\n",
        &[asked.or_empty("q")],
    );
    page.raw("<p><label for=\"state\">State</label><select id=\"state\" name=\"state\">");
    options(page, &STATES, asked.or_empty("state"));
    page.raw("</select></p>\n<p><label for=\"limit\">Rows</label><select id=\"limit\" name=\"limit\">");
    options(page, &LIMITS.map(|word| (word, word)), limit);
    page.raw("</select></p>\n");
    for name in ["sort", "every"] {
        if let Some(value) = asked.get(name) {
            page.put("<input type=\"hidden\" name=\"{}\" value=\"{}\">", &[name, value]);
        }
    }
    page.raw("<p><button>Show</button> <a href=\"/devices\">All</a></p></form>\n");
}

/// The words of a choice, with the one that is chosen.
pub(super) fn options(page: &mut Markup, words: &[(&str, &str)], chosen: &str) {
    for (value, shown) in words {
        page.put("<option value=\"{}\"", &[value]);
        page.raw(if *value == chosen { " selected" } else { "" }).put(">{}</option>", &[shown]);
    }
}

/// Where this page stands, and the ways to the others.
fn places(page: &mut Markup, asked: &Asked, found: &NodesPage, label: &str) {
    page.put("<nav class=\"pages\" aria-label=\"{}\"><p>", &[label]);
    if found.nodes.is_empty() {
        page.put("0 of {}", &[&count(found.total as u64)]);
    } else {
        let (from, to) = (found.before + 1, found.before + found.nodes.len());
        page.put("<b>{}–{}</b> of {}", &[&count(from as u64), &count(to as u64), &count(found.total as u64)]);
    }
    page.raw("</p><p>");
    let mut way = |cursor: (&str, &str), word: &'static str, is_there: bool| {
        if is_there {
            let link = asked.link("/devices", &[("cursor", ""), ("before", ""), cursor]);
            page.put("<a href=\"{}\">{}</a> ", &[&link, word]);
        } else {
            page.put("<span class=\"quiet\">{}</span> ", &[word]);
        }
    };
    let is_later = found.before > 0;
    way(("cursor", ""), "first", is_later);
    way(
        ("before", found.first.as_deref().unwrap_or_default()),
        "previous",
        is_later && found.first.is_some(),
    );
    way(("cursor", found.next_cursor.as_deref().unwrap_or_default()), "next", found.next_cursor.is_some());
    page.raw("</p></nav>\n");
}

/// A head that sorts says so, and which way.
fn heads(table: &mut Table, asked: &Asked) {
    let sorted = asked.get("sort").unwrap_or("id");
    for (column, sort) in COLUMNS {
        table.page().put("<th scope=\"col\" class=\"{}\"", &[column.class()]);
        let by = sorted.trim_start_matches('-');
        if sort.is_empty() {
            table.page().put(">{}</th>", &[column.title]);
            continue;
        }
        let is_sorted = by == sort.trim_start_matches('-');
        let (word, sign) = match (is_sorted, sorted.starts_with('-')) {
            (false, _) => (" ", ""),
            (true, false) => (" aria-sort=\"ascending\" ", " ▲"),
            (true, true) => (" aria-sort=\"descending\" ", " ▼"),
        };
        let next = if is_sorted { opposite(sorted) } else { sort.to_owned() };
        let link = asked.link("/devices", &[("sort", &next), ("cursor", ""), ("before", "")]);
        table.page().raw(word).put("><a href=\"{}\">{}<span aria-hidden=\"true\">", &[&link, column.title]);
        table.page().put("{}</span></a></th>", &[sign]);
    }
    table.begin_body();
}

fn table(page: &mut Markup, asked: &Asked, found: &NodesPage, now: Wall) {
    if found.nodes.is_empty() {
        page.raw(if found.total == 0 && asked.get("q").is_none() && asked.get("state").is_none() {
            "<p class=\"notice\">No device was heard of yet. Devices appear with their first message; see \
             <a href=\"/system\">System</a> for the filters and what the broker granted.</p>\n"
        } else {
            "<p class=\"notice\">No device matches.</p>\n"
        });
        return;
    }
    let columns = COLUMNS.map(|(column, _)| column);
    let mut table = Table::open_head(page, "Devices; the heads of columns sort", &columns);
    heads(&mut table, asked);
    for node in &found.nodes {
        table.row(&row(node, now));
    }
    table.close();
}

fn row(node: &Value, now: Wall) -> [Cell; 9] {
    let of = |key: &str| super::words::number(&node[key]);
    let mut state = badge(text(&node["state"]));
    if !node["muted"].is_null() {
        state.raw(" ").add(&badge("muted"));
    }
    let mut errors = Markup::new();
    let ratio = node["error_ratio"].as_f64().map_or_else(|| NONE.to_owned(), percent);
    if node["error_ratio_high"] == true {
        errors.add(&badge("high")).raw(" ");
    }
    errors.put("{}", &[&ratio]);
    [
        device(text(&node["id"])),
        state.into(),
        moment_of(&node["last_seen"], now).into(),
        node["rate_per_minute"].as_f64().map_or_else(|| NONE.to_owned(), rate).into(),
        of("messages").into(),
        errors.into(),
        of("stuck_points").into(),
        of("lost").into(),
        of("pending_commands").into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_page_found_backwards_is_shown_forwards() {
        // Of ten, 4 to 6, asked backwards from 7.
        let found = NodesPage {
            nodes: vec![json!(6), json!(5), json!(4)],
            total: 10,
            next_cursor: Some("4".to_owned()),
            first: Some("6".to_owned()),
            before: 4,
        };
        let shown = turned(found);
        assert_eq!((shown.nodes, shown.before), (vec![json!(4), json!(5), json!(6)], 3));
        assert_eq!((shown.first.as_deref(), shown.next_cursor.as_deref()), (Some("4"), Some("6")));
    }
}
