//! Names that many devices share, kept once. It never forgets and never grows beyond its limit: what does not
//! fit is refused, and the caller counts that.

use crate::names::bounded;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// The longest name that is kept whole.
const NAME_BYTES_MAX: usize = 256;

/// Index of a name.
pub type NameId = u32;

/// All names.
#[derive(Debug)]
pub struct Names {
    list: Vec<Box<str>>,
    index: HashTable<NameId>,
    hasher: foldhash::quality::RandomState,
    max: usize,
}

impl Names {
    /// An empty table that holds at most so many names.
    pub fn new(max: usize) -> Self {
        Self {
            list: Vec::new(),
            index: HashTable::new(),
            hasher: foldhash::quality::RandomState::default(),
            max,
        }
    }

    /// The name behind an index; empty for one that was never given out.
    #[inline]
    pub fn get(&self, id: NameId) -> &str {
        self.list.get(id as usize).map_or("", |name| name)
    }

    /// The index of a known name.
    pub fn find(&self, name: &str) -> Option<NameId> {
        let name = &*bounded(name, NAME_BYTES_MAX);
        self.index.find(self.hasher.hash_one(name), |id| self.get(*id) == name).copied()
    }

    /// The index of a name, which is added if there is room.
    pub fn intern(&mut self, name: &str) -> Option<NameId> {
        if let Some(id) = self.find(name) {
            return Some(id);
        }
        if self.list.len() >= self.max {
            return None;
        }
        let name = &*bounded(name, NAME_BYTES_MAX);
        let id = NameId::try_from(self.list.len()).ok()?;
        self.list.push(name.into());
        let Self { list, index, hasher, .. } = self;
        index.insert_unique(hasher.hash_one(name), id, |id| hasher.hash_one(&*list[*id as usize]));
        Some(id)
    }

    /// All names, by index, for saving.
    pub fn all(&self) -> &[Box<str>] {
        &self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once_and_the_limit_holds() {
        let mut names = Names::new(2);
        assert_eq!(names.intern("a"), Some(0));
        assert_eq!(names.intern("b"), Some(1));
        assert_eq!(names.intern("a"), Some(0));
        assert_eq!(names.intern("c"), None);
        assert_eq!((names.get(1), names.get(9)), ("b", ""));
        assert_eq!(names.find("c"), None);
    }
}
