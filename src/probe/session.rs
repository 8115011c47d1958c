//! The test of a session: it is begun and left, messages are published meanwhile by another connection, and when we come
//! back it must be there with every message once and in order. In the end it is taken away again, whatever came of it.

use super::done::{Phases, Session, not_published, not_subscribed};
use super::way::{Entered, KEPT, Way};
use crate::ingest::status::Failure;
use crate::talk::wire::{self, Message};
use std::time::Instant;
use watchkeeper_core::ours::probe_topic;
use watchkeeper_core::probe::{Tested, number, payload};
use watchkeeper_core::received::Received;

/// Messages that wait for us.
pub(super) const MESSAGES: u64 = 20;

/// Does it all. `id` is the base of client ids, `token` random.
pub(super) async fn session(way: &Way<'_>, id: &str, token: u64) -> Session {
    let ours = format!("{id}-session-probe");
    // What a test that was broken off left behind would be taken for this one's.
    if let Err(failure) = end(way, &ours).await {
        return Session::Away(failure);
    }
    let tested = test(way, id, &ours, token).await.unwrap_or_else(|session| session);
    // Where that fails, the broker forgets it after an hour, or at the next test.
    drop(end(way, &ours).await);
    tested
}

/// A new session in the place of the old one, which ends with its connection.
async fn end(way: &Way<'_>, ours: &str) -> Result<(), Failure> {
    let entered = way.enter(ours, wire::Session::Passing, &mut Phases::default()).await?;
    entered.talk.leave().await;
    Ok(())
}

async fn test(way: &Way<'_>, id: &str, ours: &str, token: u64) -> Result<Session, Session> {
    let topic = probe_topic(id, "session");
    let Entered { mut talk, url, .. } =
        way.enter(ours, KEPT, &mut Phases::default()).await.map_err(Session::Away)?;
    let code = talk.subscribe(&topic, 1, way.limit()).await;
    let code = code.map_err(|cause| Session::Away(way.failure(url, &cause)))?;
    talk.leave().await;
    if code > 2 {
        return Err(Session::Denied(not_subscribed(&topic, code)));
    }
    let sent = publish(way, id, &topic, token).await?;
    come_back(way, ours, token, sent).await
}

/// While we are away. Gives how many the broker took.
async fn publish(way: &Way<'_>, id: &str, topic: &str, token: u64) -> Result<u64, Session> {
    let entered = way.enter(&format!("{id}-probe"), wire::Session::Passing, &mut Phases::default()).await;
    let Entered { mut talk, url, .. } = entered.map_err(Session::Away)?;
    let message = |number| Message {
        topic: topic.to_owned(),
        payload: payload(token, number),
        qos: 1,
        retain: false,
        pkid: 0,
    };
    let mut codes = Vec::new();
    let sent = talk.burst((0..MESSAGES).map(message), way.limit(), &mut codes).await;
    sent.map_err(|cause| Session::Away(way.failure(url, &cause)))?;
    talk.leave().await;
    match codes.iter().find(|code| **code >= 0x80) {
        Some(code) => Err(Session::Denied(not_published(topic, *code))),
        None => Ok(codes.len() as u64),
    }
}

/// The number of a message, where it is one of those that waited. Nothing is retained on our topic, and nobody else knows the
/// token: one with that mark is ours all the same, from a broker that marks what waits, as `session-test` counts it, too.
fn waited(message: &Message, token: u64, sent: u64) -> Option<u64> {
    number(&message.payload, token).filter(|number| *number < sent)
}

async fn come_back(way: &Way<'_>, ours: &str, token: u64, sent: u64) -> Result<Session, Session> {
    let entered = way.enter(ours, KEPT, &mut Phases::default()).await;
    let Entered { mut talk, ack, url } = entered.map_err(Session::Away)?;
    let mut received = Received::from(0);
    let (began, mut heard) = (Instant::now(), Instant::now());
    // However much is sent to us by whoever knows our topic, it comes to an end.
    let is_patient = |heard: Instant| heard.elapsed() < way.back() && began.elapsed() < way.back() * 4;
    while ack.resumed && received.received < sent && is_patient(heard) {
        let message = talk.message(way.back().saturating_sub(heard.elapsed())).await;
        let message = message.map_err(|cause| Session::Away(way.failure(url, &cause)))?;
        // Only what is ours keeps us waiting.
        if let Some(number) = message.and_then(|message| waited(&message, token, sent)) {
            received.hear(number);
            heard = Instant::now();
        }
    }
    talk.leave().await;
    received.sent(sent);
    Ok(Session::Tested(Tested { is_kept: ack.resumed, received }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waited_counts_also_where_the_broker_marks_it_as_retained_and_nothing_else_does() {
        let ours = |payload: Vec<u8>, retain| {
            let message = Message { topic: "t".into(), payload, qos: 1, retain, pkid: 1 };
            super::waited(&message, 7, 20)
        };
        for retain in [false, true] {
            assert_eq!(ours(payload(7, 19), retain), Some(19));
            assert_eq!((ours(payload(7, 20), retain), ours(payload(6, 3), retain)), (None, None));
        }
    }
}
