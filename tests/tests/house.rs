//! The rules of the house, as ARCHITECTURE.md has them: what may import what, what stands in every file, and that the
//! samples in `deploy` are what the binaries read.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "house/files.rs"]
mod files;
#[path = "house/imports.rs"]
mod imports;
#[path = "house/samples.rs"]
mod samples;
