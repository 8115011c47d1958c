//! Which names a payload had already: a quick filter, and an index for payloads of very many names. Nothing here may
//! outlive its payload.

use hashbrown::HashTable;

/// The points of one payload by name, as far as that was needed.
#[derive(Debug, Default)]
pub(super) struct NameIndex {
    pub(super) places: HashTable<usize>,
    pub(super) hasher: foldhash::quality::RandomState,
    /// How many points are in it.
    pub(super) points: usize,
}

/// Says «certainly new» of most names without looking at those before: a Bloom filter of one hash.
#[derive(Debug)]
pub(super) struct NameFilter {
    pub(super) bits: [u64; 64],
}

impl Default for NameFilter {
    fn default() -> Self {
        Self { bits: [0; 64] }
    }
}

impl NameFilter {
    pub(super) fn clear(&mut self) {
        self.bits = [0; 64];
    }

    /// Notes the name that stands in a text; false when it is certainly new.
    #[inline]
    pub(super) fn perhaps(&mut self, text: &[u8], start: usize, end: usize) -> bool {
        // The last eight bytes, in which names of points differ; of a shorter name, those that are its own.
        let length = end - start;
        let before = end.checked_sub(8).and_then(|from| text.get(from..)).and_then(|rest| rest.first_chunk());
        let word = match before {
            Some(word) if length > 0 => u64::from_le_bytes(*word) >> (64 - 8 * length.min(8)),
            _ => {
                let name = text.get(start..end).unwrap_or_default();
                let tail = &name[length.saturating_sub(8)..];
                tail.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte))
            }
        };
        let hash = (word ^ length as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 52;
        let (at, bit) = ((hash >> 6) as usize & 63, 1 << (hash & 63));
        let known = self.bits[at] & bit != 0;
        self.bits[at] |= bit;
        known
    }
}
