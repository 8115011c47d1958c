//! The way to a broker: a name, TCP, TLS, a websocket, or a socket file; each step apart, so that what fails has a name.
//! Nothing here may speak MQTT or decide when to try again. A certificate is never taken unverified unless the setting
//! says so by its name.
//!
//! The library dials by itself where nothing stands between it and TCP or a socket file. TLS and websockets it could do
//! too, but by way of crates with advisories; and it would not tell which certificate it saw or what a proxy answered.

mod faults;
mod first;
mod frames;
mod seen;
pub(crate) mod sniff;
pub(crate) mod tls;
mod tunnel;
mod websocket;

pub(crate) use seen::{Seen, Which};
pub(crate) use tunnel::{Local, Tunnel, inside};

use super::reasons::{Cause, TlsFault};
use crate::config::{Broker, BrokerUrl, Scheme};
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// Bytes both ways.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A stream of any kind.
pub(crate) type Bytes2 = Box<dyn Stream>;

/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

/// A way to a broker that stands, before a byte of MQTT.
pub(crate) struct Way {
    /// What leads there.
    pub(crate) stream: Bytes2,
    /// MQTT goes in frames of a websocket.
    pub(crate) framed: bool,
}

/// All steps after another. What TLS showed is in `seen`, also when it failed.
pub(crate) async fn dial(broker: &Broker, url: &BrokerUrl, seen: &Seen) -> Result<Way, Cause> {
    if url.scheme == Scheme::Unix {
        return Ok(Way { stream: Box::new(socket(url).await?), framed: false });
    }
    let addresses = resolve(url).await?;
    let tcp = connect(&addresses).await?;
    seen.connected();
    let stream: Bytes2 = if url.scheme.is_tls() {
        Box::new(tls::connect(&broker.tls, url, tcp, seen).await?)
    } else {
        Box::new(tcp)
    };
    open(url, stream).await
}

/// The websocket, where there is to be one.
pub(crate) async fn open(url: &BrokerUrl, stream: Bytes2) -> Result<Way, Cause> {
    if !matches!(url.scheme, Scheme::Ws | Scheme::Wss) {
        return Ok(Way { stream, framed: false });
    }
    match websocket::upgrade(stream, url).await {
        Ok(stream) => Ok(Way { stream, framed: true }),
        // A port of TLS often hangs up on plain text without a word.
        Err(Cause::WebSocket(_)) if url.scheme == Scheme::Ws && sniff::greets(url).await => {
            Err(Cause::TlsPort)
        }
        Err(cause) => Err(cause),
    }
}

/// The addresses of the host; at least one.
pub(crate) async fn resolve(url: &BrokerUrl) -> Result<Vec<SocketAddr>, Cause> {
    let found = tokio::net::lookup_host((url.host.as_str(), url.port)).await;
    let found = found.map_err(|error| Cause::Dns(error.to_string()))?;
    let addresses: Vec<SocketAddr> = found.take(ADDRESSES_MAX).collect();
    if addresses.is_empty() { Err(Cause::Dns("the name has no address".to_owned())) } else { Ok(addresses) }
}

/// TCP to the first address that takes it.
pub(crate) async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, Cause> {
    let mut last = Cause::Dns("the name has no address".to_owned());
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Without it small packets would wait for others; where it cannot be had they do.
                drop(stream.set_nodelay(true));
                return Ok(stream);
            }
            Err(error) => last = Cause::io(&error),
        }
    }
    Err(last)
}

/// The socket file.
pub(crate) async fn socket(url: &BrokerUrl) -> Result<UnixStream, Cause> {
    UnixStream::connect(&url.host).await.map_err(|error| Cause::Socket(error.kind(), error.to_string()))
}

/// What an error of a stream means that has TLS in it.
pub(crate) fn cause_of(error: &std::io::Error) -> Cause {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(fault) => Cause::Tls(faults::of(fault)),
        None => Cause::io(error),
    }
}

/// What an error of the hand-shake means: a peer that hangs up there speaks something else.
fn cause_of_handshake(error: &std::io::Error) -> Cause {
    match cause_of(error) {
        Cause::Closed => Cause::Tls(TlsFault::HungUp),
        other => other,
    }
}
