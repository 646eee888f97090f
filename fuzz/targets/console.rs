#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shared::testkit::fuzz::feed("console", bytes));
