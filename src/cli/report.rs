//! `report`: the statistics of a running sidecar, as text or as JSON. What it prints comes from the sidecar; nothing
//! here may count, and what is null stays unknown.

use super::args::Report;
use super::client::Method;
use super::state;
use anyhow::{Context, bail};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

/// Asks and prints.
pub(crate) async fn run(arguments: &Report, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let answer = state::ask(&arguments.remote, Method::Get, "/api/mqtt/status", None).await?;
    let status: Value = serde_json::from_slice(&answer.body).context("the answer is no JSON")?;
    let report = &status["statistics"];
    if !report["uptime_seconds"].is_number() {
        bail!("the answer is no report; is this the sidecar, and of this version?");
    }
    if arguments.json {
        writeln!(out, "{report:#}")?;
    } else {
        out.write_all(text(report).as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// For people. Writing to a string cannot fail, hence the ignored results.
fn text(report: &Value) -> String {
    let (messages, bytes) = (&report["messages"], &report["data"]);
    let reliability = &report["reliability"];
    let mut text = String::from("=== MQTT Statistics Report ===\n");
    let hours = report["uptime_seconds"].as_f64().map(|seconds| seconds / 3600.0);
    let _ = writeln!(text, "Uptime: {}", figure(hours, 1, " hours"));
    let _ = writeln!(text, "\nMessages:");
    let _ = writeln!(text, "  Published: {}", count(&messages["published"]));
    let _ = writeln!(text, "  Received: {}", count(&messages["received"]));
    let _ = writeln!(text, "  Rate: {}", figure(messages["rate_per_minute"].as_f64(), 1, "/min"));
    let _ = writeln!(text, "\nData Transfer:");
    let _ = writeln!(text, "  Sent: {}", figure(bytes["sent_MB"].as_f64(), 2, " MB"));
    let _ = writeln!(text, "  Received: {}", figure(bytes["received_MB"].as_f64(), 2, " MB"));
    let _ = writeln!(text, "  Bandwidth: {}", figure(bytes["bandwidth_kbps"].as_f64(), 1, " kbps"));
    let _ = writeln!(text, "\nReliability:");
    let _ = writeln!(text, "  Disconnections: {}", count(&reliability["disconnections"]));
    let available = reliability["availability_percent"].as_f64();
    let _ = writeln!(text, "  Availability: {}", figure(available, 2, "%"));
    let _ = writeln!(text, "\nMessage Types:");
    for (kind, number) in report["message_distribution"].as_object().into_iter().flatten() {
        let _ = writeln!(text, "  {kind}: {}", count(number));
    }
    let _ = writeln!(text, "\nRecent Errors:");
    for error in report["recent_errors"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "  {}", line(error));
    }
    text
}

/// One error; what devices say in it cannot move the cursor.
fn line(error: &Value) -> String {
    let plain = |key: &str| -> String {
        let text = error[key].as_str().unwrap_or_default();
        text.chars()
            .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
            .collect()
    };
    let whose = if error["device"].is_string() { format!(" {}", plain("device")) } else { String::new() };
    format!(
        "{} {} ({}) {}{whose}: {}",
        plain("time"),
        plain("type"),
        plain("reason"),
        plain("broker"),
        plain("details")
    )
}

fn figure(value: Option<f64>, decimals: usize, unit: &str) -> String {
    value.map_or_else(unknown, |value| format!("{value:.decimals$}{unit}"))
}

/// With commas between thousands.
fn count(value: &Value) -> String {
    let Some(digits) = value.as_u64().map(|number| number.to_string()) else { return unknown() };
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn unknown() -> String {
    "unknown (a subscriber does not see it)".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_report_is_the_one_of_the_field_guide() {
        let report = json!({
            "uptime_seconds": 5400.0,
            "messages": {"published": null, "received": 1_234_567, "rate_per_minute": 13717.4},
            "data": {"sent_MB": null, "received_MB": 12.345, "bandwidth_kbps": 18.72},
            "reliability": {"disconnections": 2, "availability_percent": 99.987},
            "message_distribution": {"alarm": 999, "telemetry": 1_233_568},
            "recent_errors": [
                {"time": "2026-11-21T06:31:00.000000Z", "type": "disconnect", "reason": "closed", "broker": "main",
                 "device": null, "details": "it hung up"},
                {"time": "2026-11-21T06:31:01.000000Z", "type": "malformed", "reason": "json", "broker": "main",
                 "device": "d\u{1b}[2J", "details": "d/t: not JSON"},
            ],
        });
        let expected = "=== MQTT Statistics Report ===\nUptime: 1.5 hours\n\nMessages:\n  Published: unknown (a \
            subscriber does not see it)\n  Received: 1,234,567\n  Rate: 13717.4/min\n\nData Transfer:\n  Sent: \
            unknown (a subscriber does not see it)\n  Received: 12.35 MB\n  Bandwidth: 18.7 kbps\n\nReliability:\n  \
            Disconnections: 2\n  Availability: 99.99%\n\nMessage Types:\n  alarm: 999\n  telemetry: 1,233,568\n\n\
            Recent Errors:\n  2026-11-21T06:31:00.000000Z disconnect (closed) main: it hung up\n  \
            2026-11-21T06:31:01.000000Z malformed (json) main d\\u{1b}[2J: d/t: not JSON\n";
        assert_eq!(text(&report), expected);
    }

    #[test]
    fn thousands_have_commas() {
        for (number, shown) in [(0, "0"), (999, "999"), (1000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(count(&json!(number)), shown);
        }
    }
}
