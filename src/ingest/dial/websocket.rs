//! The beginning of a websocket: one request, one answer (RFC 6455, section 4). Nothing here may follow where the answer
//! points to, or send a credential: MQTT has its own.

use super::{Bytes2, Stream, cause_of, sniff};
use crate::config::BrokerUrl;
use crate::ingest::reasons::Cause;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// An answer whose head is longer is no answer to us.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// What the standard adds to the key.
const SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Asks for a websocket that speaks MQTT.
pub(super) async fn upgrade(mut stream: Bytes2, url: &BrokerUrl) -> Result<Bytes2, Cause> {
    let mut random = [0_u8; 16];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut random)
        .map_err(|_| Cause::Protocol("the system gives no random bytes".to_owned()))?;
    let key = STANDARD.encode(random);
    let host = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.clone() };
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {host}:{}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
        url.path, url.port
    );
    stream.write_all(request.as_bytes()).await.map_err(|error| cause_of(&error))?;
    stream.flush().await.map_err(|error| cause_of(&error))?;
    let head = head(&mut stream).await?;
    judge(&head, &key)?;
    Ok(stream)
}

/// The head of the answer. Read byte by byte: what follows it belongs to the websocket.
async fn head(stream: &mut impl Stream) -> Result<Vec<u8>, Cause> {
    let mut head = Vec::with_capacity(512);
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte).await {
            Ok(1..) => head.extend(byte),
            Ok(0) if head.is_empty() => return Err(Cause::WebSocket("it hung up".to_owned())),
            Err(error) if head.is_empty() => {
                return Err(match cause_of(&error) {
                    Cause::Closed => Cause::WebSocket("it hung up".to_owned()),
                    other => other,
                });
            }
            Ok(0) | Err(_) => break,
        }
        if head.len() >= 5 && !head.starts_with(b"HTTP/") || head.len() > HEAD_BYTES_MAX {
            break;
        }
    }
    Ok(head)
}

fn judge(head: &[u8], key: &str) -> Result<(), Cause> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 101") {
        return Err(match sniff::spoken(head) {
            Some(Cause::Http(code)) => Cause::WebSocket(format!("it answered HTTP {code}")),
            Some(other) => other,
            None => Cause::NotMqtt("no HTTP".to_owned()),
        });
    }
    let header = |name: &str| {
        let mut found = text.split("\r\n").filter_map(|line| line.split_once(':'));
        found.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let digest =
        ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{SUFFIX}").as_bytes());
    if header("Sec-WebSocket-Accept").as_deref() != Some(&STANDARD.encode(digest)) {
        return Err(Cause::WebSocket("it answered for somebody else".to_owned()));
    }
    if header("Sec-WebSocket-Protocol").as_deref() != Some("mqtt") {
        return Err(Cause::WebSocketProtocol);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6455.
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

    #[test]
    fn only_a_websocket_for_mqtt_and_for_us_is_taken() {
        let judged = |text: String| judge(text.as_bytes(), KEY);
        let first = "HTTP/1.1 101 Switching Protocols\r\n";
        let mqtt = "sec-websocket-protocol:  mqtt \r\n";
        assert_eq!(judged(format!("{first}{ACCEPT}{mqtt}\r\n")), Ok(()));
        assert_eq!(judged(format!("{first}{ACCEPT}\r\n")), Err(Cause::WebSocketProtocol));
        let other = "Sec-WebSocket-Protocol: graphql-ws\r\n";
        assert_eq!(judged(format!("{first}{ACCEPT}{other}\r\n")), Err(Cause::WebSocketProtocol));
        assert!(matches!(judged(format!("{first}{mqtt}\r\n")), Err(Cause::WebSocket(_))));
        assert_eq!(
            judged("HTTP/1.1 404 Not Found\r\n\r\n".into()),
            Err(Cause::WebSocket("it answered HTTP 404".into()))
        );
        assert_eq!(judge(b"\x15\x03\x03\0\x02\x02\x46", KEY), Err(Cause::TlsPort));
        assert_eq!(judged("SSH-2.0-x\r\n".into()), Err(Cause::NotMqtt("SSH-2.0-x".into())));
    }
}
