//! What becomes a record: pure functions from facts to drafts. Nothing here may read a clock or a file, and whatever
//! is added here stands in the published list of what is audited.

mod alarm;
pub mod audited;
pub mod broker_log;
pub mod config;
mod envelope;
pub mod finding;
pub mod life;
pub mod message;
pub mod payload;
pub mod trace;

pub use audited::{AUDITED, NOT_AUDITED};

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).expect("half a byte is a digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
