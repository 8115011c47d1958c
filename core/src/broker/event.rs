//! One event of a client, whoever told it: a broker's log, a topic of the broker, a counter of it. What was not told is
//! absent. Nothing here may make up a client for an event that names none.

use super::clients::{Cause, Change, Clients, Denied};
use crate::time::Wall;

/// What happened to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It came, went or was refused.
    Changed(Change, Cause),
    /// It was not allowed to publish or subscribe.
    Denied(Denied),
    /// It is too slow or away, and the broker drops messages for it.
    Dropping,
    /// It was away for so long that its session is gone.
    Expired,
}

/// One event of a client. What the broker did not say, or what cannot be told from what a client made up, is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientEvent {
    /// What happened.
    pub what: What,
    /// How often: more than once only where the broker counts and does not tell whom.
    pub times: u64,
    /// Its client id.
    pub client: Option<Box<str>>,
    /// Its user name.
    pub user: Option<Box<str>>,
    /// Where it came from.
    pub ip: Option<Box<str>>,
    /// And from which port.
    pub port: Option<u16>,
    /// `3.1`, `3.1.1` or `5`.
    pub protocol: Option<&'static str>,
    /// The topic that was denied.
    pub topic: Option<Box<str>>,
    /// The broker's own words for the cause, or what is to be known of it.
    pub details: Option<Box<str>>,
    /// When, by the broker's clock.
    pub at: Option<Wall>,
}

impl ClientEvent {
    /// An event of which nothing else is known yet.
    pub fn new(what: What, at: Option<Wall>) -> Self {
        Self {
            what,
            times: 1,
            client: None,
            user: None,
            ip: None,
            port: None,
            protocol: None,
            topic: None,
            details: None,
            at,
        }
    }

    /// Counts it.
    pub fn count(&self, clients: &mut Clients) {
        match self.what {
            What::Changed(change, cause) => clients.count(change, cause, self.times),
            What::Denied(what) => clients.deny(what, self.times),
            What::Dropping | What::Expired => {}
        }
    }
}
