//! What speaks at a port that did not answer in MQTT: TLS, HTTP, a server of another kind, or nobody. Nothing here may send a credential, or
//! anything that a broker could take for a client.

use super::{Stream, connect, resolve, tls};
use crate::config::{BrokerUrl, Scheme};
use crate::ingest::reasons::Cause;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// What an HTTP server answers, other servers of text complain of, and a broker hangs up on.
const ASK: &[u8] = b"HEAD / HTTP/1.0\r\n\r\n";
/// Who greets does so within this, as a rule; nobody is asked before.
const GREETING: Duration = Duration::from_secs(1);
/// So long is waited for each of the other answers.
const PATIENCE: Duration = Duration::from_secs(1);
/// So long is listened at most.
const LISTEN_MAX: Duration = Duration::from_secs(5);
/// A line that is longer tells no more.
const LINE_MAX: usize = 256;
/// So much of it is shown.
const SHOWN_MAX: usize = 60;

/// Whether TCP is accepted there at all.
pub(crate) async fn accepts(url: &BrokerUrl) -> bool {
    let tried = async { connect(&resolve(url).await?).await };
    matches!(timeout(PATIENCE, tried).await, Ok(Ok(_)))
}

/// Looks at the port of `mqtt://` or `mqtts://`, for about as long as `limit`. None: nothing more is known than before.
///
/// One connection listens, and asks when nobody greets; one offers TLS. Words go before TLS: who answers in letters is no
/// broker, over TLS or without.
pub(crate) async fn look(url: &BrokerUrl, limit: Duration) -> Option<Cause> {
    let addresses = match url.scheme {
        Scheme::Mqtt | Scheme::Mqtts => timeout(PATIENCE, resolve(url)).await.ok()?.ok()?,
        Scheme::Ws | Scheme::Wss | Scheme::Unix => return None,
    };
    let limit = limit.min(LISTEN_MAX);
    let mut words = pin!(hear(&addresses, limit));
    let early = timeout(limit.min(GREETING + PATIENCE), &mut words).await;
    let told = |cause: &Cause| *cause != Cause::TlsPort || url.scheme == Scheme::Mqtt;
    if let Ok(Some(cause)) = &early {
        return Some(cause.clone()).filter(told);
    }
    if url.scheme == Scheme::Mqtt && greets(url).await {
        return Some(Cause::TlsPort);
    }
    if early.is_ok() { None } else { words.await.filter(told) }
}

/// Whether TLS is spoken there.
pub(crate) async fn greets(url: &BrokerUrl) -> bool {
    let greets = async {
        let tcp = connect(&resolve(url).await?).await?;
        Ok::<bool, Cause>(tls::greets(url, Box::new(tcp)).await)
    };
    matches!(timeout(PATIENCE, greets).await, Ok(Ok(true)))
}

/// What the other side says of itself, or when it is asked.
async fn hear(addresses: &[SocketAddr], limit: Duration) -> Option<Cause> {
    let mut stream = connect(addresses).await.ok()?;
    let mut bytes = Vec::new();
    let greeting = GREETING.min(limit / 2);
    if let Ok(heard) = timeout(greeting, listen(&mut stream, &mut bytes)).await {
        return heard;
    }
    if bytes.is_empty() {
        // Whoever has hung up may have said something before.
        drop(stream.write_all(ASK).await);
    }
    let heard = timeout(limit.saturating_sub(greeting), listen(&mut stream, &mut bytes)).await;
    heard.unwrap_or_else(|_| spoken(&bytes))
}

/// Until it is clear what speaks there, or the other side hangs up.
async fn listen(stream: &mut impl Stream, bytes: &mut Vec<u8>) -> Option<Cause> {
    loop {
        if !is_cut(bytes) && !bytes.is_empty() {
            return spoken(bytes);
        }
        match stream.read_buf(bytes).await {
            Ok(0) | Err(_) => return spoken(bytes),
            Ok(_) => {}
        }
    }
}

/// Letters begin it, and no packet of a broker: the length of the first one is never that of a text, and its third byte
/// never a letter.
fn is_text(bytes: &[u8]) -> bool {
    bytes.len() >= 3 && bytes.iter().take(3).all(|byte| (b' '..=b'~').contains(byte))
}

/// Too little to tell, or a line whose end may still come.
pub(crate) fn is_cut(bytes: &[u8]) -> bool {
    bytes.len() < 3 || is_text(bytes) && bytes.len() < LINE_MAX && !bytes.contains(&b'\n')
}

/// What the first bytes of an answer tell; none: they may be MQTT.
pub(crate) fn spoken(bytes: &[u8]) -> Option<Cause> {
    match bytes {
        // An alert of TLS, of whatever version.
        [0x15, 0x03, ..] => Some(Cause::TlsPort),
        // The greeting of MySQL and its kin: the length, number 0, version 10 of the protocol, the name of the version;
        // or why it does not let us in.
        [_, 0, 0, 0, 10, rest @ ..] if rest.first().is_some_and(u8::is_ascii_digit) => {
            let name = rest.split(|byte| *byte == 0).next().unwrap_or_default();
            Some(Cause::NotMqtt(format!("MySQL {}", shown(name))))
        }
        [_, 0, 0, 0, 0xff, _, _, why @ ..] => Some(Cause::NotMqtt(format!("MySQL {}", shown(why)))),
        // What telnet can and wants.
        [0xff, 0xfb..=0xfe, ..] => Some(Cause::NotMqtt("telnet".to_owned())),
        _ if is_text(bytes) => {
            let line = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
            Some(match line.strip_prefix(b"HTTP/") {
                Some(rest) => Cause::Http(shown(rest.split(|byte| *byte == b' ').nth(1).unwrap_or_default())),
                None => Cause::NotMqtt(shown(line)),
            })
        }
        _ => None,
    }
}

/// What a stranger says, short and without what steers a terminal.
fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).take(SHOWN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_speaks_is_told_by_its_first_bytes_and_no_packet_of_a_broker_is_taken_for_it() {
        let not_mqtt = |text: &str| Some(Cause::NotMqtt(text.to_owned()));
        let cases: &[(&[u8], Option<Cause>)] = &[
            (b"SSH-2.0-OpenSSH_9.2\r\n", not_mqtt("SSH-2.0-OpenSSH_9.2")),
            (b"220 mail.example ESMTP\r\n", not_mqtt("220 mail.example ESMTP")),
            (b"+OK ready\r\n", not_mqtt("+OK ready")),
            (b"-ERR unknown command 'HEAD'\r\n", not_mqtt("-ERR unknown command 'HEAD'")),
            (b"AMQP\0\0\x09\x01", not_mqtt("AMQP")),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", Some(Cause::Http("400".to_owned()))),
            (b"HTTP/1.1\r\n", Some(Cause::Http(String::new()))),
            (b"\x15\x03\x03\0\x02\x02\x46", Some(Cause::TlsPort)),
            (b"\x4a\0\0\0\x0a8.0.36\0rest", not_mqtt("MySQL 8.0.36")),
            (b"\x2f\0\0\0\xff\x6a\x04Host 'x' is not allowed", not_mqtt("MySQL Host 'x' is not allowed")),
            (b"\xff\xfd\x18", not_mqtt("telnet")),
            // CONNACK of both versions, with properties, and DISCONNECT.
            (b"\x20\x02\x00\x00", None),
            (b"\x20\x22\x01\x00\x1f\x22\x41\x41", None),
            (b"\x20\x0d\x00\x00\x0a\x22\x00\x0a", None),
            (b"\xe0\x02\x81\x00", None),
            (b"SS", None),
            (b"", None),
        ];
        for (bytes, cause) in cases {
            assert_eq!(&spoken(bytes), cause, "{:?}", String::from_utf8_lossy(bytes));
        }
        assert!(is_cut(b"") && is_cut(b"SSH-2.0-Open") && !is_cut(b"SSH-2.0-x\r\n"));
        assert!(!is_cut(b"\x20\x02\x00") && !is_cut(&[b'x'; LINE_MAX]));
    }
}
