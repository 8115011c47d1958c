//! Hashes as text. Small letters only, so that a hash has one form.

use super::tree::Hash;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Two digits a byte.
pub fn to_hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(DIGITS[usize::from(half & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// A hash that was written so.
pub fn from_hex(text: &str) -> Option<Hash> {
    let value =
        |digit: u8| DIGITS.iter().position(|known| *known == digit).and_then(|at| u8::try_from(at).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| Some(value(*high)? << 4 | value(*low)?)).collect();
    if rest.is_empty() { bytes?.try_into().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_has_one_form() {
        let hash: Hash = std::array::from_fn(|at| u8::try_from(at * 8).unwrap());
        let text = to_hex(&hash);
        assert_eq!((from_hex(&text), &text[..8]), (Some(hash), "00081018"));
        for bad in
            ["", "00", &text[1..], &text.to_uppercase(), &text.replace("08", "0x"), &format!("{text}00")]
        {
            assert_eq!(from_hex(bad), None, "{bad}");
        }
    }
}
