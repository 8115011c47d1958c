//! What the programs of the kit share: MQTT 3.1.1 as bytes, and the arguments. Nothing here may be quick at the cost of what is
//! measured: the floors do the least that a subscriber can do, and no less.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::str::FromStr;

/// The argument `--NAME VALUE`.
pub fn argument<T: FromStr>(name: &str, default: T) -> T {
    let mut all = std::env::args();
    let given =
        all.by_ref().find(|argument| argument.strip_prefix("--") == Some(name)).and_then(|_| all.next());
    given.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A connection to the broker on this port of the loopback, accepted.
pub fn connect(port: u16, client: &str) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0];
    text(client, &mut body);
    stream.write_all(&packet(0x10, &body))?;
    answer(&mut stream, 4, 0x20)?;
    Ok(stream)
}

/// Subscribes at quality of service 0.
pub fn subscribe(stream: &mut TcpStream, filter: &str) -> io::Result<()> {
    let mut body = vec![0, 1];
    text(filter, &mut body);
    body.push(0);
    stream.write_all(&packet(0x82, &body))?;
    answer(stream, 5, 0x90)
}

/// A PUBLISH at quality of service 0, and where its payload begins.
pub fn publish(topic: &str, payload: &[u8]) -> (Vec<u8>, usize) {
    let mut body = Vec::new();
    text(topic, &mut body);
    body.extend_from_slice(payload);
    let whole = packet(0x30, &body);
    let begin = whole.len() - payload.len();
    (whole, begin)
}

fn answer(stream: &mut TcpStream, bytes: usize, kind: u8) -> io::Result<()> {
    let mut given = vec![0; bytes];
    stream.read_exact(&mut given)?;
    if given[0] == kind { Ok(()) } else { Err(io::Error::other(format!("the broker answered {given:?}"))) }
}

fn text(text: &str, into: &mut Vec<u8>) {
    into.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    into.extend_from_slice(text.as_bytes());
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut whole = vec![kind];
    let mut left = body.len();
    loop {
        let low = (left % 128) as u8;
        left /= 128;
        whole.push(if left > 0 { low | 0x80 } else { low });
        if left == 0 {
            break;
        }
    }
    whole.extend_from_slice(body);
    whole
}
