//! `cargo fuzz run operations --features libfuzzer -- seeds/operations`; what it checks is in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watchkeeper_fuzz::operations(bytes));
