//! Why a connection ended, in words an operator can act on. Causes are ours, so that both protocol versions of
//! the client library speak one language. Nothing here may carry a user name, a password or a payload.

mod suback;
mod tls;
mod words;

pub(crate) use suback::{suback_cure, suback_meaning};
pub(crate) use tls::TlsFault;

use std::io::ErrorKind;

/// Every label value of `reason`.
pub(super) const REASONS: [&str; 32] = [
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
    "backlog",
    "silent",
    "unix_socket",
    "packet_too_large",
    "tls_untrusted",
    "tls_expired",
    "tls_not_yet_valid",
    "tls_name",
    "tls_client_certificate",
    "tls_refused",
    "tls_version",
    "plain_port",
    "tls",
    "tls_port",
    "tls_files",
    "http",
    "websocket",
    "not_mqtt",
];

/// What ended a connection or an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
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
    /// Let in and hung up on, again and again: what brokers without that DISCONNECT do to two clients with one id.
    Thrown,
    /// CONNACK or DISCONNECT: busy, moving, shutting down, over quota.
    Unavailable(String),
    /// DISCONNECT for any other reason.
    HungUp(String),
    /// What was said is not MQTT as we know it.
    Protocol(String),
    /// Our own subscription cannot be sent.
    BadFilter,
    /// Our own SUBSCRIBE, of so many bytes, is larger than the packets that the broker takes.
    PacketTooLarge(usize, usize),
    /// The name has no address.
    Dns(String),
    /// The file of the socket.
    Socket(ErrorKind, String),
    /// The connection stands, but CONNECT is not answered.
    Silent,
    /// TLS did not come about, or broke.
    Tls(TlsFault),
    /// TLS is spoken where we spoke plainly.
    TlsPort,
    /// An HTTP server, with its answer's code, where MQTT was expected.
    Http(String),
    /// Not a websocket, but this.
    WebSocket(String),
    /// A websocket, but not for MQTT.
    WebSocketProtocol,
    /// Something else, with the beginning of what it says.
    NotMqtt(String),
    /// A file that the configuration names cannot be used: cause and cure.
    Files(String, &'static str),
    /// More came than the log takes, and the broker does not wait for acknowledgements.
    Backlog,
}

impl Cause {
    /// Sorts an error of the operating system; the end of a stream comes in several guises.
    pub(crate) fn io(error: &std::io::Error) -> Self {
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

    /// A second look at the port may tell more: it was not answered in MQTT, or in TLS where that was asked for.
    pub(crate) fn is_vague(&self) -> bool {
        matches!(
            self,
            Cause::Closed
                | Cause::Protocol(_)
                | Cause::HungUp(_)
                | Cause::Silent
                | Cause::Http(_)
                | Cause::NotMqtt(_)
                | Cause::Tls(TlsFault::PlainPort | TlsFault::HungUp)
        )
    }

    /// Trying again soon will not help.
    pub(super) fn is_permanent(&self) -> bool {
        matches!(
            self,
            Cause::Credentials
                | Cause::NotAuthorized
                | Cause::ClientId
                | Cause::Tls(_)
                | Cause::TlsPort
                | Cause::Http(_)
                | Cause::WebSocket(_)
                | Cause::WebSocketProtocol
                | Cause::NotMqtt(_)
                | Cause::Files(..)
                | Cause::BadFilter
                | Cause::PacketTooLarge(..)
                | Cause::Version
        )
    }

    /// Label value of `reason`, and the code of a step of `doctor`.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Cause::Io(ErrorKind::ConnectionRefused, _) => "refused",
            Cause::Io(ErrorKind::TimedOut, _) | Cause::ConnectTimeout => "timeout",
            Cause::Io(_, text) if is_lookup(text) => "dns",
            Cause::Dns(_) => "dns",
            Cause::Socket(..) => "unix_socket",
            Cause::Silent => "silent",
            Cause::Tls(fault) => fault.reason(),
            Cause::TlsPort => "tls_port",
            Cause::Http(_) => "http",
            Cause::WebSocket(_) | Cause::WebSocketProtocol => "websocket",
            Cause::NotMqtt(_) => "not_mqtt",
            Cause::Files(..) => "tls_files",
            Cause::Io(..) => "network",
            Cause::Closed | Cause::HungUp(_) => "closed",
            Cause::KeepAlive => "keep_alive",
            Cause::SubackTimeout | Cause::BadFilter => "suback",
            Cause::PacketTooLarge(..) => "packet_too_large",
            Cause::Frozen => "frozen",
            Cause::Idle => "idle",
            Cause::Version | Cause::Protocol(_) => "protocol",
            Cause::Credentials => "bad_credentials",
            Cause::NotAuthorized => "not_authorized",
            Cause::ClientId | Cause::TakenOver | Cause::Thrown => "client_id",
            Cause::Unavailable(_) => "unavailable",
            Cause::Backlog => "backlog",
        }
    }
}

fn is_lookup(text: &str) -> bool {
    text.contains("lookup address") || text.contains("could not resolve")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Error;
    use std::time::Duration;

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
            Cause::Thrown,
            Cause::Unavailable(text()),
            Cause::HungUp(text()),
            Cause::Protocol(text()),
            Cause::BadFilter,
            Cause::PacketTooLarge(2, 1),
            Cause::Backlog,
            Cause::Dns(text()),
            Cause::Socket(ErrorKind::NotFound, text()),
            Cause::Socket(ErrorKind::PermissionDenied, text()),
            Cause::Silent,
            Cause::TlsPort,
            Cause::Http("400".to_owned()),
            Cause::WebSocket("404".to_owned()),
            Cause::WebSocketProtocol,
            Cause::NotMqtt(text()),
            Cause::Files(text(), "y"),
            Cause::Tls(TlsFault::Untrusted),
            Cause::Tls(TlsFault::Authority),
            Cause::Tls(TlsFault::Expired),
            Cause::Tls(TlsFault::NotYetValid),
            Cause::Tls(TlsFault::Name(Vec::new())),
            Cause::Tls(TlsFault::Client(text())),
            Cause::Tls(TlsFault::Refused),
            Cause::Tls(TlsFault::Version),
            Cause::Tls(TlsFault::Protocols),
            Cause::Tls(TlsFault::PlainPort),
            Cause::Tls(TlsFault::HungUp),
            Cause::Tls(TlsFault::Other(text())),
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
    fn the_manual_explains_every_reason() {
        let manual = include_str!("../../docs/connections.md");
        let (_, table) = manual.split_once("## Reasons").unwrap();
        for reason in REASONS {
            assert!(table.contains(&format!("`{reason}`")), "docs/connections.md: {reason}");
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
