//! `cargo fuzz run certificate --features libfuzzer -- seeds/certificate`; what it checks is in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watchkeeper_fuzz::certificate(bytes));
