//! Sends numbers in bursts of ten, a tenth of a second apart, each acknowledged by the broker before the next burst. What
//! was not acknowledged is sent again over the next connection: it may come twice then, but it cannot be lost. Nothing
//! here may look at what is received.

use super::state::Kept;
use super::{Stop, Way};
use crate::ingest::connack;
use crate::talk::Talk;
use crate::talk::wire::{Message, Session};
use std::cell::{Cell, RefCell};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Messages of one burst.
const BURST: u64 = 10;
/// Between two bursts.
const PAUSE: Duration = Duration::from_millis(100);
/// So long is a broker looked for that went away in between.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Between two attempts.
pub(super) const RETRY: Duration = Duration::from_millis(500);

/// See the head of this file.
#[derive(Default)]
pub(super) struct Producer {
    talk: Option<Talk>,
    /// Connections that were lost.
    pub(super) lost: u32,
}

impl Producer {
    /// Sends until it is told to stop, or so many bursts.
    pub(super) async fn run(
        &mut self,
        way: &Way<'_>,
        kept: &RefCell<Kept>,
        stop: &Cell<bool>,
        bursts: Option<u32>,
    ) -> Result<(), Stop> {
        let mut left = bursts;
        while !stop.get() && left != Some(0) {
            self.burst(way, kept).await?;
            left = left.map(|left| left - 1);
            sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn burst(&mut self, way: &Way<'_>, kept: &RefCell<Kept>) -> Result<(), Stop> {
        let end = kept.borrow().state.sent + BURST;
        let deadline = Instant::now() + PATIENCE;
        while kept.borrow().state.sent < end {
            let mut codes = Vec::new();
            let sent = match self.talk(way, kept).await {
                Ok(talk) => {
                    let messages = messages(kept, end);
                    let limit = way.broker.connect_timeout;
                    talk.burst(messages, limit, &mut codes)
                        .await
                        .map_err(|cause| Stop::Broker("publish", cause))
                }
                Err(stop) => Err(stop),
            };
            if let Some(code) = codes.iter().find(|code| **code >= 0x80) {
                return Err(Stop::Refused(
                    format!(
                        "PUBLISH to {} was refused with {code:#04x}, {}",
                        kept.borrow().state.topic(),
                        connack::meaning(*code)
                    ),
                    "allow the user to publish below watchkeeper/session-test/".to_owned(),
                ));
            }
            acknowledged(kept, codes.len() as u64)?;
            if let Err(stop) = sent {
                self.lost += u32::from(self.talk.take().is_some());
                if Instant::now() >= deadline {
                    return Err(stop);
                }
                sleep(RETRY).await;
            }
        }
        Ok(())
    }

    async fn talk(&mut self, way: &Way<'_>, kept: &RefCell<Kept>) -> Result<&mut Talk, Stop> {
        if self.talk.is_none() {
            let id = kept.borrow().state.producer();
            self.talk = Some(way.enter(&id, Session::Passing).await?.0);
        }
        Ok(self.talk.as_mut().expect("it was made above where it was missing"))
    }

    /// Says goodbye.
    pub(super) async fn leave(&mut self) {
        if let Some(talk) = self.talk.take() {
            talk.leave().await;
        }
    }
}

/// So many more are sent for good.
fn acknowledged(kept: &RefCell<Kept>, count: u64) -> Result<(), Stop> {
    let mut kept = kept.borrow_mut();
    kept.state.sent += count;
    kept.save().map_err(Stop::File)
}

fn messages(kept: &RefCell<Kept>, end: u64) -> Vec<Message> {
    let kept = kept.borrow();
    let topic = kept.state.topic();
    let message = |number: u64| Message {
        topic: topic.clone(),
        payload: format!("{{\"sequence\":{number}}}").into_bytes(),
        qos: 1,
        retain: false,
        pkid: 0,
    };
    (kept.state.sent..end).map(message).collect()
}
