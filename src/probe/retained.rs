//! The retained message of a round: published, asked for by a subscription that comes after it, taken away, and asked for once
//! more, when nothing may come. It lies on a topic of its own; one that a round had to leave is remembered, and taken away by
//! the next round, which writes over it, or before we stop. Nothing here may fail the rest of a round.

use super::done::{hung_up_on_retained, not_in_time, not_kept, not_subscribed, retained_refused};
use super::left::Left;
use super::way::{Entered, Way};
use crate::config::BrokerUrl;
use crate::ingest::connack;
use crate::ingest::reasons::Cause;
use crate::ingest::status::Failure;
use crate::talk::Talk;
use crate::talk::wire::Message;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use watchkeeper_core::ours::probe_topic;
use watchkeeper_core::probe::{Kept, Look, payload};

/// So long is waited for what is not to come.
const NOTHING: Duration = Duration::from_millis(250);
/// So long is waited for what is to come, before it is asked for anew: nodes of a broker tell each other a little later.
const MOMENT: Duration = Duration::from_secs(1);
/// So long may all of it take at most, which is less than what MQTT 5 keeps it for.
const ALL: Duration = Duration::from_secs(60);
/// The code of those who are not allowed to.
const NOT_AUTHORIZED: u8 = 0x87;
/// What MQTT 5 says where there are none.
const NOT_SUPPORTED: u8 = 0x9a;

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Retained {
    pub(crate) kept: Kept,
    /// From when it was published until it came.
    pub(crate) took: Option<Duration>,
    /// What is wrong, or why it is not done.
    pub(crate) failure: Option<Failure>,
}

/// One round of it.
struct Trial<'a, 'b> {
    way: &'a Way<'b>,
    url: &'a BrokerUrl,
    topic: String,
    token: u64,
    qos: u8,
    left: &'a Left,
}

/// Does it all, over a connection that stands. `id` is the base of client ids, `token` random.
pub(super) async fn retained(
    way: &Way<'_>,
    entered: &mut Entered<'_>,
    id: &str,
    token: u64,
    left: &Left,
) -> Retained {
    if entered.ack.no_retain {
        return Retained::unsupported("says that it keeps no retained messages");
    }
    let (topic, qos) = (probe_topic(id, "retained"), entered.ack.qos_max.unwrap_or(1).min(1));
    let trial = Trial { way, url: entered.url, topic, token, qos, left };
    // However long each answer may take.
    let limit = (way.limit() + way.back() * 2).min(ALL);
    match timeout(limit, trial.run(&mut entered.talk)).await {
        Ok(tried) => tried.unwrap_or_else(|cause| Retained::failed(None, way.failure(entered.url, &cause))),
        Err(_) => Retained::failed(None, not_in_time(&trial.topic, limit)),
    }
}

impl Retained {
    fn unsupported(says: &str) -> Self {
        Self { kept: Kept::Unsupported, took: None, failure: Some(not_kept(says)) }
    }

    fn failed(took: Option<Duration>, failure: Failure) -> Self {
        Self { kept: Kept::Failed, took, failure: Some(failure) }
    }
}

impl Trial<'_, '_> {
    async fn run(&self, talk: &mut Talk) -> Result<Retained, Cause> {
        // Before it goes out: an answer that does not come says nothing of what the broker has.
        let was_left = self.left.note(self.url, talk.v5, self.qos);
        let began = Instant::now();
        if let Some(refused) = self.put(talk, was_left).await? {
            return Ok(refused);
        }
        let found = match self.found(talk, began).await {
            // At quality of service 0 nothing but what comes after it is answered.
            Err(cause) if self.qos == 0 => return self.ended(cause),
            found => found?,
        };
        let taken = self.take_away(talk).await?;
        Ok(match (found, taken) {
            (Ok(took), None) => Retained { kept: Kept::Sound, took: Some(took), failure: None },
            (Ok(took), Some(failure)) => Retained::failed(Some(took), failure),
            (Err(failure), _) => Retained::failed(None, failure),
        })
    }

    fn message(&self, payload: Vec<u8>) -> Message {
        Message { topic: self.topic.clone(), payload, qos: self.qos, retain: true, pkid: 0 }
    }

    /// Publishes it; gives how it was refused.
    async fn put(&self, talk: &mut Talk, was_left: bool) -> Result<Option<Retained>, Cause> {
        let code = match talk.publish(self.message(payload(self.token, 0)), self.way.limit()).await {
            Ok(0..=0x7f) => return Ok(None),
            Ok(code) => code,
            Err(cause) => return self.ended(cause).map(Some),
        };
        if !was_left {
            self.left.gone(self.url);
        }
        Ok(Some(self.refused(code)))
    }

    fn refused(&self, code: u8) -> Retained {
        if code == NOT_SUPPORTED {
            return Retained::unsupported("refuses retained messages (0x9a): it keeps none");
        }
        Retained::failed(None, retained_refused(&self.topic, code))
    }

    /// The connection broke when it was published, which is how MQTT 3.1.1 says no, and some brokers in 5.
    fn ended(&self, cause: Cause) -> Result<Retained, Cause> {
        match cause {
            Cause::NotAuthorized => Ok(self.refused(NOT_AUTHORIZED)),
            Cause::HungUp(text) if text == connack::meaning(NOT_SUPPORTED) => Ok(self.refused(NOT_SUPPORTED)),
            Cause::Closed | Cause::HungUp(_) => {
                let why = hung_up_on_retained(&self.way.failure(self.url, &cause));
                Ok(Retained { kept: Kept::HungUp, took: None, failure: Some(why) })
            }
            other => Err(other),
        }
    }

    /// Whether whoever subscribes late gets it, and after how long.
    async fn found(&self, talk: &mut Talk, began: Instant) -> Result<Result<Duration, Failure>, Cause> {
        let end = Instant::now() + self.way.back();
        loop {
            let look = match self.look(talk, MOMENT, true).await? {
                Ok(look) => look,
                Err(refused) => return Ok(Err(refused)),
            };
            if look.is_kept() {
                return Ok(Ok(began.elapsed()));
            }
            if Instant::now() >= end {
                let within = self.way.back();
                return Ok(Err(super::done::not_found(&self.topic, look.is_unmarked(), within)));
            }
        }
    }

    /// Takes it away, and sees that it is gone.
    async fn take_away(&self, talk: &mut Talk) -> Result<Option<Failure>, Cause> {
        let code = talk.publish(self.message(Vec::new()), self.way.limit()).await?;
        if code >= 0x80 {
            return Ok(Some(retained_refused(&self.topic, code)));
        }
        let end = Instant::now() + self.way.back();
        loop {
            let look = match self.look(talk, NOTHING, false).await? {
                Ok(look) => look,
                Err(refused) => return Ok(Some(refused)),
            };
            if !look.is_kept() {
                self.left.gone(self.url);
                return Ok(None);
            }
            if Instant::now() >= end {
                return Ok(Some(super::done::still_there(&self.topic)));
            }
        }
    }

    /// What a subscription of its own brings within this; one that brings what was hoped for ends at once.
    async fn look(
        &self,
        talk: &mut Talk,
        within: Duration,
        hoped: bool,
    ) -> Result<Result<Look, Failure>, Cause> {
        // What the subscription before it brought is no answer to this one.
        talk.forget();
        let mut look = Look::new(self.token);
        let code = talk.subscribe(&self.topic, self.qos, self.way.limit()).await?;
        if code > 2 {
            return Ok(Err(not_subscribed(&self.topic, code)));
        }
        let end = Instant::now() + within.min(self.way.back());
        while !(hoped && look.is_kept()) {
            let left = end.saturating_duration_since(Instant::now());
            let message = if left.is_zero() { None } else { talk.message(left).await? };
            let Some(message) = message else { break };
            if message.topic == self.topic {
                look.hear(&message.payload, message.retain);
            }
        }
        talk.unsubscribe(&self.topic, self.way.limit()).await?;
        Ok(Ok(look))
    }
}

#[cfg(test)]
mod tests;
