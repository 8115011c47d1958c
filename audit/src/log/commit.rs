//! How what waits becomes durable: it is laid out as lines, written in one piece, synced once, looked at, and only
//! then settled, which is when it is counted, reported and given to the evidence. Until then it stays in memory, so
//! that any step may fail. Nothing here may settle what is not durable.

use super::config::{COMMIT_BYTES, COMMIT_RECORDS, Durability};
use super::disk::write_all;
use super::failure::{Doing, Failure};
use super::look::{Seen, look};
use super::segment::Fate;
use super::status::Cause;
use super::writer::Writer;
use std::io;
use watchkeeper_core::time::{Wall, micros};

/// Whoever changes the file faster than we write it is told of like a failing disk.
const REWRITES_MAX: u32 = 8;
/// After so many failures in a row the same file is not tried again.
const SAME_FILE_MAX: u64 = 3;

impl Writer {
    /// Writes all that waits, unless the disk refused a moment ago.
    pub(super) fn try_commit(&mut self) {
        let now = self.now();
        if self.trouble.as_ref().is_some_and(|trouble| now.mono < trouble.retry_at) {
            return;
        }
        self.shared.busy(Some(now.mono));
        let mut result = self.commit();
        if let Err(failure) = &result
            && failure.cause() == Cause::NoSpace
            && !self.room.is_full()
        {
            // The reserve makes room for saying so, and for nothing else.
            let failure = failure.to_string();
            self.disk_is_full(&failure, now);
            result = self.commit();
        }
        if result.is_ok() {
            result = self.over(now);
        }
        self.shared.busy(None);
        if let Err(failure) = result {
            self.refused(&failure);
        }
        self.unlink_pruned();
    }

    fn commit(&mut self) -> Result<(), Failure> {
        if self.trouble.is_some() {
            self.inspect()?;
        }
        if self.room.is_full() {
            if self.drain(false).is_err() && self.give_reserve_up() {
                self.drain(false)?;
            }
            self.make_reserve()?;
        }
        self.drain(true)
    }

    /// Writes our own records, and with `all` those that wait after them.
    pub(super) fn drain(&mut self, all: bool) -> Result<(), Failure> {
        let mut rewrites = 0;
        loop {
            let Some(bytes) = self.next_bytes(all) else {
                if !(all && self.is_aged()) {
                    return Ok(());
                }
                self.close_live("age")?;
                continue;
            };
            self.ready(bytes)?;
            self.lay(all);
            self.put()?;
            if self.is_whole()? {
                self.settle();
                continue;
            }
            rewrites += 1;
            if rewrites > REWRITES_MAX {
                let error = io::Error::other("somebody else changes the file all the time");
                return Err(Failure { doing: format!("writing {}", self.live_name()), error });
            }
        }
    }

    fn next_bytes(&self, all: bool) -> Option<u64> {
        self.own.first_bytes().or_else(|| self.batch.first_bytes().filter(|_| all))
    }

    /// The segment has records for longer than one may have.
    fn is_aged(&self) -> bool {
        let Some(began) = self.live.as_ref().and_then(|live| live.began) else { return false };
        let age = self.now().wall.0.saturating_sub(began.0);
        u64::try_from(age).is_ok_and(|age| age >= micros(self.config.rotate_every))
    }

    /// Sees to a segment that can take so many bytes more.
    fn ready(&mut self, bytes: u64) -> Result<(), Failure> {
        loop {
            let aged = self.is_aged();
            match &mut self.live {
                None => self.begin_segment()?,
                Some(live) if live.fate == Fate::Suspect => self.close_live("failed fsync")?,
                Some(live) if live.fate == Fate::Lost => self.close_live("replaced")?,
                Some(live) if live.count > 0 && live.bytes + bytes > self.config.rotate_bytes => {
                    self.close_live("size")?;
                }
                Some(live) if live.count > 0 && aged => self.close_live("age")?,
                Some(live) if live.unnamed => {
                    self.disk.sync_dir(&self.dir).doing(|| format!("making {}", live.name))?;
                    live.unnamed = false;
                }
                Some(live) if live.torn => self.cut_torn()?,
                Some(_) => return Ok(()),
            }
        }
    }

    /// Lays out the next piece: as much as the segment takes, within the size of a piece.
    fn lay(&mut self, all: bool) {
        let written = self.live.as_ref().map_or(0, |live| live.bytes);
        let records = if self.config.durability == Durability::Each { 1 } else { COMMIT_RECORDS };
        let segment = self.config.rotate_bytes;
        let fits = |piece: &super::batch::Piece, bytes: usize| {
            let within = piece.text.len() + bytes <= COMMIT_BYTES && piece.ends.len() < records;
            let room = written + (piece.text.len() + bytes) as u64 <= segment;
            piece.is_empty() || (within && room)
        };
        self.piece.clear();
        self.piece_own = self.own.lay(self.next, &mut self.piece, fits);
        if all && self.piece_own == self.own.len() {
            self.batch.lay(self.next + self.piece_own as u64, &mut self.piece, fits);
        }
    }

    /// Writes the piece, and returns once it is durable as far as the configuration asks.
    fn put(&mut self) -> Result<(), Failure> {
        let failed_before = self.trouble.as_ref().map_or(0, |trouble| trouble.count);
        let Some(live) = &mut self.live else { return Ok(()) };
        live.torn = true;
        let written = write_all(&mut *live.file, &self.piece.text).doing(|| format!("writing {}", live.name));
        if let Err(failure) = written {
            if failure.cause() == Cause::Disk && failed_before >= SAME_FILE_MAX {
                live.fate = Fate::Suspect;
            }
            return Err(failure);
        }
        if self.config.durability == Durability::None {
            return Ok(());
        }
        let synced = live.file.sync().doing(|| format!("syncing {}", live.name));
        if synced.is_err() {
            // The kernel has marked the pages clean: a second fsync would say yes although they are gone.
            live.fate = Fate::Suspect;
        }
        synced
    }

    /// Whether what was written stands in the file of its name.
    fn is_whole(&mut self) -> Result<bool, Failure> {
        let Some(live) = &self.live else { return Ok(false) };
        let bytes = live.bytes + self.piece.text.len() as u64;
        match look(live, &*self.disk, &self.dir, bytes).doing(|| format!("looking at {}", live.name))? {
            Seen::Same => Ok(true),
            seen @ Seen::Mode(_) => {
                self.mind(seen)?;
                Ok(true)
            }
            seen => {
                self.mind(seen)?;
                Ok(false)
            }
        }
    }

    /// The piece is durable: it is counted, given to the evidence and reported, and leaves the memory.
    fn settle(&mut self) {
        let now = self.now();
        let Some(live) = &mut self.live else { return };
        for line in self.piece.lines() {
            self.seal.push(line);
        }
        let count = self.piece.ends.len();
        live.bytes += self.piece.text.len() as u64;
        live.count += count as u64;
        live.began.get_or_insert(now.wall);
        live.torn = false;
        live.unsynced = self.config.durability == Durability::None;
        self.next += count as u64;
        self.unsigned_since.get_or_insert(now.mono);

        let (mut mark, mut records, mut bytes) = (0, 0, 0);
        let mut status = self.shared.status();
        let own = self.own.take(self.piece_own);
        for item in own.chain(self.batch.take(count - self.piece_own)) {
            live.date(item.meta.ts);
            mark = item.meta.mark.max(mark);
            records += usize::from(item.gate.is_some());
            bytes += item.gate.unwrap_or(0);
            status.records[item.meta.kind as usize] += 1;
            status.append.add(now.mono.since(item.meta.since));
        }
        status.last_write = Some(now.wall);
        status.next = self.next;
        status.tree_size = self.seal.size();
        drop(status);
        self.piece.clear();
        self.piece_own = 0;
        self.report(mark);
        self.shared.gate.leave(records, bytes);
    }

    pub(super) fn live_name(&self) -> String {
        self.live.as_ref().map_or_else(|| "a segment".to_owned(), |live| live.name.clone())
    }

    /// The `ts` of the oldest record that is there.
    pub(super) fn oldest(&self) -> Option<Wall> {
        let closed = self.closed.iter().find(|segment| !segment.going).map(|segment| segment.span.0);
        closed.or_else(|| self.live.as_ref().and_then(|live| live.span.map(|span| span.0)))
    }
}
