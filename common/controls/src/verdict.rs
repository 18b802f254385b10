//! What a control says of a resource.

use serde::{Deserialize, Serialize};

/// As `Compliance.Status` of ASFF, and one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Passed,
    Failed,
    /// The check ran, and does not tell.
    Warning,
    /// Something that it takes is not known.
    NotAvailable,
    /// The control does not concern the resource.
    Skipped,
}

impl Status {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "PASSED",
            Self::Failed => "FAILED",
            Self::Warning => "WARNING",
            Self::NotAvailable => "NOT_AVAILABLE",
            Self::Skipped => "SKIPPED",
        }
    }
}

/// A status, with a code for programs and a text for people where it needs a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Verdict {
    #[must_use]
    pub const fn of(status: Status) -> Self {
        Self {
            status,
            reason: None,
            detail: None,
        }
    }

    #[must_use]
    pub fn unknown(reason: &str, detail: String) -> Self {
        Self {
            status: Status::NotAvailable,
            reason: Some(reason.to_owned()),
            detail: Some(detail),
        }
    }
}
