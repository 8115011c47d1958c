//! Everything that comes into the log from brokers: the messages and their logs, each on a thread of its own. Started
//! when the log is open, and at its end before the log. Nothing here knows how either works.

use super::echo::Echo;
use super::intake::{self, Notes, counts::Counts};
use super::journal::{self, Feed, Follow};
use super::marks::Marks;
use crate::config::{Broker, Config};
use crate::ingest::status::LinkStatus;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use watchkeeper_audit::mask::Mask;
use watchkeeper_core::rules::FleetRules;

/// The part of the grace that the disk may take for what was handed over last.
const PATIENCE: f64 = 0.3;

/// The connection for the audited messages of one broker.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuditLink {
    /// How it is.
    pub(crate) status: Arc<LinkStatus>,
    /// What came over it.
    pub(crate) counts: Arc<Counts>,
}

/// One broker, as far as the log is concerned.
#[derive(Debug)]
pub(crate) struct Watched<'a> {
    /// The broker, with its client id made sure.
    pub(crate) broker: &'a Broker,
    /// Its streams.
    pub(crate) rules: FleetRules,
    /// Where its connection is shown.
    pub(crate) link: AuditLink,
    /// Where its log is counted, if it is followed.
    pub(crate) feed: Option<Arc<Feed>>,
    /// Where the engine hears of its commands.
    pub(crate) echo: Arc<Echo>,
}

/// The threads.
#[derive(Debug)]
pub(crate) struct Receiving {
    intake: JoinHandle<()>,
    journal: JoinHandle<()>,
    leave: watch::Sender<bool>,
    end: watch::Sender<bool>,
}

/// Whether a broker has messages that are audited.
pub(crate) fn has_audited(rules: &FleetRules) -> bool {
    rules.streams.iter().any(watchkeeper_core::rules::StreamRules::is_audited)
}

impl Receiving {
    /// Starts what there is to start; nothing where the log is off.
    pub(crate) fn start(
        config: &Config,
        brokers: Vec<Watched<'_>>,
        marks: Option<Arc<Marks>>,
    ) -> std::io::Result<Option<Self>> {
        let notes = Arc::new(Notes::open(&config.data_dir));
        let Some(marks) = marks else {
            notes.tell_left_behind(|_| false);
            return Ok(None);
        };
        notes.tell_left_behind(|broker| {
            brokers.iter().any(|one| one.broker.name == broker && has_audited(&one.rules))
        });
        let patience = config.grace.mul_f64(PATIENCE);
        let follows = brokers.iter().filter_map(follow).collect();
        let (leave, left) = watch::channel(false);
        let (end, ended) = watch::channel(false);
        let journal = journal::start(
            journal::Setup {
                marks: Arc::clone(&marks),
                follows,
                notes: Arc::clone(&notes),
                data_dir: config.data_dir.clone(),
                patience,
            },
            ended,
        )?;
        let sources = brokers.into_iter().map(|one| intake::Source {
            broker: one.broker.clone(),
            rules: one.rules,
            status: one.link.status,
            counts: one.link.counts,
            echo: one.echo,
        });
        let mask = Arc::new(Mask::new(&config.audit.redact));
        let setup = intake::Setup { sources: sources.collect(), marks, mask, notes, patience };
        let intake = intake::start(setup, Path::new(&config.audit.dir), left)?;
        Ok(Some(Self { intake, journal, leave, end }))
    }

    /// Takes no more, and leaves the brokers when what was taken is safe.
    pub(crate) fn leave(&self) {
        self.leave.send_replace(true);
    }

    /// Waits until everybody has left and what is to be known of it is written down; false: that took too long. Blocks.
    pub(crate) fn finish(self, within: Duration) -> bool {
        self.leave();
        let until = Instant::now() + within;
        let left = ended(self.intake, until);
        self.end.send_replace(true);
        ended(self.journal, until) && left
    }
}

fn follow(one: &Watched<'_>) -> Option<Follow> {
    let (feed, path) = (one.feed.clone()?, one.broker.log_file.clone()?);
    let records = one.rules.shard.is_first();
    Some(Follow { broker: one.broker.name.clone(), path, feed, records })
}

/// Waits for a thread, but not for ever.
fn ended(thread: JoinHandle<()>, until: Instant) -> bool {
    while !thread.is_finished() {
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    thread.join().is_ok()
}
