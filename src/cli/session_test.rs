//! `session-test`: the configuration as `run` reads it, the wishes of the command line, and the exit code. Nothing here may
//! know what a trial is.

use super::args::Common;
use crate::config::{self, Config};
use crate::session_test::{self, Verdict, Wishes};
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// `session-test`.
#[derive(Args, Clone, Debug)]
pub(crate) struct SessionTest {
    /// Settings.
    #[command(flatten)]
    pub(crate) common: Common,
    /// How long the consumer stays away each time, such as 2500ms
    #[arg(long, value_name = "DURATION", default_value = "2500ms", value_parser = duration)]
    pub(crate) away: Duration,
    /// How often it leaves and returns in the third trial
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) cycles: u32,
    /// After so long without a message nothing more is expected
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub(crate) settle: Duration,
    /// Forget what a run that was stopped has left, and end its session at the broker
    #[arg(long)]
    pub(crate) reset: bool,
    /// Count from this number on, at both ends
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=1_000_000_000_000))]
    pub(crate) start_from: Option<u64>,
    /// Where what was sent and received is kept [default: session-test-BROKER.json in the data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    match config::parse_duration(text) {
        Ok(span) if !span.is_zero() && span <= Duration::from_secs(3600) => Ok(span),
        _ => Err("write a duration of more than nothing and at most an hour, such as 2500ms".to_owned()),
    }
}

/// Tests the brokers of the configuration: 0 nothing lost, 1 lost, 2 could not run.
pub(super) async fn run(
    arguments: SessionTest,
    config: Config,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    if arguments.state.is_some() && config.brokers.len() > 1 {
        anyhow::bail!(
            "--state names one file, and there are {} brokers: choose one with --broker",
            config.brokers.len()
        );
    }
    let wishes = Wishes {
        away: arguments.away,
        cycles: arguments.cycles,
        settle: arguments.settle,
        reset: arguments.reset,
        start_from: arguments.start_from,
        state: arguments.state,
        json: arguments.json,
    };
    Ok(match session_test::run(&config, &wishes, out).await? {
        Verdict::Sound => ExitCode::SUCCESS,
        Verdict::Lost => ExitCode::from(1),
        Verdict::Unknown => ExitCode::from(2),
    })
}
