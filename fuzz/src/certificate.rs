//! Certificates of strangers: whatever bytes arrive, reading them never panics, and what is read can be shown on a line.

use watchkeeper_core::certificate::Certificate;

/// The DER form of one.
pub fn certificate(bytes: &[u8]) {
    let Some(read) = Certificate::parse(bytes) else { return };
    assert!(read.names.len() <= 32);
    for text in read.names.iter().chain([&read.subject, &read.issuer]) {
        assert!(!text.contains(char::is_control) && text.chars().count() <= 128, "{text:?}");
    }
    // Any year that four digits can have has a date.
    assert!(read.not_after.rfc3339().ends_with('Z'), "{}", read.not_after.rfc3339());
}
