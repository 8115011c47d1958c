//! Shapes, each kept once however many topics have it, and forgotten with the last of them. Nothing here may look at a
//! document.

use super::Shape;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Index of a shape.
pub(super) type ShapeId = u32;

/// All shapes that somebody has.
#[derive(Debug, Default)]
pub(super) struct Shared {
    learned: Vec<Learned>,
    /// Those of `learned` that nobody has.
    free: Vec<ShapeId>,
    by_shape: HashTable<ShapeId>,
    bytes: usize,
    hasher: foldhash::quality::RandomState,
}

/// A shape and how many topics have it.
#[derive(Debug, Default)]
struct Learned {
    shape: Shape,
    users: u32,
}

impl Shared {
    /// The shape of this index.
    #[inline]
    pub(super) fn get(&self, id: ShapeId) -> Option<&Shape> {
        self.learned.get(id as usize).map(|learned| &learned.shape)
    }

    /// The memory that all of them take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// One more topic has this shape.
    pub(super) fn share(&mut self, shape: Shape) -> Option<ShapeId> {
        let Self { learned, free, by_shape, bytes, hasher } = self;
        let hash = hasher.hash_one(&shape);
        if let Some(id) = by_shape.find(hash, |id| learned[*id as usize].shape == shape) {
            learned[*id as usize].users += 1;
            return Some(*id);
        }
        let id = free.pop().or_else(|| {
            learned.push(Learned::default());
            ShapeId::try_from(learned.len() - 1).ok()
        })?;
        *bytes += shape.bytes();
        learned[id as usize] = Learned { shape, users: 1 };
        by_shape.insert_unique(hash, id, |id| hasher.hash_one(&learned[*id as usize].shape));
        Some(id)
    }

    /// A topic has it no more.
    pub(super) fn leave(&mut self, id: ShapeId) {
        let Self { learned, free, by_shape, bytes, hasher } = self;
        let Some(known) = learned.get_mut(id as usize) else { return };
        known.users = known.users.saturating_sub(1);
        if known.users > 0 {
            return;
        }
        let shape = std::mem::take(&mut known.shape);
        *bytes -= shape.bytes();
        if let Ok(entry) = by_shape.find_entry(hasher.hash_one(&shape), |known| *known == id) {
            entry.remove();
        }
        free.push(id);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.by_shape.len(), self.learned.len() - self.free.len());
        let used = self.learned.iter().filter(|learned| learned.users > 0);
        assert_eq!(self.bytes, used.map(|learned| learned.shape.bytes()).sum::<usize>());
        self.by_shape.len()
    }

    #[cfg(test)]
    pub(super) fn users(&self) -> usize {
        self.learned.iter().map(|learned| learned.users as usize).sum()
    }
}
