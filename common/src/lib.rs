//! What the words mean: accounts and identities, findings and filters, time and pages.
//!
//! In: text and bytes from outside. Out: values that cannot be wrong in form. Everything is pure but for the clock, the
//! making of folders and the drill of debug builds; nothing here knows a network or who is asking.

pub mod account;
pub mod audit;
pub mod clock;
pub mod drill;
pub mod durable;
pub mod field;
pub mod filter;
pub mod finding;
pub mod health;
pub mod identity;
pub mod invitation;
pub mod page;
pub mod proof;
#[cfg(any(test, feature = "sample"))]
pub mod sample;
pub mod text;
pub mod timestamp;
