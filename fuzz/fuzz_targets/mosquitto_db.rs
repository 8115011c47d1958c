//! `cargo fuzz run mosquitto_db --features libfuzzer -- seeds/mosquitto_db`; what it checks is in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watchkeeper_fuzz::mosquitto_db(bytes));
