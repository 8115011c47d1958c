//! A publisher of MQTT 3.1.1 made by hand, so that topics and payloads can be what no client library sends.

use super::scripted;
use std::net::TcpStream;
use std::time::Duration;

/// A connected client.
pub(crate) struct Publisher {
    stream: TcpStream,
    packet: u16,
}

impl Publisher {
    /// Connects with a clean session.
    pub(crate) fn connect(port: u16) -> Self {
        // Protocol level 4, clean session, no keep-alive; the broker names us.
        Self::begin(port, &[0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, 0])
    }

    /// Connects as this client, with a will that the broker keeps or not; dropped, it dies without a word.
    pub(crate) fn with_will(port: u16, client: &str, topic: &str, will: &[u8], retain: bool) -> Self {
        let flags = 0b0000_1110 | u8::from(retain) << 5;
        let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, flags, 0, 0];
        for text in [client.as_bytes(), topic.as_bytes(), will] {
            body.extend(named(text));
        }
        Self::begin(port, &body)
    }

    /// Connects as this client, without a will.
    pub(crate) fn named(port: u16, client: &str) -> Self {
        let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0];
        body.extend(named(client.as_bytes()));
        Self::begin(port, &body)
    }

    /// Says goodbye.
    pub(crate) fn goodbye(mut self) {
        self.send(0xE0, &[]);
    }

    fn begin(port: u16, body: &[u8]) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the broker accepts");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
        stream.set_nodelay(true).expect("a socket has this option");
        let mut publisher = Self { stream, packet: 0 };
        publisher.send(0x10, body);
        let (kind, body) = publisher.receive();
        assert!(kind == 0x20 && body == [0, 0], "the broker refused the connection: {kind:#x} {body:?}");
        publisher
    }

    /// Sends it until the broker has confirmed it.
    pub(crate) fn publish(&mut self, topic: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) {
        self.publish_as(topic.as_ref(), payload.as_ref(), false);
    }

    /// The same, kept by the broker.
    pub(crate) fn retain(&mut self, topic: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) {
        self.publish_as(topic.as_ref(), payload.as_ref(), true);
    }

    /// Sent, not confirmed.
    pub(crate) fn fling(&mut self, topic: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) {
        let mut body = named(topic.as_ref());
        body.extend_from_slice(payload.as_ref());
        self.send(0x30, &body);
    }

    /// Waits until the broker has read everything that was sent before.
    pub(crate) fn flush(&mut self) {
        self.send(0xC0, &[]);
        let (kind, _) = self.receive();
        assert_eq!(kind, 0xD0, "a PINGRESP is expected");
    }

    fn publish_as(&mut self, topic: &[u8], payload: &[u8], retain: bool) {
        self.packet = self.packet.checked_add(1).unwrap_or(1);
        let mut body = named(topic);
        body.extend_from_slice(&self.packet.to_be_bytes());
        body.extend_from_slice(payload);
        self.send(0x32 | u8::from(retain), &body);
        let (kind, body) = self.receive();
        assert!(
            kind == 0x40 && body == self.packet.to_be_bytes(),
            "a PUBACK is expected: {kind:#x} {body:?}"
        );
    }

    fn send(&mut self, kind: u8, body: &[u8]) {
        scripted::send(&mut self.stream, kind, body).expect("the broker reads");
    }

    fn receive(&mut self) -> (u8, Vec<u8>) {
        scripted::receive(&mut self.stream).expect("the broker answers and does not hang up")
    }
}

/// A text as MQTT has it: its length, then its bytes.
pub(super) fn named(topic: &[u8]) -> Vec<u8> {
    let length = u16::try_from(topic.len()).expect("a topic has at most 65,535 bytes");
    [&length.to_be_bytes(), topic].concat()
}
