//! A broker of MQTT 5 that accepts everybody and delivers what a real one would refuse to pass on.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Topic and payload.
pub(crate) type Delivery = (Vec<u8>, Vec<u8>);

/// Delivers these, not to be confirmed, to each connection that subscribes to anything but `$SYS`; gives the port. It ends with
/// the test.
pub(crate) fn deliver(deliveries: Vec<Delivery>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port is free");
    let port = listener.local_addr().expect("a listener has an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let deliveries = deliveries.clone();
            // A client that hangs up ends its own thread.
            std::thread::spawn(move || serve(stream, &deliveries));
        }
    });
    port
}

fn serve(mut stream: TcpStream, deliveries: &[Delivery]) -> std::io::Result<()> {
    loop {
        let (kind, body) = receive(&mut stream)?;
        match kind >> 4 {
            1 => send(&mut stream, 0x20, &[0, 0, 0])?,
            8 => {
                send(&mut stream, 0x90, &[body[0], body[1], 0, 0])?;
                if !body.windows(4).any(|four| four == b"$SYS") {
                    for (topic, payload) in deliveries {
                        send(&mut stream, 0x30, &publish(topic, payload))?;
                    }
                }
            }
            12 => send(&mut stream, 0xD0, &[])?,
            14 => return Ok(()),
            _ => {}
        }
    }
}

/// A broker of MQTT 3.1.1 that is not done with the first connection of a client when it has left: for so long it hangs up on
/// its client id, and where `on_all` on every other one. Gives the port.
pub(crate) fn slow_to_part(wait: Duration, on_all: bool) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port is free");
    let port = listener.local_addr().expect("a listener has an address").port();
    let left = Arc::<Mutex<HashMap<Vec<u8>, Instant>>>::default();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let left = Arc::clone(&left);
            std::thread::spawn(move || part(stream, &left, (wait, on_all)));
        }
    });
    port
}

fn part(
    mut stream: TcpStream,
    left: &Mutex<HashMap<Vec<u8>, Instant>>,
    (wait, on_all): (Duration, bool),
) -> std::io::Result<()> {
    let (_, connect) = receive(&mut stream)?;
    // Behind name, level, flags and keep-alive.
    let id = if on_all { Vec::new() } else { connect[10..].to_vec() };
    let since = left.lock().expect("nobody panics with it").get(&id).copied();
    if since.is_some_and(|since| since.elapsed() < wait) {
        return Ok(());
    }
    send(&mut stream, 0x20, &[0, 0])?;
    let served = parted(&mut stream);
    left.lock().expect("nobody panics with it").entry(id).or_insert_with(Instant::now);
    served
}

/// Grants everything, with confirmation, until the client leaves.
fn parted(stream: &mut TcpStream) -> std::io::Result<()> {
    loop {
        let (kind, body) = receive(stream)?;
        match kind >> 4 {
            8 => send(stream, 0x90, &granted(&body))?,
            10 => send(stream, 0xB0, &body[..2])?,
            12 => send(stream, 0xD0, &[])?,
            14 => return Ok(()),
            _ => {}
        }
    }
}

/// SUBACK of MQTT 3.1.1 for each filter of a SUBSCRIBE.
fn granted(subscribe: &[u8]) -> Vec<u8> {
    let (mut suback, mut at) = (subscribe[..2].to_vec(), 2);
    while at + 1 < subscribe.len() {
        at += 3 + usize::from(u16::from_be_bytes([subscribe[at], subscribe[at + 1]]));
        suback.push(1);
    }
    suback
}

/// When a client left, or was granted what it asked for.
#[derive(Clone, Debug)]
pub(crate) struct Noted {
    pub(crate) id: String,
    /// DISCONNECT came; else the first SUBACK of a connection went.
    pub(crate) is_goodbye: bool,
    pub(crate) at: Instant,
}

/// A broker of MQTT 3.1.1 that notes who comes and goes, and when. Gives the port.
pub(crate) fn noting() -> (u16, Arc<Mutex<Vec<Noted>>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port is free");
    let port = listener.local_addr().expect("a listener has an address").port();
    let noted = Arc::<Mutex<Vec<Noted>>>::default();
    let all = Arc::clone(&noted);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let all = Arc::clone(&all);
            std::thread::spawn(move || note(stream, &all));
        }
    });
    (port, noted)
}

fn note(mut stream: TcpStream, all: &Mutex<Vec<Noted>>) -> std::io::Result<()> {
    let (_, connect) = receive(&mut stream)?;
    let length = usize::from(u16::from_be_bytes([connect[10], connect[11]]));
    let id = String::from_utf8_lossy(&connect[12..12 + length]).into_owned();
    let noted = |is_goodbye| {
        let id = id.clone();
        all.lock().expect("nobody panics with it").push(Noted { id, is_goodbye, at: Instant::now() });
    };
    send(&mut stream, 0x20, &[0, 0])?;
    let (_, subscribe) = receive(&mut stream)?;
    // Noted first: whoever gets it counts from a later moment.
    noted(false);
    send(&mut stream, 0x90, &granted(&subscribe))?;
    parted(&mut stream)?;
    noted(true);
    Ok(())
}

fn publish(topic: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut body = super::publisher::named(topic);
    // No properties.
    body.push(0);
    body.extend_from_slice(payload);
    body
}

/// One packet onto a stream.
pub(super) fn send(stream: &mut TcpStream, kind: u8, body: &[u8]) -> std::io::Result<()> {
    let mut packet = vec![kind];
    let mut rest = body.len();
    loop {
        let seven = u8::try_from(rest % 128).expect("less than 128");
        rest /= 128;
        packet.push(if rest > 0 { seven | 0x80 } else { seven });
        if rest == 0 {
            break;
        }
    }
    packet.extend_from_slice(body);
    stream.write_all(&packet)
}

/// One packet from a stream: its first byte and what follows the length.
pub(super) fn receive(stream: &mut TcpStream) -> std::io::Result<(u8, Vec<u8>)> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    let (kind, mut length, mut shift) = (byte[0], 0_usize, 0);
    loop {
        stream.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7F) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((kind, body))
}
