//! MQTT in binary frames of a websocket (RFC 6455, section 5). Frames are no borders of packets: bytes go through as they
//! come, so that none of whatever length has to be held. Nothing here may know a packet.

use super::{Bytes2, Stream, cause_of};
use crate::ingest::reasons::Cause;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadHalf, WriteHalf};
use tokio::sync::Mutex;

/// Bytes in one frame of ours, and what is read at once.
const PIECE: usize = 64 * 1024;
/// The longest that a frame about the connection may be.
const CONTROL_MAX: u64 = 125;

const CONTINUATION: u8 = 0;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// The last frame of its message.
const FIN: u8 = 0x80;
/// Its bytes are masked, which a client must do and a server must not.
const MASKED: u8 = 0x80;

/// Carries bytes both ways until one side ends.
pub(super) async fn carry(remote: Bytes2, local: &mut impl Stream) -> Result<(), Cause> {
    let (reader, writer) = tokio::io::split(remote);
    let writer = Mutex::new(writer);
    let (near_reader, near_writer) = tokio::io::split(local);
    tokio::select! {
        ended = down(BufReader::with_capacity(PIECE, reader), near_writer, &writer) => ended,
        ended = up(near_reader, &writer) => ended,
    }
}

/// From us to the broker.
async fn up(mut local: ReadHalf<impl AsyncRead>, remote: &Mutex<WriteHalf<Bytes2>>) -> Result<(), Cause> {
    let mut piece = vec![0; PIECE];
    loop {
        let length = local.read(&mut piece).await.map_err(|error| cause_of(&error))?;
        let mut remote = remote.lock().await;
        if length == 0 {
            // 1000: done. Whoever has gone already does not mind.
            let _ = send(&mut *remote, CLOSE, &mut [0x03, 0xe8]).await;
            let _ = remote.shutdown().await;
            return Ok(());
        }
        send(&mut *remote, BINARY, &mut piece[..length]).await?;
    }
}

/// From the broker to us.
async fn down(
    mut remote: BufReader<ReadHalf<Bytes2>>,
    mut local: WriteHalf<impl AsyncWrite>,
    answers: &Mutex<WriteHalf<Bytes2>>,
) -> Result<(), Cause> {
    loop {
        let Some((kind, length)) = header(&mut remote).await? else { return Ok(()) };
        match kind {
            CONTINUATION | BINARY => {
                let mut frame = (&mut remote).take(length);
                let carried =
                    tokio::io::copy_buf(&mut frame, &mut local).await.map_err(|error| cause_of(&error))?;
                local.flush().await.map_err(|error| cause_of(&error))?;
                if carried < length {
                    return Ok(());
                }
            }
            CLOSE | PING | PONG if length <= CONTROL_MAX => {
                let mut said = Vec::new();
                let read = (&mut remote).take(length).read_to_end(&mut said).await;
                read.map_err(|error| cause_of(&error))?;
                if kind == PING {
                    send(&mut *answers.lock().await, PONG, &mut said).await?;
                } else if kind == CLOSE {
                    let reason = said.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                    let _ = send(&mut *answers.lock().await, CLOSE, &mut said).await;
                    return if reason == 1000 { Ok(()) } else { Err(closed(reason)) };
                }
            }
            other => return Err(Cause::Protocol(format!("a frame of kind {other} in the websocket"))),
        }
    }
}

/// The end with a reason. 1005: none was given.
fn closed(reason: u16) -> Cause {
    match reason {
        1001 => Cause::Unavailable("the websocket is going away".to_owned()),
        1005 | 1006 => Cause::Closed,
        code => Cause::HungUp(format!("the websocket was closed with code {code}")),
    }
}

/// Kind and length of the next frame; none at the end of the stream.
async fn header(remote: &mut (impl AsyncRead + Unpin)) -> Result<Option<(u8, u64)>, Cause> {
    let mut two = [0; 2];
    if let Err(error) = remote.read_exact(&mut two).await {
        let cause = cause_of(&error);
        return if cause == Cause::Closed { Ok(None) } else { Err(cause) };
    }
    let [first, second] = two;
    if second & MASKED != 0 || first & 0x70 != 0 {
        return Err(Cause::Protocol("a frame of the websocket as no server sends it".to_owned()));
    }
    let length = match second {
        126 => remote.read_u16().await.map(u64::from),
        127 => remote.read_u64().await,
        short => Ok(u64::from(short)),
    };
    Ok(Some((first & 0x0f, length.map_err(|error| cause_of(&error))?)))
}

/// One frame. Its bytes are masked in place: a proxy must not take them for something else.
async fn send(remote: &mut (impl AsyncWrite + Unpin), kind: u8, bytes: &mut [u8]) -> Result<(), Cause> {
    let mut mask = [0; 4];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut mask)
        .map_err(|_| Cause::Protocol("the system gives no random bytes".to_owned()))?;
    let mut frame = Vec::with_capacity(bytes.len() + 14);
    frame.push(FIN | kind);
    match (u8::try_from(bytes.len()), u16::try_from(bytes.len())) {
        (Ok(short @ 0..126), _) => frame.push(MASKED | short),
        (_, Ok(medium)) => {
            frame.push(MASKED | 0x7e);
            frame.extend(medium.to_be_bytes());
        }
        _ => {
            frame.push(MASKED | 0x7f);
            frame.extend((bytes.len() as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(bytes.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    let sent = async {
        remote.write_all(&frame).await?;
        remote.flush().await
    };
    sent.await.map_err(|error| cause_of(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, bytes: &[u8]) -> Vec<u8> {
        [&[first, u8::try_from(bytes.len()).unwrap()], bytes].concat()
    }

    /// What reaches us of these bytes of a server, what it gets back, and how it ends.
    async fn carried(bytes: &[u8]) -> (Vec<u8>, Vec<u8>, Result<(), Cause>) {
        let (mut server, remote) = tokio::io::duplex(1 << 20);
        let (mut near, mut far) = tokio::io::duplex(1 << 20);
        server.write_all(bytes).await.unwrap();
        server.shutdown().await.unwrap();
        let ended = carry(Box::new(remote), &mut far).await;
        drop(far);
        let (mut got, mut answered) = (Vec::new(), Vec::new());
        near.read_to_end(&mut got).await.unwrap();
        server.read_to_end(&mut answered).await.unwrap();
        (got, answered, ended)
    }

    #[tokio::test]
    async fn frames_of_every_size_and_pieces_of_messages_become_bytes() {
        let long = vec![7; 70_000];
        let stream = [
            frame(0x02, b"ab"),
            frame(0x80, b"cd"),
            vec![0x82, 126, 1, 0],
            vec![9; 256],
            vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70],
            long.clone(),
        ]
        .concat();
        let (got, _, ended) = carried(&stream).await;
        assert_eq!(ended, Ok(()));
        assert_eq!(got, [b"abcd".to_vec(), vec![9; 256], long].concat());
    }

    #[tokio::test]
    async fn a_ping_is_answered_and_a_close_tells_why() {
        let (_, answered, _) = carried(&frame(0x89, b"hi")).await;
        assert_eq!(answered[..2], [0x8a, 0x82], "a pong of two bytes, masked");
        let mask = &answered[2..6];
        assert_eq!([answered[6] ^ mask[0], answered[7] ^ mask[1]], *b"hi");
        let closed = async |code: u16| carried(&frame(0x88, &code.to_be_bytes())).await.2;
        assert_eq!(closed(1000).await, Ok(()));
        assert!(matches!(closed(1001).await, Err(Cause::Unavailable(_))));
        assert!(matches!(closed(1008).await, Err(Cause::HungUp(text)) if text.contains("1008")));
    }

    #[tokio::test]
    async fn what_no_server_sends_is_refused() {
        for wrong in
            [vec![0x82, 0x81, 0, 0, 0, 0, 0], vec![0xc2, 0], frame(0x81, b"text"), vec![0x89, 126, 1, 0]]
        {
            let (_, _, ended) = carried(&wrong).await;
            assert!(matches!(ended, Err(Cause::Protocol(_))), "{wrong:?}: {ended:?}");
        }
    }

    #[tokio::test]
    async fn what_we_write_is_framed_and_the_end_says_goodbye() {
        let (mut server, remote) = tokio::io::duplex(1 << 20);
        let (mut near, mut far) = tokio::io::duplex(1 << 20);
        near.write_all(&vec![5; 300]).await.unwrap();
        near.shutdown().await.unwrap();
        assert_eq!(carry(Box::new(remote), &mut far).await, Ok(()));
        let mut sent = Vec::new();
        server.read_to_end(&mut sent).await.unwrap();
        assert_eq!(sent[..4], [0x82, 0xfe, 1, 44]);
        let mask = sent[4..8].to_vec();
        let bytes: Vec<u8> = sent[8..308].iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b).collect();
        assert_eq!(bytes, vec![5; 300]);
        assert_eq!(sent[308..310], [0x88, 0x82]);
    }
}
