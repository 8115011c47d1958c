//! What the engine is to know of an audited message: what it says of a command, under a hash by which the same message
//! of the other connection is known. Nothing here may say anything of a message that has no record.

use crate::audit::echo::{Echo, Heard};
use crate::ingest::Inbound;
use std::cell::RefCell;
use std::sync::Arc;
use watchkeeper_audit::mask::Mask;
use watchkeeper_audit::record::Draft;
use watchkeeper_audit::sources::trace::{Trace, traced};
use watchkeeper_core::arrival::Arrival;
use watchkeeper_core::exchange::{Reader, is_exchange, print};
use watchkeeper_core::fleet::Missed;
use watchkeeper_core::rules::{FleetRules, Kind};
use watchkeeper_core::subject::Subject;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Ear {
    reader: RefCell<Reader>,
    pub(super) echo: Arc<Echo>,
}

impl Ear {
    pub(super) fn new(rules: &FleetRules, echo: Arc<Echo>) -> Self {
        Self { reader: RefCell::new(Reader::new(rules)), echo }
    }

    /// What a message says, with its record made complete; nothing where it is of no command.
    pub(super) fn hear(
        &self,
        message: &Inbound,
        (kind, subject): (Kind, &Subject),
        topic: &str,
        draft: Draft,
        mask: &Mask,
    ) -> (Draft, Option<Box<Heard>>) {
        if !is_exchange(kind) || message.retain {
            return (draft, None);
        }
        let arrival = Arrival {
            topic: &message.topic,
            payload: &message.payload,
            qos: message.qos,
            retain: false,
            dup: message.dup,
            response_topic: message.response_topic.as_deref(),
            correlation: message.correlation.as_deref(),
            user_properties: &[],
        };
        let said = self.reader.borrow_mut().read(subject.stream, topic, &arrival);
        let trace = Trace { print: print(&arrival), said };
        let draft = traced(draft, &trace, mask);
        let Trace { print, said } = trace;
        let (topic, device) = (topic.into(), subject.device.as_str().into());
        let what = Missed { stream: subject.stream, topic, device, said };
        let (at, protected) = (message.at, message.qos > 0);
        (draft, Some(Box::new(Heard { print, mark: 0, protected, at, what })))
    }
}
