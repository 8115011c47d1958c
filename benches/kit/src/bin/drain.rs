//! Counts the messages of a subscription and does nothing else: what it costs to read them from the socket. `drain --port P
//! --count N`; it ends when it has counted so many, or nothing came for two seconds.

use std::io::{self, Read};
use std::time::Duration;
use watchkeeper_kit::{argument, connect, subscribe};

fn main() -> io::Result<()> {
    let (port, wanted) = (argument("port", 1883), argument("count", 1_000_u64));
    let mut stream = connect(port, "drain")?;
    subscribe(&mut stream, "plant/#")?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut buffer = vec![0; 1 << 18];
    let (mut filled, mut seen, mut calm) = (0, 0, 0);
    while seen < wanted && calm < 2 {
        match stream.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(bytes) => (filled, calm) = (filled + bytes, 0),
            // Nobody has spoken yet, or nobody does any more.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                calm += u32::from(seen > 0);
                continue;
            }
            Err(error) => return Err(error),
        }
        let mut at = 0;
        while let Some(bytes) = packet(&buffer[at..filled]) {
            seen += u64::from(buffer[at] >> 4 == 3);
            at += bytes;
        }
        buffer.copy_within(at..filled, 0);
        filled -= at;
    }
    println!("{seen}");
    Ok(())
}

/// The length of the packet at the beginning, if all of it is there.
fn packet(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    for (n, byte) in bytes.get(1..)?.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * n);
        if byte & 0x80 == 0 {
            let whole = length + n + 2;
            return (bytes.len() >= whole).then_some(whole);
        }
    }
    None
}
