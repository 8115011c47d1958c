//! `cargo fuzz run audit_line --features libfuzzer -- seeds/audit_line`; what it checks is in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watchkeeper_fuzz::audit_line(bytes));
