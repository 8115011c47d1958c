//! Return and reason codes of CONNACK, DISCONNECT and PUBACK: what each means and which cause it is. Pure tables; where
//! the library hands such a code over by name, `fate` means the same.

use super::reasons::Cause;

/// Which cause a CONNACK is, by its code in either version; none: let in.
pub(crate) fn refused(code: u8) -> Option<Cause> {
    Some(match code {
        0x00 => return None,
        0x01 | 0x84 => Cause::Version,
        0x02 | 0x85 => Cause::ClientId,
        0x04 | 0x86 | 0x8c => Cause::Credentials,
        0x05 | 0x87 | 0x8a => Cause::NotAuthorized,
        0x81 | 0x82 => Cause::Protocol(format!("CONNACK {code:#04x}, {}", meaning(code))),
        _ => Cause::Unavailable(meaning(code).to_owned()),
    })
}

/// Which cause a DISCONNECT of the broker is.
pub(crate) fn left(code: u8) -> Cause {
    match code {
        0x8e => Cause::TakenOver,
        0x87 => Cause::NotAuthorized,
        0x8d => Cause::KeepAlive,
        0x89 | 0x8b | 0x97 | 0x9c | 0x9d | 0x9f => Cause::Unavailable(meaning(code).to_owned()),
        _ => Cause::HungUp(meaning(code).to_owned()),
    }
}

/// What a code means, in CONNACK of both versions, and in DISCONNECT, PUBACK and PUBREC of MQTT 5.
pub(crate) fn meaning(code: u8) -> &'static str {
    match code {
        0x00 => "success",
        0x01 => "this version of the protocol is not accepted",
        0x02 => "the client id is not accepted",
        0x10 => "accepted, but nobody subscribes to it",
        0x80 => "refused without a reason",
        0x81 => "malformed packet",
        0x82 => "protocol error",
        0x83 => "refused by a rule of this broker",
        0x84 => "this version of the protocol is not supported",
        0x85 => "the client id is not valid",
        0x04 | 0x86 => "bad user name or password",
        0x05 | 0x87 => "not authorized",
        0x03 | 0x88 => "the server is unavailable",
        0x89 => "the server is busy",
        0x8a => "banned",
        0x8b => "the server is shutting down",
        0x8c => "bad authentication method",
        0x8d => "keep-alive time-out",
        0x8e => "another client took over the session",
        0x8f => "the topic filter is not valid",
        0x90 => "the topic name is not valid",
        0x91 => "packet id in use",
        0x93 => "more in flight than the broker allows",
        0x94 => "the topic alias is not valid",
        0x95 => "the packet is too large",
        0x96 => "the message rate is too high",
        0x97 => "over a quota",
        0x98 => "ended by an administrator",
        0x99 => "the payload format is not valid",
        0x9a => "retained messages are not supported",
        0x9b => "this quality of service is not supported",
        0x9c => "use another server",
        0x9d => "the server has moved",
        0x9e => "shared subscriptions are not supported",
        0x9f => "connections come too fast",
        0xa0 => "connected for the longest time that is allowed",
        0xa1 => "subscription identifiers are not supported",
        0xa2 => "wildcards are not supported",
        _ => "a code that no standard knows",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::fate;
    use rumqttc::{self as v4, v5};

    /// What the library makes of a CONNACK, sorted by `fate`.
    fn by_name(v5: bool, code: u8) -> Option<Cause> {
        let mut bytes = bytes::BytesMut::new();
        if v5 {
            bytes.extend_from_slice(&[0x20, 3, 0, code, 0]);
            let packet = v5::mqttbytes::v5::Packet::read(&mut bytes, None).ok()?;
            let v5::mqttbytes::v5::Packet::ConnAck(ack) = packet else { return None };
            Some(fate::of_v5(&v5::ConnectionError::ConnectionRefused(ack.code)))
        } else {
            bytes.extend_from_slice(&[0x20, 2, 0, code]);
            let v4::Packet::ConnAck(ack) = v4::Packet::read(&mut bytes, 99).ok()? else { return None };
            Some(fate::of_v4(&v4::ConnectionError::ConnectionRefused(ack.code)))
        }
    }

    #[test]
    fn a_code_is_the_same_cause_by_number_and_by_name() {
        let mut compared = 0;
        for (v5, code) in (1..=255).flat_map(|code| [(false, code), (true, code)]) {
            let Some(named) = by_name(v5, code) else { continue };
            let numbered = refused(code).expect("only 0 is no refusal");
            assert_eq!(numbered.reason(), named.reason(), "{v5} {code:#04x}");
            compared += 1;
        }
        assert!(compared > 20, "{compared}");
    }

    #[test]
    fn every_code_of_the_standards_has_a_meaning() {
        let known = (0..=255).filter(|code| !meaning(*code).contains("no standard")).count();
        assert_eq!(known, 41);
    }
}
