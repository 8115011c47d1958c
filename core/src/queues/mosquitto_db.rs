//! Mosquitto's persistence file, version 6, as Mosquitto 2.0 and 2.1 write it: fed in pieces of any size, so that a file
//! of any size costs no more memory than its clients and the sizes of its messages.
//!
//! The file may be damaged, cut or somebody else's: every length is looked at before it is believed, and nothing here
//! may panic on any bytes. Payloads are passed over and never kept.

use super::gather::{CLIENTS_MAX, Gather};
use super::{Queue, Reading, client_id};
use crate::time::{SECOND, Wall};
use std::collections::HashMap;

/// A longer chunk is damage: MQTT has no message of more than 256 MiB, and what stands around it is small.
pub const CHUNK_BYTES_MAX: u32 = 272 * 1024 * 1024;
/// Sizes of so many messages are remembered; bytes of those beyond are unknown.
pub const MESSAGES_MAX: usize = 4_000_000;

const MAGIC: &[u8; 15] = b"\x00\xB5\x00mosquitto db";
const VERSION: u32 = 6;
const MESSAGE: u32 = 2;
const CLIENT_MESSAGE: u32 = 3;
const CLIENT: u32 = 6;
/// `mosq_ms_queued`; the other states are steps of a hand-shake.
const QUEUED: u8 = 11;

/// Why a file cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It is no persistence file of Mosquitto.
    Foreign,
    /// It is one of another version.
    Version(u32),
    /// It ends within something; the number is its length.
    Cut(u64),
    /// What stands at this offset contradicts itself.
    Chunk(u64),
    /// It has more clients than are read.
    Clients,
}

/// A reading under way.
#[derive(Debug)]
pub struct PersistenceFile {
    stage: Stage,
    /// So many bytes make the next piece.
    need: usize,
    piece: Vec<u8>,
    /// So many bytes of a chunk are passed over first.
    skip: u64,
    /// How far we are.
    at: u64,
    sizes: HashMap<u64, u32>,
    clients: HashMap<Vec<u8>, Waiting>,
}

/// What the next piece is.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Start,
    Header,
    /// The part of a chunk whose length does not vary.
    Fixed {
        kind: u32,
        length: u32,
    },
    Message {
        store_id: u64,
        state: u8,
        outgoing: bool,
        rest: u64,
    },
    Client {
        rest: u64,
    },
}

#[derive(Debug)]
struct Waiting {
    depth: u64,
    inflight: u64,
    bytes: Option<u64>,
    /// Seconds of the epoch; unknown as soon as one of the messages has no time.
    oldest: Option<u64>,
}

impl Default for Waiting {
    fn default() -> Self {
        Self { depth: 0, inflight: 0, bytes: Some(0), oldest: Some(u64::MAX) }
    }
}

impl Default for PersistenceFile {
    fn default() -> Self {
        Self {
            stage: Stage::Start,
            need: MAGIC.len() + 8,
            piece: Vec::new(),
            skip: 0,
            at: 0,
            sizes: HashMap::new(),
            clients: HashMap::new(),
        }
    }
}

impl PersistenceFile {
    /// The next bytes of the file. After an error nothing more may be fed.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Damage> {
        loop {
            let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
            bytes = &bytes[passed..];
            self.skip -= passed as u64;
            self.at += passed as u64;
            if self.skip > 0 {
                return Ok(());
            }
            let taken = (self.need - self.piece.len()).min(bytes.len());
            self.piece.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            self.at += taken as u64;
            if self.piece.len() < self.need {
                return Ok(());
            }
            let piece = std::mem::take(&mut self.piece);
            self.step(&piece)?;
            // The room is used again.
            self.piece = piece;
            self.piece.clear();
        }
    }

    /// The file has ended.
    pub fn finish(self, limit: usize, as_of: Option<Wall>) -> Result<Reading, Damage> {
        if !matches!(self.stage, Stage::Header) || !self.piece.is_empty() || self.skip > 0 {
            return Err(Damage::Cut(self.at));
        }
        let mut gather = Gather::new(limit);
        for (id, waiting) in self.clients {
            gather.add(Queue {
                client_id: client_id(&id),
                depth: Some(waiting.depth),
                inflight: Some(waiting.inflight),
                bytes: waiting.bytes,
                oldest: waiting.oldest.filter(|_| waiting.depth > 0).and_then(wall),
                ..Queue::default()
            });
        }
        Ok(gather.finish(as_of))
    }

    fn step(&mut self, piece: &[u8]) -> Result<(), Damage> {
        match self.stage {
            Stage::Start => self.start(piece),
            Stage::Header => self.header(piece),
            Stage::Fixed { kind, length } => self.fixed(kind, length, piece),
            Stage::Message { store_id, state, outgoing, rest } => {
                self.waits(piece, store_id, state, outgoing)?;
                self.next(rest);
                Ok(())
            }
            Stage::Client { rest } => {
                self.client(piece)?;
                self.next(rest);
                Ok(())
            }
        }
    }

    /// A chunk follows, after so many bytes.
    fn next(&mut self, rest: u64) {
        self.skip = rest;
        self.stage = Stage::Header;
        self.need = 8;
    }

    fn start(&mut self, piece: &[u8]) -> Result<(), Damage> {
        if !piece.starts_with(MAGIC) {
            return Err(Damage::Foreign);
        }
        let version = u32_be(piece, MAGIC.len() + 4);
        if version != VERSION {
            return Err(Damage::Version(version));
        }
        self.next(0);
        Ok(())
    }

    fn header(&mut self, piece: &[u8]) -> Result<(), Damage> {
        let (kind, length) = (u32_be(piece, 0), u32_be(piece, 4));
        // What we do not know is passed over, as the broker itself does it.
        let fixed = match kind {
            MESSAGE => 32,
            CLIENT_MESSAGE => 16,
            CLIENT => 24,
            _ => 0,
        };
        if length > CHUNK_BYTES_MAX || length < fixed {
            return Err(Damage::Chunk(self.at - 8));
        }
        if fixed == 0 {
            self.next(u64::from(length));
        } else {
            self.stage = Stage::Fixed { kind, length };
            self.need = fixed as usize;
        }
        Ok(())
    }

    fn fixed(&mut self, kind: u32, length: u32, piece: &[u8]) -> Result<(), Damage> {
        let room = u64::from(length) - piece.len() as u64;
        let id_length = match kind {
            MESSAGE => {
                let names: u64 = [22, 24, 26].iter().map(|at| u64::from(u16_be(piece, *at))).sum();
                let payload = u32_be(piece, 16);
                self.fits(names + u64::from(payload), room)?;
                if self.sizes.len() < MESSAGES_MAX {
                    self.sizes.insert(u64_le(piece, 0), payload);
                }
                self.next(room);
                return Ok(());
            }
            CLIENT_MESSAGE => u16_be(piece, 10),
            _ => u16_be(piece, 14),
        };
        let rest = self.fits(u64::from(id_length), room)?;
        self.need = usize::from(id_length);
        self.stage = if kind == CLIENT {
            Stage::Client { rest }
        } else {
            let (store_id, state, outgoing) = (u64_le(piece, 0), piece[13], piece[15] == 1);
            Stage::Message { store_id, state, outgoing, rest }
        };
        Ok(())
    }

    /// What is left of the room.
    fn fits(&self, length: u64, room: u64) -> Result<u64, Damage> {
        room.checked_sub(length).ok_or(Damage::Chunk(self.at))
    }

    fn client(&mut self, id: &[u8]) -> Result<&mut Waiting, Damage> {
        if !self.clients.contains_key(id) {
            if self.clients.len() >= CLIENTS_MAX {
                return Err(Damage::Clients);
            }
            self.clients.insert(id.to_vec(), Waiting::default());
        }
        Ok(self.clients.get_mut(id).expect("it was there or is now"))
    }

    fn waits(&mut self, id: &[u8], store_id: u64, state: u8, outgoing: bool) -> Result<(), Damage> {
        // What the client is sending us is no part of its queue.
        if !outgoing {
            return Ok(());
        }
        let size = self.sizes.get(&store_id).copied();
        let waiting = self.client(id)?;
        if state != QUEUED {
            waiting.inflight += 1;
            return Ok(());
        }
        waiting.depth += 1;
        waiting.bytes = waiting.bytes.and_then(|bytes| bytes.checked_add(size?.into()));
        waiting.oldest = waiting.oldest.and_then(|oldest| Some(oldest.min(came_at(store_id)?)));
        Ok(())
    }
}

/// When a message came, in seconds of the epoch. Mosquitto 2.1 puts the time into the number it gives to a message: below
/// ten bits that tell brokers apart, 31 bits of seconds since 2021-11-17 and 23 of a fraction. Mosquitto 2.0 counts from
/// one, and would need as many messages as no disk can hold to come near to a time.
pub fn came_at(store_id: u64) -> Option<u64> {
    const EPOCH: u64 = 1_637_168_273;
    const YEAR: u64 = 365 * 86_400;
    let seconds = (store_id >> 23) & 0x7FFF_FFFF;
    (seconds > YEAR).then_some(EPOCH + seconds)
}

fn wall(seconds: u64) -> Option<Wall> {
    Some(Wall(i64::try_from(seconds.checked_mul(SECOND)?).ok()?))
}

/// The bytes at a place that the caller has seen to be there.
fn bytes<const N: usize>(piece: &[u8], at: usize) -> [u8; N] {
    std::array::from_fn(|byte| piece[at + byte])
}

fn u16_be(piece: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(bytes(piece, at))
}

fn u32_be(piece: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes(piece, at))
}

/// Numbers of eight bytes are as the processor of the broker has them. Those in use are little-endian.
fn u64_le(piece: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes(piece, at))
}

#[cfg(test)]
mod tests;
