//! What may come from outside, and what must be true of it. One module per fuzz target; each has one function that takes
//! any bytes and panics when the product breaks a promise. `fuzz_targets` makes programs of them, `tests/corpora.rs` holds
//! the committed corpora against them.

pub mod asff;
pub mod blocks;
pub mod certificates;
pub mod config;
pub mod filters;
pub mod invitation;
pub mod mappings;
mod places;
pub mod uplink;
