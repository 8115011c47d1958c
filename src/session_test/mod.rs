//! `watchkeeper session-test`: whether a broker keeps what it promises to a client that comes and goes. A producer sends
//! numbered messages in bursts, a consumer with a session that outlives its connections leaves and returns, and no number
//! may be missing in the end. Six trials, which are those that people make by hand. What was sent and received is kept in
//! a file, so that a run that was stopped, or killed, goes on where it was. Nothing here may use topics or client ids of
//! anybody else.

mod consumer;
mod producer;
mod report;
mod state;
mod trials;

use crate::config::{Broker, BrokerUrl, Config, Version};
use crate::ingest::reasons::Cause;
use crate::talk::wire::{ConnAck, Session};
use crate::talk::{self, Talk};
use report::Report;
use state::{Kept, State};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// A session is kept for so long after a connection: longer than anybody interrupts a test.
const KEPT: Session = Session::Kept(24 * 60 * 60);

/// What is asked of it beyond the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Wishes {
    /// How long the consumer stays away each time.
    pub(crate) away: Duration,
    /// How often it does in the third trial.
    pub(crate) cycles: u32,
    /// After so long without a message nothing more is expected.
    pub(crate) settle: Duration,
    /// Forget what an earlier run left, and end its session.
    pub(crate) reset: bool,
    /// Count from this number on.
    pub(crate) start_from: Option<u64>,
    /// Where what was sent and received is kept; none: below the data folder.
    pub(crate) state: Option<PathBuf>,
    /// JSON instead of text.
    pub(crate) json: bool,
}

/// How it ended, for the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// Nothing was lost.
    Sound,
    /// Messages were lost, or the session was.
    Lost,
    /// It could not be found out.
    Unknown,
}

/// Why a test cannot go on.
#[derive(Debug)]
enum Stop {
    /// The broker, with what was being done.
    Broker(&'static str, Cause),
    /// The broker refuses something that the test cannot do without: what, and the cure.
    Refused(String, String),
    /// Our own file.
    File(std::io::Error),
    /// A signal.
    Asked,
}

/// Tests every broker of the configuration, by its first URL that answers.
pub(crate) async fn run(config: &Config, wishes: &Wishes, out: &mut dyn Write) -> anyhow::Result<Verdict> {
    let mut reports = Vec::new();
    for broker in &config.brokers {
        let path = wishes.state.clone().unwrap_or_else(|| state::path(&config.data_dir, &broker.name));
        let mut report = Report::new(broker, &path, wishes.json);
        let outcome = tokio::select! {
            outcome = test(broker, wishes, path, &mut report, out) => outcome,
            () = asked() => Err(Stop::Asked),
        };
        report.end(broker, outcome, out)?;
        reports.push(report);
    }
    let verdict = reports.iter().map(Report::verdict).max().unwrap_or(Verdict::Unknown);
    if wishes.json {
        report::print_json(&reports, verdict, out)?;
    }
    Ok(verdict)
}

async fn test(
    broker: &Broker,
    wishes: &Wishes,
    path: PathBuf,
    report: &mut Report,
    out: &mut dyn Write,
) -> Result<(), Stop> {
    let mut kept = Kept::open(path).map_err(Stop::File)?;
    let way = Way::find(broker).await?;
    report.begin(&way, &kept, out);
    if wishes.reset {
        let (talk, _) = way.enter(&kept.state.consumer(), Session::Passing).await?;
        talk.leave().await;
        kept.forget().map_err(Stop::File)?;
    }
    if let Some(first) = wishes.start_from {
        kept.state.start_from(first);
    }
    let mut trials = trials::Trials::new(&way, kept, wishes);
    trials.all(report, out).await?;
    // What is left at the broker is of no use to anybody.
    trials.end().await?.remove().map_err(Stop::File)
}

/// SIGINT or SIGTERM.
async fn asked() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        },
        // Without handlers the signals end the process, as ever; the file is saved before each acknowledgement.
        _ => std::future::pending().await,
    }
}

/// The way to a broker that is known to work.
struct Way<'a> {
    broker: &'a Broker,
    url: &'a BrokerUrl,
    v5: bool,
}

impl<'a> Way<'a> {
    /// The first URL, and the version, with which the broker lets us in.
    async fn find(broker: &'a Broker) -> Result<Self, Stop> {
        let versions: &[bool] = match broker.version {
            Version::Auto => &[true, false],
            Version::V5 => &[true],
            Version::V311 => &[false],
        };
        let mut first = None;
        for url in &broker.urls {
            for &v5 in versions {
                let way = Self { broker, url, v5 };
                match way
                    .enter(&format!("watchkeeper-session-test-{}", state::random()), Session::Passing)
                    .await
                {
                    Ok((talk, _)) => {
                        talk.leave().await;
                        return Ok(way);
                    }
                    Err(stop) => drop(first.get_or_insert(stop)),
                }
            }
        }
        Err(first.unwrap_or(Stop::Broker("connect", Cause::Closed)))
    }

    async fn enter(&self, id: &str, session: Session) -> Result<(Talk, ConnAck), Stop> {
        let limit = self.broker.connect_timeout;
        let entered = talk::enter(self.broker, self.url, (id, session), self.v5, limit).await;
        entered.map_err(|cause| Stop::Broker("connect", cause))
    }
}

impl State {
    fn consumer(&self) -> String {
        format!("watchkeeper-session-test-{}-consumer", self.id)
    }

    fn producer(&self) -> String {
        format!("watchkeeper-session-test-{}-producer", self.id)
    }

    fn topic(&self) -> String {
        format!("watchkeeper/session-test/{}", self.id)
    }
}
