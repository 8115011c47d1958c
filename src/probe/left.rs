//! The brokers that may have a retained message of ours, and how it is taken away before we stop. One that cannot be seen to
//! be gone is told. Nothing here may keep a stop waiting for longer than it was given.

use crate::config::{Broker, BrokerUrl};
use crate::ingest::connack;
use crate::ingest::reasons::Cause;
use crate::talk::{self, Talk, wire::Message};
use std::cell::RefCell;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use watchkeeper_core::ours::probe_topic;

/// So long may it take to take away what is left when we stop.
const TIDY: Duration = Duration::from_secs(2);
/// And no more than this part of the grace, of which a stop waits 0.3 for us.
const OF_GRACE: f64 = 0.25;

/// A broker where one may be.
#[derive(Clone, Debug)]
struct Place {
    url: BrokerUrl,
    v5: bool,
    /// The quality of service that it was published with.
    qos: u8,
}

/// See the head of this file; the one that was tried last stands last.
#[derive(Debug, Default)]
pub(crate) struct Left(RefCell<Vec<Place>>);

impl Left {
    /// A message may be there from now on. True: one may have been there before.
    pub(super) fn note(&self, url: &BrokerUrl, v5: bool, qos: u8) -> bool {
        let was = self.gone(url);
        self.0.borrow_mut().push(Place { url: url.clone(), v5, qos });
        was
    }

    /// None of ours is there. True: one may have been there before.
    pub(super) fn gone(&self, url: &BrokerUrl) -> bool {
        let mut all = self.0.borrow_mut();
        let before = all.len();
        all.retain(|place| place.url != *url);
        all.len() < before
    }

    /// The broker that was tried last turned out to keep none.
    pub(super) fn last_keeps_none(&self) {
        self.0.borrow_mut().pop();
    }

    /// Takes away what is left, before we stop with this grace. A broker that does not answer keeps it until we are back, and
    /// those that do not answer must not take the time of others.
    pub(super) async fn tidy(&self, broker: &Broker, grace: Duration) {
        let (all, end) = (self.0.take(), Instant::now() + TIDY.min(grace.mul_f64(OF_GRACE)));
        let topic = probe_topic(&broker.client_id, "retained");
        for (at, place) in all.iter().enumerate() {
            let rest = u32::try_from(all.len() - at).unwrap_or(u32::MAX);
            let end = Instant::now() + end.saturating_duration_since(Instant::now()) / rest;
            let taken = timeout_at(end, place.take_away(broker, &topic)).await;
            let why = match taken.unwrap_or_else(|_| Err("it does not answer in time".to_owned())) {
                Ok(talk) => {
                    drop(timeout_at(end, talk.leave()).await);
                    continue;
                }
                Err(why) => why,
            };
            let (url, broker) = (place.url.to_string(), &broker.name);
            tracing::info!(
                broker,
                url,
                topic,
                why,
                "a retained message of the probe may be left; the next start takes it away"
            );
        }
    }
}

impl Place {
    /// True to its word: the broker has confirmed it. Or why it has not.
    async fn take_away(&self, broker: &Broker, topic: &str) -> Result<Talk, String> {
        let failed = |cause: Cause| cause.failure(&self.url.to_string(), TIDY).summary;
        // The same client id: the broker must have let go of what was under way before.
        let id = format!("{}-probe", broker.client_id);
        let mut talk = talk::again(broker, &self.url, &id, self.v5, TIDY).await.map_err(failed)?;
        let payload = Vec::new();
        let message = Message { topic: topic.to_owned(), payload, qos: self.qos, retain: true, pkid: 0 };
        let code = talk.publish(message, TIDY).await.map_err(failed)?;
        if code >= 0x80 {
            return Err(format!("the broker refuses it ({code:#04x}, {})", connack::meaning(code)));
        }
        if self.qos == 0 {
            // Nothing confirms it but an answer to what comes after it.
            talk.subscribe(topic, 0, TIDY).await.map_err(failed)?;
        }
        Ok(talk)
    }
}
