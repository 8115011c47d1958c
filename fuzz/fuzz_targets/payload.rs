//! `cargo fuzz run payload --features libfuzzer -- seeds/payload`; what it checks is in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watchkeeper_fuzz::payload(bytes));
