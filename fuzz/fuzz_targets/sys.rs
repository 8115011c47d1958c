//! `cargo fuzz run sys --features libfuzzer -- seeds/sys`; what it checks is in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watchkeeper_fuzz::sys(bytes));
