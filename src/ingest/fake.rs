//! A scripted broker and a sink that tells what it got, for tests of what real brokers will not do on demand.

use super::status::{LinkState, LinkStatus};
use super::{Inbound, Role, Sink, connect};
use crate::config::{Broker, BrokerUrl, Scheme, Version};
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
pub(super) async fn local(test: impl Future<Output = ()>) {
    let bounded = tokio::time::timeout(BOUND, test);
    LocalSet::new().run_until(bounded).await.expect("the test took too long");
}

/// A broker's settings with short times.
pub(super) fn broker(port: u16) -> Broker {
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
        kind: "auto".into(),
    }
}

/// What the sink was told.
#[derive(Debug)]
pub(super) enum Said {
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
pub(super) struct Row(pub(super) Rc<Cell<u32>>, pub(super) Rc<Cell<u32>>);

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
pub(super) struct Trial {
    pub(super) status: Arc<LinkStatus>,
    pub(super) own: Own,
    pub(super) stop: watch::Sender<bool>,
    pub(super) task: JoinHandle<()>,
    pub(super) alive: Rc<Cell<u32>>,
    pub(super) row: Row,
    said: mpsc::UnboundedReceiver<Said>,
}

impl Trial {
    pub(super) fn devices(broker: &Broker, filters: &[&str]) -> Self {
        Self::start(broker, Role::Devices { filters: filters.iter().map(ToString::to_string).collect() })
    }

    pub(super) fn sys(broker: &Broker) -> Self {
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

    pub(super) async fn next(&mut self) -> Said {
        self.said.recv().await.unwrap()
    }

    pub(super) async fn up(&mut self) {
        let said = self.next().await;
        assert!(matches!(said, Said::Up), "{said:?}");
    }

    pub(super) async fn down(&mut self) -> (Mono, Mono) {
        match self.next().await {
            Said::Down { at, last_alive } => (at, last_alive),
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn message(&mut self) -> Inbound {
        match self.next().await {
            Said::Message(message) => message,
            other => panic!("{other:?}"),
        }
    }

    /// Nothing was said that the test did not ask for.
    pub(super) fn is_silent(&mut self) -> bool {
        self.said.try_recv().is_err()
    }

    /// Waits for the status to say so; it has no wake-up of its own.
    pub(super) async fn until(&self, wanted: impl Fn(&LinkState) -> bool) -> LinkState {
        loop {
            let state = self.status.get();
            if wanted(&state) {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) async fn until_failure(&self, reason: &str) -> LinkState {
        self.until(|state| state.failure.as_ref().is_some_and(|failure| failure.reason == reason)).await
    }
}

/// A listening port.
pub(super) struct Fake(TcpListener);

impl Fake {
    pub(super) async fn listen() -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (Self(listener), port)
    }

    /// The next connection, before its CONNECT.
    pub(super) async fn accept(&self) -> Peer {
        let (stream, _) = self.0.accept().await.unwrap();
        Peer { stream, buffer: BytesMut::new() }
    }

    /// The next connection up to its SUBSCRIBE, answered by CONNACK. Gives the SUBSCRIBE.
    pub(super) async fn accept_v4(&self, session_present: bool) -> (Peer, v4::Subscribe) {
        let mut peer = self.accept().await;
        assert!(matches!(peer.read().await, Some(v4::Packet::Connect(_))));
        let ack = v4::ConnAck::new(v4::ConnectReturnCode::Success, session_present);
        peer.write(&v4::Packet::ConnAck(ack)).await;
        let subscribe = peer.read_subscribe().await;
        (peer, subscribe)
    }

    /// The next connection, up.
    pub(super) async fn accept_up(&self) -> Peer {
        let (mut peer, subscribe) = self.accept_v4(false).await;
        peer.grant(&subscribe).await;
        peer
    }
}

/// The broker's end of a connection.
pub(super) struct Peer {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Peer {
    /// The next packet; none at the end of the stream.
    pub(super) async fn read(&mut self) -> Option<v4::Packet> {
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
    pub(super) async fn read_v5(&mut self) -> Option<v5::Packet> {
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
    pub(super) async fn fill(&mut self) -> bool {
        self.stream.read_buf(&mut self.buffer).await.is_ok_and(|read| read > 0)
    }

    /// The protocol level of the CONNECT whose first bytes were filled in: 4 is 3.1.1.
    pub(super) fn level(&self) -> u8 {
        let name = self.buffer.windows(4).position(|bytes| bytes == b"MQTT").unwrap();
        self.buffer[name + 4]
    }

    pub(super) async fn read_subscribe(&mut self) -> v4::Subscribe {
        match self.read().await {
            Some(v4::Packet::Subscribe(subscribe)) => subscribe,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn write(&mut self, packet: &v4::Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, usize::MAX).unwrap();
        self.write_bytes(&bytes).await;
    }

    pub(super) async fn write_v5(&mut self, packet: v5::Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, None).unwrap();
        self.write_bytes(&bytes).await;
    }

    pub(super) async fn write_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// SUBACK with what was asked for.
    pub(super) async fn grant(&mut self, subscribe: &v4::Subscribe) {
        let codes = subscribe.filters.iter().map(|filter| v4::SubscribeReasonCode::Success(filter.qos));
        self.write(&v4::Packet::SubAck(v4::SubAck::new(subscribe.pkid, codes.collect()))).await;
    }

    /// Publishes until the other end is gone.
    pub(super) fn flood(self, topic: &str) {
        use std::io::Write;
        let mut stream = self.stream.into_std().unwrap();
        stream.set_nonblocking(false).unwrap();
        let mut bytes = BytesMut::new();
        for _ in 0..1000 {
            v4::Publish::new(topic, v4::QoS::AtMostOnce, b"1".to_vec()).write(&mut bytes).unwrap();
        }
        while stream.write_all(&bytes).is_ok() {}
    }

    pub(super) async fn publish(&mut self, topic: &str, payload: &[u8]) {
        self.write(&v4::Packet::Publish(v4::Publish::new(topic, v4::QoS::AtMostOnce, payload))).await;
    }
}
