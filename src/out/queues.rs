//! `GET /api/queues`, the history of one client, and a snapshot at once. What is shown is what the newest snapshots that
//! are safe say; nothing here may ask a source by itself.

use super::api::{Id, Pairs, pairs, segment};
use super::{Desk, nodes_query};
use crate::clock;
use crate::config::parse_duration;
use crate::out::problem::Problem;
use crate::queues::store::history::{History, Point, Span};
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use watchkeeper_core::queues::{Queue, ShownQueue, ShownSource};
use watchkeeper_core::time::{Wall, micros, parse_rfc3339, seconds};

/// Queues that are shown, and that are when nobody says.
const QUEUES_MAX: usize = 100_000;
const QUEUES: usize = 100;

/// Points of a history.
const POINTS_MAX: usize = 10_000;
const POINTS: usize = 1_000;

/// The time that a history spans when nobody says.
const SPAN: Duration = Duration::from_secs(24 * 3600);

/// Sources have this time to tell, and the database to take it; the command line waits a little longer.
const TAKEN_WITHIN: Duration = Duration::from_secs(8);

/// `GET /api/queues`.
pub(crate) async fn get(State(desk): State<Desk>, query: Pairs) -> Result<Json<Value>, Problem> {
    let wish = read(pairs(query)?)?;
    let brokers = desk.shared.subject.queues.shown();
    let mut sources = Vec::new();
    let mut queues: Vec<(&str, &ShownQueue)> = Vec::new();
    for (broker, shown) in &brokers {
        sources.extend(shown.sources.iter().map(|one| source(broker, one)));
        let of =
            shown.queues.iter().filter(|one| wish.q.as_ref().is_none_or(|q| one.queue.client_id.contains(q)));
        queues.extend(of.map(|one| (broker.as_str(), one)));
    }
    // Of each broker they are in order already; a stable sort keeps brokers that are alike in theirs.
    queues.sort_by_key(|(_, one)| std::cmp::Reverse((!one.queue.client_id.is_empty(), one.queue.depth)));
    let total = queues.len();
    queues.truncate(wish.limit);
    let taken_at = brokers.iter().flat_map(|(_, shown)| &shown.sources).filter_map(|one| one.taken_at).max();
    Ok(Json(json!({
        "snapshot": {"taken_at": taken_at.map(Wall::rfc3339), "taken_at_ms": taken_at.map(ms), "sources": sources},
        "queues": queues.into_iter().map(|(broker, one)| show(broker, one)).collect::<Vec<_>>(),
        "total": total,
    })))
}

/// `GET /api/queues/{client}/history`.
pub(crate) async fn history(State(desk): State<Desk>, id: Id, query: Pairs) -> Result<Json<Value>, Problem> {
    let span = read_span(segment(id)?, pairs(query)?, clock::wall())?;
    let client = span.client.clone();
    let History { points, left_out, is_known } = read_history(&desk, span).await?;
    if !is_known {
        return Err(Problem::not_found("no snapshot tells of a client with this id; see /api/queues?q="));
    }
    let shown: Vec<Value> = points.iter().map(point).collect();
    Ok(Json(json!({"client_id": client, "points": shown, "left_out": left_out})))
}

/// A history, for whoever shows it; few are read at a time.
pub(super) async fn read_history(desk: &Desk, span: Span) -> Result<History, Problem> {
    let Ok(permit) = Arc::clone(&desk.shared.histories).try_acquire_owned() else {
        return Err(Problem::unavailable("too many histories are read at once; ask again in a moment"));
    };
    let found = desk.shared.subject.queues.history(span, permit).await;
    let found = found.ok_or_else(|| {
        Problem::not_found("no source of queues is configured; see [queues] in the manual of the settings")
    })?;
    found.map_err(|trouble| Problem::unavailable(&format!("{trouble}; {}", trouble.cure())))
}

/// `POST /api/queues/snapshot`.
pub(crate) async fn snapshot(State(desk): State<Desk>) -> Result<Json<Value>, Problem> {
    let queues = &desk.shared.subject.queues;
    if queues.path().is_none() {
        return Err(Problem::not_found("no source of queues is configured"));
    }
    let taken = queues.take(TAKEN_WITHIN).await;
    let each: Vec<Value> = taken
        .into_iter()
        .map(|one| {
            let (clients, error) = (one.told.as_ref().ok(), one.told.as_ref().err());
            json!({"source": one.source, "broker": one.broker, "ok": error.is_none(), "clients": clients, "error": error})
        })
        .collect();
    Ok(Json(json!({"sources": each})))
}

/// `queue` of `queue-status`, where a source outside tells of a client with the id of the device.
pub(super) fn of_device(desk: &Desk, device: &str) -> Option<Value> {
    let brokers = desk.shared.subject.queues.shown();
    let mut all = brokers.iter().flat_map(|(_, shown)| &shown.queues);
    let found = all.find(|one| one.queue.client_id == device)?;
    if desk.shared.subject.queues.is_inferred(&found.source) {
        return None;
    }
    Some(json!({
        "depth": found.queue.depth,
        "source": &*found.source,
        "oldest": found.queue.oldest.map(Wall::rfc3339),
        "taken_at": found.taken_at.map(Wall::rfc3339),
    }))
}

#[derive(Debug, PartialEq, Eq)]
struct Wish {
    q: Option<String>,
    limit: usize,
}

fn read(pairs: Vec<(String, String)>) -> Result<Wish, Problem> {
    let (mut q, mut limit) = (None, None);
    for (name, value) in pairs {
        let is_again = match name.as_str() {
            "q" => q.replace(value).is_some(),
            "limit" => limit.replace(nodes_query::limit(&value, QUEUES_MAX)?).is_some(),
            _ => return Err(Problem::bad_request("unknown parameter; known are q and limit")),
        };
        if is_again {
            return Err(Problem::bad_request(format!("{name} is given twice; give it once")));
        }
    }
    Ok(Wish { q, limit: limit.unwrap_or(QUEUES) })
}

fn read_span(client: String, pairs: Vec<(String, String)>, now: Wall) -> Result<Span, Problem> {
    let (mut from, mut to, mut hours, mut points_max) = (None, None, None, None);
    for (name, value) in pairs {
        let is_again = match name.as_str() {
            "from" => from.replace(moment("from", &value, now)?).is_some(),
            "to" => to.replace(moment("to", &value, now)?).is_some(),
            "hours" => hours.replace(span_of(&value)?).is_some(),
            "points" => points_max
                .replace(nodes_query::limit(&value, POINTS_MAX).map_err(|_| bad_points())?)
                .is_some(),
            _ => return Err(Problem::bad_request("unknown parameter; known are from, to, hours and points")),
        };
        if is_again {
            return Err(Problem::bad_request(format!("{name} is given twice; give it once")));
        }
    }
    if from.is_some() && hours.is_some() {
        return Err(Problem::bad_request("from and hours say the same; give one of them"));
    }
    let to = to.unwrap_or(now);
    let from = from.unwrap_or_else(|| to.minus(hours.unwrap_or(micros(SPAN))));
    if from >= to {
        return Err(Problem::bad_request("from must be earlier than to"));
    }
    Ok(Span { client, from, to, points_max: points_max.unwrap_or(POINTS) })
}

fn bad_points() -> Problem {
    Problem::bad_request(format!("points must be a whole number from 1 to {POINTS_MAX}"))
}

/// A moment, or so long ago.
fn moment(name: &str, text: &str, now: Wall) -> Result<Wall, Problem> {
    let ago = || parse_duration(text).ok().map(|span| now.minus(micros(span)));
    parse_rfc3339(text).or_else(ago).ok_or_else(|| {
        Problem::bad_request(format!(
            "{name} must be a moment such as 2026-11-21T18:00:00Z, or 15m for so long ago"
        ))
    })
}

fn span_of(text: &str) -> Result<u64, Problem> {
    const HOURS_MAX: f64 = 24.0 * 366.0 * 10.0;
    let bad = || Problem::bad_request("hours must be a number above 0, such as 24 or 0.5");
    let hours: f64 = text.parse().map_err(|_| bad())?;
    if !(hours > 0.0 && hours <= HOURS_MAX) {
        return Err(bad());
    }
    Ok(micros(Duration::from_secs_f64(hours * 3600.0)))
}

fn ms(at: Wall) -> i64 {
    at.0.div_euclid(1000)
}

fn source(broker: &str, one: &ShownSource) -> Value {
    json!({
        "source": &*one.name,
        "broker": broker,
        "ok": one.is_up,
        "error": one.error.as_ref().map(|(error, _)| error),
        "failing_since": one.error.as_ref().map(|(_, since)| since.rfc3339()),
        "taken_at": one.taken_at.map(Wall::rfc3339),
        "taken_at_ms": one.taken_at.map(ms),
        "clients": one.clients,
        "refused": one.refused,
    })
}

/// The columns of the database, then what they mean.
fn show(broker: &str, one: &ShownQueue) -> Value {
    let mut shown = columns(&one.queue);
    let meaning = json!({
        "taken_at_ms": one.taken_at.map(ms),
        "broker": broker,
        "source": &*one.source,
        "share": one.share,
        "growth_per_second": one.growth,
        "full_in_seconds": one.full_in.map(seconds),
        "high_water": one.high_water.map(|(depth, at)| json!({"depth": depth, "at": at.rfc3339()})),
        "oldest_age_seconds": one.age.map(seconds),
        "expired": one.expired,
    });
    if let (Some(all), Value::Object(more)) = (shown.as_object_mut(), meaning) {
        all.extend(more);
    }
    shown
}

fn columns(queue: &Queue) -> Value {
    json!({
        "client_id": queue.client_id,
        "depth": queue.depth,
        "inflight": queue.inflight,
        "bytes": queue.bytes,
        "limit_messages": queue.limit_messages,
        "oldest_at_ms": queue.oldest.map(ms),
        "connected": queue.connected,
        "dropped": queue.dropped,
    })
}

fn point(point: &Point) -> Value {
    let gone = Queue::default();
    let mut shown = columns(point.queue.as_ref().unwrap_or(&gone));
    if let Some(all) = shown.as_object_mut() {
        all.remove("client_id");
        all.insert("taken_at_ms".to_owned(), ms(point.at).into());
        all.insert("taken_at".to_owned(), point.at.rfc3339().into());
        all.insert("broker".to_owned(), point.broker.clone().into());
        all.insert("source".to_owned(), point.source.clone().into());
        all.insert("told".to_owned(), point.queue.is_some().into());
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs_of(text: &str) -> Vec<(String, String)> {
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn each_refusal_names_the_parameter_and_the_cure() {
        assert_eq!(read(pairs_of("q=d7&limit=5")), Ok(Wish { q: Some("d7".to_owned()), limit: 5 }));
        for (text, part) in [("top=1", "known are q and limit"), ("q=a&q=b", "twice"), ("limit=0", "limit")] {
            assert!(read(pairs_of(text)).expect_err(text).detail.contains(part), "{text}");
        }
    }

    #[test]
    fn a_span_is_given_by_its_ends_or_its_length() {
        let now = parse_rfc3339("2026-11-21T12:00:00Z").expect("it is a moment");
        let ask = |text: &str| {
            read_span("c".to_owned(), pairs_of(text), now)
                .map(|span| (span.from.rfc3339(), span.to.rfc3339()))
        };
        let span = |from: &str, to: &str| {
            Ok((format!("2026-11-{from}:00:00.000000Z"), format!("2026-11-{to}:00:00.000000Z")))
        };
        assert_eq!(ask(""), span("20T12", "21T12"));
        assert_eq!(ask("hours=2"), span("21T10", "21T12"));
        assert_eq!(ask("from=3h&to=1h"), span("21T09", "21T11"));
        assert_eq!(ask("from=2026-11-20T01:00:00Z"), span("20T01", "21T12"));
        for (text, part) in [
            ("hours=0", "above 0"),
            ("hours=NaN", "above 0"),
            ("from=soon", "from must be"),
            ("from=1h&hours=2", "say the same"),
            ("from=1h&to=2h", "earlier"),
            ("points=0", "points must"),
            ("x=1", "known are"),
        ] {
            assert!(ask(text).expect_err(text).detail.contains(part), "{text}");
        }
    }
}
