//! A wire that can be cut: it forwards TCP to a broker, hangs up on everybody, or swallows what is sent while both
//! ends believe that they are connected.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PASS: u8 = 0;
const HOLE: u8 = 1;
const CUT: u8 = 2;

/// The wire.
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    mode: AtomicU8,
    streams: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// A wire to this port of 127.0.0.1.
    pub(crate) fn start(to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        let shared = Arc::new(Shared { mode: AtomicU8::new(PASS), streams: Mutex::default() });
        let accepting = Arc::clone(&shared);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                accepting.accept(client, to);
            }
        });
        Self { port, shared }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Hangs up on everybody, and on everybody who comes.
    pub(crate) fn cut(&self) {
        self.shared.mode.store(CUT, Ordering::SeqCst);
        self.shared.hang_up();
    }

    /// Swallows everything in both directions; new connections are accepted and swallowed, too.
    pub(crate) fn swallow(&self) {
        self.shared.mode.store(HOLE, Ordering::SeqCst);
    }

    /// Forwards again. Connections of the time before are gone: what was swallowed cannot be given back.
    pub(crate) fn mend(&self) {
        self.shared.hang_up();
        self.shared.mode.store(PASS, Ordering::SeqCst);
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, client: TcpStream, to: u16) {
        if self.mode.load(Ordering::SeqCst) == CUT {
            return;
        }
        // A broker that is not there hangs up, as it would without us.
        let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { return };
        for (from, into) in [(&client, &server), (&server, &client)] {
            let (Ok(from), Ok(into)) = (from.try_clone(), into.try_clone()) else { return };
            let shared = Arc::clone(self);
            std::thread::spawn(move || shared.forward(from, into));
        }
        self.streams.lock().expect("nobody panics with it in hand").extend([client, server]);
    }

    fn forward(&self, mut from: TcpStream, mut into: TcpStream) {
        let mut bytes = [0; 16 << 10];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            let passes = self.mode.load(Ordering::SeqCst) == PASS;
            if passes && into.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        // In a hole nobody hears a farewell, either.
        while self.mode.load(Ordering::SeqCst) == HOLE {
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(into.shutdown(Shutdown::Both));
        drop(from.shutdown(Shutdown::Both));
    }

    fn hang_up(&self) {
        for stream in self.streams.lock().expect("nobody panics with it in hand").drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}
