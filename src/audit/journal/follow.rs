//! Follows a file that somebody else writes, line by line, through every way in which such files are rotated: renamed
//! and made anew, copied and emptied, gone for a while. A place in it survives a restart: the file is found again by how
//! it begins, wherever it was moved to. Nothing here may keep more than one long line, or write anything.

use super::place::{Head, Place};
use std::collections::VecDeque;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// What is longer is no line of a log.
const LINE_BYTES_MAX: usize = 16 << 10;
/// Read at once.
const CHUNK: usize = 64 << 10;

/// See the head of this file.
pub(super) struct Follower {
    path: PathBuf,
    open: Option<Open>,
    /// Rotated files that come first, oldest first.
    before: VecDeque<PathBuf>,
    /// What was read and is no whole line yet.
    buffer: Vec<u8>,
    /// So much of it is known to have no end of a line.
    searched: usize,
    /// The rest of a line that is too long, or that we joined in its middle, is passed over.
    skipping: bool,
    /// The first file that we see is history up to its end.
    from_end: bool,
    lost: bool,
}

struct Open {
    file: File,
    dev: u64,
    ino: u64,
    /// Of the first byte in the buffer.
    offset: u64,
    head: Head,
    /// The end was reached, and what comes next may be another content.
    at_end: bool,
}

impl Follower {
    /// Goes on from a place; without one, from the end of the file if there is one.
    pub(super) fn new(path: &Path, place: Option<&Place>) -> Self {
        let mut follower = Self {
            path: path.to_owned(),
            open: None,
            before: VecDeque::new(),
            buffer: Vec::new(),
            searched: 0,
            skipping: false,
            from_end: place.is_none() && path.exists(),
            lost: false,
        };
        if let Some(place) = place {
            follower.find(place);
        }
        follower
    }

    /// What followed our last place is not at hand any more; told once.
    pub(super) fn take_lost(&mut self) -> bool {
        std::mem::take(&mut self.lost)
    }

    /// How the file that is being read begins, up to the end of a line.
    pub(super) fn first_line(&self) -> Option<Vec<u8>> {
        let mut bytes = vec![0; 1024];
        let read = self.open.as_ref()?.file.read_at(&mut bytes, 0).ok()?;
        bytes.truncate(read);
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        bytes.truncate(end);
        Some(bytes)
    }

    /// The next whole line, without its end; none: there is none yet.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(line) = self.line() {
                return Ok(Some(line));
            }
            if self.open.is_none() && !self.reopen()? {
                return Ok(None);
            }
            if self.fill()? {
                continue;
            }
            match self.end()? {
                End::Wait => return Ok(None),
                End::Next(Some(line)) => return Ok(Some(line)),
                End::Next(None) => {}
            }
        }
    }

    /// Up to where everything was given out.
    pub(super) fn place(&mut self) -> Option<Place> {
        let open = self.open.as_mut()?;
        // As it grows, more of it tells it from others.
        open.head.extend(&open.file, open.offset);
        Some(Place { dev: open.dev, ino: open.ino, offset: open.offset, head: open.head.clone() })
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        loop {
            let end = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n');
            let Some(end) = end.map(|end| self.searched + end) else {
                self.searched = self.buffer.len();
                if self.buffer.len() > LINE_BYTES_MAX {
                    self.skipping = true;
                    self.take(self.buffer.len());
                }
                return None;
            };
            let mut line = self.take(end + 1);
            line.pop();
            if !std::mem::take(&mut self.skipping) {
                return Some(line);
            }
        }
    }

    fn take(&mut self, bytes: usize) -> Vec<u8> {
        self.searched = 0;
        if let Some(open) = &mut self.open {
            open.offset += bytes as u64;
        }
        self.buffer.drain(..bytes).collect()
    }

    /// Reads more; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let Some(open) = &mut self.open else { return Ok(false) };
        let meta = open.file.metadata()?;
        let read_to = open.offset + self.buffer.len() as u64;
        // It may have grown back to where we were.
        let emptied = meta.len() < read_to || (open.at_end && !open.head.is_of(&open.file));
        if emptied {
            // Copied and emptied: it begins anew.
            open.offset = 0;
            open.head = Head::default();
            self.buffer.clear();
            (self.searched, self.skipping) = (0, false);
        }
        let (kept, at) = (self.buffer.len(), open.offset + self.buffer.len() as u64);
        self.buffer.resize(kept + CHUNK, 0);
        let read = open.file.read_at(&mut self.buffer[kept..], at);
        self.buffer.truncate(kept + *read.as_ref().unwrap_or(&0));
        open.head.extend(&open.file, at);
        let read = read?;
        open.at_end = read == 0;
        Ok(read > 0)
    }

    /// The file has no more for now. Is it over?
    fn end(&mut self) -> io::Result<End> {
        let Some(open) = &self.open else { return Ok(End::Wait) };
        if self.before.is_empty() {
            let current = match fs::metadata(&self.path) {
                Ok(meta) => meta,
                // Renamed, and not made anew yet.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(End::Wait),
                Err(error) => return Err(error),
            };
            // As long as the new one is empty its writer was not told, and still writes into this one.
            if is_same(&current, open) || current.len() == 0 {
                return Ok(End::Wait);
            }
            // What was written into this one before the first line of the new one is here by now.
            if self.fill()? {
                return Ok(End::Next(None));
            }
            self.before = self.between();
        }
        let last = (!self.skipping && !self.buffer.is_empty()).then(|| self.take(self.buffer.len()));
        self.buffer.clear();
        (self.open, self.searched, self.skipping) = (None, 0, false);
        Ok(End::Next(last))
    }

    /// What was rotated after the open file, if that is not the file itself: while the disk refuses, we read nothing, and
    /// there may be more than one.
    fn between(&self) -> VecDeque<PathBuf> {
        let Some(Ok(ours)) = self.open.as_ref().map(|open| open.file.metadata()) else {
            return VecDeque::new();
        };
        let told = rotated(&self.path).into_iter().filter_map(|path| Some((fs::metadata(&path).ok()?, path)));
        self.after(&ours, told.filter(|(meta, _)| meta.is_file() && meta.ino() != ours.ino()))
    }

    /// Of these rotated files those that are later than ours, oldest first, and then the file itself: `end` must know
    /// that they are not it. Empty: there are none.
    fn after(
        &self,
        ours: &Metadata,
        rotated: impl Iterator<Item = (Metadata, PathBuf)>,
    ) -> VecDeque<PathBuf> {
        let when = |meta: &Metadata| (meta.mtime(), meta.mtime_nsec());
        let mut later: Vec<_> = rotated.filter(|(meta, _)| when(meta) > when(ours)).collect();
        later.sort_by_key(|(meta, _)| when(meta));
        let mut later: VecDeque<_> = later.into_iter().map(|(_, path)| path).collect();
        if !later.is_empty() {
            later.push_back(self.path.clone());
        }
        later
    }

    /// Opens what comes next; false when there is nothing yet.
    fn reopen(&mut self) -> io::Result<bool> {
        let path = self.before.pop_front().unwrap_or_else(|| self.path.clone());
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let meta = file.metadata()?;
        let mut offset = 0;
        if std::mem::take(&mut self.from_end) {
            offset = meta.len();
            let mut last = [0];
            self.skipping = offset > 0 && file.read_at(&mut last, offset - 1)? == 1 && last != *b"\n";
        }
        self.opened(file, &meta, offset);
        Ok(true)
    }

    fn opened(&mut self, file: File, meta: &Metadata, offset: u64) {
        let mut head = Head::default();
        head.extend(&file, offset);
        self.open = Some(Open { file, dev: meta.dev(), ino: meta.ino(), offset, head, at_end: true });
    }

    /// Finds a place again, in the file itself or in what it was moved or copied to; and what was rotated after that.
    fn find(&mut self, place: &Place) {
        let mut found: Vec<(PathBuf, File, Metadata)> = Vec::new();
        let paths = std::iter::once(self.path.clone()).chain(rotated(&self.path));
        for path in paths {
            let opened = File::open(&path).and_then(|file| file.metadata().map(|meta| (file, meta)));
            if let Ok((file, meta)) = opened
                && meta.is_file()
            {
                found.push((path, file, meta));
            }
        }
        let is_it = |(_, file, meta): &(PathBuf, File, Metadata)| place.is_in(file, meta);
        let exact =
            |(_, _, meta): &(PathBuf, File, Metadata)| (meta.dev(), meta.ino()) == (place.dev, place.ino);
        let at =
            found.iter().position(|one| is_it(one) && exact(one)).or_else(|| found.iter().position(is_it));
        let Some(at) = at else {
            // A file that was never there has lost nothing.
            self.lost = place.offset > 0 && !found.is_empty();
            return;
        };
        let (path, file, meta) = found.swap_remove(at);
        if path != self.path {
            let others = found.into_iter().filter(|one| one.0 != self.path).map(|one| (one.2, one.0));
            self.before = self.after(&meta, others);
            if self.before.is_empty() {
                self.before.push_back(self.path.clone());
            }
        }
        self.opened(file, &meta, place.offset);
    }
}

enum End {
    /// There may be more.
    Wait,
    /// The next file is to be opened; what stood at the end of this one without the end of a line.
    Next(Option<Vec<u8>>),
}

fn is_same(meta: &Metadata, open: &Open) -> bool {
    (meta.dev(), meta.ino()) == (open.dev, open.ino)
}

/// Where a file may have been moved or copied to: its name and something behind it, but not compressed.
fn rotated(path: &Path) -> Vec<PathBuf> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let is_ours = |other: &str| {
        let rest = other.strip_prefix(name).unwrap_or_default();
        rest.starts_with(['.', '-', '_'])
            && ![".gz", ".xz", ".zst", ".bz2"].iter().any(|end| rest.ends_with(end))
    };
    let names = entries.flatten().map(|entry| entry.path());
    names.filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_ours)).collect()
}

#[cfg(test)]
mod tests;
