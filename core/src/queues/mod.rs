//! What is known of the queues of a broker at one moment, whoever told it. What a source does not know is absent and
//! never zero. Nothing here may know a broker's make, a file or a database.

pub mod gather;
pub mod mosquitto_db;

use crate::time::Wall;
use std::fmt::Write;

/// One client's queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// The MQTT client id; bytes that are not UTF-8 come as `\xNN`.
    pub client_id: String,
    /// Messages that wait, those in flight apart.
    pub depth: Option<u64>,
    /// Messages that were sent and are not acknowledged.
    pub inflight: Option<u64>,
    /// Bytes of the messages that wait.
    pub bytes: Option<u64>,
    /// So many messages may wait.
    pub limit_messages: Option<u64>,
    /// When the oldest of the messages that wait came.
    pub oldest: Option<Wall>,
    /// Whether the client has a connection.
    pub connected: Option<bool>,
    /// Messages dropped from this queue since the session began.
    pub dropped: Option<u64>,
}

/// What a source told at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The moment of which it is true, where that is not now: a file that the broker wrote a while ago.
    pub as_of: Option<Wall>,
    /// The queues, each client once.
    pub queues: Vec<Queue>,
    /// Clients beyond the limit, which are not among them.
    pub refused: u64,
}

/// A client id as it came, made text: bytes that are not UTF-8 come as `\xNN`, everything else stays as it is.
pub fn client_id(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing into a String cannot fail.
            let _ = write!(text, "\\x{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::client_id;

    #[test]
    fn a_client_id_keeps_everything_that_is_text_and_spells_out_the_rest() {
        assert_eq!(client_id(b"dev-1"), "dev-1");
        assert_eq!(client_id("a\"b'c\n\u{1}\u{e9}".as_bytes()), "a\"b'c\n\u{1}\u{e9}");
        assert_eq!(client_id(b"a\xFF\x00b\xC3"), "a\\xFF\0b\\xC3");
        assert_eq!(client_id(b""), "");
    }
}
