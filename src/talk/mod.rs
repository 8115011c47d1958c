//! One connection that is led step by step, for those who examine a broker: sends, and waits for the answer no longer
//! than it may. Handshakes of higher qualities of service are kept going meanwhile. Nothing here may explain anything.

mod enter;
pub(crate) mod wire;

pub(crate) use enter::{again, enter};

use crate::config::Broker;
use crate::ingest::connack;
use crate::ingest::dial::{self, Bytes2, Local, Stream, Way, sniff};
use crate::ingest::reasons::Cause;
use secrecy::ExposeSecret;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use wire::{ConnAck, Message, Packet, Session, kind};

/// A packet that is larger is none that was asked for.
const PACKET_MAX: usize = 64 * 1024 * 1024;

/// So long is waited until the broker hangs up after a goodbye.
const HEARD_WITHIN: Duration = Duration::from_millis(250);

/// Messages that are put aside at once; further ones are of no use to anybody here.
const MESSAGES_MAX: usize = 100_000;

enum Line {
    Direct(Bytes2),
    Framed(Local),
}

/// See the head of this file.
pub(crate) struct Talk {
    line: Line,
    pub(crate) v5: bool,
    bytes: Vec<u8>,
    heard: bool,
    messages: VecDeque<Message>,
    /// Bytes of their payloads.
    held: usize,
    pkid: u16,
    /// Messages are confirmed by `confirm` alone.
    by_hand: bool,
}

impl Talk {
    /// Over a way that stands.
    pub(crate) fn new(way: Way, v5: bool) -> Self {
        let line = if way.framed { Line::Framed(dial::inside(way)) } else { Line::Direct(way.stream) };
        Self {
            line,
            v5,
            bytes: Vec::new(),
            heard: false,
            messages: VecDeque::new(),
            held: 0,
            pkid: 0,
            by_hand: false,
        }
    }

    /// From now on a message is confirmed by `confirm` alone.
    pub(crate) fn by_hand(mut self) -> Self {
        self.by_hand = true;
        self
    }

    /// Confirms a message of quality of service 1.
    pub(crate) async fn confirm(&mut self, pkid: u16) -> Result<(), Cause> {
        self.send(&wire::ack(kind::PUBACK, pkid)).await
    }

    /// CONNECT and its answer; a refusal is `Ok`.
    pub(crate) async fn connect(
        &mut self,
        broker: &Broker,
        id: &str,
        limit: Duration,
    ) -> Result<ConnAck, Cause> {
        self.begin(broker, id, Session::Passing, limit).await
    }

    /// The same with a session of this kind.
    pub(crate) async fn begin(
        &mut self,
        broker: &Broker,
        id: &str,
        session: Session,
        limit: Duration,
    ) -> Result<ConnAck, Cause> {
        let password = broker.password.as_ref().map_or("", |password| password.expose_secret());
        let login = broker.username.as_deref().map(|user| (user, password));
        self.send(&wire::connect(self.v5, id, login, 60, session)).await?;
        let packet = self.next(Instant::now() + limit).await;
        let secrets = [broker.username.as_deref().unwrap_or(""), password];
        let answered = |cause| sniff::answered(&self.bytes, &secrets).unwrap_or_else(|| silent(cause));
        let packet = packet.map_err(answered)?;
        match packet.kind {
            kind::CONNACK => {
                packet.connack().ok_or_else(|| Cause::Protocol("a CONNACK that is cut".to_owned()))
            }
            other => Err(Cause::Protocol(format!("packet {other} came before CONNACK"))),
        }
    }

    /// SUBSCRIBE for one filter; gives its code.
    pub(crate) async fn subscribe(&mut self, filter: &str, qos: u8, limit: Duration) -> Result<u8, Cause> {
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

    /// UNSUBSCRIBE, to its acknowledgement.
    pub(crate) async fn unsubscribe(&mut self, filter: &str, limit: Duration) -> Result<(), Cause> {
        let pkid = self.pkid();
        self.send(&wire::unsubscribe(self.v5, pkid, filter)).await?;
        let end = Instant::now() + limit;
        loop {
            let packet = self.next(end).await?;
            if packet.kind == kind::UNSUBACK && packet.ack().is_some_and(|(id, _)| id == pkid) {
                return Ok(());
            }
        }
    }

    /// Messages that came and that nobody asked for are let go.
    pub(crate) fn forget(&mut self) {
        self.messages.clear();
        self.held = 0;
    }

    /// PUBLISH, to its last acknowledgement; gives the code.
    pub(crate) async fn publish(&mut self, mut message: Message, limit: Duration) -> Result<u8, Cause> {
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

    /// PUBLISH of several at quality of service 1, one after the other without waiting; gives their codes. However it
    /// ends, the first so many were acknowledged.
    pub(crate) async fn burst(
        &mut self,
        messages: impl IntoIterator<Item = Message>,
        limit: Duration,
        codes: &mut Vec<u8>,
    ) -> Result<(), Cause> {
        let end = Instant::now() + limit;
        let mut open = VecDeque::new();
        for mut message in messages {
            message.pkid = self.pkid();
            open.push_back(message.pkid);
            let written = timeout_at(end, self.send(&wire::publish(self.v5, &message))).await;
            written.map_err(|_| Cause::Frozen)??;
        }
        while let Some(first) = open.front() {
            let packet = self.next(end).await?;
            if let (kind::PUBACK, Some((id, code))) = (packet.kind, packet.ack())
                && id == *first
            {
                codes.push(code);
                open.pop_front();
            }
        }
        Ok(())
    }

    /// The next message; none when none comes in time.
    pub(crate) async fn message(&mut self, limit: Duration) -> Result<Option<Message>, Cause> {
        let end = Instant::now() + limit;
        loop {
            if let Some(message) = self.messages.pop_front() {
                self.held -= message.payload.len() + message.topic.len();
                return Ok(Some(message));
            }
            match self.next(end).await {
                Ok(_) => {}
                Err(Cause::Frozen) => return Ok(None),
                Err(other) => return Err(other),
            }
        }
    }

    /// Says goodbye, and waits a little until the broker has heard it: a connection with the same client id that comes
    /// right after it must not be one that takes this one over.
    pub(crate) async fn leave(mut self) {
        // Whoever has gone does not mind.
        let bye = async {
            self.send(&wire::disconnect()).await?;
            self.stream().shutdown().await.map_err(|error| dial::cause_of(&error))
        };
        if matches!(timeout(Duration::from_secs(1), bye).await, Ok(Ok(()))) {
            let hung_up = async {
                let mut rest = [0; 4096];
                while matches!(self.stream().read(&mut rest).await, Ok(1..)) {}
            };
            drop(timeout(HEARD_WITHIN, hung_up).await);
        }
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
                        1 if self.by_hand => {}
                        1 => self.send(&wire::ack(kind::PUBACK, message.pkid)).await?,
                        2 => self.send(&wire::ack(kind::PUBREC, message.pkid)).await?,
                        _ => {}
                    }
                    // What is put aside while something else is waited for has the limit of a packet.
                    let bytes = message.payload.len() + message.topic.len();
                    if self.held + bytes <= PACKET_MAX && self.messages.len() < MESSAGES_MAX {
                        self.held += bytes;
                        self.messages.push_back(message);
                    }
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
            // What begins like a text is no packet, and its line may still be under way. Its words may be ours, and are
            // told by whoever knows what must not be.
            let is_cut = !self.heard && !wire::may_answer(&self.bytes) && sniff::is_cut(&self.bytes);
            if !self.heard && !is_cut && sniff::spoken(&self.bytes).is_some() {
                return Err(Cause::Protocol("what came is no packet".to_owned()));
            }
            match if is_cut { Ok(None) } else { wire::take(&mut self.bytes) } {
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

/// Brokers of 3.1.1 refuse 5 in many ways.
pub(crate) fn doubts_version(cause: &Cause) -> bool {
    matches!(cause, Cause::Version | Cause::Closed | Cause::Silent | Cause::HungUp(_) | Cause::Protocol(_))
}

#[cfg(test)]
mod tests;
