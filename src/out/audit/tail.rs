//! `GET /api/audit/tail`: records as they are written, as Server-Sent Events whose ids are their numbers, so that a
//! stream that broke goes on where it was. A stream ends when its client leaves, does not take what comes, or when we
//! stop.

use super::super::Desk;
use super::super::api::Pairs;
use super::super::security::Sender;
use super::question::{Parameters, Question};
use super::{folder, place, record, relayed};
use crate::audit::asked::Deed;
use crate::out::problem::Problem;
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{Stream, StreamExt};
use serde_json::json;
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use watchkeeper_audit::line;
use watchkeeper_audit::search::{Continue, Error, Query, Said, Wait, follow, show, tail};

/// A comment is sent after so long without a record, so that nobody in between takes the stream for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Where a time is given, so many of its records come first.
const BEFORE_MAX: u64 = 1000;

/// Events that wait for a client.
const WAITING_MAX: usize = 64;

/// `GET /api/audit/tail`.
pub(crate) async fn get(
    State(desk): State<Desk>,
    Extension(sender): Extension<Sender>,
    headers: HeaderMap,
    query: Pairs,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let mut parameters = Parameters::read(query)?;
    let nonsense = ["until", "order", "limit", "cursor", "by", "count", "step"];
    parameters.refuse(&nonsense, "a stream has no end and one order: leave it out")?;
    let begin = match last_event(&headers)? {
        Some(last) => Begin::After(last),
        None => begin(&mut parameters)?,
    };
    let question = parameters.question(None)?;
    let dir = folder(&desk.shared)?;
    let place = place(&desk.shared.audit.followers, "followers")?;
    record(&desk, Deed::Searched, &sender, &format!("tail {}", question.text), 0);
    let (events, taken) = mpsc::channel(WAITING_MAX);
    let closing = desk.shared.audit.closing.subscribe();
    let follower = Follower { dir, begin, question, events };
    let spawned = std::thread::Builder::new().name("audit-follower".to_owned()).spawn(move || {
        follower.run();
        drop(place);
    });
    spawned.map_err(|_| Problem::unavailable("no thread can be had to follow the log; ask again later"))?;
    Ok(Sse::new(until_closed(taken, closing)).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

/// Where a stream begins.
enum Begin {
    After(u64),
    /// With the last records of the time that is given.
    Lately,
    Now,
}

fn begin(parameters: &mut Parameters) -> Result<Begin, Problem> {
    if parameters.has("after") {
        let after = parameters.take("after").unwrap_or_default();
        let bad = || {
            Problem::bad_request(
                "after: it is no sequence number; write the seq of the last record that you have",
            )
        };
        return after.parse().map(Begin::After).map_err(|_| bad());
    }
    Ok(if parameters.has("since") { Begin::Lately } else { Begin::Now })
}

/// The number that a client got last, from its own word when it comes back.
fn last_event(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(id) = headers.get("last-event-id") else { return Ok(None) };
    let id = id.to_str().unwrap_or_default();
    if id.is_empty() {
        return Ok(None);
    }
    let bad = || {
        Problem::bad_request(
            "Last-Event-ID: it is no sequence number; send the id of the last event, or none",
        )
    };
    id.parse().map(Some).map_err(|_| bad())
}

/// Follows on a thread of its own.
struct Follower {
    dir: PathBuf,
    begin: Begin,
    question: Question,
    events: mpsc::Sender<Event>,
}

impl Follower {
    fn run(self) {
        let Self { dir, begin, question, events } = self;
        let query: &Query = &question.query;
        let mut wait = Listening(&events);
        let mut each = |said: Said<'_>| say(said, &events);
        let done = match begin {
            Begin::After(after) => follow(&dir, query, Some(after), &mut wait, &mut each),
            Begin::Lately => tail(&dir, query, BEFORE_MAX, &mut wait, &mut each),
            Begin::Now => follow(&dir, query, None, &mut wait, &mut each),
        };
        if let Err(error) = done {
            // The stream ends, and the client comes back to be told why.
            tracing::debug!(%error, "a follower of the log ended");
            let Error::Pruned { first_seq } = error else { return };
            let _ = give(pruned(first_seq), &events);
        }
    }
}

/// Passes the time as long as somebody listens.
struct Listening<'a>(&'a mpsc::Sender<Event>);

impl Wait for Listening<'_> {
    fn wait(&mut self, at_most: Duration) -> Continue {
        std::thread::sleep(at_most);
        if self.0.is_closed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn say(said: Said<'_>, events: &mpsc::Sender<Event>) -> Continue {
    match said {
        Said::Line(line) => {
            let Some(seq) = line::seq(line.as_bytes()) else { return ControlFlow::Continue(()) };
            give(Event::default().id(seq.to_string()).data(show::object(line)), events)
        }
        Said::Pruned { first_seq } => give(pruned(first_seq), events),
        Said::Problem(problem) => give(
            Event::default().event("problem").data(json!({"detail": problem.to_string()}).to_string()),
            events,
        ),
        Said::Idle if events.is_closed() => ControlFlow::Break(()),
        Said::Idle => ControlFlow::Continue(()),
    }
}

/// Records are gone that the client has not seen.
fn pruned(first_seq: u64) -> Event {
    Event::default().event("pruned").data(json!({"first_seq": first_seq}).to_string())
}

/// Breaks when the client is gone, or does not take what comes.
fn give(event: Event, events: &mpsc::Sender<Event>) -> Continue {
    match events.blocking_send(event) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}

/// What is taken, until the server stops: a stream has no end of its own, and a graceful stop waits for all.
fn until_closed(
    taken: mpsc::Receiver<Event>,
    mut closing: watch::Receiver<bool>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let closed = async move {
        // A sender that is gone is a stop as well.
        drop(closing.wait_for(|closing| *closing).await);
    };
    relayed(taken).map(Ok).take_until(Box::pin(closed))
}
