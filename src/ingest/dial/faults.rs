//! What an error of TLS means to an operator. Nothing here may quote what the other side sent but by its name.

use crate::ingest::reasons::TlsFault;
use rustls::{AlertDescription as Alert, CertificateError, Error, InvalidMessage, PeerIncompatible};

/// Sorts an error of the TLS library.
pub(super) fn of(error: &Error) -> TlsFault {
    match error {
        Error::InvalidCertificate(wrong) => certificate(wrong),
        Error::AlertReceived(alert) => alerted(*alert),
        // Whoever answers a hello with something that is no record of TLS does not speak it.
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidEmptyPayload,
        ) => TlsFault::PlainPort,
        Error::PeerIncompatible(why) => incompatible(why),
        Error::NoApplicationProtocol => TlsFault::Protocols,
        other => TlsFault::Other(other.to_string()),
    }
}

fn certificate(wrong: &CertificateError) -> TlsFault {
    match wrong {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsFault::NotYetValid,
        CertificateError::NotValidForName => TlsFault::Name(Vec::new()),
        CertificateError::NotValidForNameContext { presented, .. } => {
            TlsFault::Name(presented.iter().map(|name| plain_name(name)).collect())
        }
        // A certificate that signed itself, and one that is of the first version, have no authority either.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFault::Untrusted,
        CertificateError::Other(inner) if inner.to_string().contains("CaUsedAsEndEntity") => {
            TlsFault::Authority
        }
        CertificateError::Revoked => TlsFault::Other("the certificate was revoked".to_owned()),
        other => TlsFault::Other(other.to_string()),
    }
}

/// Such as `DnsName("old.example")`, which is how the library writes it.
fn plain_name(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"').to_owned()
}

/// What the broker thinks of us.
fn alerted(alert: Alert) -> TlsFault {
    let said = |text: &str| TlsFault::Client(text.to_owned());
    match alert {
        Alert::CertificateRequired => said("it asks for a client certificate, and none was shown"),
        Alert::BadCertificate => said("it does not take the client certificate"),
        Alert::UnsupportedCertificate => said("it does not take this kind of client certificate"),
        Alert::CertificateExpired => said("the client certificate has expired"),
        Alert::CertificateRevoked => said("the client certificate was revoked"),
        Alert::UnknownCA | Alert::CertificateUnknown => {
            said("it does not trust the authority that signed the client certificate")
        }
        Alert::AccessDenied => said("it denies access to this client certificate"),
        Alert::ProtocolVersion | Alert::InsufficientSecurity => TlsFault::Version,
        Alert::NoApplicationProtocol => TlsFault::Protocols,
        Alert::UnrecognisedName => TlsFault::Name(Vec::new()),
        // Brokers that ask for a certificate in TLS 1.2 and see none say no more than this.
        Alert::HandshakeFailure => TlsFault::Refused,
        other => TlsFault::Other(format!("the broker broke it off: {other:?}")),
    }
}

fn incompatible(why: &PeerIncompatible) -> TlsFault {
    match why {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::NoCipherSuitesInCommon => TlsFault::Version,
        other => TlsFault::Other(format!("{other:?}")),
    }
}
