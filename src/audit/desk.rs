//! Where everything that the program itself has to say goes on its way into the log: masked, in its order, without
//! ever making anybody wait. Nothing here may open a file; that is the log's.

use super::waiting::{DRAFTS_MAX, Waiting};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use watchkeeper_audit::mask::Mask;
use watchkeeper_audit::record::{Draft, Key, Value};

/// What takes records and never blocks: the log, or a test.
pub(crate) trait Paper: Send + Sync {
    /// False: there is no room now.
    fn append(&self, draft: &Draft) -> bool;
    /// The same, but waits for room; for the stop.
    fn append_within(&self, draft: &Draft, within: Duration) -> bool;
}

/// A handle that can be cloned freely. Where the log is off it takes everything and keeps nothing.
#[derive(Clone, Default)]
pub(crate) struct Desk(Option<Arc<Inner>>);

struct Inner {
    paper: Box<dyn Paper>,
    mask: Mask,
    waiting: Mutex<Waiting>,
    meters: Meters,
}

/// What is counted of the queue in front of the log.
#[derive(Clone, Debug)]
pub(crate) struct Meters {
    /// How many records wait.
    pub(crate) depth: prometheus::IntGauge,
    /// How many found no room.
    pub(crate) refused: prometheus::IntCounter,
}

impl Meters {
    /// Those of the queue `audit`.
    pub(crate) fn new(own: &crate::own::Own) -> Self {
        // The queue is one for all brokers.
        let labels = &["", "audit"];
        let capacity = i64::try_from(DRAFTS_MAX).expect("the capacity is a small constant");
        own.queue_capacity.with_label_values(labels).set(capacity);
        Self {
            depth: own.queue_depth.with_label_values(labels),
            refused: own.refused.with_label_values(labels),
        }
    }
}

impl Desk {
    /// In front of a log.
    pub(crate) fn new(paper: Box<dyn Paper>, mask: Mask, meters: Meters) -> Self {
        Self(Some(Arc::new(Inner { paper, mask, waiting: Mutex::default(), meters })))
    }

    /// The log is off.
    pub(crate) fn off() -> Self {
        Self(None)
    }

    /// Whether there is a log, so that nobody makes a record for nothing.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Puts a record into the log, or where it waits for room.
    pub(crate) fn note(&self, draft: Draft) {
        self.note_all([draft]);
    }

    /// The same for several, in their order.
    pub(crate) fn note_all(&self, drafts: impl IntoIterator<Item = Draft>) {
        let Some(inner) = &self.0 else { return };
        // Whoever panicked with it in hand left at worst one record unwritten.
        let mut waiting = inner.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for draft in drafts {
            if !waiting.push(masked(draft, &inner.mask)) {
                inner.meters.refused.inc();
            }
        }
        inner.hand_over(&mut waiting);
    }

    /// Hands over what waits, as far as there is room. To be called about once a second.
    pub(crate) fn tick(&self) {
        let Some(inner) = &self.0 else { return };
        inner.hand_over(&mut inner.waiting.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Hands over everything, and waits for room so long; true when nothing is left.
    pub(crate) fn finish(&self, within: Duration) -> bool {
        let Some(inner) = &self.0 else { return true };
        let end = Instant::now() + within;
        let mut waiting = inner.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let paper = &inner.paper;
        waiting.hand_over(|draft| paper.append_within(draft, end.saturating_duration_since(Instant::now())))
    }
}

impl Inner {
    fn hand_over(&self, waiting: &mut Waiting) {
        waiting.hand_over(|draft| self.paper.append(draft));
        self.meters.depth.set(i64::try_from(waiting.len()).unwrap_or(i64::MAX));
    }
}

/// Free text may quote what somebody wrote, and with it a secret.
fn masked(mut draft: Draft, mask: &Mask) -> Draft {
    for (key, value) in &mut draft.fields {
        let free =
            matches!(key, Key::Details | Key::Reason | Key::Query | Key::Payload | Key::Old | Key::New);
        if let (true, Value::Text(text)) = (free, value)
            && let std::borrow::Cow::Owned(clean) = mask.text(text)
        {
            *text = clean.into();
        }
    }
    draft
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_on() { "Desk(on)" } else { "Desk(off)" })
    }
}
