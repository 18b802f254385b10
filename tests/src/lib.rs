//! The end-to-end world: the real binaries as processes, on ports that are free, in folders that go away.
//!
//! In: what a test wants to happen. Out: what the product's own commands and files say afterwards. Always: everything
//! listens on loopback, and every process ends with the value that stands for it. Only AWS is a stand-in (`world/`).

pub mod accounts;
mod admin;
mod agent;
mod clock;
mod muster;
mod process;
mod seeded;
mod world;

pub use admin::Admin;
pub use agent::Agent;
pub use clock::MovedClock;
pub use muster::{Muster, Printed};
pub use process::{Process, binary, eventually, eventually_within};
pub use seeded::{Judged, Listed, Seeded};
pub use world::World;

use std::path::PathBuf;

/// The root of the checkout.
///
/// # Panics
/// The tests were moved.
#[must_use]
pub fn root() -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests stand in the root").to_owned()
}
