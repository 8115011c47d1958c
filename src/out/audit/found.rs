//! `GET /api/audit`, `/api/audit/histogram` and `/api/audit/checkpoint`: answers that are whole before they are sent.

use super::super::Desk;
use super::super::api::Pairs;
use super::super::security::Sender;
use super::question::{Parameters, Question};
use super::{Leaving, folder, place, problem, record};
use crate::audit::asked::Deed;
use crate::out::problem::Problem;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::{Value, json};
use std::fmt::Write;
use std::ops::ControlFlow;
use std::time::Duration;
use watchkeeper_audit::search::{Limits, Search, Summary, Tally, show};

/// A search that takes longer gives what it has, and says so.
const DEADLINE: Duration = Duration::from_secs(10);

/// Records in one answer, when nobody says otherwise and at most.
const RECORDS: (u64, u64) = (100, 1000);

/// Bytes of records in one answer; whoever asked goes on with the cursor.
const BYTES_MAX: usize = 8 << 20;

/// `GET /api/audit`.
pub(crate) async fn search(
    State(desk): State<Desk>,
    Extension(sender): Extension<Sender>,
    query: Pairs,
) -> Result<Response, Problem> {
    let question = Parameters::read(query)?.question(Some(RECORDS))?;
    let counts = question.query.counts();
    let (found, summary) = run(&desk, &sender, question, ("", DEADLINE)).await?;
    if counts {
        return Ok(Json(counted(&summary)).into_response());
    }
    let mut body = format!("{{\"records\":[{found}],");
    // Writing to a string cannot fail.
    let _ = write!(body, "{}", &outcome(&summary).to_string()[1..]);
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// What the page shows of a search.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Found {
    /// Records, as objects.
    pub(in super::super) records: Vec<Value>,
    /// Where to go on.
    pub(in super::super) next_cursor: Option<String>,
    /// False: it took too long, and what is there is not all.
    pub(in super::super) complete: bool,
    /// What was looked through, and how long it took in milliseconds.
    pub(in super::super) scanned_bytes: u64,
    pub(in super::super) took_ms: f64,
    /// What was not as it should be.
    pub(in super::super) problems: Vec<String>,
}

/// The search of `GET /api/audit`, for the page; with the same places, and a record as well.
pub(in super::super) async fn found(
    desk: &Desk,
    sender: &Sender,
    asked: Vec<(String, String)>,
    within: Duration,
) -> Result<Found, Problem> {
    let mut parameters = Parameters::of(asked);
    parameters.refuse(&["count", "by", "step"], "leave it out; the API counts")?;
    // The page reads itself again by this.
    parameters.take("every");
    let question = parameters.question(Some(RECORDS))?;
    let (found, summary) = run(desk, sender, question, ("", within.min(DEADLINE))).await?;
    let records = serde_json::from_str(&format!("[{found}]")).unwrap_or_default();
    Ok(Found {
        records,
        complete: summary.complete,
        scanned_bytes: summary.scanned_bytes,
        took_ms: summary.took.as_secs_f64() * 1e3,
        problems: summary.problems.iter().map(ToString::to_string).collect(),
        next_cursor: summary.next_cursor,
    })
}

/// `GET /api/audit/histogram`.
pub(crate) async fn histogram(
    State(desk): State<Desk>,
    Extension(sender): Extension<Sender>,
    query: Pairs,
) -> Result<Json<Value>, Problem> {
    let parameters = Parameters::read(query)?;
    parameters.refuse(&["limit", "order", "cursor", "by", "count"], "leave it out")?;
    if !parameters.has("step") {
        return Err(Problem::bad_request("step: it is missing; give the length of a span, such as step=1h"));
    }
    let question = parameters.question(None)?;
    let (_, summary) = run(&desk, &sender, question, ("histogram ", DEADLINE)).await?;
    Ok(Json(counted(&summary)))
}

/// `GET /api/audit/checkpoint`.
pub(crate) async fn checkpoint(State(desk): State<Desk>) -> Result<Response, Problem> {
    folder(&desk.shared)?;
    let signed = desk.shared.subject.audit.status().and_then(|status| status.checkpoint);
    let signed =
        signed.ok_or_else(|| Problem::unavailable("the log is not signed yet; ask again in a second"))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], signed.text).into_response())
}

/// The records as JSON with commas between, and what the search says of itself. The place is held until the search
/// has really ended, which it does soon when the client leaves; it is recorded then, whatever came of it.
async fn run(
    desk: &Desk,
    sender: &Sender,
    question: Question,
    (what, within): (&str, Duration),
) -> Result<(String, Summary), Problem> {
    let dir = folder(&desk.shared)?;
    let place = place(&desk.shared.audit.searches, "searches")?;
    let leaving = Leaving::default();
    let limits = Limits { deadline: Some(within), stop: Some(leaving.flag()), ..Limits::default() };
    let Question { query, text } = question;
    let (desk, sender, text) = (desk.clone(), sender.clone(), format!("{what}{text}"));
    let searched = tokio::task::spawn_blocking(move || {
        let mut found = String::new();
        let done = Search::run(&dir, &query, &limits, &mut |line| collect(line, &mut found));
        drop(place);
        record(&desk, Deed::Searched, &sender, &text, done.as_ref().map_or(0, |summary| summary.matches));
        done.map(|summary| (found, summary))
    });
    let done = searched.await.map_err(|_| Problem::unavailable("the search broke off; ask again"))?;
    drop(leaving);
    done.map_err(|error| problem(&error))
}

fn collect(line: &str, found: &mut String) -> ControlFlow<()> {
    if !found.is_empty() {
        found.push(',');
    }
    found.push_str(&show::object(line));
    if found.len() < BYTES_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

/// What every answer says.
fn outcome(summary: &Summary) -> Value {
    json!({
        "next_cursor": summary.next_cursor,
        "scanned_bytes": summary.scanned_bytes,
        "skipped_bytes": summary.skipped_bytes,
        "took_ms": summary.took.as_secs_f64() * 1e3,
        "complete": summary.complete,
        "problems": summary.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn counted(summary: &Summary) -> Value {
    let none = Tally::default();
    let tally = summary.tally.as_ref().unwrap_or(&none);
    let mut answer = outcome(summary);
    answer["count"] = json!(summary.matches);
    let buckets = tally.histogram.iter().map(|(at, count)| json!({"ts": at.rfc3339(), "count": count}));
    answer["buckets"] = Value::Array(buckets.collect());
    let values = tally.by.iter().map(|(value, count)| json!({"value": value, "count": count}));
    answer["values"] = Value::Array(values.collect());
    (answer["without"], answer["others"]) = (json!(tally.without), json!(tally.others));
    answer
}
