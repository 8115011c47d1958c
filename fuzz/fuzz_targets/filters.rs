//! `cargo fuzz run filters --features libfuzzer -- seeds/filters`; what it checks is in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watchkeeper_fuzz::filters(bytes));
