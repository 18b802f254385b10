//! What is said: the messages and services of `muster.v1`, as generated from `proto/muster/v1/*.proto`.
//!
//! The generated code is committed, so that a build needs no protoc; `tests/generated.rs` holds it to the sources.
//! No logic lives here: what a message means is `muster-common`'s business.

/// The messages, clients and servers of `muster.v1`.
#[allow(
    clippy::all,
    clippy::pedantic,
    missing_docs,
    rust_2018_idioms,
    unreachable_pub
)]
pub mod v1 {
    // Included, so that rustfmt leaves it as it was generated.
    include!("generated/muster.v1.rs");
}

/// The encoded `FileDescriptorSet` of `muster.v1`, for reflection and for tests that walk over every method.
pub const DESCRIPTORS: &[u8] = include_bytes!("generated/muster.v1.bin");
