//! `muster_fuzz::mappings` as a program.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| muster_fuzz::mappings::check(data));
