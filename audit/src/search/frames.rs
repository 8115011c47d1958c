//! Closed segments on disk: independent zstd frames, each cut at line ends, and behind them the seek table of the
//! published seekable format, so that any zstd reads the file and a search reads only the frames it needs.
//! A frame may never depend on another one: a damaged one must not cost its neighbours.

use crate::evidence::trailer;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{self, CParameter};

/// At most so much text is in one frame; a line is at most a quarter of it.
pub(super) const FRAME_BYTES: usize = 256 * 1024;
/// The zstd level: 5:1 on logs at a speed that the writer's neighbours do not notice.
const LEVEL: i32 = 3;
/// A frame that another program made may be larger; beyond this it is not unpacked, so that memory stays bounded.
pub(super) const FRAME_BYTES_MAX: usize = 64 * 1024 * 1024;

const SKIPPABLE: u32 = 0x184D_2A5E;
const SEEKABLE: u32 = 0x8F92_EAB1;
pub(super) const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
const FOOTER: usize = 9;
const ENTRY: usize = 12;
const WITH_SUMS: u8 = 0x80;

/// One frame, as the seek table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Bytes in the file.
    pub(super) packed: u32,
    /// Bytes of text.
    pub(super) raw: u32,
    /// The low half of the XXH64 of the text, as zstd itself puts it behind each frame.
    pub(super) sum: u32,
}

/// Where the next frame ends in a text: behind the last line that fits. A line that is too long to be one is cut.
pub(super) fn cut(text: &[u8]) -> usize {
    let window = &text[..text.len().min(FRAME_BYTES)];
    if window.len() == text.len() && text.len() < FRAME_BYTES {
        return text.len();
    }
    memchr::memrchr(b'\n', window).map_or(window.len(), |at| at + 1)
}

/// Writes frames, then the seek table.
pub(super) struct Pack<W: Write> {
    out: W,
    entries: Vec<Entry>,
    compressor: Compressor<'static>,
    packed: Vec<u8>,
}

impl<W: Write> Pack<W> {
    pub(super) fn new(out: W) -> io::Result<Self> {
        let mut compressor = Compressor::new(LEVEL)?;
        compressor.set_parameter(CParameter::ChecksumFlag(true))?;
        Ok(Self {
            out,
            entries: Vec::new(),
            compressor,
            packed: Vec::with_capacity(zstd_safe::compress_bound(FRAME_BYTES)),
        })
    }

    /// Writes one frame. Whoever removes the raw text has to read it back first.
    pub(super) fn push(&mut self, text: &[u8]) -> io::Result<Entry> {
        self.packed.clear();
        self.packed.reserve(zstd_safe::compress_bound(text.len()));
        self.compressor.compress_to_buffer(text, &mut self.packed)?;
        let entry =
            Entry { packed: short(self.packed.len())?, raw: short(text.len())?, sum: sum_of(&self.packed) };
        self.out.write_all(&self.packed)?;
        self.entries.push(entry);
        Ok(entry)
    }

    /// Writes the seek table and gives back where it was written, and the table.
    pub(super) fn finish(mut self) -> io::Result<(W, Table)> {
        let table = Table { entries: self.entries };
        self.out.write_all(&table.to_bytes()?)?;
        Ok((self.out, table))
    }
}

fn short(bytes: usize) -> io::Result<u32> {
    u32::try_from(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a frame of 4 GiB"))
}

/// The sum that zstd put behind a frame.
pub(super) fn sum_of(packed: &[u8]) -> u32 {
    packed.last_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// The seek table of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) entries: Vec<Entry>,
}

impl Table {
    fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let size = short(self.entries.len() * ENTRY + FOOTER)?;
        let mut bytes = Vec::with_capacity(size as usize + 8);
        bytes.extend(SKIPPABLE.to_le_bytes());
        bytes.extend(size.to_le_bytes());
        for entry in &self.entries {
            for number in [entry.packed, entry.raw, entry.sum] {
                bytes.extend(number.to_le_bytes());
            }
        }
        bytes.extend(short(self.entries.len())?.to_le_bytes());
        bytes.push(WITH_SUMS);
        bytes.extend(SEEKABLE.to_le_bytes());
        Ok(bytes)
    }

    /// Bytes of the file that the frames take, without the table.
    pub(super) fn packed_bytes(&self) -> u64 {
        self.entries.iter().map(|entry| u64::from(entry.packed)).sum()
    }

    /// The frames, each with its place in the file.
    pub(super) fn places(&self) -> impl Iterator<Item = (u64, Entry)> {
        self.entries.iter().scan(0, |at, entry| {
            let here = *at;
            *at += u64::from(entry.packed);
            Some((here, *entry))
        })
    }

    /// What tells this file from every other one: a hash of the sums of all frames.
    pub(super) fn fingerprint(&self) -> u64 {
        let numbers = self.entries.iter().flat_map(|entry| [entry.packed, entry.raw, entry.sum]);
        let bytes: Vec<u8> = numbers.flat_map(u32::to_le_bytes).collect();
        super::bloom::hash(&bytes, self.entries.len() as u64)
    }

    /// The table at the end of a file; none where there is none, or where it does not fit the file.
    pub(super) fn read(file: &File, len: u64) -> io::Result<Option<Self>> {
        let len = trailer::bytes_before(file, len)?;
        let Some(footer_at) = len.checked_sub(FOOTER as u64) else { return Ok(None) };
        let mut footer = [0; FOOTER];
        file.read_exact_at(&mut footer, footer_at)?;
        let count = number(&footer, 0) as usize;
        if number(&footer, 5) != SEEKABLE || footer[4] != WITH_SUMS {
            return Ok(None);
        }
        let Some(start) = len.checked_sub((count * ENTRY + FOOTER + 8) as u64) else { return Ok(None) };
        let mut bytes = vec![0; count * ENTRY + 8];
        file.read_exact_at(&mut bytes, start)?;
        let entries = bytes[8..].chunks_exact(ENTRY);
        let entries =
            entries.map(|at| Entry { packed: number(at, 0), raw: number(at, 4), sum: number(at, 8) });
        let table = Self { entries: entries.collect() };
        let fits = number(&bytes, 0) == SKIPPABLE
            && number(&bytes, 4) as usize == count * ENTRY + FOOTER
            && table.packed_bytes() == start;
        Ok(fits.then_some(table))
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// Unpacks frames into a buffer that is used again.
pub(super) struct Unpack {
    decompressor: Decompressor<'static>,
    packed: Vec<u8>,
}

impl Unpack {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { decompressor: Decompressor::new()?, packed: Vec::new() })
    }

    /// Puts the text of one frame into `text`, in the place of what was there. A frame that unpacks wrongly fails.
    pub(super) fn read(&mut self, file: &File, at: u64, entry: Entry, text: &mut Vec<u8>) -> io::Result<()> {
        let damaged = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        text.clear();
        if entry.raw as usize > FRAME_BYTES_MAX || entry.packed as usize > FRAME_BYTES_MAX {
            return damaged("a frame of more than 64 MiB");
        }
        self.packed.resize(entry.packed as usize, 0);
        file.read_exact_at(&mut self.packed, at)?;
        if sum_of(&self.packed) != entry.sum {
            return damaged("a frame is not the one in the seek table");
        }
        text.reserve(entry.raw as usize);
        let bytes = self.decompressor.decompress_to_buffer(&self.packed, text)?;
        if bytes == entry.raw as usize {
            Ok(())
        } else {
            damaged("a frame is shorter than the seek table says")
        }
    }
}
