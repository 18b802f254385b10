//! The agent of Muster, from left to right: `collectors` read sources through `cloud` and `mapping`, the `spool` keeps what
//! they found, the `uplink` sends it under the agent's `identity`. `state` surveys the configuration, and sends it past the spool.

pub mod board;
pub mod cloud;
pub mod collectors;
pub mod config;
pub mod dead_letters;
pub mod doctor;
pub mod identity;
pub mod mapping;
mod metrics;
pub mod queue;
pub mod run;
pub mod snapshot;
pub mod spool;
pub mod state;
pub mod uplink;
