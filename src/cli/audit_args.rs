//! `audit search|tail|verify|stats|export`: every flag, declared once. What a filter means is the search's; here it
//! is only passed on.

use super::help;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// `audit`.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Audit {
    /// Find records: in live, closed and compressed segments, of a running, stopped or copied log
    #[command(after_help = help::AUDIT_SEARCH)]
    Search(Search),
    /// Show the newest records and those that come
    #[command(after_help = help::AUDIT_TAIL)]
    Tail(Tail),
    /// Prove that nothing was altered or removed, or say where
    #[command(after_help = help::AUDIT_VERIFY)]
    Verify(Verify),
    /// What is in the log: segments, sizes, times, records by type
    #[command(after_help = help::AUDIT_STATS)]
    Stats(Stats),
    /// Write records in another form, for other systems
    #[command(after_help = help::AUDIT_EXPORT)]
    Export(Export),
}

/// Which log.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Where {
    /// Folder of the log [default: dir of [audit], else DATA-DIR/audit]
    #[arg(long, value_name = "DIR", help_heading = WHERE)]
    pub(crate) dir: Option<PathBuf>,
    /// Config file.
    #[arg(help = "Config file that says where the log is; also WATCHKEEPER_CONFIG", long, value_name = "FILE", help_heading = WHERE)]
    pub(crate) config: Option<PathBuf>,
    /// Folder for the state.
    #[arg(help = "Folder for the state [default: $STATE_DIRECTORY, else ./watchkeeper-data]", long, value_name = "DIR", help_heading = WHERE)]
    pub(crate) data_dir: Option<PathBuf>,
}

const WHERE: &str = "Which log";

/// What a record must be like.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Filters {
    /// Text that must occur; several: all of them
    #[arg(value_name = "TEXT")]
    pub(crate) text: Vec<String>,
    /// Type, such as COMMAND; repeatable: any of them
    #[arg(long = "type", value_name = "TYPE", help_heading = FILTERS)]
    pub(crate) kind: Vec<String>,
    /// Device; repeatable: any of them
    #[arg(long, value_name = "DEVICE", help_heading = FILTERS)]
    pub(crate) device: Vec<String>,
    /// MQTT client id; repeatable: any of them
    #[arg(long, value_name = "CLIENT", help_heading = FILTERS)]
    pub(crate) client: Vec<String>,
    /// Event, such as offline; repeatable: any of them
    #[arg(long, value_name = "EVENT", help_heading = FILTERS)]
    pub(crate) event: Vec<String>,
    /// Level: INFO, WARN or ERROR; repeatable: any of them
    #[arg(long, value_name = "LEVEL", help_heading = FILTERS)]
    pub(crate) level: Vec<String>,
    /// Field: k=v, k!=v, k~regex, k>v or k<v; repeatable: all of them
    #[arg(long, value_name = "FIELD", help_heading = FILTERS)]
    pub(crate) field: Vec<String>,
    /// Regular expression that the line must match
    #[arg(long, value_name = "REGEX", help_heading = FILTERS)]
    pub(crate) regex: Option<String>,
    /// Text that must not occur; repeatable
    #[arg(long, value_name = "TEXT", help_heading = FILTERS)]
    pub(crate) not: Vec<String>,
    /// Any of the texts is enough
    #[arg(long, help_heading = FILTERS)]
    pub(crate) any: bool,
    /// Upper and lower case are the same
    #[arg(long, help_heading = FILTERS)]
    pub(crate) ignore_case: bool,
    /// Not before: RFC 3339, or so long ago, such as 15m
    #[arg(long, value_name = "TIME", help_heading = FILTERS)]
    pub(crate) since: Option<String>,
    /// Before: RFC 3339, or so long ago
    #[arg(long, value_name = "TIME", help_heading = FILTERS)]
    pub(crate) until: Option<String>,
}

const FILTERS: &str = "Filters";

/// How records are shown: as in the pipe form, one JSON object a line, or in columns. No word of help each, or every
/// flag of the command would take two lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shown {
    Pipe,
    Json,
    Table,
}

/// `audit search`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Search {
    /// Filters.
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// At most so many records [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<String>,
    /// The oldest first (asc) or the newest first (desc) [default: asc]
    #[arg(long, value_name = "ORDER")]
    pub(crate) order: Option<String>,
    /// Only records after this one
    #[arg(long, value_name = "SEQ")]
    pub(crate) after: Option<String>,
    /// Only count them
    #[arg(long, conflicts_with_all = ["follow", "histogram"])]
    pub(crate) count: bool,
    /// Count them by the values of a field
    #[arg(long, value_name = "FIELD", conflicts_with_all = ["follow", "histogram"])]
    pub(crate) by: Option<String>,
    /// Count them by time, in steps such as 1h
    #[arg(long, value_name = "STEP", conflicts_with = "follow")]
    pub(crate) histogram: Option<String>,
    /// How they are shown
    #[arg(long, value_name = "FORM", default_value = "pipe")]
    pub(crate) format: Shown,
    /// Then wait for more, until interrupted
    #[arg(long)]
    pub(crate) follow: bool,
    /// Which log.
    #[command(flatten)]
    pub(crate) place: Where,
}

/// `audit tail`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Tail {
    /// Filters.
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// So many of the newest records first
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    pub(crate) lines: u64,
    /// Go on after this record instead
    #[arg(long, value_name = "SEQ", conflicts_with = "lines")]
    pub(crate) after: Option<String>,
    /// How they are shown
    #[arg(long, value_name = "FORM", default_value = "pipe")]
    pub(crate) format: Shown,
    /// Which log.
    #[command(flatten)]
    pub(crate) place: Where,
}

/// `audit verify`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Verify {
    /// Verifier key, or a file with it [default: DIR.vkey]
    #[arg(long, value_name = "VKEY")]
    pub(crate) key: Option<String>,
    /// A checkpoint from before, kept elsewhere: the log must be what it was, and more
    #[arg(long, value_name = "CHECKPOINT_FILE")]
    pub(crate) since: Option<PathBuf>,
    /// The report as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Which log.
    #[command(flatten)]
    pub(crate) place: Where,
}

/// `audit stats`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Stats {
    /// The figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Which log.
    #[command(flatten)]
    pub(crate) place: Where,
}

/// `audit export`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Export {
    /// The form
    #[arg(long, value_name = "FORM", default_value = "ndjson")]
    pub(crate) format: Form,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Filters.
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// Which log.
    #[command(flatten)]
    pub(crate) place: Where,
}

/// Forms of other systems: the log's own JSON, Open Cybersecurity Schema Framework, Elastic Common Schema,
/// OpenTelemetry, Common Event Format, RFC 5424.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    Ndjson,
    Ocsf,
    Ecs,
    Otlp,
    Cef,
    Syslog,
}
