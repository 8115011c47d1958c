//! How segments go: the record that says so is durable before the file is unlinked. The unlinking is the closer's,
//! so that no segment goes while it is being compressed, and none comes back.

use super::closer::{Done, Job};
use super::retention::victims;
use super::rotate::hex;
use super::writer::Writer;
use crate::folder;
use crate::record::Key;
use crate::sources::life;
use watchkeeper_core::time::{Micros, Now, SECOND};

/// Without a rotation, age alone makes segments go.
const PRUNE_EVERY: Micros = 60 * SECOND;

impl Writer {
    /// Says which segments go, when it is time.
    pub(super) fn prune(&mut self, now: Now) {
        if now.mono < self.prune_at || self.closed.iter().any(|segment| segment.going) {
            return;
        }
        self.prune_at = now.mono.plus(PRUNE_EVERY);
        let live_bytes = self.live.as_ref().map_or(0, |live| live.bytes);
        let whys = victims(&self.closed, live_bytes, now.wall, &self.config);
        // None goes untold: what there is no room to say now is said, and goes, when these are gone.
        let room = self.own_room();
        if whys.len() > room {
            self.prune_at = now.mono;
        }
        for (at, why) in whys.into_iter().take(room).enumerate() {
            let segment = &mut self.closed[at];
            segment.going = true;
            let entry = segment.entry.map(|entry| hex(&entry.entry_sha256)).unwrap_or_default();
            let bytes = segment.entry.map_or(segment.bytes, |entry| entry.segment.bytes);
            let file = folder::segment_name(segment.first);
            let (first, last) = (segment.first, segment.last);
            let said = life::Segment { file: &file, first, last, bytes, sha256: &entry };
            let details = format!("pruned through {last}; sha256 is that of the manifest's line");
            let draft = life::pruned(now.wall, said, why.word()).text(Key::Details, &details);
            self.say(&draft);
        }
    }

    /// The records that say so are durable: the files go.
    pub(super) fn unlink_pruned(&mut self) {
        let going = self.closed.iter().take_while(|segment| segment.going).count();
        if going == 0 || !self.own.is_empty() {
            return;
        }
        // Under `durability = "none"` they are not yet.
        if let Err(failure) = self.sync_live() {
            return self.refused(&failure);
        }
        for segment in self.closed.drain(..going) {
            let _ = self.closer.send(Job::Remove { first: segment.first });
        }
    }

    /// What the closer has done since.
    pub(super) fn hear_closer(&mut self) {
        while let Ok(Done { first, bytes }) = self.done.try_recv() {
            if let Some(segment) = self.closed.iter_mut().find(|segment| segment.first == first) {
                segment.bytes = bytes;
            }
            self.prune_at = self.now().mono;
        }
    }
}
