//! Renders the fleet's 60-point telemetry and breaks it where a fault says so. Pure; it must never decide what is
//! wrong with a message, and a message that nobody asked to break must pass the fleet's own validator.

use super::fault::Malformation;
use std::io::Write as _;
use watchkeeper_core::time::Wall;

/// Levels of the `deep` payload: twice as many brackets.
const DEPTH: usize = 50_000;

/// One point of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// Its number, which is also its key.
    pub(crate) point: usize,
    /// Tenths of a degree.
    pub(crate) tenths: i32,
    /// `OK`, `ERROR`, `DISCONNECTED`, or something wrong.
    pub(crate) status: &'static str,
}

/// What a message says.
#[derive(Clone, Debug)]
pub(crate) struct Message<'a> {
    /// As it is written into the payload.
    pub(crate) timestamp: &'a str,
    /// The device's name.
    pub(crate) device: &'a str,
    /// Its sequence number.
    pub(crate) sequence: u64,
    /// Points that the device has, reporting or not.
    pub(crate) points: usize,
    /// Those that report; at least one.
    pub(crate) readings: &'a [Reading],
    /// By how much the summary's count is wrong.
    pub(crate) summary_off: usize,
}

/// A timestamp as the devices write it: RFC 3339 with milliseconds and `Z`.
pub(crate) fn timestamp(at: Wall) -> String {
    match jiff::Timestamp::from_microsecond(at.0) {
        Ok(at) => format!("{at:.3}"),
        Err(_) => at.rfc3339(),
    }
}

/// Writes the payload.
pub(crate) fn render(message: &Message<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + 96 * message.readings.len());
    // Writing into a Vec cannot fail, so that the result says nothing.
    let _ = write!(
        out,
        r#"{{"timestamp": "{}", "device_id": "{}", "sequence": {}, "points": {{"#,
        message.timestamp, message.device, message.sequence
    );
    for (n, reading) in message.readings.iter().enumerate() {
        let Reading { point, status, .. } = reading;
        let comma = if n == 0 { "" } else { ", " };
        let temp = Tenths(reading.tenths);
        let _ = write!(
            out,
            r#"{comma}"{point}": {{"name": "Point_{point}", "temp": {temp}, "sensor_id": "28FF{point:012X}", "status": "{status}"}}"#
        );
    }
    summary(message, &mut out);
    out
}

fn summary(message: &Message<'_>, out: &mut Vec<u8>) {
    let count = |status: &str| message.readings.iter().filter(|r| r.status == status).count();
    let temps = || message.readings.iter().map(|r| r.tenths);
    let _ = write!(
        out,
        r#"}}, "summary": {{"total_points": {}, "active_points": {}, "sensor_errors": {}, "min_temp": {}, "max_temp": {}}}}}"#,
        message.points,
        count("OK") + message.summary_off,
        count("ERROR"),
        Tenths(temps().min().unwrap_or(0)),
        Tenths(temps().max().unwrap_or(0)),
    );
}

/// Breaks a payload.
pub(crate) fn corrupt(payload: &[u8], how: Malformation) -> Vec<u8> {
    match how {
        Malformation::Truncated => payload[..payload.len() * 2 / 3].to_vec(),
        Malformation::SingleQuotes => payload.iter().map(|b| if *b == b'"' { b'\'' } else { *b }).collect(),
        Malformation::TrailingComma => [&payload[..payload.len() - 1], b",}"].concat(),
        Malformation::UnquotedKey => replaced(payload, "\"device_id\"", b"device_id"),
        Malformation::Undefined => replaced(payload, "\"temp\": ", b"\"temp\": undefined, \"was\": "),
        Malformation::Bom => [b"\xEF\xBB\xBF", payload].concat(),
        Malformation::InvalidUtf8 => replaced(payload, "\"device_id\": \"", b"\"device_id\": \"\xFF\xFE"),
        Malformation::Empty => Vec::new(),
        Malformation::Deep => [vec![b'['; DEPTH], vec![b']'; DEPTH]].concat(),
        Malformation::NulLed => [b"\0", payload].concat(),
    }
}

/// The first occurrence replaced.
fn replaced(payload: &[u8], what: &str, with: &[u8]) -> Vec<u8> {
    let at = payload.windows(what.len()).position(|window| window == what.as_bytes());
    at.map_or_else(Vec::new, |at| [&payload[..at], with, &payload[at + what.len()..]].concat())
}

/// Tenths of a degree as a decimal number.
struct Tenths(i32);

impl std::fmt::Display for Tenths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let size = self.0.unsigned_abs();
        write!(f, "{sign}{}.{}", size / 10, size % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Vec<u8> {
        let readings: Vec<_> = (0..60)
            .zip((200..).step_by(7))
            .map(|(point, tenths)| Reading { point, tenths, status: "OK" })
            .collect();
        render(&Message {
            timestamp: &timestamp(Wall(1_756_117_800_123_456)),
            device: "tempcontroller01",
            sequence: 1000,
            points: 60,
            readings: &readings,
            summary_off: 0,
        })
    }

    #[test]
    fn a_message_reads_as_the_fleet_writes_it() {
        let text = String::from_utf8(example()).unwrap();
        assert!(text.starts_with(
            r#"{"timestamp": "2025-08-25T10:30:00.123Z", "device_id": "tempcontroller01", "sequence": 1000, "points": {"0": {"name": "Point_0", "temp": 20.0, "sensor_id": "28FF000000000000", "status": "OK"}, "1""#
        ));
        assert!(text.ends_with(
            r#""summary": {"total_points": 60, "active_points": 60, "sensor_errors": 0, "min_temp": 20.0, "max_temp": 61.3}}"#
        ));
        assert_eq!([Tenths(-755).to_string(), Tenths(-5).to_string()], ["-75.5", "-0.5"]);
    }

    #[test]
    fn every_malformation_makes_the_payload_unreadable_and_only_one_breaks_its_encoding() {
        assert!(serde_json::from_slice::<serde_json::Value>(&example()).is_ok());
        for how in Malformation::ALL {
            let broken = corrupt(&example(), how);
            assert!(serde_json::from_slice::<serde_json::Value>(&broken).is_err(), "{how:?}");
            assert_eq!(std::str::from_utf8(&broken).is_err(), how == Malformation::InvalidUtf8, "{how:?}");
            assert_eq!(broken.is_empty(), how == Malformation::Empty, "{how:?}");
        }
    }
}
