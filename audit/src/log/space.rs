//! How much room the disk has: three stages, as the audit daemon of Linux has them, and a reserve that is given up
//! when there is none, so that this can be said. A crossing is a record; a stage is left only with some room to
//! spare, so that a disk at its limit does not fill the log with it.

use super::config::{OnFull, Thresholds};
use super::disk::What;
use super::failure::{Doing, Failure};
use super::status::Stage;
use super::writer::Writer;
use crate::folder;
use crate::sources::life;
use watchkeeper_core::time::{Mono, Now, SECOND};

/// What is known of the room on the disk.
#[derive(Debug, Default)]
pub(super) struct Room {
    pub stage: Stage,
    pub free: Option<u64>,
    /// The reserve is there to be given up.
    pub reserved: bool,
    /// When a write failed for want of room; it has not succeeded since.
    full_since: Option<Mono>,
    measure_at: Mono,
    reserve_at: Mono,
}

impl Room {
    pub(super) fn is_full(&self) -> bool {
        self.full_since.is_some()
    }
}

/// The stage that so much room is. One that was reached is left with a tenth more than it begins with.
pub(super) fn stage(free: u64, thresholds: &Thresholds, before: Stage) -> Stage {
    let below = |threshold: u64, at: Stage| {
        let spare = if before >= at { threshold / 10 } else { 0 };
        free < threshold.saturating_add(spare)
    };
    if below(thresholds.admin_space_left, Stage::Scarce) {
        Stage::Scarce
    } else if below(thresholds.space_left, Stage::Low) {
        Stage::Low
    } else {
        Stage::Ample
    }
}

impl Writer {
    /// Looks at the room once a second, and tells what has changed.
    pub(super) fn measure(&mut self, now: Now) {
        if now.mono < self.room.measure_at {
            return;
        }
        self.room.measure_at = now.mono.plus(SECOND);
        let Ok(space) = self.disk.space(&self.dir) else { return };
        self.room.free = Some(space.free);
        if self.room.is_full() {
            return;
        }
        let before = self.room.stage;
        let stage = stage(space.free, &self.config.space, before);
        if stage != before {
            self.room.stage = stage;
            self.say_stage(stage, before, space.free, now);
        }
        if !self.room.reserved && now.mono >= self.room.reserve_at {
            self.room.reserve_at = now.mono.plus(10 * SECOND);
            let _ = self.make_reserve();
        }
    }

    fn say_stage(&mut self, stage: Stage, before: Stage, free: u64, now: Now) {
        let thresholds = &self.config.space;
        let details = match stage {
            Stage::Ample => format!("there is room again: more than {} bytes", thresholds.space_left),
            Stage::Low if before > stage => {
                format!("still less than {} bytes, but no longer scarce", thresholds.space_left)
            }
            Stage::Low => format!("less than {} bytes are left", thresholds.space_left),
            Stage::Scarce | Stage::Full => {
                format!("scarce: less than {} bytes are left", thresholds.admin_space_left)
            }
        };
        let mut draft = life::disk_low(now.wall, free, &details);
        draft.level = match stage {
            Stage::Ample => crate::record::Level::Info,
            Stage::Low => crate::record::Level::Warn,
            Stage::Scarce | Stage::Full => crate::record::Level::Error,
        };
        self.say(&draft);
    }

    /// A write failed for want of room: the reserve is given up, and that is said.
    pub(super) fn disk_is_full(&mut self, failure: &str, now: Now) {
        self.room.full_since = Some(now.mono);
        self.room.stage = Stage::Full;
        self.give_reserve_up();
        let policy = match self.config.on_full {
            OnFull::StopAcknowledging => "nothing is acknowledged until there is room",
            OnFull::DropAndCount => "what does not fit into memory is dropped and counted",
        };
        let free = self.disk.space(&self.dir).map_or(0, |space| space.free);
        self.say(&life::disk_full(now.wall, free, &format!("{failure}; {policy}")));
        tracing::error!("the disk of the audit log is full; {policy}: {failure}");
    }

    /// Makes room for what has to be said; says whether that made any.
    pub(super) fn give_reserve_up(&mut self) -> bool {
        let given = self.room.reserved && self.disk.remove(&self.dir.join(folder::RESERVE)).is_ok();
        self.room.reserved &= !given;
        given
    }

    /// Sets room aside. That it can be is the proof that there is some, whatever the file system says of itself.
    pub(super) fn make_reserve(&mut self) -> Result<(), Failure> {
        let bytes = self.config.space.reserve;
        if self.room.reserved || bytes == 0 {
            return Ok(());
        }
        let path = self.dir.join(folder::RESERVE);
        if self.disk.stat(&path).is_ok_and(|stat| stat.what == What::File && stat.bytes == bytes) {
            self.room.reserved = true;
            return Ok(());
        }
        let made = self.disk.reserve(&path, bytes).doing(|| "setting a reserve aside".to_owned());
        if made.is_err() {
            // A part of it would only take the room that it is to keep.
            let _ = self.disk.remove(&path);
        }
        self.room.reserved = made.is_ok();
        made
    }

    /// A write succeeded: when the disk was full, it is no more, and that is said.
    pub(super) fn disk_has_room(&mut self, now: Now) -> bool {
        let Some(since) = self.room.full_since.take() else { return false };
        let free = self.disk.space(&self.dir).map_or(0, |space| space.free);
        self.room.stage = stage(free, &self.config.space, Stage::Scarce);
        self.room.free = Some(free);
        self.say(&life::disk_resumed(now.wall, free, now.mono.since(since)));
        tracing::info!("the disk of the audit log has room again");
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_left_only_with_room_to_spare() {
        let thresholds = Thresholds { space_left: 1_000, admin_space_left: 500, reserve: 100 };
        let mut at = Stage::Ample;
        for (free, expected) in [
            (1_000, Stage::Ample),
            (999, Stage::Low),
            (1_050, Stage::Low),
            (1_100, Stage::Ample),
            (499, Stage::Scarce),
            (549, Stage::Scarce),
            (550, Stage::Low),
            (0, Stage::Scarce),
            (2_000, Stage::Ample),
        ] {
            at = stage(free, &thresholds, at);
            assert_eq!(at, expected, "{free}");
        }
    }
}
