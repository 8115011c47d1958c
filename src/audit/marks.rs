//! Who puts a record into the log and wants to know when it is safe takes a mark with it. Several threads do, and the
//! log wants marks that ascend: here they are given out and handed over in one step. Nothing here may block.

use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;
use watchkeeper_audit::log::LogHandle;
use watchkeeper_audit::record::Draft;

/// What takes records and never blocks: the log, or a test.
pub(crate) trait Book: Send + Sync {
    /// False: there is no room now.
    fn append(&self, draft: &Draft) -> bool;

    /// The same; the mark is reported when the record is safe.
    fn append_marked(&self, draft: &Draft, mark: u64) -> bool;
}

impl Book for LogHandle {
    fn append(&self, draft: &Draft) -> bool {
        LogHandle::append(self, draft).is_ok()
    }

    fn append_marked(&self, draft: &Draft, mark: u64) -> bool {
        LogHandle::append_marked(self, draft, mark).is_ok()
    }
}

/// See the head of this file.
pub(crate) struct Marks {
    book: Box<dyn Book>,
    /// The last mark that was given out.
    last: Mutex<u64>,
    /// The last one that is safe, and every one before it.
    safe: watch::Receiver<u64>,
}

impl Marks {
    /// `safe` is what the log reports, 0 before the first.
    pub(crate) fn new(book: Box<dyn Book>, safe: watch::Receiver<u64>) -> Self {
        let last = Mutex::new(*safe.borrow());
        Self { book, last, safe }
    }

    /// Puts a record into the log and gives its mark; none: there is no room now.
    pub(crate) fn append(&self, draft: &Draft) -> Option<u64> {
        // Nobody panics with it in hand; if so, the number is still right.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let mark = *last + 1;
        self.book.append_marked(draft, mark).then(|| {
            *last = mark;
            mark
        })
    }

    /// The same for a record that nobody waits for.
    pub(crate) fn note(&self, draft: &Draft) -> bool {
        self.book.append(draft)
    }

    /// Up to which mark everything is safe.
    pub(crate) fn safe(&self) -> u64 {
        *self.safe.borrow()
    }

    /// The last mark that was given out.
    pub(crate) fn last(&self) -> u64 {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes with it.
    pub(crate) fn steps(&self) -> watch::Receiver<u64> {
        self.safe.clone()
    }
}

#[cfg(test)]
pub(crate) mod paper {
    //! A log for tests, whose disk does what the test says.

    use super::{Book, Marks};
    use std::sync::{Arc, Mutex};
    use tokio::sync::watch;
    use watchkeeper_audit::record::Draft;

    /// What was written, and how much room there is.
    pub(crate) struct Paper {
        pub(crate) records: Mutex<Vec<(Draft, u64)>>,
        pub(crate) room: Mutex<usize>,
        safe: watch::Sender<u64>,
    }

    impl Paper {
        pub(crate) fn new(room: usize) -> (Arc<Self>, Arc<Marks>) {
            let (safe, steps) = watch::channel(0);
            let paper = Arc::new(Self { records: Mutex::default(), room: Mutex::new(room), safe });
            let marks = Marks::new(Box::new(Arc::clone(&paper)), steps);
            (paper, Arc::new(marks))
        }

        /// The disk has taken everything up to this mark.
        pub(crate) fn sync(&self, mark: u64) {
            self.safe.send_replace(mark);
        }

        /// The disk has taken everything.
        pub(crate) fn sync_all(&self) {
            let last = self.records.lock().unwrap().iter().map(|(_, mark)| *mark).max();
            self.sync(last.unwrap_or(0));
        }

        pub(crate) fn make_room(&self, room: usize) {
            *self.room.lock().unwrap() = room;
        }

        pub(crate) fn events(&self) -> Vec<String> {
            self.records.lock().unwrap().iter().map(|(draft, _)| draft.event.to_string()).collect()
        }

        pub(crate) fn drafts(&self) -> Vec<Draft> {
            self.records.lock().unwrap().iter().map(|(draft, _)| draft.clone()).collect()
        }
    }

    impl Book for Arc<Paper> {
        fn append(&self, draft: &Draft) -> bool {
            self.append_marked(draft, 0)
        }

        fn append_marked(&self, draft: &Draft, mark: u64) -> bool {
            let mut room = self.room.lock().unwrap();
            let fits = *room > 0;
            if fits {
                *room -= 1;
                self.records.lock().unwrap().push((draft.clone(), mark));
            }
            fits
        }
    }
}

#[cfg(test)]
mod tests {
    use super::paper::Paper;
    use super::*;
    use watchkeeper_audit::record::{Kind, Level};
    use watchkeeper_core::time::Wall;

    #[test]
    fn marks_ascend_from_one_and_a_refused_record_takes_none() {
        let (paper, marks) = Paper::new(2);
        let draft = Draft::new(Wall(0), Level::Info, Kind::System, "x");
        assert_eq!(
            [marks.append(&draft), marks.append(&draft), marks.append(&draft)],
            [Some(1), Some(2), None]
        );
        assert!(!marks.note(&draft));
        paper.make_room(9);
        assert!(marks.note(&draft));
        assert_eq!((marks.append(&draft), marks.safe()), (Some(3), 0));
        paper.sync(3);
        assert_eq!(marks.safe(), 3);
    }
}
