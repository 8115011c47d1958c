//! A disk in memory that tells what was written from what would survive: bytes until they are synced, names until
//! their folder is. A test makes any operation fail, or pulls the plug at any moment. It must never be kinder than a
//! real one.

mod ops;

use crate::log::disk::{Stat, What};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use watchkeeper_core::time::Wall;

/// What a test may let fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Create,
    Append,
    Write,
    Sync,
    Truncate,
    SyncDir,
    Rename,
    Remove,
    Link,
    Reserve,
    Read,
    Stat,
    List,
}

/// What happens to an operation instead.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// It fails.
    Fail(Errno),
    /// Of a write, so many bytes are taken.
    Short(usize),
    /// Of a write, so many bytes are taken, and then it fails.
    Torn(usize, Errno),
}

/// Decides what becomes of an operation.
pub(super) type Plan = Box<dyn FnMut(Op, &Path) -> Option<Fault> + Send>;

#[derive(Clone, Debug, Default)]
struct Inode {
    cached: Vec<u8>,
    durable: Vec<u8>,
    /// What a failed sync has lost: it reads well, and no later sync writes it.
    lost: Vec<(usize, usize)>,
    mode: u32,
    /// Bytes that it takes whatever is in it.
    reserved: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    File(u64),
    Link(String),
    Dir,
}

#[derive(Default)]
struct State {
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<PathBuf, Name>,
    durable: BTreeMap<PathBuf, Name>,
    next: u64,
    capacity: u64,
    plan: Option<Plan>,
    locks: Vec<(u64, std::sync::Weak<()>)>,
}

#[derive(Clone, Default)]
pub(super) struct MemDisk(Arc<Mutex<State>>);

struct MemFile {
    disk: MemDisk,
    inode: u64,
    path: PathBuf,
}

fn error<T>(errno: Errno) -> io::Result<T> {
    Err(errno.into())
}

impl State {
    fn used(&self) -> u64 {
        let named = self.names.values().filter_map(|name| match name {
            Name::File(inode) => self.inodes.get(inode),
            _ => None,
        });
        named.map(|inode| (inode.cached.len() as u64).max(inode.reserved)).sum()
    }

    fn check(&mut self, op: Op, path: &Path) -> io::Result<Option<Fault>> {
        match self.plan.as_mut().and_then(|plan| plan(op, path)) {
            Some(Fault::Fail(errno)) => error(errno),
            fault => Ok(fault),
        }
    }

    fn file(&self, path: &Path) -> io::Result<u64> {
        match self.names.get(path) {
            Some(Name::File(inode)) => Ok(*inode),
            Some(Name::Link(_)) => error(Errno::LOOP),
            Some(Name::Dir) => error(Errno::ISDIR),
            None => error(Errno::NOENT),
        }
    }

    fn make(&mut self, path: &Path) -> io::Result<u64> {
        if self.names.get(path.parent().unwrap_or(path)) != Some(&Name::Dir) {
            return error(Errno::NOENT);
        }
        self.next += 1;
        self.inodes.insert(self.next, Inode { mode: 0o640, ..Inode::default() });
        self.names.insert(path.to_owned(), Name::File(self.next));
        Ok(self.next)
    }

    fn stat(&self, inode: u64) -> Stat {
        let links = self.names.values().filter(|name| **name == Name::File(inode)).count() as u64;
        let told = |inode: &Inode| ((inode.cached.len() as u64).max(inode.reserved), inode.mode);
        let (bytes, mode) = self.inodes.get(&inode).map_or((0, 0), told);
        Stat { what: What::File, id: (1, inode), links, bytes, mode, modified: Wall(0) }
    }
}

impl MemDisk {
    pub(super) fn new(capacity: u64) -> Self {
        let disk = Self::default();
        let mut state = disk.lock_state();
        state.capacity = capacity;
        state.names.insert("/".into(), Name::Dir);
        state.durable.insert("/".into(), Name::Dir);
        drop(state);
        disk
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// From now on this decides what becomes of operations.
    pub(super) fn plan(&self, plan: impl FnMut(Op, &Path) -> Option<Fault> + Send + 'static) {
        self.lock_state().plan = Some(Box::new(plan));
    }

    /// From now on everything succeeds.
    pub(super) fn heal(&self) {
        self.lock_state().plan = None;
    }

    pub(super) fn set_capacity(&self, capacity: u64) {
        self.lock_state().capacity = capacity;
    }

    /// The process is gone: what it has written stays.
    pub(super) fn killed(&self) -> Self {
        let state = self.lock_state();
        let (inodes, names, durable) = (state.inodes.clone(), state.names.clone(), state.durable.clone());
        let state =
            State { inodes, names, durable, next: state.next, capacity: state.capacity, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// The power is gone: what was synced stays, and of the rest what chance leaves.
    pub(super) fn unplugged(&self, mut chance: impl FnMut(u64) -> u64) -> Self {
        let after = self.killed();
        let mut state = after.lock_state();
        for inode in state.inodes.values_mut() {
            let from = inode.durable.len();
            let grown = inode.cached.get(..from) == Some(&inode.durable[..]);
            let mut left = if grown || chance(2) == 0 { inode.durable.clone() } else { inode.cached.clone() };
            if grown {
                let kept = usize::try_from(chance((inode.cached.len() - from) as u64 + 1)).unwrap();
                left.extend_from_slice(&inode.cached[from..from + kept]);
                let zeros = usize::try_from(chance(kept as u64 + 1)).unwrap();
                if chance(3) == 0 {
                    let end = left.len();
                    left[end - zeros..].fill(0);
                }
            }
            (inode.cached, inode.durable, inode.lost) = (left.clone(), left, Vec::new());
        }
        let (names, durable) = (state.names.clone(), state.durable.clone());
        let mut left = BTreeMap::new();
        for path in names.keys().chain(durable.keys()) {
            let name = if chance(2) == 0 { names.get(path) } else { durable.get(path) };
            let name = if names.get(path) == durable.get(path) { names.get(path) } else { name };
            left.extend(name.map(|name| (path.clone(), name.clone())));
        }
        (state.names, state.durable) = (left.clone(), left);
        drop(state);
        after
    }

    /// What somebody else reads.
    pub(super) fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.lock_state();
        let inode = state.file(path).ok()?;
        Some(state.inodes[&inode].cached.clone())
    }

    /// What somebody else does to a file that is there.
    pub(super) fn meddle(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.lock_state();
        let inode = state.file(path).unwrap();
        change(&mut state.inodes.get_mut(&inode).unwrap().cached);
    }

    pub(super) fn names(&self, dir: &Path) -> Vec<String> {
        let state = self.lock_state();
        let inside = state.names.keys().filter(|path| path.parent() == Some(dir));
        inside.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    }
}
