//! `doctor`: the configuration as `run` reads it, the wishes of the command line, and the exit code. Nothing here may know
//! how a broker is examined.

use super::args::Common;
use crate::config::{self, Config};
use crate::doctor::{self, Wishes};
use clap::Args;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

/// `doctor`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Doctor {
    /// Settings.
    #[command(flatten)]
    pub(crate) common: Common,
    /// Print the steps as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Publish nothing: no round trips, no retained message, no large one
    #[arg(long)]
    pub(crate) no_publish: bool,
    /// Longest time for each URL, such as 60s
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// Connect with this client id instead of one of its own; whoever has it is cut off
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,
}

fn duration(text: &str) -> Result<Duration, String> {
    match config::parse_duration(text) {
        Ok(span) if !span.is_zero() => Ok(span),
        _ => Err("write a duration of more than nothing, such as 60s".to_owned()),
    }
}

/// Examines the brokers of the configuration: 0 when no step failed, else 1.
pub(super) async fn run(arguments: Doctor, config: Config, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    // https://no-color.org: set and not empty.
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let wishes = Wishes {
        timeout: arguments.timeout,
        no_publish: arguments.no_publish,
        client_id: arguments.client_id,
        json: arguments.json,
        colours: !plain && std::io::stdout().is_terminal(),
    };
    let ok = doctor::run(&config, &wishes, out).await?;
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
