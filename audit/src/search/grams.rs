//! Which runs of eight bytes occur in a frame: a filter of one bit each, by which a search for a text skips the frames
//! that cannot have it. Runs across line ends are left out. Runs of digits, hexadecimal and punctuation only are so
//! many (numbers, moments, hashes) that they would fill it: of these, one in eight is kept, chosen by its own bits, so
//! that a search knows which. As with tokens, «no» is never wrong.

/// Bytes of the filter of a frame, as blocks of `bloom::BLOCK`.
pub(super) const BLOCKS: u32 = 128;
/// Bytes of it.
pub(super) const BYTES: usize = BLOCKS as usize * super::bloom::BLOCK;
/// Bytes of a run.
const RUN: usize = 8;
/// Of the runs that say little, those whose hash is a multiple of this are kept.
const KEPT: u64 = 8;
/// So many runs of one text are asked for; more would hardly exclude more.
const ASKED: usize = 16;
/// A filter of which more than this share of bits is set tells too little for its size: 7/8.
const FULL: (u64, u64) = (7, 8);

const LITTLE: u8 = 0;
const TELLING: u8 = 1;
const LINE_END: u8 = 2;

const CLASS: [u8; 256] = {
    let mut class = [LITTLE; 256];
    let mut byte: u8 = 0;
    loop {
        if byte >= 0x80 || matches!(byte, b'g'..=b'z' | b'G'..=b'S' | b'U'..=b'Y') {
            class[byte as usize] = TELLING;
        }
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    class[b'\n' as usize] = LINE_END;
    class
};

/// The hashes of the runs of a text that are kept.
fn runs(text: &[u8]) -> impl Iterator<Item = u64> {
    // Places behind the last telling byte and behind the last line end.
    let (mut telling, mut line) = (0, 0);
    text.iter().enumerate().filter_map(move |(at, byte)| {
        let end = at + 1;
        match CLASS[usize::from(*byte)] {
            TELLING => telling = end,
            LINE_END => line = end,
            _ => {}
        }
        if end - line < RUN {
            return None;
        }
        let start = end - RUN;
        let run = text[start..].first_chunk::<RUN>()?;
        let hash = mix(u64::from_le_bytes(*run));
        (telling > start || hash.is_multiple_of(KEPT)).then_some(hash)
    })
}

fn mix(run: u64) -> u64 {
    let mixed = run.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ mixed >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

/// The block that a run is in, and its bit there.
pub(super) fn place(hash: u64) -> (u32, usize, u8) {
    // The upper sixteen bits name one of the 65,536 of a filter.
    let bit = usize::try_from(hash >> 48).unwrap_or(0);
    let block = bit / (super::bloom::BLOCK * 8);
    (u32::try_from(block).unwrap_or(0), bit / 8 % super::bloom::BLOCK, 1 << (bit % 8))
}

/// Marks the runs of a frame in its filter of `BYTES` bytes.
pub(super) fn mark(text: &[u8], filter: &mut [u8]) {
    for hash in runs(text) {
        let (block, byte, bit) = place(hash);
        filter[block as usize * super::bloom::BLOCK + byte] |= bit;
    }
}

/// Runs that a frame must have to have this text; none when nothing can be said.
pub(super) fn asked(text: &[u8]) -> Vec<u64> {
    let mut all: Vec<u64> = runs(text).collect();
    all.sort_unstable();
    all.dedup();
    let step = all.len().div_ceil(ASKED).max(1);
    all.into_iter().step_by(step).collect()
}

/// True when so many bits of these filters are set that they are not worth their room.
pub(super) fn are_full(filters: &[Vec<u8>]) -> bool {
    let set: u64 = filters.iter().flatten().map(|byte| u64::from(byte.count_ones())).sum();
    set * FULL.1 > filters.len() as u64 * BYTES as u64 * 8 * FULL.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(filter: &[u8], text: &str) -> bool {
        asked(text.as_bytes()).into_iter().all(|hash| {
            let (block, byte, bit) = place(hash);
            filter[block as usize * crate::search::bloom::BLOCK + byte] & bit != 0
        })
    }

    #[test]
    fn a_text_that_occurs_is_never_denied_and_one_that_does_not_mostly_is() {
        let line = |n: u64| {
            format!(
                "{{\"seq\":{n},\"device\":\"tc-{:06}\",\"cmd_id\":\"cmd-{:07}\"}}\n",
                n * 7 % 20_000,
                n * 7919 % 9_999_991
            )
        };
        let text: String = (0..2_000).map(line).collect();
        let mut filter = vec![0; BYTES];
        mark(text.as_bytes(), &mut filter);
        for from in (0..text.len() - 40).step_by(13) {
            for len in [3, 8, 9, 17, 40] {
                let part = &text[from..from + len];
                assert!(part.contains('\n') || has(&filter, part), "{part:?} is there");
            }
        }
        let other = |n: u64| format!("cmd-{:07}", n * 104_729 % 9_999_991);
        let absent = (1..=1_000).map(other).filter(|cmd| !text.contains(cmd) && has(&filter, cmd)).count();
        assert!(absent < 150, "{absent} of 1,000 are not denied");
        assert!(!has(&filter, "a text that nobody wrote"));
        assert!(has(&filter, "short") && has(&filter, ""), "nothing can be said of less than a run");
        assert!(!are_full(&[filter]) && are_full(&[vec![0xFF; BYTES]]));
    }
}
