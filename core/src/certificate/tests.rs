//! A certificate made by another program, whole and damaged.

use super::*;

/// A certificate of a test authority for `broker.example`, `127.0.0.1` and `::1`, for a year.
const DER: &str = include_str!("example.hex");

fn bytes() -> Vec<u8> {
    let digits: Vec<u8> = DER.bytes().filter(u8::is_ascii_hexdigit).collect();
    let value = |digit: u8| u8::try_from(char::from(digit).to_digit(16).unwrap()).unwrap();
    digits.chunks(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect()
}

#[test]
fn a_certificate_says_whom_it_names_and_from_when_to_when() {
    let read = Certificate::parse(&bytes()).unwrap();
    assert_eq!((read.subject.as_str(), read.issuer.as_str()), ("broker", "Test Authority"));
    assert!(!read.is_self_issued);
    assert_eq!(read.names, ["broker.example", "127.0.0.1", "::1"]);
    assert_eq!(read.not_before.rfc3339(), "2026-11-21T23:11:37.000000Z");
    assert_eq!(read.not_after.rfc3339(), "2027-11-21T23:11:37.000000Z");
}

#[test]
fn no_bytes_whatever_are_a_panic() {
    let whole = bytes();
    for end in 0..whole.len() {
        assert_eq!(Certificate::parse(&whole[..end]), None, "{end}");
    }
    for at in 0..whole.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut odd = whole.clone();
            odd[at] ^= flip;
            // Any answer will do.
            let _ = Certificate::parse(&odd);
        }
    }
}
