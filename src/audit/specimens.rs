//! A bad message that is worth a record becomes one: here its payload is hashed, which the core cannot.

use crate::ingest::Inbound;
use ring::digest::{SHA256, digest};
use watchkeeper_audit::record::Draft;
use watchkeeper_audit::sources::payload::{self, Message};
use watchkeeper_core::rules::FleetRules;
use watchkeeper_core::specimen::Specimen;
use watchkeeper_core::time::Wall;

/// Larger payloads are not hashed: it would hold up every other message.
const HASHED_BYTES_MAX: usize = 4 << 20;

/// The record about it.
pub(crate) fn draft(rules: &FleetRules, specimen: &Specimen, message: &Inbound, at: Wall) -> Draft {
    let stream = specimen.stream.and_then(|stream| rules.streams.get(usize::from(stream)));
    let bytes = &message.payload;
    let hash = || digest(&SHA256, bytes).as_ref().try_into().ok();
    let message = Message {
        broker: &rules.broker,
        stream: stream.map_or("", |stream| &stream.name),
        topic: &message.topic,
        qos: message.qos,
        payload_bytes: bytes.len(),
        payload_sha256: (bytes.len() <= HASHED_BYTES_MAX).then(hash).flatten(),
    };
    payload::draft(message, specimen, at)
}
