//! A message that was judged and becomes a record, on its way into the log. Nothing here may decide anything.

use super::memory::Print;
use crate::audit::echo::Heard;
use crate::ingest::Inbound;
use watchkeeper_audit::record::{Draft, Key, Value};
use watchkeeper_core::subject::Subject;

/// What is to be done with a message.
pub(super) enum Verdict {
    /// It needs no record.
    Pass,
    /// It becomes this one.
    Record(Box<Page>),
}

/// A record on its way into the log.
pub(super) struct Page {
    pub(super) draft: Draft,
    pub(super) print: Option<Print>,
    /// It was met before.
    pub(super) again: bool,
    /// The broker says that it may have sent it before.
    pub(super) dup: bool,
    /// What the engine is to know of it.
    pub(super) heard: Option<Box<Heard>>,
    /// A document of settings, which is compared with the one before when its record is in the log.
    pub(super) settings: Option<(Inbound, Subject)>,
}

impl Page {
    /// About how many bytes it holds on to.
    pub(super) fn bytes(&self) -> usize {
        let texts = self.draft.fields.iter().map(|(_, value)| match value {
            Value::Text(text) => text.len(),
            _ => 0,
        });
        let fields = self.draft.fields.len() * size_of::<(Key, Value)>();
        let payload = self.settings.as_ref().map_or(0, |(message, _)| message.payload.len());
        size_of::<Self>() + fields + texts.sum::<usize>() + payload
    }
}
