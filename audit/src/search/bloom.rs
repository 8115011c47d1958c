//! Bloom filters of the frames of a segment: 16 bits a token, six of them set, all six within one 64-byte block.
//! The blocks with the same number lie side by side for all frames, so that one read of one row answers for all.
//! A filter may say «perhaps» wrongly and never «no» wrongly.

/// Bytes of a block.
pub(super) const BLOCK: usize = 64;
const TOKENS_PER_BLOCK: usize = BLOCK * 8 / 16;
const BITS_SET: u32 = 6;
const K: u64 = 0x9E37_79B9_7F4A_7C15;

/// A hash that is the same in every version and on every machine. It is no defence against malice: whoever may
/// write index files can also remove them.
pub(super) fn hash(bytes: &[u8], seed: u64) -> u64 {
    let mut state = seed ^ (bytes.len() as u64).wrapping_mul(K);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let word = chunk.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        state = (state.rotate_left(23) ^ word).wrapping_mul(K);
    }
    let rest = chunks.remainder().iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    state = (state.rotate_left(23) ^ rest).wrapping_mul(K);
    state ^= state >> 32;
    state = state.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    state ^ state >> 32
}

/// The token of a key and its value.
pub(super) fn token(key: &str, value: &str) -> u64 {
    hash(value.as_bytes(), hash(key.as_bytes(), 0))
}

/// How many blocks a frame with so many different tokens needs.
pub(super) fn blocks(tokens: usize) -> u32 {
    u32::try_from(tokens.div_ceil(TOKENS_PER_BLOCK)).unwrap_or(u32::MAX).max(1)
}

/// Which of the blocks a token is in.
pub(super) fn row(token: u64, blocks: u32) -> u32 {
    u32::try_from(((token >> 32) * u64::from(blocks)) >> 32).unwrap_or(0)
}

fn bits(token: u64) -> impl Iterator<Item = (usize, u8)> {
    let mixed = token.wrapping_mul(K);
    (0..BITS_SET).map(move |n| {
        // Nine bits name one of the 512 of a block.
        let bit = usize::try_from((mixed >> (9 * n + 10)) & 0x1FF).unwrap_or(0);
        (bit / 8, 1 << (bit % 8))
    })
}

/// Marks a token in its block.
pub(super) fn mark(block: &mut [u8], token: u64) {
    bits(token).for_each(|(byte, bit)| block[byte] |= bit);
}

/// False: the token was certainly not marked in this block.
pub(super) fn perhaps(block: &[u8], token: u64) -> bool {
    bits(token).all(|(byte, bit)| block[byte] & bit != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_marked_is_found_and_little_else() {
        let tokens: Vec<u64> = (0..3000).map(|n| token("device", &format!("tc-{n}"))).collect();
        let count = blocks(tokens.len());
        let mut filter = vec![[0; BLOCK]; count as usize];
        for token in &tokens {
            mark(&mut filter[row(*token, count) as usize], *token);
        }
        let look = |token: u64| perhaps(&filter[row(token, count) as usize], token);
        assert!(tokens.iter().all(|token| look(*token)));
        let wrong = (0..100_000).filter(|n| look(token("client_id", &format!("tc-{n}")))).count();
        assert!(wrong < 500, "{wrong} of 100,000 are wrong");
    }

    #[test]
    fn the_hash_stays_what_it_was_when_indexes_were_written_with_it() {
        assert_eq!(token("device", "tc-000001"), 14_958_488_619_728_513_391);
    }
}
