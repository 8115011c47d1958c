//! Lines about clients that leave, or are not let in: the broker's end of the line says why, the rest is the name.
//! Nothing here may look for a cause anywhere but at the end.

use super::{ClientEvent, Reader, What, address, is_nobody};
use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use watchkeeper_core::broker::clients::{Cause, Change};
use watchkeeper_core::time::Wall;

/// Connections that are known to be over.
const GONE_MAX: usize = 4096;

type Outcome = (Change, Cause);

const fn left(cause: Cause) -> Outcome {
    (Change::Disconnected, cause)
}

const fn refused(cause: Cause) -> Outcome {
    (Change::Refused, cause)
}

/// How lines of 2.0 end, and none of 2.1.
const ENDS: &[(&str, Outcome)] = &[
    (" disconnected due to malformed packet.", left(Cause::ProtocolError)),
    (" disconnected due to protocol error.", left(Cause::ProtocolError)),
    (" disconnected due to oversize packet.", left(Cause::Oversize)),
    (" disconnected due to oversize payload.", left(Cause::Oversize)),
    (" disconnected due to out of memory.", left(Cause::Unavailable)),
    (" disconnected due to QoS too high or retain not supported.", left(Cause::NotSupported)),
    (
        " disconnected due to using not allowed feature (QoS too high, retain not supported, or bad AUTH method).",
        left(Cause::NotSupported),
    ),
    (" disconnected, not authorised.", refused(Cause::NotAuthorized)),
    (" has exceeded timeout, disconnecting.", left(Cause::KeepAlive)),
    (" already connected, closing old connection.", left(Cause::TakenOver)),
    (" been disconnected by administrative action.", left(Cause::Administrative)),
    (" closed its connection.", left(Cause::Closed)),
];

/// What 2.1 writes after `disconnected: `.
const WHYS: &[(&str, Outcome)] = &[
    ("connection closed by client", left(Cause::Closed)),
    ("exceeded timeout", left(Cause::KeepAlive)),
    ("session taken over", left(Cause::TakenOver)),
    ("protocol error", left(Cause::ProtocolError)),
    ("malformed packet", left(Cause::ProtocolError)),
    ("topic alias invalid", left(Cause::ProtocolError)),
    ("oversize packet", left(Cause::Oversize)),
    ("oversize payload", left(Cause::Oversize)),
    ("out of memory", left(Cause::Unavailable)),
    ("administrative action", left(Cause::Administrative)),
    ("receive maximum exceeded", left(Cause::Quota)),
    ("quota exceeded", left(Cause::Quota)),
    ("connection rate exceeded", left(Cause::Quota)),
    ("not authorised", refused(Cause::NotAuthorized)),
    ("bad username or password", refused(Cause::BadCredentials)),
    ("bad authentication method", refused(Cause::BadAuthMethod)),
    ("client identifier not valid", refused(Cause::BadClientId)),
    ("client banned", refused(Cause::Banned)),
    ("server unavailable", refused(Cause::Unavailable)),
    ("server busy", refused(Cause::Unavailable)),
];

/// Connections that are over, so that a second farewell is not taken for an event: 2.1 reports the old connection of a
/// returning client as taken over, though it ended long ago.
#[derive(Clone, Debug, Default)]
pub(super) struct Gone {
    hasher: RandomState,
    order: VecDeque<u64>,
    known: HashSet<u64>,
}

impl Gone {
    /// True when it was over before.
    fn note(&mut self, client: &str, ip: &str, port: u16) -> bool {
        let hash = self.hasher.hash_one((client, ip, port));
        if !self.known.insert(hash) {
            return true;
        }
        self.order.push_back(hash);
        if self.order.len() > GONE_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        false
    }

    /// The same port may come again.
    pub(super) fn is_back(&mut self, client: &str, ip: &str, port: u16) {
        let hash = self.hasher.hash_one((client, ip, port));
        if self.known.remove(&hash) {
            self.order.retain(|known| *known != hash);
        }
    }
}

impl Reader {
    /// `Client …`.
    pub(super) fn client(&mut self, rest: &str, at: Option<Wall>) -> Option<ClientEvent> {
        if let Some((end, outcome)) = ENDS.iter().find(|(end, _)| rest.ends_with(end)) {
            return Some(self.left(&rest[..rest.len() - end.len()], *outcome, None, at));
        }
        // A name of 2.0 may end in brackets; a cause that 2.1 does not know is no sign of 2.1.
        if let Some((client, place, why)) = addressed(rest)
            && self.addressed.unwrap_or_else(|| why.is_none_or(|why| cause(why).1 != Cause::Other))
        {
            return self.with_address(client, place, why, at);
        }
        if let Some(client) = rest.strip_suffix(" disconnected.") {
            return Some(self.left(client, left(Cause::ByClient), None, at));
        }
        match rest.strip_suffix('.')?.rsplit_once(" disconnected: ") {
            Some((client, why)) => Some(self.left(client, left(Cause::Network), Some(why), at)),
            // Last, for a client may be called so.
            None => not_a_client(rest, at),
        }
    }

    /// A farewell of 2.1.
    fn with_address(
        &mut self,
        client: &str,
        (ip, port): (&str, u16),
        why: Option<&str>,
        at: Option<Wall>,
    ) -> Option<ClientEvent> {
        let outcome = why.map_or(left(Cause::ByClient), cause);
        let nobody = client == ip;
        let again = self.gone.note(client, ip, port);
        if again && outcome.1 == Cause::TakenOver {
            return None;
        }
        self.waiting.retain(|waiting| *waiting != (Box::from(ip), port));
        let mut event = ClientEvent::new(changed(outcome, nobody), at);
        (event.ip, event.port) = (Some(ip.into()), Some(port));
        event.client = (!nobody).then(|| client.into());
        event.details = why.map(Into::into);
        Some(event)
    }

    /// A farewell of 2.0, which names the client or nobody.
    pub(super) fn left(
        &mut self,
        client: &str,
        outcome: Outcome,
        why: Option<&str>,
        at: Option<Wall>,
    ) -> ClientEvent {
        let nobody = is_nobody(client);
        let mut event = ClientEvent::new(changed(outcome, nobody), at);
        event.details = why.map(Into::into);
        if nobody {
            let (ip, port) = self.whoever(client);
            (event.ip, event.port) = (ip, port);
        } else {
            event.client = Some(client.into());
        }
        event
    }

    /// The connection of a client that said no name: certain where only one waits, its address where all that wait
    /// have the same.
    fn whoever(&mut self, named: &str) -> (Option<Box<str>>, Option<u16>) {
        if named != "<unknown>" {
            let at = self.waiting.iter().position(|(ip, _)| **ip == *named);
            let one = self.waiting.iter().filter(|(ip, _)| **ip == *named).count() == 1;
            let port = at.and_then(|at| self.waiting.remove(at)).map(|(_, port)| port);
            return (Some(named.into()), port.filter(|_| one));
        }
        let one = self.waiting.len() == 1;
        let Some((ip, port)) = self.waiting.pop_front() else { return (None, None) };
        let same = self.waiting.iter().all(|(other, _)| *other == ip);
        (same.then_some(ip), one.then_some(port))
    }
}

/// A client that never said a name was never in.
fn changed((change, cause): Outcome, nobody: bool) -> What {
    match (change, cause) {
        (Change::Disconnected, Cause::Closed | Cause::Network | Cause::KeepAlive) if nobody => {
            What::Changed(Change::Refused, Cause::BeforeConnect)
        }
        (Change::Disconnected, cause) if nobody => What::Changed(Change::Refused, cause),
        (change, cause) => What::Changed(change, cause),
    }
}

fn cause(why: &str) -> Outcome {
    let known = WHYS.iter().find(|(known, _)| *known == why).map(|(_, outcome)| *outcome);
    known.unwrap_or_else(|| {
        if why.starts_with("used disallowed feature") {
            left(Cause::NotSupported)
        } else if why.starts_with("bad socket read/write") {
            left(Cause::Network)
        } else {
            left(Cause::Other)
        }
    })
}

/// `CLIENT [ADDRESS:PORT] disconnected: WHY.`; the last such end counts, for that one is the broker's.
fn addressed(rest: &str) -> Option<(&str, (&str, u16), Option<&str>)> {
    let (front, end) = rest.rsplit_once("] disconnected")?;
    let (client, place) = front.rsplit_once(" [")?;
    let why = match end {
        "." => None,
        end => Some(end.strip_prefix(": ")?.strip_suffix('.')?),
    };
    Some((client, address(place)?, why))
}

/// `Client connection from ADDRESS denied: …`: refused before anybody could say a name.
fn not_a_client(rest: &str, at: Option<Wall>) -> Option<ClientEvent> {
    let rest = rest.strip_prefix("connection from ")?;
    let (ip, why) = rest.split_once(' ')?;
    let cause = match why {
        "denied: max_connections exceeded." => Cause::MaxConnections,
        "denied access by tcpd." => Cause::NotAuthorized,
        why if why.starts_with("failed: ") => Cause::Tls,
        _ => return None,
    };
    ip.parse::<std::net::IpAddr>().ok()?;
    let why = why.strip_prefix("failed: ").map(|why| why.trim_end_matches('.').into());
    let event = ClientEvent::new(What::Changed(Change::Refused, cause), at);
    Some(ClientEvent { ip: Some(ip.into()), details: why, ..event })
}
