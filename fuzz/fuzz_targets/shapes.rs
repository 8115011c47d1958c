//! `cargo fuzz run shapes --features libfuzzer -- seeds/shapes`; what it checks is in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watchkeeper_fuzz::shapes(bytes));
