//! Why a connection ended, in words an operator can act on. Causes are ours, so that both protocol versions of
//! the client library speak one language. Nothing here may carry a user name, a password or a payload.

use super::status::Failure;
use std::io::ErrorKind;
use std::time::Duration;

/// Every label value of `reason`.
pub(super) const REASONS: [&str; 16] = [
    "dns",
    "refused",
    "timeout",
    "network",
    "protocol",
    "not_authorized",
    "bad_credentials",
    "client_id",
    "unavailable",
    "closed",
    "keep_alive",
    "frozen",
    "suback",
    "idle",
    "unsupported",
    "backlog",
];

/// What ended a connection or an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The operating system said no.
    Io(ErrorKind, String),
    /// The broker hung up without a word.
    Closed,
    /// A ping was not answered within the keep-alive.
    KeepAlive,
    /// No CONNACK in time.
    ConnectTimeout,
    /// No SUBACK in time.
    SubackTimeout,
    /// Not a packet of any kind, though we asked.
    Frozen,
    /// The broker answers, but not to the verification of a silent subscription.
    Idle,
    /// CONNACK: not this protocol version.
    Version,
    /// CONNACK: user name or password.
    Credentials,
    /// CONNACK or DISCONNECT: not allowed, or banned.
    NotAuthorized,
    /// CONNACK: the client id.
    ClientId,
    /// DISCONNECT: another client took our id.
    TakenOver,
    /// CONNACK or DISCONNECT: busy, moving, shutting down, over quota.
    Unavailable(String),
    /// DISCONNECT for any other reason.
    HungUp(String),
    /// What was said is not MQTT as we know it.
    Protocol(String),
    /// Our own subscription cannot be sent.
    BadFilter,
    /// A transport for later.
    Unsupported,
    /// More came than the log takes, and the broker does not wait for acknowledgements.
    Backlog,
}

impl Cause {
    /// Sorts an error of the operating system; the end of a stream comes in several guises.
    pub(super) fn io(error: &std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe => Cause::Closed,
            ErrorKind::TimedOut => Cause::Io(ErrorKind::TimedOut, error.to_string()),
            // The framing layer reports a packet cut short by the end of the stream in this way.
            ErrorKind::Other if error.to_string().contains("bytes remaining") => Cause::Closed,
            kind => Cause::Io(kind, error.to_string()),
        }
    }

    /// The broker ended it, and not by a refusal that it explained.
    pub(super) fn is_hang_up(&self) -> bool {
        matches!(self, Cause::Closed | Cause::HungUp(_) | Cause::NotAuthorized)
    }

    /// Trying again soon will not help.
    pub(super) fn is_permanent(&self) -> bool {
        matches!(
            self,
            Cause::Credentials
                | Cause::NotAuthorized
                | Cause::ClientId
                | Cause::Unsupported
                | Cause::BadFilter
                | Cause::Version
        )
    }

    /// Label value of `reason`.
    fn reason(&self) -> &'static str {
        match self {
            Cause::Io(ErrorKind::ConnectionRefused, _) => "refused",
            Cause::Io(ErrorKind::TimedOut, _) | Cause::ConnectTimeout => "timeout",
            Cause::Io(_, text) if is_lookup(text) => "dns",
            Cause::Io(..) => "network",
            Cause::Closed | Cause::HungUp(_) => "closed",
            Cause::KeepAlive => "keep_alive",
            Cause::SubackTimeout | Cause::BadFilter => "suback",
            Cause::Frozen => "frozen",
            Cause::Idle => "idle",
            Cause::Version | Cause::Protocol(_) => "protocol",
            Cause::Credentials => "bad_credentials",
            Cause::NotAuthorized => "not_authorized",
            Cause::ClientId | Cause::TakenOver => "client_id",
            Cause::Unavailable(_) => "unavailable",
            Cause::Unsupported => "unsupported",
            Cause::Backlog => "backlog",
        }
    }

    /// For people: `place` is where we tried, `limit` the time-out that was in force.
    pub(super) fn failure(&self, place: &str, limit: Duration) -> Failure {
        let reason = self.reason();
        let within = format!("within {}s", limit.as_secs_f64());
        let summary = match self {
            Cause::Io(_, text) => format!("{place}: {text}"),
            Cause::Closed => format!("{place} closed the connection"),
            Cause::KeepAlive => format!("{place} did not answer a ping within the keep-alive"),
            Cause::ConnectTimeout => format!("{place} did not accept a connection {within}"),
            Cause::SubackTimeout => format!("{place} did not answer SUBSCRIBE {within}"),
            Cause::Frozen => {
                format!("{place} holds the connection open but said nothing {within} of being asked")
            }
            Cause::Idle => format!("{place} did not confirm the silent subscription {within}"),
            Cause::Version => format!("{place} refuses this version of MQTT"),
            Cause::Credentials => format!("{place} refuses the user name or the password"),
            Cause::NotAuthorized => format!("{place} does not let this client in"),
            Cause::ClientId => format!("{place} refuses the client id"),
            Cause::TakenOver => format!("{place} gave our client id to another client"),
            Cause::Unavailable(text) => format!("{place} is not available: {text}"),
            Cause::HungUp(text) => format!("{place} disconnected us: {text}"),
            Cause::Protocol(text) => format!("{place} does not speak MQTT as expected: {text}"),
            Cause::BadFilter => "a topic filter is not valid, so SUBSCRIBE was not sent".to_owned(),
            Cause::Unsupported => format!("{place} is not reached by mqtt://"),
            Cause::Backlog => {
                format!("{place} sends more than the audit log takes; it was left, and will send it again")
            }
        };
        Failure { reason, summary, cure: cure(reason, self).to_owned() }
    }
}

fn is_lookup(text: &str) -> bool {
    text.contains("lookup address") || text.contains("could not resolve")
}

fn cure(reason: &str, cause: &Cause) -> &'static str {
    match reason {
        "dns" => "check the host name in `url`, and the name service of this machine",
        "refused" => "start the broker, or check host and port in `url`",
        "timeout" => {
            "check that the network and the firewalls let this machine reach the broker, and that the port speaks MQTT"
        }
        "network" => "check the network between this machine and the broker",
        "protocol" => "check that `url` names the MQTT port, and set `version` to what the broker speaks",
        "not_authorized" => "let this user and client id connect and subscribe on the broker",
        "bad_credentials" => "check `username` and `password_file` of this [[broker]]",
        "client_id" if *cause == Cause::TakenOver => {
            "two programs use one client id: give each sidecar a `client_id` of its own"
        }
        "client_id" => "set a `client_id` that the broker accepts: shorter, or without special characters",
        "unavailable" => "see the broker's log: it is busy, over a quota, moving or shutting down",
        "closed" => "see the broker's log for the reason; it may have restarted",
        "keep_alive" => "check the network and the load of the broker, or raise `keep_alive`",
        "frozen" => "check whether the broker's process is stopped, swapping or overloaded",
        "suback" if *cause == Cause::BadFilter => "correct the filters of the streams",
        "suback" => "see the broker's log for the subscription, or raise `connect_timeout`",
        "idle" => "see the broker's log: it lost our subscription or does not serve it any more",
        "backlog" => "see the state of the audit log, or limit what the broker has in flight for one client",
        _ => "this version speaks mqtt:// only",
    }
}

/// What a SUBACK code of a refused filter means, in either protocol version.
pub(crate) fn suback_meaning(code: u8) -> &'static str {
    match code {
        0x80 => "refused without a reason",
        0x83 => "refused by a rule of this broker",
        0x87 => "not authorized",
        0x8f => "the filter is not valid here",
        0x91 => "packet id in use",
        0x97 => "over a quota",
        0x9e => "no shared subscriptions",
        0xa1 => "no subscription identifiers",
        0xa2 => "no wildcards",
        _ => "refused with an unknown code",
    }
}

/// What to do about a refused filter.
pub(crate) fn suback_cure(filter: &str, code: u8) -> String {
    match code {
        0x8f | 0xa2 if filter.contains(['#', '+']) => {
            format!("the broker takes no such wildcard: replace `{filter}` by narrower filters")
        }
        0x97 => format!("raise the broker's quota of subscriptions, or drop `{filter}`"),
        0x9e => format!(
            "the broker has no shared subscriptions: subscribe without `$share` instead of `{filter}`"
        ),
        // Several brokers deny exactly these to everybody by default.
        _ if filter == "#" || filter == "+/#" => {
            format!(
                "allow `{filter}` for this user in the broker's access rules, or configure narrower filters"
            )
        }
        _ => format!("allow this user to subscribe to `{filter}` in the broker's access rules"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Error;

    fn reason(cause: &Cause) -> &'static str {
        cause.failure("mqtt://b:1883", Duration::from_secs(10)).reason
    }

    #[test]
    fn every_reason_is_listed_and_has_a_sentence_and_a_cure() {
        let text = || "x".to_owned();
        let causes = [
            Cause::io(&Error::other("failed to lookup address information: Name or service not known")),
            Cause::io(&Error::from(ErrorKind::ConnectionRefused)),
            Cause::io(&Error::from(ErrorKind::TimedOut)),
            Cause::io(&Error::from(ErrorKind::HostUnreachable)),
            Cause::io(&Error::from(ErrorKind::ConnectionReset)),
            Cause::KeepAlive,
            Cause::ConnectTimeout,
            Cause::SubackTimeout,
            Cause::Frozen,
            Cause::Idle,
            Cause::Version,
            Cause::Credentials,
            Cause::NotAuthorized,
            Cause::ClientId,
            Cause::TakenOver,
            Cause::Unavailable(text()),
            Cause::HungUp(text()),
            Cause::Protocol(text()),
            Cause::BadFilter,
            Cause::Unsupported,
            Cause::Backlog,
        ];
        for cause in &causes {
            let failure = cause.failure("mqtt://b:1883", Duration::from_secs(10));
            assert!(REASONS.contains(&failure.reason), "{failure:?}");
            assert!(!failure.summary.is_empty() && !failure.cure.is_empty());
        }
        for listed in REASONS {
            assert!(causes.iter().any(|cause| reason(cause) == listed), "{listed} never occurs");
        }
    }

    #[test]
    fn errors_of_the_system_are_told_apart() {
        let lookup = Error::other("failed to lookup address information: Name or service not known");
        assert_eq!(reason(&Cause::io(&lookup)), "dns");
        assert_eq!(reason(&Cause::io(&Error::from(ErrorKind::ConnectionRefused))), "refused");
        assert_eq!(reason(&Cause::io(&Error::from(ErrorKind::HostUnreachable))), "network");
        assert_eq!(Cause::io(&Error::other("bytes remaining on stream")), Cause::Closed);
    }

    #[test]
    fn a_refused_filter_is_named_in_its_cure() {
        for code in [0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2, 0xff] {
            assert!(suback_cure("plant/#", code).contains("`plant/#`"));
            assert!(!suback_meaning(code).is_empty());
        }
        assert!(suback_cure("#", 0x80).contains("narrower"));
    }
}
