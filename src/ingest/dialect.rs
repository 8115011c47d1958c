//! Which version of the protocol to try: what is configured, or 5 with 3.1.1 to fall back on. Pure; nothing
//! here may know how a packet looks.

use super::reasons::Cause;
use crate::config::Version;

/// How often a broker that spoke 5 before may hang up before CONNACK until 3.1.1 is tried. A proxy whose broker
/// restarts does so as well, and must not cost us the better protocol.
const HANG_UPS_MAX: u8 = 3;

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// MQTT 5.
    V5,
    /// MQTT 3.1.1.
    V311,
}

impl Protocol {
    /// As it is shown.
    pub(super) fn name(self) -> &'static str {
        match self {
            Protocol::V5 => "5",
            Protocol::V311 => "3.1.1",
        }
    }
}

/// What to speak next, and what worked.
#[derive(Clone, Debug)]
pub(super) struct Dialect {
    auto: bool,
    now: Protocol,
    /// The version of the last CONNACK that let us in.
    proven: Option<Protocol>,
    /// Hang-ups before CONNACK in a row.
    hang_ups: u8,
}

impl Dialect {
    /// As configured.
    pub(super) fn new(version: Version) -> Self {
        let now = if version == Version::V311 { Protocol::V311 } else { Protocol::V5 };
        Self { auto: version == Version::Auto, now, proven: None, hang_ups: 0 }
    }

    /// What to speak in the next attempt.
    pub(super) fn current(&self) -> Protocol {
        self.now
    }

    /// The broker let us in.
    pub(super) fn worked(&mut self) {
        self.proven = Some(self.now);
        self.hang_ups = 0;
    }

    /// No CONNACK let us in. True: try the other version at once.
    pub(super) fn failed(&mut self, cause: &Cause) -> bool {
        if !self.auto {
            return false;
        }
        // Some brokers refuse in words, others (aedes, amqtt, NATS, old RabbitMQ) by hanging up or by not answering at
        // all, others with an answer of their own version, which reads as nonsense.
        let vague = matches!(cause, Cause::Closed | Cause::HungUp(_) | Cause::Protocol(_))
            || (*cause == Cause::Silent && self.proven.is_none());
        self.hang_ups = if vague { self.hang_ups.saturating_add(1) } else { 0 };
        let doubted = *cause == Cause::Version || (vague && self.may_doubt());
        match self.now {
            Protocol::V5 if doubted => self.switch(Protocol::V311),
            Protocol::V311 if doubted || (self.proven != Some(Protocol::V311) && !is_answer(cause)) => {
                self.switch(Protocol::V5);
                // Both were tried by now: time for a pause.
                return false;
            }
            _ => return false,
        }
        true
    }

    fn may_doubt(&self) -> bool {
        self.proven != Some(self.now) || self.hang_ups >= HANG_UPS_MAX
    }

    fn switch(&mut self, to: Protocol) {
        self.now = to;
        self.hang_ups = 0;
    }
}

/// A refusal in a CONNACK that we understood: the version is right, something else is wrong.
fn is_answer(cause: &Cause) -> bool {
    matches!(cause, Cause::Credentials | Cause::NotAuthorized | Cause::ClientId | Cause::Unavailable(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_version_5_is_followed_by_3_1_1_at_once_and_that_is_remembered() {
        for cause in [Cause::Version, Cause::Closed, Cause::Silent, Cause::Protocol(String::new())] {
            let mut dialect = Dialect::new(Version::Auto);
            assert_eq!(dialect.current(), Protocol::V5);
            assert!(dialect.failed(&cause));
            assert_eq!(dialect.current(), Protocol::V311);
            dialect.worked();
            assert!(!dialect.failed(&Cause::ConnectTimeout));
            assert!(!dialect.failed(&Cause::Credentials));
            assert_eq!(dialect.current(), Protocol::V311);
        }
    }

    #[test]
    fn when_3_1_1_fails_too_it_starts_over_with_5_after_a_pause() {
        let mut dialect = Dialect::new(Version::Auto);
        assert!(dialect.failed(&Cause::Closed));
        assert!(!dialect.failed(&Cause::Closed));
        assert_eq!(dialect.current(), Protocol::V5);
    }

    #[test]
    fn a_wrong_password_in_3_1_1_is_no_reason_to_doubt_the_version() {
        let mut dialect = Dialect::new(Version::Auto);
        assert!(dialect.failed(&Cause::Closed));
        assert!(!dialect.failed(&Cause::Credentials));
        assert_eq!(dialect.current(), Protocol::V311);
    }

    #[test]
    fn a_broker_that_spoke_5_is_not_doubted_for_a_single_hang_up() {
        let mut dialect = Dialect::new(Version::Auto);
        dialect.worked();
        assert!(!dialect.failed(&Cause::Closed));
        assert!(!dialect.failed(&Cause::Closed));
        assert_eq!(dialect.current(), Protocol::V5);
        assert!(dialect.failed(&Cause::Closed));
        assert_eq!(dialect.current(), Protocol::V311);
    }

    #[test]
    fn a_broker_that_is_down_changes_nothing_and_a_fixed_version_stays() {
        let mut dialect = Dialect::new(Version::Auto);
        assert!(!dialect.failed(&Cause::ConnectTimeout));
        assert_eq!(dialect.current(), Protocol::V5);
        dialect.worked();
        for _ in 0..10 {
            assert!(!dialect.failed(&Cause::Silent), "a frozen broker that spoke 5");
        }
        for (version, protocol) in [(Version::V5, Protocol::V5), (Version::V311, Protocol::V311)] {
            let mut dialect = Dialect::new(version);
            assert!(!dialect.failed(&Cause::Version));
            assert_eq!(dialect.current(), protocol);
        }
    }
}
