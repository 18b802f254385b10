//! Where the house keeps things: findings with their feed and history, and small ordered tables.
//!
//! In: batches of changes, queries, table commits, in the terms of the domain. Out: outcomes after a durable step,
//! pages, counts. Always: what [`Findings::record`] answered is durable and visible to every later query; importing
//! the same version again changes nothing; the feed is the order of the durable steps.
//! Survives: `kill -9` and power loss at any moment. A damaged part of the disk is named and does not take the rest.
//! One seam, because there are several engines: [`Embedded`] is the default. Nothing above it may assume one process or
//! one engine. Not here: who may do what (`api`), what a change means for the domain (`muster_common::finding`).

#[cfg(feature = "conformance")]
pub mod conformance;
mod embedded;
mod findings;
mod tables;

#[cfg(feature = "simulated")]
pub use embedded::Hand;
#[cfg(feature = "fuzzing")]
pub use embedded::fuzzing;
pub use embedded::{Config, Embedded};
pub use findings::{
    Answer, Batch, Change, CountQuery, Counts, FeedEntry, FeedEvent, Findings, Group, Import, Item,
    Ledger, LedgerEntry, Outcome, Page, Position, Query, Record, Sort, SortValue, SpoolRange,
    Status, Version, Walk, Walked,
};
pub use tables::{Bound, Commit, Entry, Expected, Op, Table, Tables};

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A table did not hold what the commit expected; nothing was changed.
    #[error("{table} changed in the meantime; try again")]
    Conflict { table: Table },
    /// Too much is waiting already.
    #[error("the store is busy; try again in a moment")]
    Busy,
    /// The disk refused. Nothing was acknowledged.
    #[error(
        "the store cannot write to {path}: {reason}; free space or repair the disk, and restart if it persists"
    )]
    Disk { path: String, reason: String },
    /// A part of the data on disk is not what was written.
    #[error("{what} is damaged")]
    Damaged { what: String },
    #[error("{path} is in use by another process{}; stop that one first", .pid.map(|pid| format!(" ({pid})")).unwrap_or_default())]
    InUse { path: String, pid: Option<u32> },
    #[error(
        "{path} holds data of format {found}, and this version reads format {expected}; use the version that wrote it, or another folder"
    )]
    OtherFormat {
        path: String,
        found: String,
        expected: u32,
    },
    /// The store was closed, or its writer stopped after a fault.
    #[error("the store is closed")]
    Closed,
}
