//! Who finds room in a bounded queue: whoever speaks may have a few times as much waiting as there is room left. So one that
//! floods stops growing while there is room for the others, and any number of them leave some. What waits is counted
//! by two hashes of the speaker in two small tables, whose key nobody outside knows; the lower count is believed, so that
//! only who shares both cells with one that floods suffers with it. While less than an eighth of the room is taken nobody is
//! asked who speaks, and nothing counted: it must cost next to nothing.

use foldhash::fast::RandomState;
use std::hash::BuildHasher;

/// Cells of one table.
const CELLS: usize = 4096;

/// A speaker may have so many times what is left. One alone gets some four fifths of the queue.
const GREED: usize = 4;

/// This part of the room, the first, is everybody's.
const CALM: usize = 8;

/// What the queue holds at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Messages.
    pub(super) messages: usize,
    /// Bytes of topics, payloads and properties.
    pub(super) bytes: usize,
}

/// What one message takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// None: it came when nobody was counted.
    cells: Option<[u16; 2]>,
    bytes: u32,
}

/// What waits of the speakers of one cell.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    messages: u32,
    bytes: u32,
}

/// What waits.
#[derive(Debug)]
pub(super) struct Shares {
    tables: [Box<[Cell]>; 2],
    hasher: RandomState,
    messages: usize,
    bytes: usize,
}

impl Default for Shares {
    fn default() -> Self {
        let table = || vec![Cell::default(); CELLS].into();
        Self { tables: [table(), table()], hasher: RandomState::default(), messages: 0, bytes: 0 }
    }
}

impl Shares {
    /// What a message of so many bytes takes. `speaker` says whose it is, and is not asked while little waits. The bound
    /// of an MQTT packet keeps the bytes below 2^32.
    pub(super) fn place<S: AsRef<[u8]>>(
        &self,
        room: Room,
        bytes: usize,
        speaker: impl FnOnce() -> S,
    ) -> Place {
        let bytes_here = u32::try_from(bytes).unwrap_or(u32::MAX);
        if self.messages < room.messages / CALM && self.bytes + bytes < room.bytes / CALM {
            return Place { cells: None, bytes: bytes_here };
        }
        let hash = self.hasher.hash_one(speaker().as_ref());
        let cell = |bits: u64| {
            u16::try_from(bits % CELLS as u64).expect("there are fewer cells than numbers of 16 bits")
        };
        Place { cells: Some([cell(hash), cell(hash >> 32)]), bytes: bytes_here }
    }

    /// Whether it finds its place in a queue with so much room. One alone always does: the connection has its own bound for
    /// what is too large.
    pub(super) fn admits(&self, place: Place, room: Room) -> bool {
        if self.messages == 0 {
            return true;
        }
        let Some(cells) = place.cells else { return true };
        let [one, two] = cells.map(usize::from);
        let (one, two) = (self.tables[0][one], self.tables[1][two]);
        let messages = room.messages.saturating_sub(self.messages);
        let bytes = room.bytes.saturating_sub(self.bytes);
        let own = place.bytes as usize;
        messages > 0
            && own <= bytes
            && (one.messages.min(two.messages) as usize) < messages.saturating_mul(GREED)
            && one.bytes.min(two.bytes) as usize + own <= bytes.saturating_mul(GREED)
    }

    /// It waits.
    pub(super) fn enter(&mut self, place: Place) {
        for (table, cell) in self.tables.iter_mut().zip(place.cells.into_iter().flatten()) {
            let cell = &mut table[usize::from(cell)];
            cell.messages += 1;
            cell.bytes += place.bytes;
        }
        self.messages += 1;
        self.bytes += place.bytes as usize;
    }

    /// It waits no more.
    pub(super) fn leave(&mut self, place: Place) {
        for (table, cell) in self.tables.iter_mut().zip(place.cells.into_iter().flatten()) {
            let cell = &mut table[usize::from(cell)];
            cell.messages -= 1;
            cell.bytes -= place.bytes;
        }
        self.messages -= 1;
        self.bytes -= place.bytes as usize;
    }

    /// Messages that wait.
    pub(super) fn messages(&self) -> usize {
        self.messages
    }

    /// Bytes that wait.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
