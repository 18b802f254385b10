//! Mapping: findings as AWS services and tools give them become ASFF documents, as AWS maps them. Pure.
//!
//! In: one native finding in JSON, and where it was collected. Out: one ASFF document in JSON, or why not. Always: what
//! is mapped passes the format; the account and the Region are the finding's own, even if they are not the collector's
//! (the server refuses those); what ASFF has no place for goes into `ProductFields` and `Resources[].Details.Other`, and
//! what does not fit there is counted in the product field `{product}/truncated`; the same finding gives the same
//! document. Not here: collecting (`collectors`).
//!
//! AWS documents little of its mapping. What is known comes from the pages that each mapping names and from findings
//! that users of Security Hub have published; what had to be decided here says so.

mod document;
mod fields;
mod guardduty;
mod inspector2;
mod macie2;
mod native;
mod object;
mod ocsf;
mod resource;
mod s3;
mod text;

use muster_common::account::{AccountId, Partition, Region};
use serde_json::Value;

/// An account in a Region. Of a collector: where it looks; it stands in for what a finding leaves out, which is at most
/// the partition.
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

/// Maps one of the `findings` of GuardDuty's GetFindings.
///
/// # Errors
/// [`Unmappable`] names what is missing or wrong.
pub fn guardduty(finding: &Value, place: &Place) -> Result<Value, Unmappable> {
    guardduty::document(finding, place)
}

/// Maps one of the `findings` of Inspector's ListFindings; its times are seconds since 1970. Its ARN tells the place.
///
/// # Errors
/// [`Unmappable`] names what is missing or wrong.
pub fn inspector2(finding: &Value, _: &Place) -> Result<Value, Unmappable> {
    inspector2::document(finding)
}

/// Maps one of the `findings` of Macie's GetFindings.
///
/// # Errors
/// [`Unmappable`] names what is missing or wrong.
pub fn macie2(finding: &Value, place: &Place) -> Result<Value, Unmappable> {
    macie2::document(finding, place)
}

/// Maps a finding in the Open Cybersecurity Schema Framework (category 2), as Prowler writes it and others do.
///
/// # Errors
/// [`Unmappable`] names what is missing or wrong. Findings about other clouds than AWS have no account to go to.
pub fn ocsf(finding: &Value, place: &Place) -> Result<Value, Unmappable> {
    ocsf::document(finding, place)
}

#[cfg(test)]
mod tests;
