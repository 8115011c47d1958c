//! The busiest topics of all brokers, as the API shows them. What the fleets do not know is not in here.

use super::handle::TopicsQuery;
use serde_json::{Value, json};
use watchkeeper_core::busiest::{Busy, By};
use watchkeeper_core::report::Watched;
use watchkeeper_core::time::Mono;

/// `{"by","exact","tracked","topics":[…]}`.
pub(crate) fn top(watched: &[Watched], query: &TopicsQuery, now: Mono) -> Value {
    let mut all: Vec<(f64, Value)> = Vec::new();
    for one in watched {
        // Their figures are dated by the fleet's clock.
        let at = one.fleet.link().moment(now);
        let broker = &one.fleet.rules().broker;
        for busy in one.fleet.busiest.top(query.by, query.top, at) {
            let key = match query.by {
                By::Rate => busy.rate(at),
                By::Bytes => busy.bytes as f64,
                By::Errors => busy.errors as f64,
            };
            all.push((key, show(broker, busy, busy.rate(at))));
        }
    }
    // Stable, so that topics that are equal stay in the order of their fleets and names.
    all.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let by = match query.by {
        By::Rate => "rate",
        By::Bytes => "bytes",
        By::Errors => "errors",
    };
    json!({
        "by": by,
        "exact": watched.iter().all(|one| one.fleet.busiest.is_exact()),
        "tracked": watched.iter().map(|one| one.fleet.busiest.len()).sum::<usize>(),
        "topics": all.into_iter().take(query.top).map(|(_, shown)| shown).collect::<Vec<_>>(),
    })
}

fn show(broker: &str, busy: &Busy, rate: f64) -> Value {
    json!({
        "broker": broker,
        "topic": String::from_utf8_lossy(&busy.topic),
        "rate": (rate * 1000.0).round() / 1000.0,
        "messages": busy.messages,
        "bytes": busy.bytes,
        "errors": busy.errors,
        "doubt": busy.doubt,
    })
}
