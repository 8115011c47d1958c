//! The configuration as meant: checked, complete, with nothing left to guess. Nothing here may be half valid.
//!
//! `source` lays flags, environment and file over each other into a `tree`; `raw` and `words` read it key by key;
//! `check` judges each section; `problem` collects what is wrong.

mod check;
mod env;
mod mask;
mod problem;
mod raw;
mod source;
mod suggest;
mod tree;
mod units;
mod url;
mod words;

pub(crate) use check::default_client_id;
pub(crate) use mask::MaskedUrl;
pub(crate) use problem::Problems;
pub(crate) use source::{Flags, Sources};
pub(crate) use units::{duration as parse_duration, show_duration};

use crate::queues::setting::Setting;
use secrecy::SecretString;
use std::path::PathBuf;
use std::time::Duration;
use watchkeeper_core::rules::{CommandRules, ErrorRules, Limits, Sla, StreamRules};
use watchkeeper_core::shard::Shard;

/// Everything the program is told.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// At least one.
    pub(crate) brokers: Vec<Broker>,
    /// The streams of the file, then those of the presets, then the generic one where no stream is configured.
    pub(crate) streams: Vec<StreamRules>,
    /// `[errors]`.
    pub(crate) errors: ErrorRules,
    /// `[commands]`.
    pub(crate) commands: CommandRules,
    /// `[fleet]`.
    pub(crate) fleet: Fleet,
    /// `[limits]`; `payload_bytes_max` is each broker's own.
    pub(crate) limits: Limits,
    /// `[metrics] values`.
    pub(crate) values: bool,
    /// `[web]` and the `--web.*` flags.
    pub(crate) web: Web,
    /// `--data-dir`.
    pub(crate) data_dir: PathBuf,
    /// `[audit]`.
    pub(crate) audit: Audit,
    /// `[queues]`.
    pub(crate) queues: Queues,
    /// `[probe]`.
    pub(crate) probe: Probe,
    /// `[shard]`.
    pub(crate) shard: Shard,
    /// `--log.*`.
    pub(crate) log: Log,
    /// How long a stop may take.
    pub(crate) grace: Duration,
    /// What is valid but deserves a word.
    pub(crate) warnings: Vec<String>,
}

/// One `[[broker]]`.
#[derive(Clone, Debug)]
pub(crate) struct Broker {
    /// Label value.
    pub(crate) name: String,
    /// Where it is, then its fail-overs in order.
    pub(crate) urls: Vec<BrokerUrl>,
    /// Which protocol to speak.
    pub(crate) version: Version,
    /// Base of the client ids; each connection adds its role. Empty: `default_client_id`, which needs the data folder.
    pub(crate) client_id: String,
    /// User name.
    pub(crate) username: Option<String>,
    /// Password.
    pub(crate) password: Option<SecretString>,
    /// Interval of MQTT pings.
    pub(crate) keep_alive: Duration,
    /// From TCP connect to CONNACK and SUBACK.
    pub(crate) connect_timeout: Duration,
    /// First pause after a failed connection.
    pub(crate) reconnect_min: Duration,
    /// Longest pause.
    pub(crate) reconnect_max: Duration,
    /// No message for so long: verify by a round trip.
    pub(crate) idle_after: Duration,
    /// Larger payloads are counted, not parsed.
    pub(crate) payload_bytes_max: usize,
    /// The broker's own log, where it is at hand; else what it says of its clients comes over `$SYS`, as long as it
    /// keeps it.
    pub(crate) log_file: Option<PathBuf>,
    /// Dialect of `$SYS`.
    pub(crate) kind: String,
    /// Whom to trust over TLS, and who we are.
    pub(crate) tls: BrokerTls,
}

/// What `mqtts` and `wss` need. The files are read at each attempt, so that a certificate that was renewed is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BrokerTls {
    /// Authorities to trust instead of those of the system.
    pub(crate) ca_file: Option<PathBuf>,
    /// Our own certificate and its key.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    /// Names of protocols to offer (ALPN), such as `mqtt`; often none.
    pub(crate) alpn: Vec<String>,
    /// Whoever answers is taken for the broker.
    pub(crate) insecure_skip_verification: bool,
}

/// Where a broker listens; user and password are never in here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BrokerUrl {
    /// `mqtt`, `mqtts`, `ws`, `wss` or `unix`.
    pub(crate) scheme: Scheme,
    /// Host name or address, without brackets; the whole path for `unix`.
    pub(crate) host: String,
    /// Port.
    pub(crate) port: u16,
    /// Path of a websocket.
    pub(crate) path: String,
}

/// How a broker is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// TCP.
    Mqtt,
    /// TLS.
    Mqtts,
    /// Websocket.
    Ws,
    /// Websocket over TLS.
    Wss,
    /// Unix socket.
    Unix,
}

/// Which protocol to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// 5, then 3.1.1 where the broker refuses it.
    Auto,
    /// MQTT 5 only.
    V5,
    /// MQTT 3.1.1 only.
    V311,
}

/// `[fleet]`.
#[derive(Clone, Debug)]
pub(crate) struct Fleet {
    /// Devices that must exist: `expected` and the lines of `expected_file`.
    pub(crate) expected: Vec<Box<str>>,
    /// A device that was silent for so long is forgotten.
    pub(crate) forget_after: Duration,
    /// Captures shown as labels of `mqtt_device_info`.
    pub(crate) labels: Vec<Box<str>>,
    /// User properties of MQTT 5 that are shown as labels, too, under names of which a label may be made.
    pub(crate) user_properties: Vec<Box<str>>,
}

/// `[web]` and the `--web.*` flags.
#[derive(Clone, Debug)]
pub(crate) struct Web {
    /// Addresses to listen on.
    pub(crate) listen: Vec<std::net::SocketAddr>,
    /// Path of the metrics.
    pub(crate) telemetry_path: String,
    /// The exporter-toolkit file: TLS, basic auth, headers.
    pub(crate) config_file: Option<PathBuf>,
    /// Bearer token of the API.
    pub(crate) api_token: Option<SecretString>,
    /// `POST /-/reload` is answered.
    pub(crate) enable_lifecycle: bool,
}

/// `[audit]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Audit {
    /// False: nothing is recorded.
    pub(crate) enabled: bool,
    /// The folder of the log.
    pub(crate) dir: PathBuf,
    /// How a record is written.
    pub(crate) format: RecordForm,
    /// A segment is closed before it would become larger.
    pub(crate) rotate_bytes: u64,
    /// And after so long.
    pub(crate) rotate_every: Duration,
    /// Closed segments are compressed.
    pub(crate) compress: bool,
    /// At least so many closed segments are kept.
    pub(crate) keep_files: usize,
    /// And at least those of so long.
    pub(crate) keep_for: Duration,
    /// But never more bytes than these.
    pub(crate) keep_bytes: u64,
    /// What «on disk» means.
    pub(crate) durability: Durability,
    /// What becomes of records when the disk takes no more.
    pub(crate) on_full: OnFull,
    /// Less free space than this is told.
    pub(crate) space_left: u64,
    /// Less than this is told once more, and graver.
    pub(crate) admin_space_left: u64,
    /// Further words that mark a key as secret, beside the built-in ones.
    pub(crate) redact: Vec<String>,
    /// The signing key is replaced so often; none: never.
    pub(crate) key_every: Option<Duration>,
}

/// The two forms of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordForm {
    /// One JSON object a line.
    Json,
    /// `time | LEVEL | TYPE | key=value | …`.
    Pipe,
}

/// When a record is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// After one flush of the disk for all that wait.
    Group,
    /// After a flush for each.
    Each,
    /// When the system has it: a power cut may cost it.
    None,
}

/// What is done when the disk takes no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnFull {
    /// Nothing is lost: the broker keeps what is not acknowledged.
    StopAcknowledging,
    /// What finds no room is counted and gone.
    DropAndCount,
}

/// `[queues]`.
#[derive(Clone, Debug)]
pub(crate) struct Queues {
    /// Snapshots are kept for so long.
    pub(crate) keep_for: Duration,
    /// What is asked; where two tell of one client, the earlier wins.
    pub(crate) sources: Vec<QueueSource>,
}

/// One `[[queues.source]]`.
#[derive(Clone, Debug)]
pub(crate) struct QueueSource {
    /// What it asks.
    pub(crate) setting: Setting,
    /// So many messages may wait for one client, where the source does not tell it.
    pub(crate) limit_messages: Option<u64>,
}

/// `[probe]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Probe {
    /// Messages go there and back so often; none: never.
    pub(crate) every: Option<Duration>,
    /// At these qualities of service, in order.
    pub(crate) qos: Vec<u8>,
    /// A retained message is among them.
    pub(crate) retained: bool,
    /// A session is left and come back to so often; none: never.
    pub(crate) session_every: Option<Duration>,
    /// How long messages may take there and back.
    pub(crate) sla: Vec<Sla>,
}

impl Probe {
    /// Whether anything is to be done.
    pub(crate) fn is_on(&self) -> bool {
        self.every.is_some() || self.session_every.is_some()
    }
}

/// `--log.*`.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub(crate) level: String,
    /// `true`: JSON, else logfmt.
    pub(crate) json: bool,
}
