//! A tiny HTTP server that answers as a test wants: whole, broken, endless or never. It lives as long as the test.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

pub(in crate::queues::source) struct Served {
    address: SocketAddr,
}

/// A good answer.
pub(in crate::queues::source) fn json(body: &str) -> Vec<u8> {
    answer(body.as_bytes())
}

/// The same, of any bytes.
pub(in crate::queues::source) fn answer(body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

impl Served {
    /// Sends these bytes for each request, then hangs up.
    pub(in crate::queues::source) fn bytes(of: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::start(move |mut stream| {
            let request = request(&mut stream);
            drop(stream.write_all(&of(&request)));
        })
    }

    /// The same, over TLS.
    pub(in crate::queues::source) fn tls(
        config: rustls::ServerConfig,
        of: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let config = Arc::new(config);
        Self::start(move |stream| {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let request = request(&mut stream);
            drop(stream.write_all(&of(&request)));
            stream.conn.send_close_notify();
            drop(stream.flush());
        })
    }

    /// Takes a request and says nothing.
    pub(in crate::queues::source) fn silent() -> Self {
        Self::start(|mut stream| {
            request(&mut stream);
            // Until the other side has had enough.
            drop(stream.read(&mut [0]));
        })
    }

    /// Never comes to an end.
    pub(in crate::queues::source) fn endless() -> Self {
        Self::start(|mut stream| {
            request(&mut stream);
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n["));
            while stream.write_all(&[b' '; 8_192]).is_ok() {}
        })
    }

    pub(in crate::queues::source) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serve = Arc::new(serve);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serve = Arc::clone(&serve);
                std::thread::spawn(move || serve(stream));
            }
        });
        Self { address }
    }
}

/// The request up to its empty line; a greeting of TLS has none, and is not waited for.
fn request(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") && bytes.first() != Some(&0x16) {
        match stream.read(&mut piece) {
            Ok(length) if length > 0 => bytes.extend_from_slice(&piece[..length]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
