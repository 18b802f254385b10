//! `muster_fuzz::invitation` as a program.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| muster_fuzz::invitation::check(data));
