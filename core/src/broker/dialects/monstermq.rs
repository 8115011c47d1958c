//! `MonsterMQ` 1.8: one document of figures a node every 10 s, and with `Logging.Mqtt.Enabled` its log. From its sources and
//! documentation; no recording. What the nodes say of sessions and subscriptions they say of the whole cluster.
//!
//! Its message figures are rates, and the count of queued messages is a constant in some versions: both are absent. Who
//! comes is not told, for its log has who asks and not who is let in. Client ids and users stand in its lines as their
//! owners chose them; a line that can be read in two ways is not read.

use super::{Dialect, Fact, Said, Tells, Told, json};
use crate::broker::Value;
use crate::broker::clients::{Cause, Change, Denied};
use crate::broker::event::{ClientEvent, What};
use crate::broker::order::Mark;

pub(super) static DIALECT: Dialect = Dialect {
    word: "monstermq",
    filters: &["$SYS/brokers/+/metrics", "$SYS/syslogs/#"],
    // Whether its log is switched on is not known before a line of it.
    tells: Tells::NOTHING,
    renames: false,
    sign,
    read,
};

fn sign(said: &Said) -> bool {
    said.below("$SYS/brokers/").is_some_and(|(_, rest)| rest == "metrics")
        && json::look(said.payload, |document| {
            document.member("nodeSessionCount").and(document.member("messagesIn")).map(|_| ())
        })
        .is_some()
}

fn read(said: &Said, told: &mut Told) {
    if said.below("$SYS/syslogs/").is_some() {
        return log(said, told);
    }
    if said.below("$SYS/brokers/").is_none_or(|(_, rest)| rest != "metrics") {
        return;
    }
    let names = [("clusterSessionCount", Value::ClientsTotal), ("subscriptionCount", Value::Subscriptions)];
    let read = json::look(said.payload, |document| {
        let all =
            names.iter().filter_map(|(name, value)| Some(Fact::Number(*value, json::level(document, name)?)));
        Some(all.collect::<Vec<Fact>>())
    });
    told.facts.extend(read.unwrap_or_default());
}

fn log(said: &Said, told: &mut Told) {
    let event = json::look(said.payload, |document| line(json::text(document, "message")?));
    told.event(event, Mark::default());
}

/// What the broker writes behind the id of a client.
const PHRASES: [&str; 5] = [
    "] Disconnect command received",
    "] Unexpected close (no DISCONNECT packet received) [connected=true]",
    "] Authentication failed for user [",
    "] Subscription DENIED for [",
    "] Publish DENIED for [",
];

/// `Client [id] …`: one of the phrases stands in it once, and no other. Otherwise somebody may be called like a line.
fn line(text: &str) -> Option<ClientEvent> {
    let rest = text.strip_prefix("Client [")?;
    let mut found = PHRASES.iter().flat_map(|phrase| rest.match_indices(phrase));
    let (Some((at, phrase)), None) = (found.next(), found.next()) else { return None };
    let (client, words) = (&rest[..at], &rest[at + phrase.len()..]);
    let event = |what| ClientEvent { client: Some(client.into()), ..ClientEvent::new(what, None) };
    let gone = |cause| words.is_empty().then(|| event(What::Changed(Change::Disconnected, cause)));
    let topic = || {
        let mut ends = words.match_indices("] - user [");
        let (at, _) = ends.next().filter(|_| ends.next().is_none())?;
        Some(words[..at].into())
    };
    match PHRASES.iter().position(|known| *known == phrase)? {
        0 => gone(Cause::ByClient),
        1 => gone(Cause::Closed),
        2 => {
            let user = words.strip_suffix(']').filter(|user| !user.is_empty()).map(Into::into);
            Some(ClientEvent { user, ..event(What::Changed(Change::Refused, Cause::BadCredentials)) })
        }
        3 => Some(ClientEvent { topic: topic(), ..event(What::Denied(Denied::Subscribe)) }),
        _ => Some(ClientEvent { topic: topic(), ..event(What::Denied(Denied::Publish)) }),
    }
}
