//! How one segment ends and the next begins: synced, signed, named in the manifest; then a new file under a name
//! that nobody had, and the folder synced. Every step may fail and is then taken again. No file that has records is
//! ever renamed or written over.

use super::closer::Job;
use super::config::Durability;
use super::disk::What;
use super::failure::{Doing, Failure};
use super::look::{Seen, look};
use super::seal::ManifestFacts;
use super::segment::{Closed, Fate, Live};
use super::writer::Writer;
use crate::folder;
use crate::sources::life;
use std::io;

impl Writer {
    /// Ends the segment that is being written. There is none afterwards, unless somebody else has changed it: then
    /// that is seen to first.
    pub(super) fn close_live(&mut self, reason: &str) -> Result<(), Failure> {
        let Some(live) = &mut self.live else { return Ok(()) };
        if live.count == 0 {
            if live.fate == Fate::Suspect {
                // Nothing in it was ever reported. What cannot be removed is moved aside by the next of its name.
                let _ = self.disk.remove(&live.path);
            }
            self.live = None;
            return Ok(());
        }
        match live.fate {
            Fate::Whole => {
                // What was cut must not come back with a crash: nobody cuts a closed segment.
                live.unsynced |= live.torn;
                self.cut_torn()?;
                self.sync_live()?;
            }
            // What stands behind the settled lines is written once more, elsewhere; that does not wait for this.
            Fate::Suspect => {
                drop(live.file.truncate(live.bytes));
                self.sync_live()?;
            }
            Fate::Lost => {}
        }
        if self.is_elsewhere()? {
            return Ok(());
        }
        let now = self.now().wall;
        self.checkpoint(now)?;
        let Some(live) = &self.live else { return Ok(()) };
        let facts = live.facts();
        let entry = self
            .seal
            .close(&*self.disk, &facts, now)
            .doing(|| format!("naming {} in the manifest", live.name))?;
        self.note_closed(entry, reason);
        Ok(())
    }

    /// Whether somebody has taken the segment away, so that it was written anew, or is lost. What is closed is looked
    /// at no more.
    fn is_elsewhere(&mut self) -> Result<bool, Failure> {
        let Some(live) = self.live.as_ref().filter(|live| live.fate != Fate::Lost) else { return Ok(false) };
        let seen =
            look(live, &*self.disk, &self.dir, live.bytes).doing(|| format!("looking at {}", live.name))?;
        match seen {
            Seen::Same | Seen::Mode(_) => Ok(false),
            // What could not be cut is told by the manifest, and cut by the closer or at the next start.
            Seen::Disturbed(_) if live.fate == Fate::Suspect => Ok(false),
            seen => self.mind(seen).map(|()| true),
        }
    }

    /// The manifest has it.
    fn note_closed(&mut self, entry: ManifestFacts, reason: &str) {
        let Some(live) = self.live.take() else { return };
        let facts = entry.segment;
        let sha256 = hex(&entry.sha256);
        let segment = life::Segment {
            file: &live.name,
            first: facts.first,
            last: facts.last,
            bytes: facts.bytes,
            sha256: &sha256,
        };
        self.say(&life::rotated(self.now().wall, segment, reason));
        self.closed.push(Closed {
            first: facts.first,
            last: facts.last,
            span: (facts.first_ts, facts.last_ts),
            bytes: facts.bytes,
            entry: Some(entry),
            going: false,
        });
        if live.fate == Fate::Suspect {
            self.send(Job::Cut { first: facts.first, bytes: facts.bytes });
        }
        // A file that somebody changed stays as it is, for whoever looks into that.
        if self.config.compress && live.fate != Fate::Lost {
            self.send(Job::Compress { first: facts.first, entry: Some(entry) });
        }
        self.prune_at = self.now().mono;
    }

    /// Cuts what stands behind the settled lines.
    pub(super) fn cut_torn(&mut self) -> Result<(), Failure> {
        let Some(live) = self.live.as_mut().filter(|live| live.torn) else { return Ok(()) };
        live.file.truncate(live.bytes).doing(|| format!("cutting {}", live.name))?;
        live.torn = false;
        Ok(())
    }

    /// Under `durability = "none"` the disk may not have what was settled.
    pub(super) fn sync_live(&mut self) -> Result<(), Failure> {
        let Some(live) = &mut self.live else { return Ok(()) };
        if !live.unsynced {
            return Ok(());
        }
        let synced = match live.fate {
            // What was settled before is on the disk, and what was not is written once more elsewhere.
            Fate::Suspect if self.config.durability != Durability::None => return Ok(()),
            // A second fsync would say yes although what the first one was to keep is gone. A file that somebody took
            // away is written anew, which is seen to next.
            Fate::Suspect => match self.disk.refresh(&live.path, 0) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                refreshed => refreshed,
            },
            _ => live.file.sync(),
        };
        let synced = synced.doing(|| format!("syncing {}", live.name));
        match &synced {
            Ok(()) => live.unsynced = false,
            Err(_) => live.fate = Fate::Suspect,
        }
        synced
    }

    /// Begins a segment that is named after the next record.
    pub(super) fn begin_segment(&mut self) -> Result<(), Failure> {
        let name = folder::segment_name(self.next);
        let path = self.dir.join(&name);
        let file = match self.disk.create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.make_way(&name, "another file had the name of the next segment")?;
                self.disk.create(&path)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.restore_folder()?;
                self.disk.create(&path)
            }
            made => made,
        };
        let file = file.doing(|| format!("making {name}"))?;
        let live = Live::new(file, path, name, self.next).doing(|| "looking at a new segment".to_owned())?;
        self.point_link(&live.name);
        self.seal.begin(self.next);
        self.live = Some(live);
        Ok(())
    }

    /// Somebody has put a file where a segment belongs, or we did and could not go on.
    pub(super) fn make_way(&mut self, name: &str, reason: &str) -> Result<(), Failure> {
        let path = self.dir.join(name);
        let stat = self.disk.stat(&path).doing(|| format!("looking at {name}"))?;
        if stat.what == What::File && stat.bytes == 0 {
            return self.disk.remove(&path).doing(|| format!("removing the empty {name}"));
        }
        let now = self.now().wall;
        let aside = format!("{name}.aside-{}", now.0);
        self.disk.rename(&path, &self.dir.join(&aside)).doing(|| format!("moving {name} aside"))?;
        let draft = life::file_replaced(now, name, reason);
        self.say(&draft.text(crate::record::Key::Details, &format!("it is {aside} now")));
        Ok(())
    }

    /// Lets `audit.log` lead to a segment. It is there for people, so that a failure costs nothing but a word, and is
    /// tried again with the next tick.
    pub(super) fn point_link(&mut self, name: &str) {
        let (draft, link) = (self.dir.join(folder::link_draft()), self.dir.join(folder::LINK));
        let foreign = self.disk.stat(&link).is_ok_and(|stat| stat.what != What::Link);
        let _ = self.disk.remove(&draft);
        let done = if foreign {
            Err(io::Error::other("something else has that name"))
        } else {
            self.disk.link(name, &draft).and_then(|()| self.disk.rename(&draft, &link))
        };
        self.linked = done.is_ok();
        if let Err(error) = done
            && self.hush.link.speak(self.now().mono)
        {
            tracing::warn!(%error, "{} could not be made to lead to {name}", folder::LINK);
        }
    }

    /// To the closer. It ends after the writer, so that nothing is lost here; and what were lost is done at the start.
    pub(super) fn send(&self, job: Job) {
        let _ = self.closer.send(job);
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
