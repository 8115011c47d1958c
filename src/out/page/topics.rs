//! `GET /topics`: the busiest topics, who is flooding and whose messages are bad. It shows what the API says.

use super::View;
use super::devices::options;
use super::markup::{Column, Markup, Table, number, words};
use super::query::Asked;
use super::words::{bytes, count, rate, text};
use crate::engine::handle::TopicsQuery;
use crate::out::api::Pairs;
use crate::out::problem::Problem;
use crate::out::{Desk, answer};
use axum::extract::State;
use axum::response::Response;
use serde_json::Value;
use watchkeeper_core::busiest::By;

const BY: [&str; 3] = ["rate", "bytes", "errors"];
const TOP: [&str; 2] = ["50", "100"];

/// Serves the topics.
pub(in crate::out) async fn get(State(desk): State<Desk>, query: Pairs) -> Response {
    match listed(&desk, query).await {
        Ok(response) => response,
        Err(problem) => super::refused(&desk, "/topics", &problem),
    }
}

async fn listed(desk: &Desk, query: Pairs) -> Result<Response, Problem> {
    let asked = Asked::read(query, &["by", "top"])?;
    let (by, top) = (asked.word("by", &BY)?, asked.word("top", &TOP)?);
    let order = match by {
        "bytes" => By::Bytes,
        "errors" => By::Errors,
        _ => By::Rate,
    };
    let query = TopicsQuery { top: top.parse().unwrap_or(50), by: order };
    let found = answer(desk.shared.subject.engine.topics(query)).await?;
    let mut view = View::new(desk, "/topics", "Topics", &asked);
    form(&mut view.body, (by, top), &found);
    table(&mut view.body, &asked, by, &found["topics"]);
    Ok(view.answer())
}

fn form(page: &mut Markup, (by, top): (&str, &str), found: &Value) {
    page.raw("<form class=\"filters\" action=\"/topics\" method=\"get\" aria-label=\"Topics\">\n");
    page.raw("<p><label for=\"top\">Rows</label><select id=\"top\" name=\"top\">");
    options(page, &TOP.map(|word| (word, word)), top);
    page.put("</select></p><input type=\"hidden\" name=\"by\" value=\"{}\">", &[by]);
    page.raw("<p><button>Show</button></p></form>\n");
    let shown = found["topics"].as_array().map_or(0, Vec::len) as u64;
    let tracked = found["tracked"].as_u64().unwrap_or(0);
    page.put("<p>{} of {} topics.", &[&count(shown), &count(tracked)]);
    page.raw(if found["exact"] == true {
        "</p>\n"
    } else {
        " There are more topics than are tracked: figures may be too high by «Doubt».</p>\n"
    });
}

/// The columns, and what each is sorted by.
const COLUMNS: [(Column, &str); 7] = [
    (words("Topic"), ""),
    (number("Per second"), "rate"),
    (number("Messages").minor(), ""),
    (number("Bytes").wide(), "bytes"),
    (number("Errors"), "errors"),
    (number("Doubt").minor(), ""),
    (words("Broker").minor(), ""),
];

fn table(page: &mut Markup, asked: &Asked, by: &str, topics: &Value) {
    let columns = COLUMNS.map(|(column, _)| column);
    let mut table = Table::open_head(page, "The busiest topics; the heads of columns sort", &columns);
    for (column, sort) in COLUMNS {
        table.page().put("<th scope=\"col\" class=\"{}\"", &[column.class()]);
        if sort.is_empty() {
            table.page().put(">{}</th>", &[column.title]);
            continue;
        }
        let (word, sign) = if sort == by { (" aria-sort=\"descending\" ", " ▼") } else { (" ", "") };
        let link = asked.link("/topics", &[("by", sort)]);
        table.page().raw(word).put("><a href=\"{}\">{}<span aria-hidden=\"true\">", &[&link, column.title]);
        table.page().put("{}</span></a></th>", &[sign]);
    }
    table.begin_body();
    for topic in topics.as_array().into_iter().flatten() {
        let of = |key: &str| super::words::number(&topic[key]);
        table.row(&[
            text(&topic["topic"]).into(),
            topic["rate"].as_f64().map_or_else(String::new, rate).into(),
            of("messages").into(),
            bytes(topic["bytes"].as_u64().unwrap_or(0)).into(),
            of("errors").into(),
            of("doubt").into(),
            text(&topic["broker"]).into(),
        ]);
    }
    table.close();
}
