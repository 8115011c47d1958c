//! One round: connect, subscribe to a topic of our own, publish one message at each quality of service and wait for it. Every
//! wait has a limit. Nothing here may publish elsewhere, or wait for what is no part of it.

use super::done::{Done, Phases, hung_up_on, not_back, not_published, not_subscribed};
use super::way::{Entered, Way};
use crate::clock;
use crate::ingest::reasons::Cause;
use crate::ingest::status::Failure;
use crate::talk::Talk;
use crate::talk::wire::{Message, Session};
use std::time::{Duration, Instant};
use watchkeeper_core::ours::probe_topic;
use watchkeeper_core::probe::Round;

/// So long is waited for copies of what came.
const COPIES: Duration = Duration::from_millis(50);

/// What a round is about.
pub(super) struct Wish<'a> {
    /// The base of client ids.
    pub(super) id: &'a str,
    pub(super) qualities: &'a [u8],
    /// Random.
    pub(super) token: u64,
}

/// Does it all; gives the connection as well, where it still stands.
pub(super) async fn round<'a>(way: &Way<'a>, wish: &Wish<'_>) -> (Done, Option<Entered<'a>>) {
    let Wish { id, qualities, token } = *wish;
    let topic = probe_topic(id, "round-trip");
    let mut phases = Phases::default();
    let entered = way.enter(&format!("{id}-probe"), Session::Passing, &mut phases).await;
    let mut entered = match entered {
        Ok(entered) => entered,
        Err(failure) => {
            return (Done { phases, qos_max: 2, failure: Some(failure), ..Done::default() }, None);
        }
    };
    let Entered { talk, ack, url } = &mut entered;
    let qos_max = ack.qos_max.unwrap_or(2).min(2);
    let began = Instant::now();
    let (mut round, mut under_way) = (Round::new(token), None);
    let went = match talk.subscribe(&topic, qos_max, way.limit()).await {
        Ok(0..=2) => {
            phases.subscribe = Some(began.elapsed());
            let qualities = qualities.iter().copied().filter(|qos| *qos <= qos_max);
            let there = qualities.inspect(|qos| under_way = Some(*qos));
            there_and_back(talk, &mut round, &topic, there, way.back()).await
        }
        Ok(code) => Ok(Some(not_subscribed(&topic, code))),
        Err(cause) => Err(cause),
    };
    let (is_broken, failure) = match went {
        Ok(failure) => (false, failure),
        Err(cause) => (true, Some(broke(way.failure(url, &cause), &cause, under_way))),
    };
    let verdict = round.end(is_broken);
    let lost = || verdict.lost().next().map(|_| not_back(&topic, &verdict, way.back()));
    let failure = failure.or_else(lost);
    (Done { phases, verdict, qos_max, failure }, (!is_broken).then_some(entered))
}

/// Some brokers hang up on a quality of service that they do not have, and MQTT 3.1.1 cannot say so.
fn broke(failure: Failure, cause: &Cause, qos: Option<u8>) -> Failure {
    match (cause, qos) {
        (Cause::Closed | Cause::HungUp(_), Some(qos @ 1..)) => hung_up_on(qos, &failure),
        _ => failure,
    }
}

/// One after the other. Gives what the broker refuses; an error is a connection that broke.
async fn there_and_back(
    talk: &mut Talk,
    round: &mut Round,
    topic: &str,
    qualities: impl Iterator<Item = u8>,
    limit: Duration,
) -> Result<Option<Failure>, Cause> {
    let mut refused = None;
    for qos in qualities {
        let (number, payload) = round.next(qos, clock::mono());
        let message = Message { topic: topic.to_owned(), payload, qos, retain: false, pkid: 0 };
        let code = talk.publish(message, limit).await?;
        if code >= 0x80 {
            round.refused(number);
            refused = Some(not_published(topic, code));
        } else {
            round.taken(number);
            wait(talk, round, number, limit).await?;
        }
    }
    // Whoever floods our topic must not keep us here, hence an end for all of them.
    let end = Instant::now() + COPIES;
    while let Some(message) = talk.message(end.saturating_duration_since(Instant::now())).await? {
        round.hear(&message.payload, message.retain, clock::mono());
        if Instant::now() >= end {
            break;
        }
    }
    Ok(refused)
}

/// Until it is back or was waited for long enough.
async fn wait(talk: &mut Talk, round: &mut Round, number: usize, limit: Duration) -> Result<(), Cause> {
    let end = Instant::now() + limit;
    while !round.is_back(number) {
        let left = end.saturating_duration_since(Instant::now());
        let message = if left.is_zero() { None } else { talk.message(left).await? };
        let Some(message) = message else {
            round.give_up(number);
            return Ok(());
        };
        round.hear(&message.payload, message.retain, clock::mono());
    }
    Ok(())
}
