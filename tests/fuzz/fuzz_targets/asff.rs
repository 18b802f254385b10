//! `muster_fuzz::asff` as a program.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| muster_fuzz::asff::check(data));
