//! Where everything that the program itself has to say goes on its way into the log: masked, in its order, without
//! ever making anybody wait. Nothing here may open a file; that is the log's.

use super::waiting::{DRAFTS_MAX, Waiting};
use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use watchkeeper_audit::mask::Mask;
use watchkeeper_audit::record::Draft;

/// So many that wait are tried before more are put behind them.
const HAND_OVER_AT: usize = 256;

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

    /// Whether there is a log, so that nobody makes a record for nothing.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// What is to be hidden. Where the log is off nothing leaves through here, and the built-in words do.
    pub(crate) fn mask(&self) -> Cow<'_, Mask> {
        self.0.as_ref().map_or_else(|| Cow::Owned(Mask::default()), |inner| Cow::Borrowed(&inner.mask))
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
            // A whole fleet may go at once, and must not fill what is meant for a log that takes nothing.
            if waiting.len() >= HAND_OVER_AT {
                inner.hand_over(&mut waiting);
            }
            if !waiting.push(inner.mask.draft(draft)) {
                inner.meters.refused.inc();
            }
        }
        inner.hand_over(&mut waiting);
    }

    /// Whether something found no room in the log yet.
    pub(crate) fn waits(&self) -> bool {
        let Some(inner) = &self.0 else { return false };
        inner.waiting.lock().unwrap_or_else(PoisonError::into_inner).len() > 0
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

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_on() { "Desk(on)" } else { "Desk(off)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::own::Own;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use watchkeeper_audit::record::{Key, Kind, Level, Value};
    use watchkeeper_core::time::Wall;

    /// Has room for so many.
    #[derive(Clone, Default)]
    struct Slip {
        room: Arc<AtomicUsize>,
        written: Arc<Mutex<Vec<Draft>>>,
    }

    impl Paper for Slip {
        fn append(&self, draft: &Draft) -> bool {
            let taken =
                self.room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |room| room.checked_sub(1));
            if taken.is_ok() {
                self.written.lock().unwrap().push(draft.clone());
            }
            taken.is_ok()
        }

        fn append_within(&self, draft: &Draft, _: Duration) -> bool {
            self.append(draft)
        }
    }

    fn desk(room: usize) -> (Slip, Desk, Own) {
        let (slip, own) = (Slip::default(), Own::new().unwrap());
        slip.room.store(room, Ordering::SeqCst);
        let desk = Desk::new(Box::new(slip.clone()), Mask::default(), Meters::new(&own));
        (slip, desk, own)
    }

    fn draft(event: &'static str) -> Draft {
        Draft::new(Wall(0), Level::Info, Kind::System, event)
    }

    #[test]
    fn what_finds_no_room_waits_in_its_place_and_goes_on_when_there_is_room() {
        let (slip, desk, own) = desk(1);
        let depth = own.queue_depth.with_label_values(&["", "audit"]);
        desk.note_all(["a", "b", "c"].map(draft));
        assert_eq!((slip.written.lock().unwrap().len(), depth.get()), (1, 2));
        slip.room.store(1, Ordering::SeqCst);
        desk.note(draft("d"));
        slip.room.store(5, Ordering::SeqCst);
        desk.tick();
        let events: Vec<String> =
            slip.written.lock().unwrap().iter().map(|it| it.event.to_string()).collect();
        assert_eq!((events.join(""), depth.get()), ("abcd".to_owned(), 0));
        assert!(desk.finish(Duration::ZERO));
    }

    #[test]
    fn a_whole_fleet_at_once_is_more_than_may_wait_and_none_of_it_is_dropped() {
        let (slip, desk, own) = desk(usize::MAX);
        let many = DRAFTS_MAX + DRAFTS_MAX / 2;
        desk.note_all((0..many).map(|_| draft("offline")));
        assert_eq!(slip.written.lock().unwrap().len(), many);
        assert_eq!(own.refused.with_label_values(&["", "audit"]).get(), 0);
    }

    #[test]
    fn a_stop_says_whether_everything_was_taken() {
        let (slip, desk, _own) = desk(0);
        desk.note(draft("a"));
        assert!(!desk.finish(Duration::ZERO));
        slip.room.store(1, Ordering::SeqCst);
        assert!(desk.finish(Duration::ZERO) && slip.written.lock().unwrap().len() == 1);
    }

    #[test]
    fn no_secret_gets_through() {
        let (slip, desk, _own) = desk(1);
        desk.note(draft("searched").text(Key::Query, "text=password=hunter2"));
        let written = slip.written.lock().unwrap();
        let Some(Value::Text(query)) = written[0].get(Key::Query) else { panic!("it has a query") };
        assert!(!query.contains("hunter2"), "{query}");
    }

    #[test]
    fn a_log_that_is_off_takes_everything_and_keeps_nothing() {
        let desk = Desk::default();
        desk.note(draft("a"));
        desk.tick();
        assert!(!desk.is_on() && desk.finish(Duration::ZERO));
    }
}
