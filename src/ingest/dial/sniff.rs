//! What speaks at a port that did not answer in MQTT: TLS, HTTP, or nobody. Nothing here may send a credential, or
//! anything that a broker could take for a client.

use super::{Stream, connect, resolve, tls};
use crate::config::{BrokerUrl, Scheme};
use crate::ingest::reasons::Cause;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// A ping without a connection, which a broker hangs up on, and the end of a line, which an HTTP server waits for.
const ODD: &[u8] = b"\xc0\x00\r\n\r\n";
/// So long is waited for each of the answers.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether TCP is accepted there at all.
pub(crate) async fn accepts(url: &BrokerUrl) -> bool {
    let tried = async { connect(&resolve(url).await?).await };
    matches!(timeout(PATIENCE, tried).await, Ok(Ok(_)))
}

/// Looks at the port of `mqtt://`. None: nothing more is known than before.
pub(crate) async fn look(url: &BrokerUrl) -> Option<Cause> {
    if url.scheme != Scheme::Mqtt {
        return None;
    }
    let addresses = resolve(url).await.ok()?;
    let said = timeout(PATIENCE, async { answer(connect(&addresses).await.ok()?).await }).await;
    if let Some(cause) = said.ok().flatten().as_deref().and_then(spoken) {
        return Some(cause);
    }
    greets(url).await.then_some(Cause::TlsPort)
}

/// Whether TLS is spoken there.
pub(crate) async fn greets(url: &BrokerUrl) -> bool {
    let greets = async {
        let tcp = connect(&resolve(url).await?).await?;
        Ok::<bool, Cause>(tls::greets(url, Box::new(tcp)).await)
    };
    matches!(timeout(PATIENCE, greets).await, Ok(Ok(true)))
}

async fn answer(mut stream: impl Stream) -> Option<Vec<u8>> {
    stream.write_all(ODD).await.ok()?;
    let mut bytes = vec![0; 64];
    let mut have = 0;
    // Sixteen bytes are enough to tell; fewer may be all there is.
    while have < 16 {
        match stream.read(&mut bytes[have..]).await {
            Ok(0) | Err(_) => break,
            Ok(more) => have += more,
        }
    }
    bytes.truncate(have);
    Some(bytes)
}

/// What the first bytes of an answer tell; none: they may be MQTT.
pub(crate) fn spoken(bytes: &[u8]) -> Option<Cause> {
    if let Some(rest) = bytes.strip_prefix(b"HTTP/") {
        let code = rest.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        let code = String::from_utf8_lossy(code.get(..3).unwrap_or_default()).into_owned();
        return Some(Cause::Http(code));
    }
    match bytes {
        // An alert of TLS, of whatever version.
        [0x15, 0x03, ..] => Some(Cause::TlsPort),
        // A greeting in letters: SSH, SMTP, Redis and the like. No packet of a broker begins with three of them.
        [a, b, c, ..] if [a, b, c].iter().all(|byte| byte.is_ascii_alphabetic() || **byte == b'-') => {
            let shown: String =
                String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).take(32).collect();
            Some(Cause::NotMqtt(shown))
        }
        _ => None,
    }
}
