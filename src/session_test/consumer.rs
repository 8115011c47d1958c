//! Receives with a session that outlives its connections. What was received is in the file before it is acknowledged, so
//! that a kill makes no message missing. Nothing here may send numbers.

use super::producer::{PATIENCE, RETRY};
use super::state::Kept;
use super::{KEPT, Stop, Way};
use crate::ingest::reasons::{Cause, suback_cure, suback_meaning};
use crate::talk::Talk;
use serde::Deserialize;
use std::cell::RefCell;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Messages that are confirmed at once.
const BATCH: usize = 256;

/// See the head of this file.
#[derive(Default)]
pub(super) struct Consumer {
    talk: Option<Talk>,
    /// Connections that were lost.
    pub(super) lost: u32,
    /// Sessions that the broker should have kept and did not.
    pub(super) sessions_lost: u32,
}

/// What the producer sends.
#[derive(Deserialize)]
struct Numbered {
    sequence: u64,
}

impl Consumer {
    /// Connects. A session that is new is given the subscription.
    pub(super) async fn come(&mut self, way: &Way<'_>, kept: &RefCell<Kept>) -> Result<(), Stop> {
        let (id, topic, expects) = {
            let kept = kept.borrow();
            (kept.state.consumer(), kept.state.topic(), kept.state.has_session)
        };
        let (talk, ack) = way.enter(&id, KEPT).await?;
        let mut talk = talk.by_hand();
        if expects && !ack.resumed {
            self.sessions_lost += 1;
        }
        if !ack.resumed {
            match talk.subscribe(&topic, 1, way.broker.connect_timeout).await {
                Ok(1 | 2) => {}
                Ok(0) => {
                    return Err(Stop::Refused(
                        format!("the subscription to {topic} was granted at QoS 0 only"),
                        "allow QoS 1: a session keeps nothing else".to_owned(),
                    ));
                }
                Ok(code) => {
                    return Err(Stop::Refused(
                        format!("SUBSCRIBE {topic} was refused with {code:#04x}, {}", suback_meaning(code)),
                        suback_cure(&topic, code),
                    ));
                }
                Err(cause) => return Err(Stop::Broker("subscribe", cause)),
            }
        }
        let mut kept = kept.borrow_mut();
        kept.state.has_session = true;
        kept.save().map_err(Stop::File)?;
        self.talk = Some(talk);
        Ok(())
    }

    /// Connects, and looks for a broker that went away for a while.
    async fn come_back(&mut self, way: &Way<'_>, kept: &RefCell<Kept>) -> Result<(), Stop> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.come(way, kept).await {
                Err(Stop::Broker(..)) if Instant::now() < deadline => sleep(RETRY).await,
                other => return other,
            }
        }
    }

    /// Receives for so long. True: something came.
    pub(super) async fn receive(
        &mut self,
        way: &Way<'_>,
        kept: &RefCell<Kept>,
        time: Duration,
    ) -> Result<bool, Stop> {
        let end = Instant::now() + time;
        let mut came = false;
        while Instant::now() < end {
            match self.batch(kept, end).await {
                Ok(some) => came |= some,
                Err(Stop::Broker(..)) => {
                    self.talk = None;
                    self.lost += 1;
                    self.come_back(way, kept).await?;
                }
                Err(stop) => return Err(stop),
            }
        }
        Ok(came)
    }

    async fn batch(&mut self, kept: &RefCell<Kept>, end: Instant) -> Result<bool, Stop> {
        let broke = |cause| Stop::Broker("receive", cause);
        let talk = self.talk.as_mut().ok_or(Stop::Broker("receive", Cause::Closed))?;
        let mut open = Vec::new();
        let mut wait = end.saturating_duration_since(Instant::now());
        while open.len() < BATCH
            && let Some(message) = talk.message(wait).await.map_err(broke)?
        {
            // What else is here already belongs to it.
            wait = Duration::ZERO;
            if let Ok(Numbered { sequence }) = serde_json::from_slice(&message.payload) {
                // The topic is ours, and nothing is retained there: one with that mark is one of ours all the same, from a
                // broker that marks what waited for us.
                kept.borrow_mut().state.hear(sequence, message.retain);
            }
            open.push(message);
        }
        if open.is_empty() {
            return Ok(false);
        }
        kept.borrow().save().map_err(Stop::File)?;
        for message in open.iter().filter(|message| message.qos > 0) {
            talk.confirm(message.pkid).await.map_err(broke)?;
        }
        Ok(true)
    }

    /// Says goodbye; the session stays.
    pub(super) async fn leave(&mut self) {
        if let Some(talk) = self.talk.take() {
            talk.leave().await;
        }
    }

    /// Goes without a word.
    pub(super) fn cut(&mut self) {
        self.talk = None;
    }
}
