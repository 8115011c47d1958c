//! Devices as they are in the field: each has a connection of its own, speaks at its own pace, and comes back by
//! itself when the broker does. A broken connection is nothing to them.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two attempts to connect.
const RETRY: Duration = Duration::from_millis(50);

/// Some devices that speak until they are dropped.
pub(crate) struct Devices {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

/// The number of a message to its payload.
pub(crate) type Payload = fn(u64) -> String;

/// A value that moves and one that stands still.
pub(crate) fn lively(number: u64) -> String {
    format!(r#"{{"points":{{"v":{},"k":7}}}}"#, number % 50)
}

impl Devices {
    /// One device a topic.
    pub(crate) fn start(port: u16, topics: &[&str], every: Duration, payload: Payload) -> Self {
        let mut devices = Self { stop: Arc::default(), sent: Arc::default(), threads: Vec::new() };
        devices.threads = topics
            .iter()
            .map(|topic| {
                let (stop, sent) = (Arc::clone(&devices.stop), Arc::clone(&devices.sent));
                let device = Device { to: ([127, 0, 0, 1], port).into(), topic: (*topic).to_owned() };
                std::thread::spawn(move || device.live(every, payload, &stop, &sent))
            })
            .collect();
        devices
    }

    /// Messages that were handed to the network.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// They fall silent; gives how many messages they sent.
    pub(crate) fn stop(mut self) -> u64 {
        self.end();
        self.sent()
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

impl Drop for Devices {
    fn drop(&mut self) {
        self.end();
    }
}

struct Device {
    to: SocketAddr,
    topic: String,
}

impl Device {
    fn live(&self, every: Duration, payload: Payload, stop: &AtomicBool, sent: &AtomicU64) {
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) {
            let Ok(mut stream) = self.connect() else {
                std::thread::sleep(RETRY);
                continue;
            };
            let mut due = Instant::now();
            while !stop.load(Ordering::Relaxed) && self.publish(&mut stream, &payload(number)).is_ok() {
                number += 1;
                sent.fetch_add(1, Ordering::Relaxed);
                due += every;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            // DISCONNECT; the broker may be gone.
            drop(stream.write_all(&[0xE0, 0]));
        }
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect_timeout(&self.to, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.set_write_timeout(Some(Duration::from_secs(1)))?;
        stream.set_nodelay(true)?;
        stream.write_all(&[0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, 0])?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer)?;
        if answer == [0x20, 2, 0, 0] { Ok(stream) } else { Err(io::Error::other("refused")) }
    }

    /// Unconfirmed, and small enough for a length of one byte.
    fn publish(&self, stream: &mut TcpStream, payload: &str) -> io::Result<()> {
        let length = u8::try_from(2 + self.topic.len() + payload.len()).expect("a small message");
        assert!(length < 128, "a small message");
        let topic_length = u8::try_from(self.topic.len()).expect("a short topic");
        let packet = [&[0x30, length, 0, topic_length], self.topic.as_bytes(), payload.as_bytes()].concat();
        stream.write_all(&packet)?;
        // A broker that died is noticed by reading: the first write after it still succeeds.
        stream.set_nonblocking(true)?;
        let read = stream.read(&mut [0; 16]);
        stream.set_nonblocking(false)?;
        match read {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }
}
