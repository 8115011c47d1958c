//! An audited message as a record.

use crate::ingest::Inbound;
use ring::digest::{SHA256, digest};
use watchkeeper_audit::record::{Draft, Key, Kind, Level};
use watchkeeper_core::rules::StreamRules;
use watchkeeper_core::time::Wall;

pub(super) fn draft(
    broker: &str,
    rules: &StreamRules,
    device: &str,
    topic: &str,
    message: &Inbound,
    seen: Wall,
) -> Draft {
    let sha: String =
        digest(&SHA256, &message.payload).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut draft = Draft::new(seen, Level::Info, Kind::Command, "message")
        .text(Key::Broker, broker)
        .text(Key::Device, device)
        .text(Key::Topic, topic)
        .text(Key::Stream, &rules.name)
        .int(Key::Qos, message.qos)
        .int(Key::PayloadBytes, message.payload.len())
        .text(Key::PayloadSha256, &sha);
    if message.pkid != 0 {
        draft = draft.int(Key::Mid, message.pkid);
    }
    if message.retain {
        draft = draft.flag(Key::Retain, true);
    }
    draft
}
