//! What happens while the disk refuses, and when it takes again: how that is told, when the next attempt is due, and
//! what is told of it in the log afterwards.

use super::failure::{Failure, Trouble};
use super::status::State;
use super::writer::Writer;
use crate::record::Key;
use crate::sources::life;
use watchkeeper_core::time::{Now, seconds};

impl Writer {
    /// The disk has refused.
    pub(super) fn refused(&mut self, failure: &Failure) {
        let now = self.now();
        let trouble = self.trouble.get_or_insert_with(|| Trouble::new(failure, now.wall, now.mono));
        trouble.again(failure, now.mono);
        let (cause, detail, since) = (trouble.cause, trouble.detail.clone(), trouble.since);
        let began = trouble.began;
        let mut status = self.shared.status();
        status.write_failures += 1;
        status.state = State::Blocked { cause, detail, since };
        status.room(self.room.stage, now.wall);
        drop(status);
        if self.hush.write.speak(now.mono) {
            tracing::error!(waiting = self.batch.len(), "the audit log cannot write: {failure}");
        }
        self.shed_if_due(began, now);
    }

    /// All that waited is written. What kept it waiting is told in the log.
    pub(super) fn over(&mut self, now: Now) -> Result<(), Failure> {
        let full = self.disk_has_room(now);
        let Some(trouble) = self.trouble.take() else {
            return if full { self.drain(true) } else { Ok(()) };
        };
        if !full {
            let name = self.live_name();
            let draft = life::write_failed(now.wall, &name, &trouble.detail, trouble.count);
            self.say(&draft.float(Key::Seconds, seconds(now.mono.since(trouble.began))));
            tracing::info!("the audit log writes again");
        }
        self.say_dropped(&trouble, now);
        self.shared.status().state = State::Ok;
        self.drain(true)
    }

    /// Brings the status up to date with what is known here.
    pub(super) fn publish(&mut self) {
        let live = self.live.as_ref();
        let there = self.closed.iter().filter(|segment| !segment.going);
        let bytes = there.clone().map(|segment| segment.bytes).sum::<u64>();
        let segments = there.count() + usize::from(live.is_some());
        let now = self.now().wall;
        let mut status = self.shared.status();
        status.bytes = bytes + live.map_or(0, |live| live.bytes);
        status.segments = segments;
        status.oldest = self.oldest();
        status.room(self.room.stage, now);
        status.free = self.room.free;
        status.next = self.next;
        status.tree_size = self.seal.size();
    }
}
