//! Status and score from counts of findings. Pure.
//!
//! Source: Security Hub user guide, "Evaluating compliance status and control status" and "Calculating security scores".

use serde::{Deserialize, Serialize};

/// Findings of one control that count, by their compliance status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub warning: u64,
    pub not_available: u64,
}

/// How a control stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlStatus {
    Passed,
    Failed,
    /// Nothing failed, and something is not known.
    Unknown,
    /// There is no finding.
    NoData,
    Disabled,
}

/// Controls by how they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub passed: u32,
    pub failed: u32,
    pub unknown: u32,
    pub no_data: u32,
    pub disabled: u32,
}

impl Tally {
    /// Adds findings of a compliance status.
    pub fn add(&mut self, status: &str, count: u64) {
        match status {
            "PASSED" => self.passed += count,
            "FAILED" => self.failed += count,
            "WARNING" => self.warning += count,
            // NOT_AVAILABLE, and what another provider may have left out: not known either way.
            _ => self.not_available += count,
        }
    }

    #[must_use]
    pub const fn status(&self) -> ControlStatus {
        if self.failed > 0 {
            ControlStatus::Failed
        } else if self.warning + self.not_available > 0 {
            ControlStatus::Unknown
        } else if self.passed > 0 {
            ControlStatus::Passed
        } else {
            ControlStatus::NoData
        }
    }
}

impl Totals {
    pub const fn add(&mut self, status: ControlStatus) {
        match status {
            ControlStatus::Passed => self.passed += 1,
            ControlStatus::Failed => self.failed += 1,
            ControlStatus::Unknown => self.unknown += 1,
            ControlStatus::NoData => self.no_data += 1,
            ControlStatus::Disabled => self.disabled += 1,
        }
    }

    /// Passed among those that have a status, in percent; `None` if none has.
    #[must_use]
    pub fn percent(&self) -> Option<u32> {
        self.share(self.passed)
    }

    /// What it would be if every unknown control failed: AWS counts them so.
    #[must_use]
    pub fn percent_least(&self) -> Option<u32> {
        self.percent()
    }

    /// What it would be if every unknown control passed.
    #[must_use]
    pub fn percent_most(&self) -> Option<u32> {
        self.share(self.passed + self.unknown)
    }

    fn share(&self, part: u32) -> Option<u32> {
        let all = self.passed + self.failed + self.unknown;
        (200 * part + all).checked_div(2 * all)
    }
}

impl FromIterator<ControlStatus> for Totals {
    fn from_iter<I: IntoIterator<Item = ControlStatus>>(statuses: I) -> Self {
        let mut totals = Self::default();
        statuses.into_iter().for_each(|status| totals.add(status));
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(passed: u64, failed: u64, warning: u64, not_available: u64) -> ControlStatus {
        Tally {
            passed,
            failed,
            warning,
            not_available,
        }
        .status()
    }

    /// The rules of the user guide, one by one.
    #[test]
    fn the_worst_finding_tells_the_status_of_a_control() {
        assert_eq!(status(9, 1, 0, 0), ControlStatus::Failed);
        assert_eq!(status(9, 1, 1, 1), ControlStatus::Failed);
        assert_eq!(status(9, 0, 1, 0), ControlStatus::Unknown);
        assert_eq!(status(9, 0, 0, 1), ControlStatus::Unknown);
        assert_eq!(status(1, 0, 0, 0), ControlStatus::Passed);
        assert_eq!(status(0, 0, 0, 0), ControlStatus::NoData);
    }

    /// The worked example of the user guide: 357 of 515 controls passed.
    #[test]
    fn the_score_is_that_of_aws() {
        let of = |passed, failed, unknown| Totals {
            passed,
            failed,
            unknown,
            no_data: 7,
            disabled: 3,
        };
        assert_eq!(of(357, 158, 0).percent(), Some(69));
        assert_eq!(of(1, 1, 0).percent(), Some(50));
        assert_eq!(of(1, 2, 0).percent(), Some(33));
        assert_eq!(of(2, 1, 0).percent(), Some(67));
        assert_eq!(of(1, 199, 0).percent(), Some(1), "a half is rounded up");
        assert_eq!(of(0, 0, 0).percent(), None);
    }

    #[test]
    fn what_is_not_known_leaves_a_span() {
        let totals = Totals {
            passed: 5,
            failed: 3,
            unknown: 2,
            ..Totals::default()
        };
        let span = [
            totals.percent_least(),
            totals.percent(),
            totals.percent_most(),
        ];
        assert_eq!(span, [Some(50), Some(50), Some(70)]);
    }
}
