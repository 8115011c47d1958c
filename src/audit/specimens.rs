//! A bad message that is worth a record becomes one. The payload itself is never in it: its length, its hash and the
//! place of the first byte that could not be read are.

use crate::ingest::Inbound;
use ring::digest::{SHA256, digest};
use std::fmt::Write;
use watchkeeper_audit::record::{Draft, Key, Kind, Level};
use watchkeeper_core::reason::Reason;
use watchkeeper_core::rules::FleetRules;
use watchkeeper_core::specimen::Specimen;
use watchkeeper_core::time::Wall;

/// Larger payloads are not hashed: it would hold up every other message.
const HASHED_BYTES_MAX: usize = 4 << 20;

/// The record about it.
pub(crate) fn draft(rules: &FleetRules, specimen: &Specimen, message: &Inbound, at: Wall) -> Draft {
    let event = if specimen.malformed.is_some() { "malformed" } else { "invalid" };
    let reasons: Vec<&str> = specimen.reasons.iter().map(Reason::as_str).collect();
    let stream = specimen.stream.and_then(|stream| rules.streams.get(usize::from(stream)));
    let draft = Draft::new(at, Level::Warn, Kind::Payload, event)
        .text(Key::Broker, &rules.broker)
        .text(Key::Device, specimen.device.as_deref().unwrap_or_default())
        .int(Key::Qos, message.qos)
        .text(Key::Reason, &reasons.join(","))
        .text(Key::Details, &details(specimen))
        .int(Key::PayloadBytes, message.payload.len())
        .text(Key::Stream, stream.map_or("", |stream| &stream.name));
    with_hash(with_topic(draft, &message.topic), &message.payload)
}

/// A topic that is no text is shown as far as it is, and whole as base64.
fn with_topic(draft: Draft, topic: &[u8]) -> Draft {
    use base64::Engine as _;
    match std::str::from_utf8(topic) {
        Ok(text) => draft.text(Key::Topic, text),
        Err(_) => {
            let raw = format!("topic={}", base64::engine::general_purpose::STANDARD.encode(topic));
            draft.text(Key::Topic, &String::from_utf8_lossy(topic)).text(Key::Raw, &raw)
        }
    }
}

fn with_hash(draft: Draft, payload: &[u8]) -> Draft {
    if payload.len() > HASHED_BYTES_MAX {
        return draft;
    }
    let hash = digest(&SHA256, payload);
    let text = hash.as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    draft.text(Key::PayloadSha256, &text)
}

fn details(specimen: &Specimen) -> String {
    match specimen.malformed {
        Some(malformed) if malformed.reason == Reason::Oversize => {
            format!("{}: more than {} bytes, not read", Reason::Oversize.meaning(), malformed.at)
        }
        Some(malformed) => format!("{}, from byte {} on", malformed.reason.meaning(), malformed.at),
        None => specimen.reasons.iter().map(Reason::meaning).collect::<Vec<_>>().join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use watchkeeper_audit::record::Value;
    use watchkeeper_core::arrival::Arrival;
    use watchkeeper_core::fleet::Fleet;
    use watchkeeper_core::presets;
    use watchkeeper_core::time::{Mono, Now};

    fn drafted(topic: &'static [u8], payload: &'static [u8], bytes_max: usize) -> Draft {
        let mut rules =
            FleetRules { broker: "main".into(), streams: vec![presets::generic()], ..FleetRules::default() };
        rules.limits.payload_bytes_max = bytes_max;
        let mut fleet = Fleet::new(rules);
        let arrival = Arrival { topic, payload, qos: 1, retain: false, dup: false };
        fleet.arrival(&arrival, Now::default());
        let specimen = fleet.take_specimen().expect("it is bad");
        let (topic, payload) = (Bytes::from_static(topic), Bytes::from_static(payload));
        let message = Inbound { topic, payload, qos: 1, retain: false, dup: false, at: Mono(0) };
        draft(fleet.rules(), &specimen, &message, Wall(7))
    }

    fn text(draft: &Draft, key: Key) -> &str {
        match draft.get(key) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    #[test]
    fn what_cannot_be_read_says_from_which_byte_on_and_never_shows_itself() {
        let bad = drafted(b"d/t", b"{\"pin\":\"1234\",}", 1000);
        assert_eq!((bad.ts, bad.kind, &*bad.event), (Wall(7), Kind::Payload, "malformed"));
        assert_eq!((text(&bad, Key::Device), text(&bad, Key::Stream)), ("d", "generic"));
        assert_eq!(text(&bad, Key::Details), "not JSON, from byte 14 on");
        assert_eq!((text(&bad, Key::Reason), bad.get(Key::PayloadBytes)), ("json", Some(&Value::Int(15))));
        assert!(text(&bad, Key::PayloadSha256).len() == 64 && !format!("{bad:?}").contains("1234"));
    }

    #[test]
    fn what_breaks_a_rule_says_which() {
        let odd = drafted(b"a b/t", b"1", 1000);
        assert_eq!((&*odd.event, text(&odd, Key::Reason)), ("invalid", "topic"));
        assert_eq!(text(&odd, Key::Details), "an odd topic");
        let large = drafted(b"d/t", b"12345", 4);
        assert_eq!(text(&large, Key::Details), "too large: more than 4 bytes, not read");
        assert_eq!(large.get(Key::PayloadBytes), Some(&Value::Int(5)));
    }

    #[test]
    fn a_topic_that_is_no_text_is_there_byte_by_byte() {
        let bad = drafted(b"\xFF/t", b"1", 1000);
        assert_eq!((text(&bad, Key::Topic), text(&bad, Key::Raw)), ("\u{fffd}/t", "topic=/y90"));
        assert_eq!(bad.get(Key::Device), None);
    }
}
