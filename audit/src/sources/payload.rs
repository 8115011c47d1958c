//! Bad messages that are worth a record each. The payload itself is never in it: its length, its hash and what is wrong
//! with it are, with a few characters around the place where reading stopped, from which secrets were taken out.

use crate::record::{Draft, Key, Kind, Level};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write;
use watchkeeper_core::reason::Reason;
use watchkeeper_core::specimen::Specimen;
use watchkeeper_core::time::Wall;

/// What is known of the message beside what is wrong with it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Label of its broker.
    pub broker: &'a str,
    /// Name of its stream; empty where it has none.
    pub stream: &'a str,
    /// Its topic, which may be no text.
    pub topic: &'a [u8],
    /// As delivered.
    pub qos: u8,
    /// Length of the payload.
    pub payload_bytes: usize,
    /// What is wrong in one sentence, by somebody who looked closely; empty: nobody did.
    pub why: &'a str,
    /// SHA-256 of the payload; none where that would have taken too long.
    pub payload_sha256: Option<[u8; 32]>,
}

/// The record about a message that arrived then.
pub fn draft(message: Message<'_>, specimen: &Specimen, at: Wall) -> Draft {
    let event = if specimen.malformed.is_some() { "malformed" } else { "invalid" };
    let reasons: Vec<&str> = specimen.reasons.iter().map(Reason::as_str).collect();
    let draft = Draft::new(at, Level::Warn, Kind::Payload, event)
        .text(Key::Broker, message.broker)
        .text(Key::Device, specimen.device.as_deref().unwrap_or_default())
        .int(Key::Qos, message.qos)
        .text(Key::Reason, &reasons.join(","))
        .text(Key::Details, &details(specimen, message.why))
        .int(Key::PayloadBytes, message.payload_bytes)
        .text(Key::Stream, message.stream);
    let draft = match std::str::from_utf8(message.topic) {
        Ok(topic) => draft.text(Key::Topic, topic),
        // Shown as far as it is text, and whole as base64.
        Err(_) => draft
            .text(Key::Topic, &String::from_utf8_lossy(message.topic))
            .text(Key::Raw, &format!("topic={}", STANDARD.encode(message.topic))),
    };
    match message.payload_sha256 {
        Some(hash) => draft.text(Key::PayloadSha256, &hexadecimal(hash)),
        None => draft,
    }
}

fn hexadecimal(hash: [u8; 32]) -> String {
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn details(specimen: &Specimen, why: &str) -> String {
    let meanings = || specimen.reasons.iter().map(Reason::meaning).collect::<Vec<_>>().join("; ");
    match specimen.malformed {
        // What is wrong may be all that the reason says.
        _ if why.starts_with(&meanings()) => why.to_owned(),
        _ if !why.is_empty() => format!("{}: {why}", meanings()),
        Some(malformed) if malformed.reason == Reason::Oversize => {
            format!("{}: more than {} bytes, not read", Reason::Oversize.meaning(), malformed.at)
        }
        Some(malformed) => format!("{}, from byte {} on", malformed.reason.meaning(), malformed.at),
        None => meanings(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::{Format, encode};
    use watchkeeper_core::arrival::Arrival;
    use watchkeeper_core::fleet::Fleet;
    use watchkeeper_core::presets;
    use watchkeeper_core::rules::FleetRules;
    use watchkeeper_core::time::Now;

    fn line(topic: &[u8], payload: &[u8], payload_bytes_max: usize) -> String {
        line_with(topic, payload, payload_bytes_max, "")
    }

    fn line_with(topic: &[u8], payload: &[u8], payload_bytes_max: usize, why: &str) -> String {
        let mut rules = FleetRules { streams: vec![presets::generic()], ..FleetRules::default() };
        rules.limits.payload_bytes_max = payload_bytes_max;
        let mut fleet = Fleet::new(rules);
        fleet.arrival(&Arrival { topic, payload, qos: 1, ..Arrival::live("", b"") }, Now::default());
        let specimen = fleet.take_specimen().expect("it is bad");
        let message = Message {
            broker: "main",
            stream: "generic",
            topic,
            qos: 1,
            payload_bytes: payload.len(),
            payload_sha256: Some([0xab; 32]),
            why,
        };
        let line = encode(&draft(message, &specimen, Wall(0)), Format::Pipe).line(7);
        line.trim_end().replace(&"ab".repeat(32), "HASH")
    }

    #[test]
    fn what_cannot_be_read_says_from_which_byte_on_and_never_shows_itself() {
        assert_eq!(
            line(b"d/t", b"{\"pin\":\"1234\",}", 1000),
            "1970-01-01T00:00:00.000000Z | WARN | PAYLOAD | seq=7 | event=malformed | broker=main | device=d | \
             topic=d/t | qos=1 | reason=json | details=\"not JSON, from byte 14 on\" | payload_bytes=15 | \
             payload_sha256=HASH | stream=generic"
        );
    }

    #[test]
    fn what_somebody_found_out_stands_behind_what_it_is() {
        let odd = line_with(b"a b/t", b"1", 1000, "the topic contains white space");
        assert!(odd.contains("details=\"an odd topic: the topic contains white space\""), "{odd}");
        let bad = line_with(b"d/t", b"{", 1000, "the document is cut off at byte 1");
        assert!(bad.contains("details=\"not JSON: the document is cut off at byte 1\""), "{bad}");
    }

    #[test]
    fn what_breaks_a_rule_says_which() {
        let odd = line(b"a b/t", b"1", 1000);
        assert!(
            odd.contains("event=invalid") && odd.contains("reason=topic | details=\"an odd topic\""),
            "{odd}"
        );
        let large = line(b"d/t", b"12345", 4);
        assert!(
            large.contains("reason=oversize | details=\"too large: more than 4 bytes, not read\""),
            "{large}"
        );
        assert!(large.contains("payload_bytes=5"), "{large}");
    }

    #[test]
    fn a_topic_that_is_no_text_is_there_byte_by_byte() {
        let bad = line(b"\xFF/t", b"1", 1000);
        assert!(bad.contains("topic=\"\u{fffd}/t\"") && bad.contains("raw=topic=/y90"), "{bad}");
        assert!(!bad.contains("device="), "{bad}");
    }
}
