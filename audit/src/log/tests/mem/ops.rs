//! The operations of the disk in memory, one after another as the writer asks for them.

use super::{Fault, MemDisk, MemFile, Name, Op, error};
use crate::log::disk::{Disk, DiskFile, Lock, Space, Stat, What};
use rustix::io::Errno;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use watchkeeper_core::time::Wall;

impl Disk for MemDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.lock_state();
        state.check(Op::Create, path)?;
        if state.names.contains_key(path) {
            return error(Errno::EXIST);
        }
        let inode = state.make(path)?;
        Ok(Box::new(MemFile { disk: self.clone(), inode, path: path.to_owned() }))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.lock_state();
        state.check(Op::Append, path)?;
        let inode = match state.file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => state.make(path)?,
            found => found?,
        };
        Ok(Box::new(MemFile { disk: self.clone(), inode, path: path.to_owned() }))
    }

    fn refresh(&self, path: &Path, from: u64) -> io::Result<()> {
        let mut state = self.lock_state();
        let inode = state.file(path)?;
        state.check(Op::Write, path)?;
        let from = usize::try_from(from).unwrap();
        if let Some(inode) = state.inodes.get_mut(&inode) {
            inode.lost.iter_mut().for_each(|(_, to)| *to = (*to).min(from));
            inode.lost.retain(|(from, to)| from < to);
        }
        drop(state);
        MemFile { disk: self.clone(), inode, path: path.to_owned() }.sync()
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        let mut state = self.lock_state();
        state.check(Op::Read, path)?;
        let inode = state.file(path)?;
        Ok(Box::new(Cursor::new(state.inodes[&inode].cached.clone())))
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let mut state = self.lock_state();
        state.check(Op::Stat, path)?;
        let what = match state.names.get(path) {
            Some(Name::File(inode)) => return Ok(state.stat(*inode)),
            Some(Name::Link(_)) => What::Link,
            Some(Name::Dir) => What::Dir,
            None => return error(Errno::NOENT),
        };
        Ok(Stat { what, id: (1, 0), links: 1, bytes: 0, mode: 0o700, modified: Wall(0) })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.lock_state().check(Op::List, dir)?;
        Ok(self.names(dir))
    }

    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        for path in dir.ancestors() {
            state.names.insert(path.to_owned(), Name::Dir);
            state.durable.insert(path.to_owned(), Name::Dir);
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        state.check(Op::Rename, from)?;
        let Some(name) = state.names.remove(from) else { return error(Errno::NOENT) };
        state.names.insert(to.to_owned(), name);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        state.check(Op::Remove, path)?;
        match state.names.remove(path) {
            Some(_) => Ok(()),
            None => error(Errno::NOENT),
        }
    }

    fn link(&self, target: &str, path: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        state.check(Op::Link, path)?;
        state.names.insert(path.to_owned(), Name::Link(target.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        state.check(Op::SyncDir, dir)?;
        let inside = |path: &PathBuf| path.parent() == Some(dir);
        state.durable.retain(|path, _| !inside(path));
        let names: Vec<_> = state.names.iter().filter(|(path, _)| inside(path)).collect();
        let names: Vec<_> = names.into_iter().map(|(path, name)| (path.clone(), name.clone())).collect();
        state.durable.extend(names);
        Ok(())
    }

    fn space(&self, _: &Path) -> io::Result<Space> {
        let state = self.lock_state();
        Ok(Space { free: state.capacity.saturating_sub(state.used()), total: state.capacity })
    }

    fn reserve(&self, path: &Path, bytes: u64) -> io::Result<()> {
        let mut state = self.lock_state();
        state.check(Op::Reserve, path)?;
        let inode = match state.file(path) {
            Ok(inode) => inode,
            Err(_) => state.make(path)?,
        };
        if state.used() + bytes > state.capacity {
            return error(Errno::NOSPC);
        }
        state.inodes.entry(inode).or_default().reserved = bytes;
        Ok(())
    }

    fn lock(&self, path: &Path, _: &str) -> io::Result<Option<Lock>> {
        let mut state = self.lock_state();
        let inode = match state.file(path) {
            Ok(inode) => inode,
            Err(_) => state.make(path)?,
        };
        if state.locks.iter().any(|(locked, held)| *locked == inode && held.upgrade().is_some()) {
            return Ok(None);
        }
        let held = Arc::new(());
        state.locks.push((inode, Arc::downgrade(&held)));
        Ok(Some(Lock { id: (1, inode), held: Box::new(held) }))
    }
}

impl DiskFile for MemFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.lock_state();
        let fault = state.check(Op::Write, &self.path)?;
        let room = usize::try_from(state.capacity.saturating_sub(state.used())).unwrap();
        let (wanted, fault) = match fault {
            Some(Fault::Short(some)) => (bytes.len().min(some.max(1)), None),
            Some(Fault::Torn(some, errno)) => (bytes.len().min(some), Some(errno)),
            _ => (bytes.len(), None),
        };
        let taken = wanted.min(room);
        let Some(inode) = state.inodes.get_mut(&self.inode) else { return error(Errno::IO) };
        inode.cached.extend_from_slice(&bytes[..taken]);
        match fault {
            Some(errno) => error(errno),
            None if taken == 0 && !bytes.is_empty() => error(Errno::NOSPC),
            None => Ok(taken),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.lock_state();
        let checked = state.check(Op::Sync, &self.path);
        let Some(inode) = state.inodes.get_mut(&self.inode) else { return error(Errno::IO) };
        if let Err(error) = checked {
            let from = inode.durable.len().min(inode.cached.len());
            inode.lost.push((from, inode.cached.len()));
            return Err(error);
        }
        inode.durable.clone_from(&inode.cached);
        for (from, to) in &inode.lost {
            let end = inode.durable.len();
            inode.durable[(*from).min(end)..(*to).min(end)].fill(0);
        }
        Ok(())
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        let mut state = self.disk.lock_state();
        state.check(Op::Truncate, &self.path)?;
        let Some(inode) = state.inodes.get_mut(&self.inode) else { return error(Errno::IO) };
        inode.cached.truncate(usize::try_from(bytes).unwrap());
        let end = inode.cached.len();
        inode.lost.retain_mut(|(from, to)| {
            *to = (*to).min(end);
            from < to
        });
        Ok(())
    }

    fn stat(&self) -> io::Result<Stat> {
        Ok(self.disk.lock_state().stat(self.inode))
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let state = self.disk.lock_state();
        let bytes = state.inodes.get(&self.inode).map(|inode| &inode.cached[..]).unwrap_or_default();
        let rest = bytes.get(usize::try_from(at).unwrap()..).unwrap_or_default();
        let read = rest.len().min(into.len());
        into[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }
}
