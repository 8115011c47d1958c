//! What is done when somebody else has had his hands on the folder: the settled lines are written anew where the
//! open file still has them; where it has not, it is said which records are gone; and writing goes on.

use super::failure::{Doing, Failure};
use super::look::{Seen, look};
use super::segment::{Fate, Live};
use super::status::Verified;
use super::writer::Writer;
use crate::folder;
use crate::line::{self, LINE_BYTES_MAX};
use crate::record::{Draft, Key, Level};
use crate::sources::life;
use sha2::{Digest, Sha256};
use std::io;

impl Writer {
    /// Looks at the folder: between commits, and before one that follows a failure.
    pub(super) fn inspect(&mut self) -> Result<(), Failure> {
        self.keep_lock()?;
        self.watch_folder();
        let Some(live) = self.live.as_ref().filter(|live| live.fate == Fate::Whole && !live.torn) else {
            return Ok(());
        };
        match look(live, &*self.disk, &self.dir, live.bytes).doing(|| format!("looking at {}", live.name))? {
            Seen::Same => Ok(()),
            seen => self.mind(seen),
        }
    }

    /// Tells what was seen, and sees to it that the next piece is written where it stays.
    pub(super) fn mind(&mut self, seen: Seen) -> Result<(), Failure> {
        if seen == Seen::FolderGone {
            self.restore_folder()?;
        }
        let now = self.now();
        let Some(live) = &mut self.live else { return Ok(()) };
        let draft = life::file_replaced(now.wall, &live.name, seen.reason());
        let draft = match seen {
            Seen::Same => return Ok(()),
            Seen::Mode(mode) => {
                let details = format!("from {:04o} to {mode:04o}", live.mode);
                live.mode = mode;
                draft.text(Key::Details, &details)
            }
            Seen::Disturbed(bytes) => {
                live.torn = true;
                cut_off(live, draft, bytes)
            }
            Seen::FolderGone | Seen::Removed | Seen::Renamed | Seen::Replaced => {
                self.bring_back(draft, seen == Seen::Replaced)?
            }
            Seen::Cut(bytes) => {
                let (whole, end) = live.lines_within(bytes);
                // What we wrote behind the cut before we saw it is written again elsewhere.
                let ours = self.piece.text.len() as u64;
                let _ = live.file.truncate(end.max(bytes.saturating_sub(ours)));
                lost(live, draft, whole, "it is shorter than what was written")
            }
        };
        let Some(live) = &self.live else { return Ok(()) };
        let (name, whole) = (live.name.clone(), live.fate == Fate::Whole);
        if draft.level == Level::Error {
            // Nobody has to wait for the next verification to learn it.
            self.shared.status().verified = Some(Verified { at: now.wall, exit: 1 });
        }
        if self.hush.look.speak(now.mono) {
            tracing::warn!("somebody else changed the audit log: {name}: {}", seen.reason());
        }
        self.say(&draft);
        if whole {
            self.point_link(&name);
        }
        Ok(())
    }

    /// Writes the segment anew from the file that is open still. As long as the disk refuses that, the open file is all
    /// there is of its records: it is kept, and nothing else is written.
    fn bring_back(&mut self, draft: Draft, replaced: bool) -> Result<Draft, Failure> {
        let Some(live) = &self.live else { return Ok(draft) };
        let name = live.name.clone();
        let whole = live.file.stat().doing(|| format!("looking at {name}"))?.bytes >= live.bytes;
        if replaced && whole {
            self.make_way(&name, "another file has the name of the segment")?;
        }
        let Some(live) = &mut self.live else { return Ok(draft) };
        match live.write_anew(&*self.disk) {
            Ok(()) => {
                let details = format!("its {} records were written anew from the open file", live.count);
                Ok(draft.text(Key::Details, &details))
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Ok(lost(live, draft, 0, "and the open file is shorter than what was written"))
            }
            Err(error) => Err(error).doing(|| format!("writing {name} anew")),
        }
    }

    /// The folder is gone, with the lock and every segment in it.
    pub(super) fn restore_folder(&mut self) -> Result<(), Failure> {
        let doing = || format!("making the folder {} again", self.dir.display());
        self.disk.make_dir(&self.dir).doing(doing)?;
        if let Some(above) = self.dir.parent() {
            self.disk.sync_dir(above).doing(doing)?;
        }
        self.take_lock()?;
        self.room.reserved = false;
        self.miss_closed()
    }

    /// Another process may take a folder whose lock was removed; then this one must not write any more.
    fn keep_lock(&mut self) -> Result<(), Failure> {
        let ours = self.lock.as_ref().map(|lock| lock.id);
        match self.disk.stat(&self.dir.join(folder::LOCK)) {
            Ok(stat) if Some(stat.id) == ours => return Ok(()),
            Ok(_) => {}
            // The whole folder is gone: that is seen to with the segment.
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && self.disk.stat(&self.dir.join(".")).is_ok() => {
            }
            // What cannot be looked at is not known to be gone.
            Err(_) => return Ok(()),
        }
        self.take_lock()?;
        let now = self.now();
        self.say(&life::file_replaced(now.wall, folder::LOCK, "removed"));
        Ok(())
    }

    /// Who may read and write the folder is the operator's business; that it has changed is the log's.
    fn watch_folder(&mut self) {
        let Ok(stat) = self.disk.stat(&self.dir.join(".")) else { return };
        let before = self.dir_mode.replace(stat.mode).unwrap_or(stat.mode);
        if stat.mode != before {
            let details = format!("from {before:04o} to {:04o}", stat.mode);
            let draft = life::file_replaced(self.now().wall, "the folder", "permissions changed");
            self.say(&draft.text(Key::Details, &details));
        }
    }

    fn take_lock(&mut self) -> Result<(), Failure> {
        let path = self.dir.join(folder::LOCK);
        let doing = || "taking the lock again".to_owned();
        let note = format!("{}\n", std::process::id());
        let lock = self.disk.lock(&path, &note).doing(doing)?;
        let Some(lock) = lock else {
            let error = io::Error::new(io::ErrorKind::ResourceBusy, "another process has taken the folder");
            return Err(error).doing(doing);
        };
        self.lock = Some(lock);
        Ok(())
    }

    /// Says which closed segments are not there any more.
    fn miss_closed(&mut self) -> Result<(), Failure> {
        let names = self.disk.list(&self.dir).doing(|| "reading the folder".to_owned())?;
        let there = |first: u64| {
            names.contains(&folder::segment_name(first)) || names.contains(&folder::packed_name(first))
        };
        let (kept, gone): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.closed).into_iter().partition(|segment| there(segment.first));
        self.closed = kept;
        let now = self.now().wall;
        if let (Some(from), Some(to)) = (gone.first(), gone.last()) {
            let details = format!("{} closed segments were removed with the folder", gone.len());
            self.say(&life::records_missing(now, from.first, to.last, &details));
        }
        Ok(())
    }
}

/// Records are gone: which, and from where on the next segment takes over.
fn lost(live: &mut Live, draft: Draft, whole: u64, details: &str) -> Draft {
    live.fate = Fate::Lost;
    let first = live.first + whole;
    let end = live.first + live.count;
    if first >= end {
        return draft.text(Key::Details, details);
    }
    Draft { level: Level::Error, ..draft }
        .int(Key::First, first)
        .int(Key::Last, end - 1)
        .text(Key::Details, &format!("{details}; these records are gone"))
}

/// What somebody wrote behind our lines is cut; how much it was and what is told.
fn cut_off(live: &Live, draft: Draft, bytes: u64) -> Draft {
    let mut hash = Sha256::new();
    let mut part = [0; 16 << 10];
    let mut at = live.bytes;
    while at < bytes {
        match live.file.read_at(at, &mut part) {
            Ok(read) if read > 0 => {
                hash.update(&part[..read]);
                at += read as u64;
            }
            _ => break,
        }
    }
    draft
        .int(Key::Bytes, bytes.saturating_sub(live.bytes))
        .text(Key::Sha256, &super::rotate::hex(&hash.finalize()))
        .text(Key::Details, "what stands behind the settled records is cut off; none of them is lost")
}

impl Live {
    /// How many of its lines still stand where they were, and where they end. What was written behind a cut may have grown together with
    /// half a line, so that each is read.
    fn lines_within(&self, bytes: u64) -> (u64, u64) {
        let (mut at, mut lines, mut whole, mut text) = (0, 0, 0, Vec::new());
        let mut part = [0; 16 << 10];
        while at < bytes {
            let wanted = usize::try_from(bytes - at).unwrap_or(usize::MAX).min(part.len());
            match self.file.read_at(at, &mut part[..wanted]) {
                Ok(read) if read > 0 && text.len() <= LINE_BYTES_MAX => {
                    text.extend_from_slice(&part[..read]);
                    at += read as u64;
                }
                _ => break,
            }
            let mut begin = 0;
            while let Some(end) = memchr::memchr(b'\n', &text[begin..]).map(|end| begin + end) {
                let record =
                    std::str::from_utf8(&text[begin..end]).ok().and_then(|line| line::parse(line).ok());
                if record.is_none_or(|record| record.seq != self.first + lines) {
                    return (lines, whole);
                }
                whole += (end + 1 - begin) as u64;
                (lines, begin) = (lines + 1, end + 1);
            }
            text.drain(..begin);
        }
        (lines, whole)
    }
}
