//! Which clients came and went, as the broker or its log tells it: counted, whatever the make. Causes are a closed set,
//! so that labels are bounded however odd the log. Nothing here may keep the name of a client.

use super::dialects::Tells;
use serde::{Deserialize, Serialize};

/// What became of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Change {
    /// It was let in.
    Connected,
    /// It was in, and is gone.
    Disconnected,
    /// It never came in.
    Refused,
}

impl Change {
    /// Label value of `event`.
    pub const fn word(self) -> &'static str {
        match self {
            Change::Connected => "connected",
            Change::Disconnected => "disconnected",
            Change::Refused => "refused",
        }
    }
}

macro_rules! causes {
    ($($(#[$doc:meta])+ $variant:ident = $word:literal),+ $(,)?) => {
        /// Why.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Cause { $($(#[$doc])+ $variant),+ }

        impl Cause {
            /// All of them.
            pub const ALL: &'static [Cause] = &[$(Cause::$variant),+];

            /// Label value of `reason`.
            pub const fn word(self) -> &'static str {
                match self { $(Cause::$variant => $word),+ }
            }
        }
    };
}

causes! {
    /// Credentials and limits were in order.
    Accepted = "accepted",
    /// It said goodbye.
    ByClient = "by_client",
    /// It hung up without a word.
    Closed = "closed",
    /// It was silent for too long.
    KeepAlive = "keep_alive",
    /// Another connection took its client id.
    TakenOver = "taken_over",
    /// It did not keep to the protocol.
    ProtocolError = "protocol_error",
    /// A packet or payload above the broker's limit.
    Oversize = "oversize",
    /// It used what the broker does not allow: a quality of service, retained messages.
    NotSupported = "not_supported",
    /// The connection broke.
    Network = "network",
    /// An operator ended it.
    Administrative = "administrative",
    /// It went beyond a quota or a rate.
    Quota = "quota",
    /// It may not, or the broker does not say which of user, password and rules was wrong.
    NotAuthorized = "not_authorized",
    /// User name or password.
    BadCredentials = "bad_credentials",
    /// The way it wanted to prove itself.
    BadAuthMethod = "bad_auth_method",
    /// It is banned.
    Banned = "banned",
    /// The client id.
    BadClientId = "bad_client_id",
    /// The broker was busy, stopping or out of memory.
    Unavailable = "unavailable",
    /// There are as many connections as there may be.
    MaxConnections = "max_connections",
    /// No common TLS.
    Tls = "tls",
    /// It went away before it had asked to be let in: a port scan, or a health check.
    BeforeConnect = "before_connect",
    /// What no other cause says.
    Other = "other",
}

/// What a client was not allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Denied {
    /// To publish.
    Publish,
    /// To subscribe.
    Subscribe,
}

impl Denied {
    /// Label value of `reason`.
    pub const fn word(self) -> &'static str {
        match self {
            Denied::Publish => "publish_denied",
            Denied::Subscribe => "subscribe_denied",
        }
    }
}

const CAUSES: usize = Cause::Other as usize + 1;
const _: () = assert!(CAUSES <= 32, "a cause is a bit of a u32");
/// Refusals that are failures to prove who one is.
const UNPROVEN: [Cause; 4] =
    [Cause::NotAuthorized, Cause::BadCredentials, Cause::BadAuthMethod, Cause::Banned];

/// What was counted. Until somebody tells of it there is nothing, which is not zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clients {
    /// The log has said something.
    heard: bool,
    counts: [[u64; CAUSES]; 3],
    denied: [u64; 2],
    /// What else is told of at all, a bit a cause: what may be said to be zero. The broker says so anew after our start.
    #[serde(skip)]
    told: [u32; 3],
    #[serde(skip)]
    denials_told: [bool; 2],
}

impl Clients {
    /// The broker's log is read.
    pub fn heard(&mut self) {
        self.heard = true;
    }

    /// The broker speaks, and this is what it tells of its clients.
    pub fn told_by(&mut self, tells: &Tells) {
        let bits = |causes: &[Cause]| causes.iter().fold(0, |bits, cause| bits | bit(*cause));
        self.told[Change::Connected as usize] |= if tells.connected { bit(Cause::Accepted) } else { 0 };
        self.told[Change::Disconnected as usize] |= bits(tells.left);
        self.told[Change::Refused as usize] |= bits(tells.refused);
        for what in tells.denied {
            self.denials_told[*what as usize] = true;
        }
    }

    /// Clients came or went.
    pub fn count(&mut self, change: Change, cause: Cause, times: u64) {
        let count = &mut self.counts[change as usize][cause as usize];
        *count = count.saturating_add(times);
    }

    /// Clients were not allowed to do something.
    pub fn deny(&mut self, what: Denied, times: u64) {
        let count = &mut self.denied[what as usize];
        *count = count.saturating_add(times);
    }

    /// What was counted elsewhere is counted here, too.
    pub fn add(&mut self, other: &Self) {
        self.heard |= other.heard;
        for (mine, theirs) in self.told.iter_mut().zip(other.told) {
            *mine |= theirs;
        }
        for (mine, theirs) in self.denials_told.iter_mut().zip(other.denials_told) {
            *mine |= theirs;
        }
        for (mine, theirs) in self.counts.iter_mut().flatten().zip(other.counts.iter().flatten()) {
            *mine += theirs;
        }
        for (mine, theirs) in self.denied.iter_mut().zip(other.denied) {
            *mine += theirs;
        }
    }

    /// Whether nothing was counted and nothing heard.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Each event and cause that can occur with it, so that the first one is an increase.
    pub fn events(&self) -> impl Iterator<Item = (Change, Cause, u64)> {
        let changes = [Change::Connected, Change::Disconnected, Change::Refused];
        let all = changes.into_iter().flat_map(|change| Cause::ALL.iter().map(move |cause| (change, *cause)));
        all.filter_map(|(change, cause)| {
            let count = self.counts[change as usize][cause as usize];
            (count > 0 || self.tells(change, cause)).then_some((change, cause, count))
        })
    }

    /// Failures to prove who one is, or that one may.
    pub fn auth_failures(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let refused = UNPROVEN.into_iter().filter_map(|cause| {
            let count = self.counts[Change::Refused as usize][cause as usize];
            (count > 0 || self.tells(Change::Refused, cause)).then_some((cause.word(), count))
        });
        let denied = [Denied::Publish, Denied::Subscribe].into_iter().filter_map(|what| {
            let count = self.denied[what as usize];
            let told = self.heard || self.denials_told[what as usize];
            (count > 0 || told).then_some((what.word(), count))
        });
        refused.chain(denied)
    }

    /// Whether none of them is known to be none.
    fn tells(&self, change: Change, cause: Cause) -> bool {
        (self.heard && is_usual(change, cause)) || self.told[change as usize] & bit(cause) != 0
    }
}

const fn bit(cause: Cause) -> u32 {
    1 << cause as u32
}

/// Whether a cause can be that of an event.
fn is_usual(change: Change, cause: Cause) -> bool {
    match cause {
        Cause::Accepted => change == Change::Connected,
        Cause::ByClient
        | Cause::Closed
        | Cause::KeepAlive
        | Cause::TakenOver
        | Cause::Administrative
        | Cause::Oversize
        | Cause::NotSupported
        | Cause::Network
        | Cause::Quota => change == Change::Disconnected,
        Cause::ProtocolError | Cause::Other => change != Change::Connected,
        Cause::NotAuthorized
        | Cause::BadCredentials
        | Cause::BadAuthMethod
        | Cause::Banned
        | Cause::BadClientId
        | Cause::Unavailable
        | Cause::MaxConnections
        | Cause::Tls
        | Cause::BeforeConnect => change == Change::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_before_the_log_was_heard_and_then_zero_is_zero() {
        let mut clients = Clients::default();
        assert_eq!((clients.events().count(), clients.auth_failures().count()), (0, 0));
        assert!(clients.is_empty());
        clients.heard();
        assert!(!clients.is_empty());
        assert!(clients.events().all(|(_, _, count)| count == 0));
        assert!(
            clients.events().any(|(change, cause, _)| (change, cause) == (Change::Refused, Cause::Banned))
        );
        assert_eq!(clients.auth_failures().count(), 6);
    }

    #[test]
    fn each_event_counts_once_and_failures_of_authority_twice_over() {
        let mut clients = Clients::default();
        clients.count(Change::Connected, Cause::Accepted, 1);
        clients.count(Change::Refused, Cause::NotAuthorized, 1);
        clients.count(Change::Disconnected, Cause::NotAuthorized, 1);
        clients.deny(Denied::Publish, 1);
        let mut sum = clients.clone();
        sum.add(&clients);
        let count = |change, cause| {
            sum.events().find(|event| (event.0, event.1) == (change, cause)).map(|event| event.2)
        };
        assert_eq!(count(Change::Connected, Cause::Accepted), Some(2));
        assert_eq!(count(Change::Refused, Cause::NotAuthorized), Some(2));
        // Unusual, and still not lost.
        assert_eq!(count(Change::Disconnected, Cause::NotAuthorized), Some(2));
        let failures: Vec<_> = sum.auth_failures().filter(|(_, count)| *count > 0).collect();
        assert_eq!(failures, [("not_authorized", 2), ("publish_denied", 2)]);
    }

    #[test]
    fn only_what_a_make_tells_of_may_be_zero() {
        let mut clients = Clients::default();
        let (left, refused) = (&[Cause::Closed][..], &[Cause::NotAuthorized][..]);
        clients.told_by(&Tells { connected: true, left, refused, denied: &[] });
        let events: Vec<_> = clients.events().collect();
        assert_eq!(
            events,
            [
                (Change::Connected, Cause::Accepted, 0),
                (Change::Disconnected, Cause::Closed, 0),
                (Change::Refused, Cause::NotAuthorized, 0)
            ]
        );
        assert_eq!(clients.auth_failures().collect::<Vec<_>>(), [("not_authorized", 0)]);
    }
}
