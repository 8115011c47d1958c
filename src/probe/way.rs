//! Where the probe goes, and the way there step by step: over the URL and in the version that the devices' connection uses,
//! or else the first that answers. Nothing here may decide when.

use super::done::Phases;
use crate::config::{Broker, BrokerUrl, Version};
use crate::ingest::connack;
use crate::ingest::dial::{self, Seen};
use crate::ingest::reasons::Cause;
use crate::ingest::status::{Failure, LinkState};
use crate::talk::wire::{ConnAck, Session};
use crate::talk::{Talk, doubts_version};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// So long does the broker keep a session of ours that we do not come back to.
pub(super) const KEPT: Session = Session::Kept(3600);

/// Longest wait for a message that the broker has.
const BACK_MAX: Duration = Duration::from_secs(5);

/// One broker, and what is known of the ways to it.
pub(super) struct Way<'a> {
    broker: &'a Broker,
    urls: Vec<&'a BrokerUrl>,
    versions: &'static [bool],
}

/// A connection that stands.
pub(super) struct Entered<'a> {
    pub(super) talk: Talk,
    pub(super) ack: ConnAck,
    pub(super) url: &'a BrokerUrl,
}

impl<'a> Way<'a> {
    /// As the devices' connection goes now.
    pub(super) fn of(broker: &'a Broker, devices: &LinkState) -> Self {
        let known = broker.urls.get(devices.turn).filter(|_| devices.connected);
        let versions: &[bool] = match (broker.version, devices.protocol) {
            (Version::V5, _) | (Version::Auto, Some("5")) if known.is_some() => &[true],
            (Version::V311, _) | (Version::Auto, Some("3.1.1")) if known.is_some() => &[false],
            (Version::V5, _) => &[true],
            (Version::V311, _) => &[false],
            (Version::Auto, _) => &[true, false],
        };
        let urls = known.map_or_else(|| broker.urls.iter().collect(), |url| vec![url]);
        Self { broker, urls, versions }
    }

    /// The longest wait for a step of the way.
    pub(super) fn limit(&self) -> Duration {
        self.broker.connect_timeout
    }

    /// The longest wait for a message.
    pub(super) fn back(&self) -> Duration {
        self.broker.connect_timeout.min(BACK_MAX)
    }

    /// What a cause is called at this URL.
    pub(super) fn failure(&self, url: &BrokerUrl, cause: &Cause) -> Failure {
        cause.failure(&url.to_string(), self.limit())
    }

    /// Connects; the first that answers counts, and where none does what is wrong with the first.
    pub(super) async fn enter(
        &self,
        id: &str,
        session: Session,
        phases: &mut Phases,
    ) -> Result<Entered<'a>, Failure> {
        let mut first = None;
        for url in &self.urls {
            for (at, v5) in self.versions.iter().enumerate() {
                *phases = Phases::default();
                match self.knock(url, *v5, (id, session), phases).await {
                    Ok((talk, ack)) => return Ok(Entered { talk, ack, url }),
                    Err(cause) => {
                        let is_last = at + 1 == self.versions.len() || !doubts_version(&cause);
                        if is_last {
                            first.get_or_insert_with(|| self.failure(url, &cause));
                            break;
                        }
                    }
                }
            }
        }
        Err(first.unwrap_or_else(|| Failure {
            reason: "protocol",
            summary: "there is no URL".to_owned(),
            cure: "set url".to_owned(),
        }))
    }

    async fn knock(
        &self,
        url: &BrokerUrl,
        v5: bool,
        (id, session): (&str, Session),
        phases: &mut Phases,
    ) -> Result<(Talk, ConnAck), Cause> {
        let began = Instant::now();
        let seen = Seen::default();
        let dialed = timeout(self.limit(), dial::dial(self.broker, url, &seen)).await;
        let way = dialed.unwrap_or(Err(Cause::ConnectTimeout))?;
        phases.dial = Some(began.elapsed());
        let began = Instant::now();
        let mut talk = Talk::new(way, v5);
        let ack = talk.begin(self.broker, id, session, self.limit()).await?;
        if let Some(cause) = connack::refused(ack.code) {
            return Err(cause);
        }
        phases.connect = Some(began.elapsed());
        Ok((talk, ack))
    }
}
