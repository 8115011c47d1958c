//! `watchkeeper simulate`: flags to settings, signals to a stop, the truth to its file and a summary to the terminal.
//! What the fleet does is not decided here.

use super::simulate_values::{broker, jitter, prefix, rate, span};
use crate::simulate::{self, FaultCounts, POINTS_MIN, Settings, Truth};
use anyhow::Context as _;
use clap::Args;
use secrecy::SecretString;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::watch;

/// Simulate a fleet of devices against any broker, with injected faults and a ground-truth file.
///
/// Each device publishes the 60-point telemetry of a temperature controller on
/// PREFIX/area{a}/line{l}/{device}/telemetry/temperature. Same seed, same fleet, same faults.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    watchkeeper simulate --devices 40 --interval 2s --faults\n  \
    watchkeeper simulate --devices 100 --messages 50 --interval 0 --gaps 20 --duplicates 10 --truth truth.json\n  \
    watchkeeper simulate --broker mqtt://broker.plant:1883 --devices 1000 --duration 10m --rate 500")]
pub(crate) struct Simulate {
    #[arg(
        long,
        help = "Broker, as mqtt://HOST[:PORT]; plain TCP only",
        value_name = "URL",
        default_value = "mqtt://127.0.0.1:1883"
    )]
    broker: String,
    /// User name at the broker; the password comes from the environment only, where no process list shows it
    #[arg(long, env = "MQTT_USERNAME", value_name = "NAME")]
    username: Option<String>,
    /// Devices
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    devices: u32,
    /// Points per device; about one in ten reports nothing, at least 45 do
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(POINTS_MIN as i64..=1024))]
    points: u32,
    /// Time between two messages of a device; 0: as fast as the broker takes them
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = span)]
    interval: Duration,
    /// Random share of the interval by which messages are off; at most 0.04, so that none leaves the tolerance of 10 %
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = jitter)]
    jitter: f64,
    /// Messages per device; duplicates and swapped pairs add one each
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    messages: Option<u64>,
    /// Stop after this time; with neither --messages nor --duration the fleet runs until it is interrupted
    #[arg(long, value_name = "SPAN", value_parser = span)]
    duration: Option<Duration>,
    /// Quality of service
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=1))]
    qos: u8,
    /// Set the retain flag on every message
    #[arg(long)]
    retained: bool,
    /// Messages per second of the whole fleet, at most
    #[arg(long, value_name = "N", value_parser = rate)]
    rate: Option<f64>,
    /// Seed of fleet and faults
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write what was really sent to this file, as JSON
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// First level of every topic
    #[arg(long, default_value = "plant", value_parser = prefix)]
    prefix: String,
    /// Connections that the devices share
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,
    /// Devices answer commands
    #[arg(long)]
    respond: bool,
    /// Send so many commands to the devices, all at once; implies --respond
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=1_000_000))]
    commands: u64,
    #[command(flatten)]
    faults: Faults,
}

/// How much goes wrong.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Faults (how many, each on a message of its own)")]
pub(crate) struct Faults {
    /// A sensible mix of everything below; single flags override it
    #[arg(long = "faults")]
    mix: bool,
    /// Points whose value stands still, every other one to the end
    #[arg(long, value_name = "N")]
    stuck_points: Option<u64>,
    /// Devices that stop for ever
    #[arg(long, value_name = "N")]
    silent_devices: Option<u64>,
    /// Devices that pause for 40 s, at least 5 messages, and come back
    #[arg(long, value_name = "N")]
    pausing_devices: Option<u64>,
    /// Payloads that cannot be read; ten kinds in turn
    #[arg(long, value_name = "N")]
    malformed: Option<u64>,
    /// Temperatures outside -50 to 200
    #[arg(long, value_name = "N")]
    out_of_range: Option<u64>,
    /// Statuses that nobody knows
    #[arg(long, value_name = "N")]
    bad_status: Option<u64>,
    /// Messages with fewer than 45 points
    #[arg(long, value_name = "N")]
    too_few_points: Option<u64>,
    /// Timestamps 120 s old
    #[arg(long, value_name = "N")]
    stale_timestamps: Option<u64>,
    /// Timestamps that are none
    #[arg(long, value_name = "N")]
    bad_timestamps: Option<u64>,
    /// Summaries that disagree with the points
    #[arg(long, value_name = "N")]
    summary_mismatch: Option<u64>,
    /// Gaps of 1 to 20 sequence numbers
    #[arg(long, value_name = "N")]
    gaps: Option<u64>,
    /// Messages sent twice
    #[arg(long, value_name = "N")]
    duplicates: Option<u64>,
    /// Messages swapped with the next one
    #[arg(long, value_name = "N")]
    reorders: Option<u64>,
    /// Sequences that start again at 0 or 1
    #[arg(long, value_name = "N")]
    restarts: Option<u64>,
    /// Messages that come 30 % of the interval too late
    #[arg(long, value_name = "N")]
    late: Option<u64>,
    /// Messages that come 30 % of the interval too early
    #[arg(long, value_name = "N")]
    early: Option<u64>,
}

/// Runs the fleet until it is done or interrupted, and accounts for it.
pub(crate) async fn run(args: Simulate, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    // Opened first: after hours of sending it would be too late to learn that the file cannot be written.
    let truth_file = match &args.truth {
        Some(path) => Some(File::create(path).with_context(|| format!("cannot write {}", path.display()))?),
        None => None,
    };
    let settings = args.settings()?;
    writeln!(out, "{} devices at {}, interrupt to stop", settings.devices, settings.broker())?;
    let (stop, stopped) = watch::channel(false);
    let signals = tokio::spawn(async move {
        interrupted().await;
        let _ = stop.send(true);
        // The sender lives on: a receiver must be able to tell «not yet» from «never».
        stop.closed().await;
    });
    let result = simulate::run(settings, stopped).await;
    signals.abort();
    let truth = result?;
    if let Some(file) = truth_file {
        let mut file = BufWriter::new(file);
        serde_json::to_writer_pretty(&mut file, &truth).context("cannot write the truth file")?;
        file.flush().context("cannot write the truth file")?;
    }
    summary(&truth, out)?;
    Ok(if truth.connections.unconfirmed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn interrupted() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    let _ = tokio::signal::ctrl_c().await;
}

fn summary(truth: &Truth, out: &mut dyn Write) -> std::io::Result<()> {
    let Truth { totals, connections, commands, .. } = truth;
    writeln!(out, "sent {} messages, {} valid; errors {:?}", totals.sent, totals.valid, totals.errors)?;
    writeln!(
        out,
        "gaps {} ({} lost), duplicated {}, reordered {}, resets {}, late {}, early {}",
        totals.gaps,
        totals.lost,
        totals.duplicated,
        totals.reordered,
        totals.resets,
        totals.intervals_late,
        totals.intervals_early
    )?;
    let (stuck, silent) = (totals.stuck_points_at_end, totals.silent_devices);
    writeln!(out, "at the end {stuck} points stuck, {silent} devices silent")?;
    if commands.sent > 0 {
        writeln!(out, "commands {} sent, {} answered", commands.sent, commands.answered)?;
    }
    if !truth.exact {
        writeln!(
            out,
            "NOT EXACT: {} connections lost, {} messages sent again, {} unconfirmed",
            connections.lost, connections.resent, connections.unconfirmed
        )?;
    }
    Ok(())
}

impl Simulate {
    fn settings(self) -> anyhow::Result<Settings> {
        let (host, port) = broker(&self.broker).map_err(anyhow::Error::msg)?;
        let password = std::env::var("MQTT_PASSWORD").ok().map(SecretString::from);
        let settings = Settings {
            host,
            port,
            credentials: self.username.map(|user| (user, password.unwrap_or_default())),
            devices: usize::try_from(self.devices)?,
            points: usize::try_from(self.points)?,
            interval: self.interval,
            jitter: self.jitter,
            messages: self.messages,
            duration: self.duration,
            qos: self.qos,
            retain: self.retained,
            rate: self.rate,
            seed: self.seed,
            prefix: self.prefix,
            connections: usize::from(self.connections),
            faults: FaultCounts::default(),
            respond: self.respond || self.commands > 0,
            commands: self.commands,
        };
        let rounds = settings.rounds().unwrap_or(simulate::PERIOD);
        let faults = self.faults.counts(u64::from(self.devices), rounds, settings.interval.is_zero());
        Ok(Settings { faults, ..settings })
    }
}

impl Faults {
    fn counts(&self, devices: u64, rounds: u64, unpaced: bool) -> FaultCounts {
        let mut mix = if self.mix { FaultCounts::mix(devices, rounds) } else { FaultCounts::default() };
        if unpaced {
            // Without an interval nothing can be late.
            mix = FaultCounts { late: 0, early: 0, ..mix };
        }
        FaultCounts {
            stuck_points: self.stuck_points.unwrap_or(mix.stuck_points),
            silent_devices: self.silent_devices.unwrap_or(mix.silent_devices),
            pausing_devices: self.pausing_devices.unwrap_or(mix.pausing_devices),
            malformed: self.malformed.unwrap_or(mix.malformed),
            out_of_range: self.out_of_range.unwrap_or(mix.out_of_range),
            bad_status: self.bad_status.unwrap_or(mix.bad_status),
            too_few_points: self.too_few_points.unwrap_or(mix.too_few_points),
            stale_timestamps: self.stale_timestamps.unwrap_or(mix.stale_timestamps),
            bad_timestamps: self.bad_timestamps.unwrap_or(mix.bad_timestamps),
            summary_mismatch: self.summary_mismatch.unwrap_or(mix.summary_mismatch),
            gaps: self.gaps.unwrap_or(mix.gaps),
            duplicates: self.duplicates.unwrap_or(mix.duplicates),
            reorders: self.reorders.unwrap_or(mix.reorders),
            restarts: self.restarts.unwrap_or(mix.restarts),
            late: self.late.unwrap_or(mix.late),
            early: self.early.unwrap_or(mix.early),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        simulate: Simulate,
    }

    #[tokio::test]
    async fn the_command_writes_the_truth_and_says_it_in_short() {
        let broker = crate::demo::start_broker("127.0.0.1:0").await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (file, url) = (dir.path().join("truth.json"), format!("mqtt://{}", broker.addr));
        let flags =
            ["simulate", "--devices=5", "--messages=40", "--interval=0", "--faults", "--gaps=3", "--broker"];
        let line =
            Line::try_parse_from(flags.iter().copied().chain([&*url, "--truth", file.to_str().unwrap()]));
        let mut out = Vec::new();
        run(line.unwrap().simulate, &mut out).await.unwrap();
        let truth: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert_eq!((&truth["totals"]["gaps"], &truth["exact"]), (&3.into(), &true.into()));
        let sent = format!("sent {} messages", truth["totals"]["sent"]);
        assert!(String::from_utf8(out).unwrap().contains(&sent));
        broker.stop().await;
    }
}
