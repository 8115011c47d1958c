//! Client ids as text, whatever bytes they have. Nothing here may lose what tells two of them apart.

use std::fmt::Write;

/// A client id as it came, made text: bytes that are not UTF-8 come as `\xNN`, everything else stays as it is.
pub fn client_id(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing into a String cannot fail.
            let _ = write!(text, "\\x{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::client_id;

    #[test]
    fn a_client_id_keeps_everything_that_is_text_and_spells_out_the_rest() {
        assert_eq!(client_id(b"dev-1"), "dev-1");
        assert_eq!(client_id("a\"b'c\n\u{1}\u{e9}".as_bytes()), "a\"b'c\n\u{1}\u{e9}");
        assert_eq!(client_id(b"a\xFF\x00b\xC3"), "a\\xFF\0b\\xC3");
        assert_eq!(client_id(b""), "");
    }
}
