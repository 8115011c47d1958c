//! `cargo fuzz run sparkplug --features libfuzzer -- seeds/sparkplug`; what it checks is in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watchkeeper_fuzz::sparkplug(bytes));
