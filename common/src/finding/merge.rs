//! What becomes of a stored finding when its provider sends it again. Pure: the store calls it inside its durable step.
//!
//! Source: Security Hub user guide, "Updating findings with BatchImportFindings" and "Setting the workflow status".

use super::Reading;
use super::row::Row;
use crate::field::Field;
use crate::timestamp::Timestamp;

/// What is known of the stored finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known<'a> {
    pub updated_at: Timestamp,
    pub record_state: &'a str,
    pub compliance_status: Option<&'a str>,
    pub workflow_status: &'a str,
}

/// What to do with an imported document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Import {
    /// What is stored is as new or newer.
    Ignore,
    /// Store it; with a status, the workflow moves to it by itself.
    Store { workflow: Option<&'static str> },
}

/// Decides over an import. An equal or older `UpdatedAt` changes nothing, which makes imports idempotent.
#[must_use]
pub fn import(known: Option<Known<'_>>, new: &Reading) -> Import {
    if known.is_some_and(|known| new.updated_at <= known.updated_at) {
        return Import::Ignore;
    }
    let workflow = match known {
        Some(known) => known.workflow_status,
        None => new
            .initial
            .get("Workflow")
            .and_then(|workflow| workflow.get("Status")?.as_str())
            .unwrap_or("NEW"),
    };
    let compliance = new.row.text(Field::ComplianceStatus);
    let passes = compliance == Some("PASSED") && new.product.is_control_check();
    let moved = match workflow {
        "NEW" | "NOTIFIED" if passes => Some("RESOLVED"),
        "NOTIFIED" | "RESOLVED"
            if !passes && known.is_some_and(|known| reopens(known, &new.row)) =>
        {
            Some("NEW")
        }
        _ => None,
    };
    Import::Store { workflow: moved }
}

/// Whether a finding that was dealt with needs attention again: it is active again, or its check fails again.
fn reopens(known: Known<'_>, new: &Row) -> bool {
    let active_again =
        known.record_state == "ARCHIVED" && new.text(Field::RecordState) == Some("ACTIVE");
    let fails_again = known.compliance_status == Some("PASSED")
        && matches!(
            new.text(Field::ComplianceStatus),
            Some("FAILED" | "WARNING" | "NOT_AVAILABLE")
        );
    active_again || fails_again
}
