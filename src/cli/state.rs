//! `state`: shows or corrects what a running sidecar knows about a device. It asks over HTTP and keeps nothing.

use super::args::{Remote, State};
use super::client::{Answer, Client, Method};
use anyhow::{Context, bail};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

/// Asks, prints, and gives the exit code.
pub(crate) async fn run(arguments: &State, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match arguments {
        State::Show { device, remote } => {
            let answer = ask(remote, Method::Get, &path(device, ""), None).await?;
            let node: Value = serde_json::from_slice(&answer.body).context("the answer is no JSON")?;
            writeln!(out, "{node:#}")?;
        }
        State::Reset { device, remote } => {
            ask(remote, Method::Delete, &path(device, "/state"), None).await?;
            writeln!(out, "{device} is forgotten; it is new when it is heard again")?;
        }
        State::StartFrom { device, stream, next, remote } => {
            let body = json!({"stream": stream, "next": next}).to_string();
            ask(remote, Method::Post, &path(device, "/sequence"), Some(&body)).await?;
            writeln!(out, "{device} is expected to go on at {next} on {stream}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn path(device: &str, rest: &str) -> String {
    format!("/api/nodes/{}{rest}", utf8_percent_encode(device, NON_ALPHANUMERIC))
}

/// Asks, and takes any success for an answer.
pub(super) async fn ask(
    remote: &Remote,
    method: Method,
    path: &str,
    body: Option<&str>,
) -> anyhow::Result<Answer> {
    let answer = Client::of(remote)?.ask(method, path, body).await?;
    if (200..300).contains(&answer.status) {
        return Ok(answer);
    }
    let problem: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    bail!("HTTP {}: {}", answer.status, problem["detail"].as_str().unwrap_or("no reason given"))
}
