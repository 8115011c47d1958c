//! What can be wrong with TLS: which reason it is, and in words. Nothing here may know the library.

/// What is wrong with TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TlsFault {
    /// Signed by nobody whom we trust.
    Untrusted,
    /// An authority's certificate is shown as the broker's own.
    Authority,
    /// It held once.
    Expired,
    /// It will hold.
    NotYetValid,
    /// For other names: these, where they are known.
    Name(Vec<String>),
    /// The broker does not like our certificate, or that there is none.
    Client(String),
    /// The broker breaks it off without a reason.
    Refused,
    /// No version or cipher in common.
    Version,
    /// No protocol (ALPN) in common.
    Protocols,
    /// The answer is no TLS.
    PlainPort,
    /// The broker hung up in the hand-shake.
    HungUp,
    /// Anything else.
    Other(String),
}

impl TlsFault {
    /// Label value of `reason`.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            TlsFault::Untrusted | TlsFault::Authority => "tls_untrusted",
            TlsFault::Expired => "tls_expired",
            TlsFault::NotYetValid => "tls_not_yet_valid",
            TlsFault::Name(_) => "tls_name",
            TlsFault::Client(_) => "tls_client_certificate",
            TlsFault::Refused => "tls_refused",
            TlsFault::Version | TlsFault::Protocols => "tls_version",
            TlsFault::PlainPort | TlsFault::HungUp => "plain_port",
            TlsFault::Other(_) => "tls",
        }
    }

    /// One sentence for people.
    pub(super) fn summary(&self, place: &str) -> String {
        match self {
            TlsFault::Untrusted => {
                format!("{place} shows a certificate that is signed by nobody whom we trust")
            }
            TlsFault::Authority => format!("{place} shows the certificate of an authority as its own"),
            TlsFault::Expired => format!("{place} shows a certificate that has expired"),
            TlsFault::NotYetValid => format!("{place} shows a certificate that does not hold yet"),
            TlsFault::Name(names) if names.is_empty() => {
                format!("{place} shows a certificate that does not name this host")
            }
            TlsFault::Name(names) => {
                let names: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
                format!("{place} shows a certificate that does not name this host, but {}", names.join(", "))
            }
            TlsFault::Client(text) => format!("{place} does not let us in by TLS: {text}"),
            TlsFault::Refused => format!("{place} broke the TLS hand-shake off without a reason"),
            TlsFault::Version => format!("{place} speaks no version of TLS or no cipher that we speak"),
            TlsFault::Protocols => format!("{place} wants another protocol (ALPN) than the ones in `alpn`"),
            TlsFault::PlainPort => format!("{place} does not speak TLS at this port"),
            TlsFault::HungUp => format!("{place} hung up when TLS began: it does not speak TLS at this port"),
            TlsFault::Other(text) => format!("{place}: TLS failed: {text}"),
        }
    }

    /// What to do.
    pub(super) fn cure(&self) -> &'static str {
        match self {
            TlsFault::Untrusted => {
                "set `ca_file` to the certificate of the authority that signed the broker's; the broker must send those in between"
            }
            TlsFault::Authority => {
                "make a certificate of its own for the broker (CA:FALSE, with its host name), signed by this authority, and set `ca_file` to the authority's"
            }
            TlsFault::Expired => {
                "renew the certificate of the broker, and let the broker read it anew; or set this machine's clock"
            }
            TlsFault::NotYetValid => {
                "set this machine's clock, or wait until the certificate of the broker holds"
            }
            TlsFault::Name(_) => {
                "write the host in `url` as the certificate names it, or make one that names this host (subjectAltName)"
            }
            TlsFault::Client(_) => {
                "set `cert_file` and `key_file` to a certificate that the broker's authority signed and that holds today"
            }
            TlsFault::Refused => {
                "see the broker's log; often it asks for a client certificate (set `cert_file` and `key_file`), or has no current cipher"
            }
            TlsFault::Version => "let the broker speak TLS 1.2 or 1.3 with current ciphers",
            TlsFault::Protocols => "set `alpn` to what the broker asks for, or leave it out",
            TlsFault::PlainPort | TlsFault::HungUp => {
                "write mqtt:// (or ws://) in `url`, or name the port with TLS: often 8883; a broker that is starting hangs up, too"
            }
            TlsFault::Other(_) => "see the broker's log for the other half of this",
        }
    }
}
