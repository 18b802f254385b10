//! Mapping: findings as AWS services and tools give them become ASFF documents, as AWS maps them. Pure.
//!
//! In: one native finding in JSON, and where it was collected. Out: one ASFF document in JSON, or why not. Always: what
//! is mapped passes the format; what ASFF has no place for goes into `ProductFields`, so nothing is silently dropped;
//! the same finding gives the same document. Not here: collecting (`collectors`).

use muster_common::account::{AccountId, Partition, Region};

/// Where a finding was collected.
#[derive(Clone, Debug)]
pub struct Place {
    pub account: AccountId,
    pub partition: Partition,
    pub region: Region,
}

/// A finding that cannot be mapped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmappable {
    #[error("the finding has no {0}")]
    Missing(&'static str),
    #[error("{field}: {what}")]
    Wrong { field: &'static str, what: String },
}
