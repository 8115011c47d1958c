//! A message as a record: who asked for what, who answered, which alarm. What a payload says is told as what it says
//! and not as what is true; the payload itself stays outside unless its stream says otherwise. No payload is an error
//! here, and none may make a record that says something of another message.

use super::envelope::{self as part, Envelope, Part};
use super::hex;
use crate::mask::{HIDDEN, Mask};
use crate::record::{Draft, Key, Kind, Level};
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use watchkeeper_core::rules;
use watchkeeper_core::time::{Wall, parse_epoch, parse_rfc3339};

/// So much of a payload is kept where a stream says that it is.
pub const PAYLOAD_BYTES_MAX: usize = 8_192;
/// Of a longer payload nothing is shown: a half of it cannot be masked, because half a document is none and a secret
/// may be at the cut, and to mask all of it takes a while for the sake of its first 8 KiB.
const MASKED_BYTES_MAX: usize = 1 << 20;
/// What a payload says of itself is kept up to this length.
pub(super) const SAID_BYTES_MAX: usize = 1_024;

/// A message of an audited stream.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Label of the broker.
    pub broker: &'a str,
    /// Name of the stream.
    pub stream: &'a str,
    /// What the stream carries.
    pub kind: rules::Kind,
    /// Identity of the device, where one is known.
    pub device: Option<&'a str>,
    /// The topic.
    pub topic: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
    /// Quality of service it was delivered with.
    pub qos: u8,
    /// The broker had kept it.
    pub retain: bool,
    /// Packet id of the delivery; 0 where it has none.
    pub mid: u16,
    /// MQTT 5 correlation data.
    pub correlation: Option<&'a [u8]>,
    /// The stream says that payloads are kept.
    pub keep_payload: bool,
    /// When it arrived.
    pub at: Wall,
}

/// The record of a message, without its secrets.
pub fn draft(message: &Message<'_>, mask: &Mask) -> Draft {
    let (kind, event) = match message.kind {
        rules::Kind::Command => (Kind::Command, "command_requested"),
        rules::Kind::Response => (Kind::Command, "command_answered"),
        rules::Kind::Alarm => (Kind::Alarm, "alarm"),
        rules::Kind::Config => (Kind::Config, "config_message"),
        rules::Kind::Telemetry
        | rules::Kind::Event
        | rules::Kind::Presence
        | rules::Kind::System
        | rules::Kind::Info
        | rules::Kind::Discovery => (Kind::Device, "message"),
    };
    let draft = delivery(message, Draft::new(message.at, Level::Info, kind, event));
    let draft = payload(message, mask, draft);
    let draft = match message.kind {
        rules::Kind::Command => told(message, draft, command),
        rules::Kind::Response => told(message, draft, answer),
        rules::Kind::Alarm => told(message, draft, super::alarm::tell),
        rules::Kind::Event => told(message, draft, happening),
        rules::Kind::Config => told(message, draft, |_, envelope, draft| said_by(envelope, draft)),
        // Measurements have no envelope, and are too many to be read for the sake of none.
        rules::Kind::Telemetry
        | rules::Kind::Presence
        | rules::Kind::System
        | rules::Kind::Info
        | rules::Kind::Discovery => draft,
    };
    mask.draft(draft)
}

/// What the broker says of it.
fn delivery(message: &Message<'_>, draft: Draft) -> Draft {
    let draft = draft
        .text(Key::Broker, message.broker)
        .text(Key::Stream, message.stream)
        .text(Key::Device, message.device.unwrap_or_default())
        .bytes(Key::Topic, message.topic)
        .int(Key::Qos, message.qos);
    let draft = if message.retain { draft.flag(Key::Retain, true) } else { draft };
    let draft = if message.mid == 0 { draft } else { draft.int(Key::Mid, message.mid) };
    match message.correlation {
        Some(correlation) => draft.short(Key::Correlation, &hex(correlation), SAID_BYTES_MAX),
        None => draft,
    }
}

/// Length and digest of the payload, and its text where it is kept.
fn payload(message: &Message<'_>, mask: &Mask, draft: Draft) -> Draft {
    let payload = message.payload;
    let draft =
        draft.int(Key::PayloadBytes, payload.len()).text(Key::PayloadSha256, &hex(&Sha256::digest(payload)));
    if !message.keep_payload {
        return draft;
    }
    if mask.key(&last_level(message.topic)) {
        return draft.text(Key::Payload, HIDDEN);
    }
    match std::str::from_utf8(payload) {
        Ok(text) if text.len() > MASKED_BYTES_MAX => {
            draft.text(Key::Payload, HIDDEN).cut(Key::Payload, text.len())
        }
        Ok(text) => draft.short(Key::Payload, &shown(mask, text), PAYLOAD_BYTES_MAX),
        Err(_) if payload.len() <= PAYLOAD_BYTES_MAX => draft.bytes(Key::Payload, payload),
        Err(_) => draft.bytes(Key::Payload, &payload[..PAYLOAD_BYTES_MAX]).cut(Key::Payload, payload.len()),
    }
}

/// A text without its secrets, before it is cut; of one that is too long for that, nothing.
pub(super) fn shown<'a>(mask: &Mask, text: &'a str) -> Cow<'a, str> {
    if text.len() > MASKED_BYTES_MAX { Cow::Borrowed(HIDDEN) } else { mask.text(text) }
}

/// What the payload says, or why it says nothing.
fn told(
    message: &Message<'_>,
    draft: Draft,
    tell: impl FnOnce(&Message<'_>, &Envelope, Draft) -> Draft,
) -> Draft {
    match Envelope::read(message.payload) {
        Ok(envelope) => tell(message, &envelope, draft),
        Err(why) => tell(message, &Envelope::default(), draft).text(Key::Details, &why),
    }
}

pub(super) fn set(draft: Draft, key: Key, envelope: &Envelope, part: Part) -> Draft {
    draft.short(key, &envelope.text(part), SAID_BYTES_MAX)
}

pub(super) fn said_by(envelope: &Envelope, draft: Draft) -> Draft {
    set(set(draft, Key::Id, envelope, part::MESSAGE_ID), Key::Source, envelope, part::SOURCE)
}

fn command(_: &Message<'_>, envelope: &Envelope, draft: Draft) -> Draft {
    let parameters = envelope.parameters();
    let parameters = if parameters.is_empty() { parameters } else { format!("parameters: {parameters}") };
    let draft = identified(envelope, said_by(envelope, draft));
    details(set(draft, Key::Cmd, envelope, part::COMMAND), &[&parameters, &made(envelope)])
}

fn answer(_: &Message<'_>, envelope: &Envelope, draft: Draft) -> Draft {
    let mut draft = identified(envelope, said_by(envelope, draft));
    let status = match (envelope.text(part::STATUS), envelope.truth(part::SUCCESS)) {
        (status, Some(success)) if status.is_empty() => {
            if success { "success" } else { "failure" }.to_owned()
        }
        (status, _) => status,
    };
    if is_failure(&status) {
        draft.level = Level::Warn;
    }
    let took = envelope.number(part::TOOK).map(|took| format!("the device took {took} ms"));
    let draft = draft.short(Key::Result, &status, SAID_BYTES_MAX);
    let draft = set(set(draft, Key::Cmd, envelope, part::COMMAND), Key::Reason, envelope, part::REASON);
    details(draft, &[&took.unwrap_or_default(), &made(envelope)])
}

/// The id of the command; fleets that have one id for the message use it for the command, too.
fn identified(envelope: &Envelope, draft: Draft) -> Draft {
    let draft = set(draft, Key::CmdId, envelope, part::COMMAND_ID);
    if draft.get(Key::CmdId).is_some() { draft } else { set(draft, Key::CmdId, envelope, part::MESSAGE_ID) }
}

fn happening(message: &Message<'_>, envelope: &Envelope, draft: Draft) -> Draft {
    let what = envelope.text(part::EVENT);
    let what = if what.is_empty() { last_level(message.topic) } else { what };
    said_by(envelope, draft).short(Key::Alarm, &what, SAID_BYTES_MAX)
}

/// When the sender says that it was made, if it says so in a way that can be read.
pub(super) fn made(envelope: &Envelope) -> String {
    let made = match envelope.number(part::MADE) {
        Some(number) => parse_epoch(number),
        None => parse_rfc3339(&envelope.text(part::MADE)),
    };
    made.map_or(String::new(), |made| format!("dated {} by its sender", crate::line::moment(made)))
}

pub(super) fn details(draft: Draft, parts: &[&str]) -> Draft {
    let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    draft.text(Key::Details, &parts.join("; "))
}

pub(super) fn last_level(topic: &[u8]) -> String {
    let level = topic.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    String::from_utf8_lossy(level).into_owned()
}

fn is_failure(status: &str) -> bool {
    let status = status.to_ascii_lowercase();
    let bad =
        ["error", "fail", "reject", "denied", "timeout", "timed out", "invalid", "unauthorized", "nack"];
    bad.iter().any(|word| status.contains(word))
}

#[cfg(test)]
mod tests;
