//! A broker of MQTT 5 that accepts everybody and delivers what a real one would refuse to pass on.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

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
