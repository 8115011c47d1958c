//! Dropping, where the configuration asks for it: when the disk has refused for a while, what is in memory stays
//! there, what comes later is dropped and counted, and both are acknowledged, so that the messages go on flowing.
//! Under the default policy nothing here ever happens.

use super::config::OnFull;
use super::failure::Trouble;
use super::frame::Meta;
use super::segment::widen;
use super::writer::Writer;
use crate::sources::life;
use watchkeeper_core::time::{Micros, Mono, Now, SECOND, Wall};

/// A disk that refuses for less is waited for, whatever the policy.
const SHED_AFTER: Micros = 5 * SECOND;

/// What was dropped, until it is told.
#[derive(Debug, Default)]
pub(super) struct Shed {
    active: bool,
    count: u64,
    /// Earliest and latest `ts` of what was dropped.
    span: Option<(Wall, Wall)>,
}

impl Shed {
    pub(super) fn active(&self) -> bool {
        self.active
    }
}

impl Writer {
    /// Begins to drop when the disk has refused for long enough.
    pub(super) fn shed_if_due(&mut self, began: Mono, now: Now) {
        let due = self.config.on_full == OnFull::DropAndCount && now.mono.since(began) >= SHED_AFTER;
        if self.shed.active || !due {
            return;
        }
        self.shed.active = true;
        let (mut mark, mut records, mut bytes) = (0, 0, 0);
        for item in self.batch.items_mut() {
            mark = item.meta.mark.max(mark);
            if let Some(taken) = item.gate.take() {
                (records, bytes) = (records + 1, bytes + taken);
            }
        }
        self.report(mark);
        self.shared.gate.leave(records, bytes);
        tracing::error!(
            kept = self.batch.len(),
            "the audit log drops what comes now, as it is configured to"
        );
    }

    pub(super) fn drop_record(&mut self, meta: Meta, gate: usize) {
        self.shed.count += 1;
        self.shed.span = Some(widen(self.shed.span, meta.ts));
        self.shared.status().dropped += 1;
        self.report(meta.mark);
        self.shared.gate.leave(1, gate);
    }

    /// The disk takes again: what was dropped meanwhile is told.
    pub(super) fn say_dropped(&mut self, trouble: &Trouble, now: Now) {
        let shed = std::mem::take(&mut self.shed);
        let Some((from, to)) = shed.span else { return };
        let range = format!("from {} to {}", from.rfc3339(), to.rfc3339());
        self.say(&life::records_dropped(now.wall, shed.count, &trouble.detail, &range));
    }
}
