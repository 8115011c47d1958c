//! `queues`: who is behind, by how much, and since when, as a running sidecar says it. It asks over HTTP and keeps
//! nothing; what is not known is shown as a dash, never as zero.

use super::client::Method;
use super::queues_args::Queues;
use super::state;
use anyhow::Context;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

/// Asks and prints.
pub(crate) async fn run(arguments: &Queues, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let (remote, json, method, path) = match arguments {
        Queues::Show { q, limit, json, remote } => {
            let q = q.as_ref().map(|q| format!("&q={}", encoded(q))).unwrap_or_default();
            (remote, *json, Method::Get, format!("/api/queues?limit={limit}{q}"))
        }
        Queues::History { client, since, until, points, json, remote } => {
            let until = until.as_ref().map(|until| format!("&to={}", encoded(until))).unwrap_or_default();
            let (client, since) = (encoded(client), encoded(since));
            let path = format!("/api/queues/{client}/history?from={since}{until}&points={points}");
            (remote, *json, Method::Get, path)
        }
        Queues::Snapshot { json, remote } => (remote, *json, Method::Post, "/api/queues/snapshot".to_owned()),
    };
    let answer = state::ask(remote, method, &path, None).await?;
    let answer: Value = serde_json::from_slice(&answer.body).context("the answer is no JSON")?;
    if json {
        writeln!(out, "{answer:#}")?;
    } else {
        let text = match arguments {
            Queues::Show { .. } => show(&answer),
            Queues::History { .. } => history(&answer),
            Queues::Snapshot { .. } => taken(&answer),
        };
        out.write_all(text.as_bytes())?;
    }
    let failed = matches!(arguments, Queues::Snapshot { .. })
        && list(&answer["sources"]).iter().any(|source| source["ok"] != true);
    Ok(ExitCode::from(u8::from(failed)))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// For people. Writing to a string cannot fail, hence the ignored results.
fn show(answer: &Value) -> String {
    let mut rows = vec![
        [
            "CLIENT",
            "DEPTH",
            "INFLIGHT",
            "LIMIT",
            "SHARE",
            "OLDEST",
            "GROWTH/s",
            "CONNECTED",
            "BROKER",
            "SOURCE",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for queue in list(&answer["queues"]) {
        rows.push(row(queue));
    }
    let mut text = table(&rows);
    let (shown, total) = (list(&answer["queues"]).len(), answer["total"].as_u64().unwrap_or(0));
    let _ = writeln!(
        text,
        "{shown} of {total} queues, newest snapshot {}",
        plain(&answer["snapshot"]["taken_at"])
    );
    for source in list(&answer["snapshot"]["sources"]).iter().filter(|source| source["ok"] == false) {
        let (name, since) = (plain(&source["source"]), plain(&source["failing_since"]));
        let _ = writeln!(text, "source {name} does not tell since {since}: {}", plain(&source["error"]));
    }
    text
}

/// One queue, in the order of the columns.
fn row(queue: &Value) -> Vec<String> {
    let client =
        if queue["client_id"] == "" { "(the broker)".to_owned() } else { plain(&queue["client_id"]) };
    let share = queue["share"].as_f64().map(|share| format!("{:.0}%", share * 100.0));
    vec![
        client,
        plain(&queue["depth"]),
        plain(&queue["inflight"]),
        plain(&queue["limit_messages"]),
        share.unwrap_or_else(dash),
        queue["oldest_age_seconds"].as_f64().map_or_else(dash, age),
        queue["growth_per_second"].as_f64().map_or_else(dash, |growth| format!("{growth:+.2}")),
        plain(&queue["connected"]),
        plain(&queue["broker"]),
        plain(&queue["source"]),
    ]
}

/// The broker is a column where there are several.
fn history(answer: &Value) -> String {
    let points = list(&answer["points"]);
    let is_one = points.windows(2).all(|pair| pair[0]["broker"] == pair[1]["broker"]);
    let named = ["INFLIGHT", "BYTES", "CONNECTED", "DROPPED", "BROKER", "SOURCE"];
    let shown = named.iter().filter(|name| !(is_one && **name == "BROKER"));
    let mut rows = vec![["TIME", "DEPTH"].iter().chain(shown.clone()).map(ToString::to_string).collect()];
    for point in points {
        let depth = if point["told"] == true { plain(&point["depth"]) } else { "gone".to_owned() };
        let rest = shown.clone().map(|name| plain(&point[name.to_ascii_lowercase()]));
        rows.push([plain(&point["taken_at"]), depth].into_iter().chain(rest).collect::<Vec<String>>());
    }
    if points.is_empty() {
        return "nothing is known of this client in that time; ask for a longer one\n".to_owned();
    }
    let mut text = table(&rows);
    let left_out = answer["left_out"].as_u64().unwrap_or(0);
    if left_out > 0 {
        let _ = writeln!(
            text,
            "{left_out} points were left out, none of them deeper than those shown; raise --points"
        );
    }
    text
}

fn taken(answer: &Value) -> String {
    let mut rows = vec![["SOURCE", "BROKER", "RESULT"].map(str::to_owned).to_vec()];
    for source in list(&answer["sources"]) {
        let result = match source["clients"].as_u64() {
            Some(1) => "1 client".to_owned(),
            Some(clients) => format!("{clients} clients"),
            None => format!("failed: {}", plain(&source["error"])),
        };
        rows.push(vec![plain(&source["source"]), plain(&source["broker"]), result]);
    }
    table(&rows)
}

/// Columns as wide as their widest cell, two blanks apart.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// What strangers called themselves cannot move the cursor.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => dash(),
        Value::Bool(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Value::String(text) => {
            let each =
                text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.into() });
            each.collect()
        }
        other => other.to_string(),
    }
}

fn dash() -> String {
    "-".to_owned()
}

/// Such as `3m12s`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an age in seconds")]
fn age(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn queues_are_a_table_in_which_nothing_unknown_is_zero() {
        let answer = json!({
            "snapshot": {"taken_at": "T", "sources": [
                {"source": "emqx", "ok": false, "error": "no answer; ask again", "failing_since": "S"},
            ]},
            "queues": [
                {"client_id": "d\u{1b}7", "depth": 12, "inflight": 3, "limit_messages": 1000, "share": 0.012,
                 "oldest_age_seconds": 192.4, "growth_per_second": 0.5, "connected": false, "broker": "main",
                 "source": "emqx"},
                {"client_id": "", "depth": null, "broker": "main", "source": "sys"},
            ],
            "total": 3,
        });
        assert_eq!(
            show(&answer),
            "CLIENT        DEPTH  INFLIGHT  LIMIT  SHARE  OLDEST  GROWTH/s  CONNECTED  BROKER  SOURCE\n\
             d\\u{1b}7      12     3         1000   1%     3m12s   +0.50     no         main    emqx\n\
             (the broker)  -      -         -      -      -       -         -          main    sys\n\
             2 of 3 queues, newest snapshot T\n\
             source emqx does not tell since S: no answer; ask again\n"
        );
    }

    #[test]
    fn a_history_says_when_nobody_told_and_what_was_left_out() {
        let answer = json!({"left_out": 7, "points": [
            {"taken_at": "A", "depth": 5, "source": "emqx", "told": true, "connected": true},
            {"taken_at": "B", "depth": null, "source": "emqx", "told": false},
        ]});
        assert_eq!(
            history(&answer),
            "TIME  DEPTH  INFLIGHT  BYTES  CONNECTED  DROPPED  SOURCE\n\
             A     5      -         -      yes        -        emqx\n\
             B     gone   -         -      -          -        emqx\n\
             7 points were left out, none of them deeper than those shown; raise --points\n"
        );
        let two = json!({"points": [
            {"taken_at": "A", "depth": 5, "broker": "north", "source": "emqx", "told": true},
            {"taken_at": "B", "depth": 6, "broker": "south", "source": "emqx-2", "told": true},
        ]});
        assert_eq!(
            history(&two),
            "TIME  DEPTH  INFLIGHT  BYTES  CONNECTED  DROPPED  BROKER  SOURCE\n\
             A     5      -         -      -          -        north   emqx\n\
             B     6      -         -      -          -        south   emqx-2\n"
        );
        assert!(history(&json!({"points": []})).starts_with("nothing is known"));
        let done = json!({"sources": [{"source": "sys", "broker": "b", "ok": true, "clients": 1},
                                      {"source": "x", "broker": "b", "ok": false, "error": "away"}]});
        assert_eq!(
            taken(&done),
            "SOURCE  BROKER  RESULT\nsys     b       1 client\nx       b       failed: away\n"
        );
    }

    #[test]
    fn an_age_is_short() {
        for (seconds, text) in [(0.9, "0s"), (61.0, "1m01s"), (7260.0, "2h01m"), (90_000.0, "1d01h")] {
            assert_eq!(age(seconds), text);
        }
    }
}
