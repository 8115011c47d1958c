//! The whole way into a broker in one go, for whoever knows that it works. Nothing here may try twice.

use super::Talk;
use super::wire::{ConnAck, Session};
use crate::config::{Broker, BrokerUrl};
use crate::ingest::connack;
use crate::ingest::dial;
use crate::ingest::reasons::Cause;
use std::time::Duration;
use tokio::time::timeout;

/// Dials and connects in one go, for whoever knows that it works.
pub(crate) async fn again(
    broker: &Broker,
    url: &BrokerUrl,
    id: &str,
    v5: bool,
    limit: Duration,
) -> Result<Talk, Cause> {
    enter(broker, url, (id, Session::Passing), v5, limit).await.map(|(talk, _)| talk)
}

/// The same with a session of its own, and with what the broker says.
pub(crate) async fn enter(
    broker: &Broker,
    url: &BrokerUrl,
    (id, session): (&str, Session),
    v5: bool,
    limit: Duration,
) -> Result<(Talk, ConnAck), Cause> {
    let seen = dial::Seen::default();
    let way = timeout(limit, dial::dial(broker, url, &seen)).await;
    let mut talk = Talk::new(way.unwrap_or_else(|_| Err(seen.late()))?, v5);
    let ack = talk.begin(broker, id, session, limit).await?;
    match connack::refused(ack.code) {
        None => Ok((talk, ack)),
        Some(cause) => Err(cause),
    }
}
