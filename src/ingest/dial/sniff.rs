//! What speaks at a port that did not answer in MQTT: TLS, HTTP, a server of another kind, or nobody. Nothing here may
//! send a credential, or anything that a broker could take for a client, or wait for anybody without a limit.

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
/// CONNECT without a content, which no client sends and every broker hangs up on. Mosquitto's listener of websockets answers
/// it like an HTTP server, and the question above with nothing.
const HOLLOW: &[u8] = &[0x10, 0];
/// Who greets does so within this, as a rule; nobody is asked before.
const GREETING: Duration = Duration::from_secs(1);
/// So long is waited for each of the other answers.
const PATIENCE: Duration = Duration::from_secs(1);
/// So long is listened at most.
const LISTEN_MAX: Duration = Duration::from_secs(5);
/// A line that is longer tells no more.
const LINE_MAX: usize = 256;
/// The name of the protocol, with which CONNECT begins.
const CONNECT: &[u8] = b"MQTT";
/// Stands for an answer that must not be shown.
const QUOTED: &str = "what we said ourselves";
/// So much of it is shown.
const SHOWN_MAX: usize = 60;

/// Whether TCP is accepted there at all.
pub(crate) async fn accepts(url: &BrokerUrl) -> bool {
    let tried = async { connect(&resolve(url).await?).await };
    matches!(timeout(PATIENCE, tried).await, Ok(Ok(_)))
}

/// Looks at the port of `mqtt://` or `mqtts://`, for about as long as `limit`. None: nothing more is known than before.
/// `shaken`: the hand-shake of TLS was done there, so that what failed is no matter of the port. Such a port is not asked
/// in plain words: a broker behind TLS answers them like an HTTP server where a proxy does the TLS.
///
/// One connection listens, and asks when nobody greets; one offers TLS; and where both were hung up on, one says a word of MQTT
/// that no client says. Words go before TLS: who answers in letters is no
/// broker, over TLS or without.
pub(crate) async fn look(url: &BrokerUrl, shaken: bool, limit: Duration) -> Option<Cause> {
    if !may_tell(url, shaken) {
        return None;
    }
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
    if early.is_ok() {
        hollow(&addresses).await.filter(told)
    } else {
        timeout(limit, words).await.ok().flatten().filter(told)
    }
}

/// Whether a look can tell more than the cause did. `shaken`: as for `look`.
pub(crate) fn may_tell(url: &BrokerUrl, shaken: bool) -> bool {
    match url.scheme {
        Scheme::Mqtt => true,
        Scheme::Mqtts => !shaken,
        Scheme::Ws | Scheme::Wss | Scheme::Unix => false,
    }
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
    // The queue of a frozen broker fills up, and firewalls say nothing: the system would wait for minutes.
    let mut stream = timeout(PATIENCE, connect(addresses)).await.ok()?.ok()?;
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

/// What is answered to a CONNECT that is none.
async fn hollow(addresses: &[SocketAddr]) -> Option<Cause> {
    let asked = async {
        let mut stream = connect(addresses).await.ok()?;
        stream.write_all(HOLLOW).await.ok()?;
        listen(&mut stream, &mut Vec::new()).await
    };
    timeout(PATIENCE, asked).await.ok().flatten()
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
    bytes.len() >= 3 && bytes.iter().take(3).all(|byte| is_plain(*byte))
}

/// Too little to tell, or a line or a greeting whose end may still come.
pub(crate) fn is_cut(bytes: &[u8]) -> bool {
    match bytes {
        // TLS and telnet are told by two bytes; DISCONNECT has no more.
        [0x15, 0x03, ..] | [0xff, 0xfb..=0xfe, ..] | [0xe0, 0] => false,
        // The head of a packet of MySQL: its length, and that it is the first.
        [_] | [_, 0] | [_, 0, 0] | [_, 0, 0, 0] => true,
        [length, 0, 0, 0, 10 | 0xff, rest @ ..] => rest.len() + 1 < usize::from(*length),
        _ => bytes.len() < 3 || is_text(bytes) && bytes.len() < LINE_MAX && !bytes.contains(&b'\n'),
    }
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
                Some(rest) => Cause::Http(code(rest)),
                None => Cause::NotMqtt(shown(line)),
            })
        }
        _ => None,
    }
}

/// The same of an answer to CONNECT, which a server of text may quote, with what must not get anywhere: `secrets`.
pub(crate) fn answered(bytes: &[u8], secrets: &[&str]) -> Option<Cause> {
    let Some(Cause::NotMqtt(_)) = spoken(bytes) else { return spoken(bytes) };
    let mut secrets = secrets.iter().filter(|secret| !secret.is_empty());
    if secrets.any(|secret| bytes.windows(secret.len()).any(|part| part == secret.as_bytes())) {
        return Some(Cause::NotMqtt(QUOTED.to_owned()));
    }
    // CONNECT has a zero before each of its texts, and the first is the name of the protocol, however zeros are shown.
    let quoted = bytes.windows(CONNECT.len()).position(|part| part == CONNECT).unwrap_or(bytes.len());
    let own = if is_text(bytes) { bytes.iter().take(quoted).position(|byte| !is_plain(*byte)) } else { None };
    spoken(&bytes[..own.unwrap_or(quoted)])
}

/// What a stranger says, short and without what steers a terminal, or turns the direction of writing.
fn shown(bytes: &[u8]) -> String {
    bytes.iter().copied().filter(|byte| is_plain(*byte)).take(SHOWN_MAX).map(char::from).collect()
}

/// The status in the rest of the first line of HTTP.
fn code(line: &[u8]) -> String {
    let word = line.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    word.iter().take(3).take_while(|byte| byte.is_ascii_digit()).copied().map(char::from).collect()
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() || byte == b' '
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
            // What turns the direction of writing, or ends a line.
            ("220 a\u{202e}b\u{2066}c\u{2028}d\x1b[2J\n".as_bytes(), not_mqtt("220 abcd[2J")),
            (b"SS", None),
            (b"", None),
        ];
        for (bytes, cause) in cases {
            assert_eq!(&spoken(bytes), cause, "{:?}", String::from_utf8_lossy(bytes));
        }
        assert!(is_cut(b"") && is_cut(b"SSH-2.0-Open") && !is_cut(b"SSH-2.0-x\r\n"));
        assert!(!is_cut(b"\x20\x02\x00") && !is_cut(&[b'x'; LINE_MAX]));
    }

    #[test]
    fn a_greeting_is_not_judged_before_it_is_whole_wherever_it_is_cut() {
        for (whole, told) in [
            (&b"\x0c\0\0\0\x0a8.0.36\0rest"[..], "MySQL 8.0.36"),
            (b"\x0d\0\0\0\xff\x6a\x04Too many!!", "MySQL Too many!!"),
            (b"\xff\xfd\x18", "telnet"),
            (b"SSH-2.0-x\n", "SSH-2.0-x"),
        ] {
            let judged = (0..=whole.len()).find(|at| !is_cut(&whole[..*at])).unwrap();
            assert_eq!(spoken(&whole[..judged]), Some(Cause::NotMqtt(told.to_owned())), "after {judged}");
        }
        assert!(is_cut(b"\x15") && !is_cut(b"\x15\x03"));
        assert!(!is_cut(b"\xe0\0"), "a packet of a broker");
    }

    #[test]
    fn what_quotes_our_connect_shows_neither_user_nor_password() {
        let connect = b"\x10\x1e\0\x04MQTT\x05\xc2\0\x3c\0\0\x02id\0\x05alice\0\x06s3cret";
        let told = |answer: &[u8], secrets: &[&str]| match answered(answer, secrets) {
            Some(Cause::NotMqtt(text)) => text,
            other => panic!("{other:?}"),
        };
        let quoting = [b"-ERR unknown command '", &connect[..], b"'\r\n"].concat();
        assert_eq!(told(&quoting, &["alice", "s3cret"]), QUOTED);
        // As cut or as changed by the other side, so that it holds neither as they are.
        assert_eq!(told(&quoting, &[]), "-ERR unknown command '");
        let shown = b"-ERR unknown command `\\x10\\x1e\\x00\\x04MQTT\\x05idALICE\\x00s3cre\r\n";
        assert_eq!(told(shown, &["alice", "s3cret"]), "-ERR unknown command `\\x10\\x1e\\x00\\x04");
        let why = b"\x2f\0\0\0\xff\x6a\x04Who is alice?";
        assert_eq!(told(why, &["alice", ""]), QUOTED);
        assert_eq!(told(why, &["bob"]), "MySQL Who is alice?");
        assert_eq!(told(b"SSH-2.0-x\r\n", &["alice"]), "SSH-2.0-x");
        let http = b"HTTP/1.1 400s3cret Bad\r\n\r\nalice";
        assert_eq!(answered(http, &["alice", "s3cret"]), Some(Cause::Http("400".to_owned())));
    }

    /// A port whose queue is full: nobody is refused, and nobody gets in.
    async fn full() -> (tokio::net::TcpListener, Vec<tokio::net::TcpStream>, BrokerUrl) {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        let short = Duration::from_millis(200);
        while let Ok(stream) = timeout(short, tokio::net::TcpStream::connect(address)).await {
            waiting.push(stream.unwrap());
            assert!(waiting.len() < 100, "the queue has an end");
        }
        let url = BrokerUrl {
            scheme: Scheme::Mqtt,
            host: "127.0.0.1".to_owned(),
            port: address.port(),
            path: String::new(),
        };
        (listener, waiting, url)
    }

    #[tokio::test]
    async fn a_port_that_takes_no_connection_is_left_soon() {
        let (_listener, _waiting, mut url) = full().await;
        for scheme in [Scheme::Mqtt, Scheme::Mqtts] {
            url.scheme = scheme;
            // Shorter than what a connection may take, so that the look goes on after its first step.
            let looked =
                timeout(Duration::from_secs(10), look(&url, false, Duration::from_millis(400))).await;
            assert_eq!(looked, Ok(None));
        }
    }
}
