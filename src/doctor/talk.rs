//! One connection of `doctor`: sends, and waits for the answer no longer than it may. Handshakes of higher qualities of
//! service are kept going meanwhile. Nothing here may explain anything.

use super::wire::{self, ConnAck, Message, Packet, kind};
use crate::config::{Broker, BrokerUrl};
use crate::ingest::connack;
use crate::ingest::dial::{self, Bytes2, Local, Stream, Way, sniff};
use crate::ingest::reasons::Cause;
use secrecy::ExposeSecret;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

/// A packet that is larger is none that was asked for.
const PACKET_MAX: usize = 64 * 1024 * 1024;

enum Line {
    Direct(Bytes2),
    Framed(Local),
}

/// See the head of this file.
pub(super) struct Talk {
    line: Line,
    pub(super) v5: bool,
    bytes: Vec<u8>,
    heard: bool,
    messages: VecDeque<Message>,
    pkid: u16,
}

impl Talk {
    /// Over a way that stands.
    pub(super) fn new(way: Way, v5: bool) -> Self {
        let line = if way.framed { Line::Framed(dial::inside(way)) } else { Line::Direct(way.stream) };
        Self { line, v5, bytes: Vec::new(), heard: false, messages: VecDeque::new(), pkid: 0 }
    }

    /// CONNECT and its answer; a refusal is `Ok`.
    pub(super) async fn connect(
        &mut self,
        broker: &Broker,
        id: &str,
        limit: Duration,
    ) -> Result<ConnAck, Cause> {
        let password = broker.password.as_ref().map_or("", |password| password.expose_secret());
        let login = broker.username.as_deref().map(|user| (user, password));
        self.send(&wire::connect(self.v5, id, login, 60)).await?;
        let packet = self.next(Instant::now() + limit).await.map_err(silent)?;
        match packet.kind {
            kind::CONNACK => {
                packet.connack().ok_or_else(|| Cause::Protocol("a CONNACK that is cut".to_owned()))
            }
            other => Err(Cause::Protocol(format!("packet {other} came before CONNACK"))),
        }
    }

    /// SUBSCRIBE for one filter; gives its code.
    pub(super) async fn subscribe(&mut self, filter: &str, qos: u8, limit: Duration) -> Result<u8, Cause> {
        let pkid = self.pkid();
        self.send(&wire::subscribe(self.v5, pkid, filter, qos)).await?;
        let v5 = self.v5;
        let end = Instant::now() + limit;
        loop {
            let packet = self.next(end).await?;
            if packet.kind == kind::SUBACK
                && let Some((_, code)) = packet.suback(v5).filter(|(id, _)| *id == pkid)
            {
                return Ok(code);
            }
        }
    }

    /// PUBLISH, to its last acknowledgement; gives the code.
    pub(super) async fn publish(&mut self, mut message: Message, limit: Duration) -> Result<u8, Cause> {
        if message.qos > 0 {
            message.pkid = self.pkid();
        }
        let (pkid, qos) = (message.pkid, message.qos);
        let end = Instant::now() + limit;
        let written = timeout_at(end, self.send(&wire::publish(self.v5, &message))).await;
        written.map_err(|_| Cause::Frozen)??;
        if qos == 0 {
            return Ok(0);
        }
        loop {
            let packet = self.next(end).await?;
            match (packet.kind, packet.ack()) {
                (kind::PUBACK | kind::PUBCOMP, Some((id, code))) if id == pkid => return Ok(code),
                // A refusal ends the handshake of quality 2 as well.
                (kind::PUBREC, Some((id, code))) if id == pkid && code >= 0x80 => return Ok(code),
                (kind::PUBREC, Some((id, _))) if id == pkid => {
                    self.send(&wire::ack(kind::PUBREL, id)).await?;
                }
                _ => {}
            }
        }
    }

    /// The next message; none when none comes in time.
    pub(super) async fn message(&mut self, limit: Duration) -> Result<Option<Message>, Cause> {
        let end = Instant::now() + limit;
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Ok(Some(message));
            }
            match self.next(end).await {
                Ok(_) => {}
                Err(Cause::Frozen) => return Ok(None),
                Err(other) => return Err(other),
            }
        }
    }

    /// Says goodbye.
    pub(super) async fn leave(mut self) {
        // Whoever has gone does not mind.
        let bye = async {
            self.send(&wire::disconnect()).await?;
            self.stream().shutdown().await.map_err(|error| dial::cause_of(&error))
        };
        drop(timeout(Duration::from_secs(1), bye).await);
    }

    fn pkid(&mut self) -> u16 {
        self.pkid = self.pkid.checked_add(1).unwrap_or(1);
        self.pkid
    }

    fn stream(&mut self) -> &mut dyn Stream {
        match &mut self.line {
            Line::Direct(stream) => stream,
            Line::Framed(local) => &mut local.stream,
        }
    }

    async fn send(&mut self, packet: &[u8]) -> Result<(), Cause> {
        let stream = self.stream();
        let sent = async {
            stream.write_all(packet).await?;
            stream.flush().await
        };
        let sent: std::io::Result<()> = sent.await;
        sent.map_err(|error| self.broke(dial::cause_of(&error)))
    }

    /// The next packet; messages are put aside and confirmed. `Frozen`: none came until `end`.
    async fn next(&mut self, end: Instant) -> Result<Packet, Cause> {
        loop {
            let packet = timeout_at(end, self.read()).await.unwrap_or(Err(Cause::Frozen))?;
            let (v5, id) = (self.v5, packet.ack().map_or(0, |(id, _)| id));
            match packet.kind {
                kind::PUBLISH => {
                    let message = packet.message(v5);
                    let message =
                        message.ok_or_else(|| Cause::Protocol("a PUBLISH that is cut".to_owned()))?;
                    match message.qos {
                        1 => self.send(&wire::ack(kind::PUBACK, message.pkid)).await?,
                        2 => self.send(&wire::ack(kind::PUBREC, message.pkid)).await?,
                        _ => {}
                    }
                    self.messages.push_back(message);
                }
                kind::PUBREL => self.send(&wire::ack(kind::PUBCOMP, id)).await?,
                kind::DISCONNECT => return Err(connack::left(packet.body.first().copied().unwrap_or(0))),
                _ => return Ok(packet),
            }
            if packet.kind == kind::PUBLISH {
                return Ok(packet);
            }
        }
    }

    async fn read(&mut self) -> Result<Packet, Cause> {
        loop {
            if !self.heard
                && let Some(cause) = sniff::spoken(&self.bytes)
            {
                return Err(cause);
            }
            match wire::take(&mut self.bytes) {
                Ok(Some(packet)) => {
                    self.heard = true;
                    return Ok(packet);
                }
                Ok(None) if self.bytes.len() <= PACKET_MAX => {}
                _ => return Err(Cause::Protocol("what came is no packet".to_owned())),
            }
            self.bytes.reserve(16 * 1024);
            let stream: &mut dyn Stream = match &mut self.line {
                Line::Direct(stream) => stream,
                Line::Framed(local) => &mut local.stream,
            };
            match stream.read_buf(&mut self.bytes).await {
                Ok(0) => return Err(self.broke(Cause::Closed)),
                Ok(_) => {}
                Err(error) => return Err(self.broke(dial::cause_of(&error))),
            }
        }
    }

    /// What broke it, where the tunnel knows better.
    fn broke(&self, cause: Cause) -> Cause {
        match &self.line {
            Line::Framed(local) => local.fault().unwrap_or(cause),
            Line::Direct(_) => cause,
        }
    }
}

/// Before CONNACK silence has another name.
fn silent(cause: Cause) -> Cause {
    if cause == Cause::Frozen { Cause::Silent } else { cause }
}

/// Dials and connects in one go, for whoever knows that it works.
pub(super) async fn again(
    broker: &Broker,
    url: &BrokerUrl,
    id: &str,
    v5: bool,
    limit: Duration,
) -> Result<Talk, Cause> {
    let seen = dial::Seen::default();
    let way = timeout(limit, dial::dial(broker, url, &seen)).await;
    let mut talk = Talk::new(way.unwrap_or_else(|_| Err(seen.late()))?, v5);
    let ack = talk.connect(broker, id, limit).await?;
    match connack::refused(ack.code) {
        None => Ok(talk),
        Some(cause) => Err(cause),
    }
}
