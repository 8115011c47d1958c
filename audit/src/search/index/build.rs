//! Makes the index of a segment from its frames, one after the other, in bounded memory. It looks at every line and
//! may never change one.

use super::counters::Counters;
use super::format::{Body, FrameNote, Group};
use super::{FRAMES_PER_GROUP, indexed};
use crate::line;
use crate::search::frames::Entry;
use crate::search::{bloom, grams};

/// Collects what the index says.
pub(super) struct Build {
    body: Body,
    counters: Counters,
    /// Distinct tokens of each frame of the group that is not finished.
    group: Vec<Vec<u64>>,
    /// Which runs of bytes each of them has.
    grams: Vec<Vec<u8>>,
    /// Rows of the finished groups.
    rows: Vec<u8>,
    recent: Box<[u64]>,
}

/// Tokens seen lately are not collected again; the table is small enough for the first-level cache.
const RECENT: usize = 2_048;

impl Build {
    pub(super) fn new() -> Self {
        Self {
            body: Body::default(),
            counters: Counters::default(),
            group: Vec::new(),
            grams: Vec::new(),
            rows: Vec::new(),
            recent: vec![0; RECENT].into(),
        }
    }

    /// Takes in the text of the next frame.
    pub(super) fn push(&mut self, text: &[u8], entry: Entry) {
        let mut note = FrameNote::of(entry);
        let mut tokens = Vec::new();
        self.recent.fill(0);
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            self.line(line, &mut note, &mut tokens);
        }
        let mut runs = vec![0; grams::BYTES];
        grams::mark(text, &mut runs);
        self.grams.push(runs);
        tokens.sort_unstable();
        tokens.dedup();
        self.body.frames.push(note);
        self.group.push(tokens);
        if self.group.len() == FRAMES_PER_GROUP {
            self.close_group();
        }
    }

    fn line(&mut self, line: &[u8], note: &mut FrameNote, tokens: &mut Vec<u64>) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (Some(seq), Ok(text)) = (line::seq(line), std::str::from_utf8(line)) else {
            self.body.damaged += u32::from(!line.is_empty());
            return;
        };
        note.saw(seq);
        let (mut kind, mut level, mut event) = (None, None, None);
        for (key, value) in line::fields(text) {
            match &*key {
                "type" => kind = Some(value.clone()),
                "level" => level = Some(value.clone()),
                "event" => event = Some(value.clone()),
                _ => {}
            }
            if indexed(&key) {
                self.collect(bloom::token(&key, &value), tokens);
            }
        }
        let ts = line::ts(line);
        note.at(ts.map(|ts| ts.0));
        match (ts, kind, level, event) {
            (Some(ts), Some(kind), Some(level), Some(event)) => {
                self.counters.add(ts.0, &kind, &level, &event);
            }
            _ => self.counters.give_up(),
        }
    }

    fn collect(&mut self, token: u64, tokens: &mut Vec<u64>) {
        let place = &mut self.recent[usize::try_from(token % RECENT as u64).unwrap_or(0)];
        if *place != token || token == 0 {
            *place = token;
            tokens.push(token);
        }
    }

    fn close_group(&mut self) {
        let frames = self.group.len();
        let blocks = self.group.iter().map(|tokens| bloom::blocks(tokens.len())).max().unwrap_or(1);
        let row_bytes = frames * bloom::BLOCK;
        let mut rows = vec![0; blocks as usize * row_bytes];
        for (n, tokens) in self.group.iter().enumerate() {
            for token in tokens {
                let at = bloom::row(*token, blocks) as usize * row_bytes + n * bloom::BLOCK;
                bloom::mark(&mut rows[at..at + bloom::BLOCK], *token);
            }
        }
        let gram_blocks = if grams::are_full(&self.grams) { 0 } else { grams::BLOCKS };
        let frames = u32::try_from(frames).unwrap_or(u32::MAX);
        self.body.groups.push(Group { frames, blocks, gram_blocks });
        for row in rows.chunks_exact(row_bytes) {
            self.push_row(row);
        }
        for block in 0..gram_blocks as usize {
            let part = block * bloom::BLOCK..(block + 1) * bloom::BLOCK;
            let row: Vec<u8> = self.grams.iter().flat_map(|runs| &runs[part.clone()]).copied().collect();
            self.push_row(&row);
        }
        self.grams.clear();
        self.group.clear();
    }

    fn push_row(&mut self, row: &[u8]) {
        self.rows.extend(row);
        self.rows.extend(bloom::hash(row, 0).to_le_bytes());
    }

    /// The body and the rows.
    pub(super) fn finish(mut self, zst_bytes: u64, fingerprint: u64) -> (Body, Vec<u8>) {
        if !self.group.is_empty() {
            self.close_group();
        }
        self.body.zst_bytes = zst_bytes;
        self.body.fingerprint = fingerprint;
        self.body.keys = crate::record::Key::ALL
            .iter()
            .map(|key| key.word())
            .chain(["type", "event"])
            .filter(|key| indexed(key))
            .map(str::to_owned)
            .collect();
        self.body.counters = self.counters.whole();
        (self.body, self.rows)
    }
}
