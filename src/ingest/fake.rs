//! A scripted broker and a sink that tells what it got, for tests of what real brokers will not do on demand.

use super::status::{LinkState, LinkStatus};
use super::{Inbound, Role, Sink, connect};
use crate::config::{Broker, BrokerTls, BrokerUrl, Scheme, Version};
use crate::own::Own;
use bytes::BytesMut;
use rumqttc::{self as v4, v5::mqttbytes::v5};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, LocalSet};
use watchkeeper_core::time::Mono;

const BOUND: Duration = Duration::from_secs(20);

/// Runs a test on one thread, and not for ever.
pub(crate) async fn local(test: impl Future<Output = ()>) {
    let bounded = tokio::time::timeout(BOUND, test);
    LocalSet::new().run_until(bounded).await.expect("the test took too long");
}

/// A broker's settings with short times.
pub(crate) fn broker(port: u16) -> Broker {
    let url = BrokerUrl { scheme: Scheme::Mqtt, host: "127.0.0.1".into(), port, path: String::new() };
    Broker {
        name: "test".into(),
        urls: vec![url],
        version: Version::V311,
        client_id: "base".into(),
        username: None,
        password: None,
        keep_alive: Duration::from_secs(30),
        connect_timeout: Duration::from_millis(400),
        reconnect_min: Duration::from_millis(20),
        reconnect_max: Duration::from_millis(100),
        idle_after: Duration::from_secs(300),
        payload_bytes_max: 1024,
        log_file: None,
        kind: "auto".into(),
        tls: BrokerTls::default(),
    }
}

/// What the sink was told.
#[derive(Debug)]
pub(crate) enum Said {
    Message(Inbound),
    Up,
    Down { at: Mono, last_alive: Mono },
}

struct Recorder {
    said: mpsc::UnboundedSender<Said>,
    alive: Rc<Cell<u32>>,
    row: Row,
}

/// Messages in a row, and the longest row; another task ends each row when it gets its turn.
#[derive(Clone, Default)]
pub(crate) struct Row(pub(crate) Rc<Cell<u32>>, pub(crate) Rc<Cell<u32>>);

impl Sink for Recorder {
    fn message(&self, message: Inbound) {
        let Row(row, longest) = &self.row;
        row.set(row.get() + 1);
        longest.set(longest.get().max(row.get()));
        self.said.send(Said::Message(message)).ok();
    }
    fn alive(&self, _at: Mono) {
        self.alive.set(self.alive.get() + 1);
    }
    fn up(&self, _at: Mono) {
        self.said.send(Said::Up).ok();
    }
    fn down(&self, at: Mono, last_alive: Mono) {
        self.said.send(Said::Down { at, last_alive }).ok();
    }
}

/// A connection under test.
pub(crate) struct Trial {
    pub(crate) status: Arc<LinkStatus>,
    pub(crate) own: Own,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) task: JoinHandle<()>,
    pub(crate) alive: Rc<Cell<u32>>,
    pub(crate) row: Row,
    said: mpsc::UnboundedReceiver<Said>,
}

impl Trial {
    pub(crate) fn devices(broker: &Broker, filters: &[&str]) -> Self {
        Self::start(broker, Role::Devices { filters: filters.iter().map(ToString::to_string).collect() })
    }

    pub(crate) fn sys(broker: &Broker) -> Self {
        Self::start(broker, Role::Sys { filters: vec!["$SYS/#".into()] })
    }

    fn start(broker: &Broker, role: Role) -> Self {
        let (sender, said) = mpsc::unbounded_channel();
        let alive = Rc::new(Cell::new(0));
        let status = Arc::new(LinkStatus::default());
        let own = Own::new().unwrap();
        let (stop, stopped) = watch::channel(false);
        let row = Row::default();
        let sink = Rc::new(Recorder { said: sender, alive: Rc::clone(&alive), row: row.clone() });
        let future = connect(broker, role, sink, Arc::clone(&status), own.clone(), stopped);
        let task = tokio::task::spawn_local(future);
        Self { status, own, stop, task, alive, row, said }
    }

    pub(crate) async fn next(&mut self) -> Said {
        self.said.recv().await.unwrap()
    }

    pub(crate) async fn up(&mut self) {
        let said = self.next().await;
        assert!(matches!(said, Said::Up), "{said:?}");
    }

    pub(crate) async fn down(&mut self) -> (Mono, Mono) {
        match self.next().await {
            Said::Down { at, last_alive } => (at, last_alive),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn message(&mut self) -> Inbound {
        match self.next().await {
            Said::Message(message) => message,
            other => panic!("{other:?}"),
        }
    }

    /// Nothing was said that the test did not ask for.
    pub(crate) fn is_silent(&mut self) -> bool {
        self.said.try_recv().is_err()
    }

    /// Waits for the status to say so; it has no wake-up of its own.
    pub(crate) async fn until(&self, wanted: impl Fn(&LinkState) -> bool) -> LinkState {
        loop {
            let state = self.status.get();
            if wanted(&state) {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn until_failure(&self, reason: &str) -> LinkState {
        self.until(|state| state.failure.as_ref().is_some_and(|failure| failure.reason == reason)).await
    }
}

/// A listening port.
pub(crate) struct Fake(TcpListener);

impl Fake {
    pub(crate) async fn listen() -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (Self(listener), port)
    }

    /// The next connection, before its CONNECT.
    pub(crate) async fn accept(&self) -> Peer {
        let (stream, _) = self.0.accept().await.unwrap();
        Peer { stream, buffer: BytesMut::new() }
    }

    /// The next connection up to its SUBSCRIBE, answered by CONNACK. Gives the SUBSCRIBE.
    pub(crate) async fn accept_v4(&self, session_present: bool) -> (Peer, v4::Subscribe) {
        let mut peer = self.accept().await;
        assert!(matches!(peer.read().await, Some(v4::Packet::Connect(_))));
        let ack = v4::ConnAck::new(v4::ConnectReturnCode::Success, session_present);
        peer.write(&v4::Packet::ConnAck(ack)).await;
        let subscribe = peer.read_subscribe().await;
        (peer, subscribe)
    }

    /// The next connection, up.
    pub(crate) async fn accept_up(&self) -> Peer {
        let (mut peer, subscribe) = self.accept_v4(false).await;
        peer.grant(&subscribe).await;
        peer
    }
}

/// The broker's end of a connection.
pub(crate) struct Peer {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Peer {
    /// The next packet; none at the end of the stream.
    pub(crate) async fn read(&mut self) -> Option<v4::Packet> {
        loop {
            match v4::Packet::read(&mut self.buffer, usize::MAX) {
                Ok(packet) => return Some(packet),
                Err(v4::Error::InsufficientBytes(_)) => {}
                Err(error) => panic!("{error}"),
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// The same in MQTT 5.
    pub(crate) async fn read_v5(&mut self) -> Option<v5::Packet> {
        loop {
            match v5::Packet::read(&mut self.buffer, None) {
                Ok(packet) => return Some(packet),
                Err(rumqttc::v5::mqttbytes::Error::InsufficientBytes(_)) => {}
                Err(error) => panic!("{error}"),
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// Reads bytes and does not look at them.
    pub(crate) async fn fill(&mut self) -> bool {
        self.stream.read_buf(&mut self.buffer).await.is_ok_and(|read| read > 0)
    }

    /// Whether what was filled in begins a CONNECT with something in it.
    pub(crate) fn is_connect(&self) -> bool {
        matches!(*self.buffer, [0x10, length, ..] if length > 0)
    }

    /// The protocol level of the CONNECT whose first bytes were filled in: 4 is 3.1.1.
    pub(crate) fn level(&self) -> u8 {
        let name = self.buffer.windows(4).position(|bytes| bytes == b"MQTT").unwrap();
        self.buffer[name + 4]
    }

    pub(crate) async fn read_subscribe(&mut self) -> v4::Subscribe {
        match self.read().await {
            Some(v4::Packet::Subscribe(subscribe)) => subscribe,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn write(&mut self, packet: &v4::Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, usize::MAX).unwrap();
        self.write_bytes(&bytes).await;
    }

    pub(crate) async fn write_v5(&mut self, packet: v5::Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, None).unwrap();
        self.write_bytes(&bytes).await;
    }

    /// False: the other end is gone.
    pub(crate) async fn try_write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    pub(crate) async fn write_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// SUBACK with what was asked for.
    pub(crate) async fn grant(&mut self, subscribe: &v4::Subscribe) {
        let codes = subscribe.filters.iter().map(|filter| v4::SubscribeReasonCode::Success(filter.qos));
        self.write(&v4::Packet::SubAck(v4::SubAck::new(subscribe.pkid, codes.collect()))).await;
    }

    /// Publishes until the other end is gone.
    pub(crate) fn flood(self, topic: &str) {
        use std::io::Write;
        let mut stream = self.stream.into_std().unwrap();
        stream.set_nonblocking(false).unwrap();
        let mut bytes = BytesMut::new();
        for _ in 0..1000 {
            v4::Publish::new(topic, v4::QoS::AtMostOnce, b"1".to_vec()).write(&mut bytes).unwrap();
        }
        while stream.write_all(&bytes).is_ok() {}
    }

    /// A message at quality of service 1.
    pub(crate) async fn deliver(&mut self, topic: &str, payload: &[u8], pkid: u16, dup: bool) {
        let mut publish = v4::Publish::new(topic, v4::QoS::AtLeastOnce, payload);
        (publish.pkid, publish.dup) = (pkid, dup);
        self.write(&v4::Packet::Publish(publish)).await;
    }

    /// The next acknowledgement; questions are answered meanwhile.
    pub(crate) async fn acknowledged(&mut self) -> u16 {
        loop {
            match self.read().await {
                Some(v4::Packet::PubAck(ack)) => return ack.pkid,
                Some(other) => self.answer(&other).await,
                None => panic!("the connection ended"),
            }
        }
    }

    /// Answers questions for a while; true when no acknowledgement came.
    pub(crate) async fn is_unacknowledged(&mut self, during: Duration) -> bool {
        let until = tokio::time::Instant::now() + during;
        while let Ok(packet) = tokio::time::timeout_at(until, self.read()).await {
            match packet {
                Some(v4::Packet::PubAck(_)) => return false,
                Some(other) => self.answer(&other).await,
                None => panic!("the connection ended"),
            }
        }
        true
    }

    /// Answers what a broker answers at once.
    pub(crate) async fn answer(&mut self, packet: &v4::Packet) {
        match packet {
            v4::Packet::PingReq => self.write(&v4::Packet::PingResp).await,
            v4::Packet::Unsubscribe(ask) => {
                self.write(&v4::Packet::UnsubAck(v4::UnsubAck::new(ask.pkid))).await;
            }
            v4::Packet::Subscribe(subscribe) => self.grant(subscribe).await,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn publish(&mut self, topic: &str, payload: &[u8]) {
        self.write(&v4::Packet::Publish(v4::Publish::new(topic, v4::QoS::AtMostOnce, payload))).await;
    }
}
