//! Every command and flag, declared once: the parser, the help, the completions and the man pages all come from
//! here. Nothing here may read a file or judge a setting; that is the configuration's.

use super::audit_args::Audit;
use super::doctor::Doctor;
use super::healthcheck::Healthcheck;
use super::help;
use super::queues_args::Queues;
use super::session_test::SessionTest;
use super::simulate::Simulate;
use crate::config::{Flags, MaskedUrl};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Version and revision, as `--version` and `watchkeeper_build_info` say them.
pub(crate) const VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), " (revision ", env!("WATCHKEEPER_REVISION"), ")");

/// Observability sidecar and audit exporter for MQTT fleets.
#[derive(Debug, Parser)]
#[command(name = "watchkeeper", version = VERSION, propagate_version = true, after_help = help::EXAMPLES)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// One subcommand each.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch the brokers until SIGINT or SIGTERM
    #[command(after_help = help::RUN)]
    Run(Run),
    /// See it work: embedded broker, simulated fleet with faults, sidecar and page
    #[command(after_help = help::DEMO)]
    Demo(Demo),
    /// Read the configuration and print every problem with its place and cure
    #[command(after_help = help::CHECK)]
    Check(Check),
    /// Find out step by step what is wrong on the way to a broker
    #[command(after_help = help::DOCTOR)]
    Doctor(Doctor),
    /// Find out whether a broker keeps what it promises to a client that comes and goes
    #[command(after_help = help::SESSION_TEST)]
    SessionTest(SessionTest),
    /// Search, follow, prove and export the audit log
    #[command(subcommand, after_help = help::AUDIT)]
    Audit(Audit),
    /// Be a fleet of devices against any broker, with faults on purpose
    Simulate(Simulate),
    /// Show or correct what a running sidecar knows about a device
    #[command(subcommand, after_help = help::STATE)]
    State(State),
    /// Print the statistics report of a running sidecar
    #[command(after_help = help::REPORT)]
    Report(Report),
    /// Show who is behind, by how much, and since when, as a running sidecar knows it
    #[command(subcommand, after_help = help::QUEUES)]
    Queues(Queues),
    /// Ask a running sidecar for its health
    #[command(after_help = help::HEALTHCHECK)]
    Healthcheck(Healthcheck),
    /// Print the completions for a shell
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Write the man pages
    #[command(after_help = help::MAN)]
    Man {
        /// The folder to write them to; it is created where it is missing
        dir: PathBuf,
    },
}

/// What `run`, `demo` and `check` have in common.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Common {
    /// Config file.
    #[arg(help = "Config file; also WATCHKEEPER_CONFIG. None is needed with --broker", long, value_name = "FILE", help_heading = COMMON)]
    pub(crate) config: Option<PathBuf>,
    /// Brokers to watch.
    #[arg(help = "Broker to watch, such as mqtt://127.0.0.1:1883; repeatable; replaces the brokers of the file", long = "broker", value_name = "URL", value_parser = masked_url, help_heading = COMMON)]
    pub(crate) brokers: Vec<MaskedUrl>,
    /// Address to serve on; repeatable [default: 127.0.0.1:10883]
    #[arg(long = "web.listen-address", value_name = "ADDR", help_heading = COMMON)]
    pub(crate) listen: Vec<String>,
    /// TLS, basic auth and headers, in the format of the exporter toolkit
    #[arg(long = "web.config.file", value_name = "FILE", help_heading = COMMON)]
    pub(crate) web_config_file: Option<PathBuf>,
    /// Path of the metrics [default: /metrics]
    #[arg(long = "web.telemetry-path", value_name = "PATH", help_heading = COMMON)]
    pub(crate) telemetry_path: Option<String>,
    /// Folder for the state.
    #[arg(help = "Folder for the state [default: $STATE_DIRECTORY, else ./watchkeeper-data]", long = "data-dir", value_name = "DIR", help_heading = COMMON)]
    pub(crate) data_dir: Option<PathBuf>,
    /// How much to log: error, warn, info, debug or trace [default: info]
    #[arg(long = "log.level", value_name = "LEVEL", help_heading = COMMON)]
    pub(crate) log_level: Option<String>,
    /// How to log: logfmt or json [default: logfmt]
    #[arg(long = "log.format", value_name = "FORMAT", help_heading = COMMON)]
    pub(crate) log_format: Option<String>,
    /// Which of several processes that share the fleet this one is, counted from 0 [default: 0]
    #[arg(long = "shard.index", value_name = "INDEX", help_heading = COMMON)]
    pub(crate) shard_index: Option<String>,
    /// How many processes share the fleet [default: 1]
    #[arg(long = "shard.total", value_name = "TOTAL", help_heading = COMMON)]
    pub(crate) shard_total: Option<String>,
}

const COMMON: &str = "Settings";

impl Common {
    /// As the configuration wants them.
    pub(crate) fn flags(&self) -> Flags {
        let Self {
            config: _,
            brokers,
            listen,
            web_config_file,
            telemetry_path,
            data_dir,
            log_level,
            log_format,
            shard_index,
            shard_total,
        } = self.clone();
        Flags {
            brokers,
            listen,
            web_config_file,
            telemetry_path,
            data_dir,
            log_level,
            log_format,
            shard_index,
            shard_total,
            grace: None,
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the parser of a flag may fail, this one does not")]
fn masked_url(text: &str) -> Result<MaskedUrl, std::convert::Infallible> {
    Ok(MaskedUrl::from(text))
}

/// `run`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Run {
    /// Settings.
    #[command(flatten)]
    pub(crate) common: Common,
    /// How long a stop may take, such as 10s [default: 10s]
    #[arg(long, value_name = "DURATION")]
    pub(crate) grace: Option<String>,
}

impl Run {
    /// As the configuration wants them.
    pub(crate) fn flags(&self) -> Flags {
        Flags { grace: self.grace.clone(), ..self.common.flags() }
    }
}

/// `demo`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Demo {
    /// Settings.
    #[command(flatten)]
    pub(crate) common: Common,
    /// Everything is written below this folder [default: a temporary folder, which is named]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// `check`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Check {
    /// Settings.
    #[command(flatten)]
    pub(crate) common: Common,
    /// Show what a message becomes: its topic, and the file with its payload (- for standard input); repeatable
    #[arg(long = "sample", value_name = "TOPIC=FILE", value_parser = sample)]
    pub(crate) samples: Vec<Sample>,
}

/// One `--sample`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Topic of the message.
    pub(crate) topic: String,
    /// Where its payload is; `-` is standard input.
    pub(crate) file: PathBuf,
}

/// A topic may hold `=`, so the last one separates; a file name with `=` needs a folder or a rename.
fn sample(text: &str) -> Result<Sample, String> {
    match text.rsplit_once('=') {
        Some((topic, file)) if !topic.is_empty() && !file.is_empty() => {
            Ok(Sample { topic: topic.to_owned(), file: file.into() })
        }
        _ => Err("write TOPIC=FILE, such as plant/a/1/d7/telemetry/temperature=message.json, or TOPIC=- for standard input".to_owned()),
    }
}

/// Which sidecar to speak to.
#[derive(Args, Clone, Debug)]
pub(crate) struct Remote {
    /// Address of the running sidecar
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:10883")]
    pub(crate) url: String,
    /// File with the bearer token of the API
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// User of the sidecar's web config file
    #[arg(long, value_name = "NAME", requires = "password_file", conflicts_with = "token_file")]
    pub(crate) user: Option<String>,
    /// File with the user's password; a password in --url would be in the list of processes
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(crate) password_file: Option<PathBuf>,
    /// Authorities to trust for https:// instead of those of the system, in PEM form
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

/// `report`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Report {
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Which sidecar.
    #[command(flatten)]
    pub(crate) remote: Remote,
}

/// `state`.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum State {
    /// Show everything known about a device
    Show {
        /// Id of the device
        device: String,
        /// Which sidecar.
        #[command(flatten)]
        remote: Remote,
    },
    /// Forget a device: its series vanish, and it is new when it is heard again
    Reset {
        /// Id of the device
        device: String,
        /// Which sidecar.
        #[command(flatten)]
        remote: Remote,
    },
    /// Set the sequence number that is expected next, so that a known break is no loss
    StartFrom {
        /// Id of the device
        device: String,
        /// Name of the stream
        stream: String,
        /// The next number
        next: u64,
        /// Which sidecar.
        #[command(flatten)]
        remote: Remote,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_declaration_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_reaches_the_configuration() {
        let line = "watchkeeper run --broker mqtt://a --broker mqtt://u:hunter2@b --web.listen-address :1 \
                    --web.config.file w --web.telemetry-path /m --data-dir d --log.level warn --log.format json --shard.index 1 \
                    --shard.total 3 --grace 3s";
        let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
        assert!(!format!("{cli:?}").contains("hunter2"));
        let Command::Run(run) = cli.command else { panic!("run is expected") };
        let expected = "Flags { brokers: [\"mqtt://a\", \"mqtt://***@b\"], listen: [\":1\"], web_config_file: Some(\"w\"), \
                        telemetry_path: Some(\"/m\"), data_dir: Some(\"d\"), log_level: Some(\"warn\"), \
                        log_format: Some(\"json\"), shard_index: Some(\"1\"), shard_total: Some(\"3\"), \
                        grace: Some(\"3s\") }";
        assert_eq!(format!("{:?}", run.flags()), expected);
    }

    #[test]
    fn a_sample_is_a_topic_and_a_file() {
        assert_eq!(sample("a/b=c.json").unwrap(), Sample { topic: "a/b".into(), file: "c.json".into() });
        assert_eq!(sample("a=b=-").unwrap(), Sample { topic: "a=b".into(), file: "-".into() });
        for bad in ["", "a", "=f", "a="] {
            assert!(sample(bad).unwrap_err().contains("TOPIC=FILE"), "{bad}");
        }
    }

    #[test]
    fn a_usage_error_is_2() {
        for line in ["watchkeeper", "watchkeeper nonsense", "watchkeeper run --nonsense"] {
            assert_eq!(Cli::try_parse_from(line.split(' ')).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
