//! A bad message that is worth a record is looked at closely: where reading stopped, why, and what was meant most
//! likely; which topic was meant. Here its payload is hashed, which the core cannot. No secret may be shown.

use crate::ingest::Inbound;
use ring::digest::{SHA256, digest};
use watchkeeper_audit::mask::Mask;
use watchkeeper_audit::record::Draft;
use watchkeeper_audit::sources::payload::{self, Message};
use watchkeeper_core::diagnose::{self, Cause, Diagnosis, TopicFault};
use watchkeeper_core::reason::Reason;
use watchkeeper_core::rules::{FleetRules, Format, StreamRules};
use watchkeeper_core::specimen::Specimen;
use watchkeeper_core::time::Wall;

/// Larger payloads are not hashed: it would hold up every other message.
const HASHED_BYTES_MAX: usize = 4 << 20;

/// Nor are larger ones read again, which takes longer.
const DIAGNOSED_BYTES_MAX: usize = 1 << 20;

/// So much is shown of what stands behind a place, at most.
const BEHIND_BYTES: usize = 256;

/// Longer topics are odd enough, and nobody meant another.
const TOPIC_BYTES_MAX: usize = 1024;

/// What was found out about a bad message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    /// Why it is no JSON, without secrets.
    pub(crate) diagnosis: Option<Diagnosis>,
    /// What is odd about its topic, and which one was meant; empty: nothing is.
    pub(crate) topic: String,
}

impl Verdict {
    /// What is wrong with the document, where that could be told.
    pub(crate) fn cause(&self) -> Option<Cause> {
        self.diagnosis.as_ref().map(|found| found.cause)
    }

    /// All of it, with the characters around the place.
    fn sentence(&self) -> String {
        self.said(Diagnosis::sentence)
    }

    /// All of it, without a character of the payload.
    pub(crate) fn place(&self) -> String {
        self.said(Diagnosis::place)
    }

    fn said(&self, document: fn(&Diagnosis) -> String) -> String {
        let document = self.diagnosis.as_ref().map(document);
        let parts = document.into_iter().chain((!self.topic.is_empty()).then(|| self.topic.clone()));
        parts.collect::<Vec<_>>().join("; ")
    }
}

/// Looks closely.
pub(crate) fn look(rules: &FleetRules, specimen: &Specimen, message: &Inbound, mask: &Mask) -> Verdict {
    let stream = stream(rules, specimen);
    let diagnosis = document(rules, stream, specimen, &message.payload);
    let diagnosis = diagnosis.map(|found| veiled(found, shown(specimen, &message.payload), mask));
    let odd = specimen.reasons.iter().any(|reason| reason == Reason::Topic);
    let topic =
        std::str::from_utf8(&message.topic).ok().filter(|topic| odd && topic.len() <= TOPIC_BYTES_MAX);
    let topic = topic.map_or_else(String::new, |topic| odd_topic(rules, topic, stream.is_some()));
    Verdict { diagnosis, topic }
}

/// What is odd about a topic, and which one was meant most likely, as one sentence; empty: nothing is.
///
/// A stream that takes whatever else arrives is one: what it took is not said to have none.
fn odd_topic(rules: &FleetRules, topic: &str, is_taken: bool) -> String {
    let (faults, meant) = diagnose::topic(topic, rules.streams.iter().map(|stream| &stream.pattern));
    let faults = faults.iter().filter(|fault| !is_taken || **fault != TopicFault::NoStream);
    let said = faults.map(|fault| fault.says()).collect::<Vec<_>>().join(", ");
    match meant {
        Some(meant) => format!("{said}; meant most likely: {meant}"),
        None => said,
    }
}

/// The record about it.
pub(crate) fn draft(
    rules: &FleetRules,
    specimen: &Specimen,
    message: &Inbound,
    verdict: &Verdict,
    at: Wall,
) -> Draft {
    let bytes = &message.payload;
    let hash = || digest(&SHA256, bytes).as_ref().try_into().ok();
    let message = Message {
        broker: &rules.broker,
        stream: stream(rules, specimen).map_or("", |stream| &stream.name),
        topic: &message.topic,
        qos: message.qos,
        payload_bytes: bytes.len(),
        why: &verdict.sentence(),
        payload_sha256: (bytes.len() <= HASHED_BYTES_MAX).then(hash).flatten(),
    };
    payload::draft(message, specimen, at)
}

fn stream<'a>(rules: &'a FleetRules, specimen: &Specimen) -> Option<&'a StreamRules> {
    specimen.stream.and_then(|stream| rules.streams.get(usize::from(stream)))
}

/// Why it is no JSON; none where it is, or was not meant to be.
fn document(
    rules: &FleetRules,
    stream: Option<&StreamRules>,
    specimen: &Specimen,
    payload: &[u8],
) -> Option<Diagnosis> {
    let reason = specimen.malformed?.reason;
    let unread = matches!(reason, Reason::Json | Reason::Encoding | Reason::Depth);
    let meant = stream.is_some_and(|stream| stream.format == Format::Json)
        || matches!(payload.trim_ascii_start().first(), Some(b'{' | b'['))
        || payload.starts_with(b"\xEF\xBB\xBF");
    let payload = shown(specimen, payload);
    let wanted = unread && meant && payload.len() <= DIAGNOSED_BYTES_MAX;
    wanted.then(|| diagnose::json(payload, rules.limits.json_depth_max)).flatten()
}

/// As much of a payload as has to be looked at: where it is nested too deep is known, and what stands behind that changes
/// nothing.
fn shown<'a>(specimen: &Specimen, payload: &'a [u8]) -> &'a [u8] {
    match specimen.malformed {
        Some(malformed) if malformed.reason == Reason::Depth => {
            payload.get(..malformed.at.saturating_add(BEHIND_BYTES)).unwrap_or(payload)
        }
        _ => payload,
    }
}

fn veiled(found: Diagnosis, payload: &[u8], mask: &Mask) -> Diagnosis {
    if found.keys().any(|key| mask.key(key)) {
        return found.bare();
    }
    found.veiled(payload, |text| mask.text(text).into_owned())
}

#[cfg(test)]
mod tests;
