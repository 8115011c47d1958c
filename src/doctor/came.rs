//! What came back where a step failed, in few words; what it means is said in a sentence, and the same one in health. Pure.

use crate::ingest::reasons::{Cause, TlsFault};
use std::time::Duration;

/// The evidence, without a judgement; `limit` is the time-out that was in force.
pub(super) fn came(cause: &Cause, limit: Duration) -> String {
    let within = format!("within {}s", limit.as_secs_f64());
    let text = match cause {
        Cause::Io(_, text)
        | Cause::Dns(text)
        | Cause::Socket(_, text)
        | Cause::Protocol(text)
        | Cause::WebSocket(text)
        | Cause::Files(text, _) => text,
        Cause::Unavailable(text) | Cause::HungUp(text) => return format!("a refusal: {text}"),
        Cause::Tls(fault) => return shaken(fault),
        Cause::NotMqtt(text) => return format!("«{text}»"),
        Cause::Http(code) => return format!("HTTP {code}"),
        Cause::ConnectTimeout => return format!("no connection {within}"),
        Cause::Silent => return format!("not a byte {within}"),
        Cause::SubackTimeout => return format!("no SUBACK {within}"),
        Cause::Frozen => return format!("no packet {within}"),
        Cause::Closed => "a hang-up without a word",
        Cause::KeepAlive => "no answer to a ping",
        Cause::Idle => "no answer to the subscription",
        Cause::Version => "a refusal: this version of the protocol is not accepted",
        Cause::Credentials => "a refusal: bad user name or password",
        Cause::NotAuthorized => "a refusal: not authorized",
        Cause::ClientId => "a refusal: the client id is not accepted",
        Cause::TakenOver => "DISCONNECT: another client took over the session",
        Cause::Thrown => "CONNACK, and then a hang-up",
        Cause::BadFilter | Cause::PacketTooLarge(..) => "nothing: it was not sent",
        Cause::TlsPort => "an answer in TLS",
        Cause::WebSocketProtocol => "a websocket without the sub-protocol mqtt",
        Cause::Backlog => "more than the log takes",
    };
    text.to_owned()
}

fn shaken(fault: &TlsFault) -> String {
    let text = match fault {
        TlsFault::Client(text) | TlsFault::Other(text) => text,
        TlsFault::Untrusted => "a certificate of an authority that is not known",
        TlsFault::Authority => "the certificate of an authority",
        TlsFault::Expired | TlsFault::NotYetValid => "a certificate that does not hold today",
        TlsFault::Name(_) => "a certificate for other names",
        TlsFault::Refused => "an alert: the hand-shake failed",
        TlsFault::Version => "no version or cipher in common",
        TlsFault::Protocols => "an alert: no application protocol in common",
        TlsFault::PlainPort => "an answer that is no TLS",
        TlsFault::HungUp => "a hang-up in the hand-shake",
    };
    text.to_owned()
}
