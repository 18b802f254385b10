//! What could not be evaluated, by its reason. Pure.

use std::collections::{BTreeMap, BTreeSet};

use muster_common::timestamp::{DAY, Timestamp, from_wire};
use muster_proto::v1 as wire;
use serde_json::Value as Json;

use crate::commands::resource::coverage::trouble;

/// More reasons than this are told by their code alone.
const GROUPS_MAX: usize = 500;
/// A listing that is older says little of today.
const STALE: i64 = 2 * DAY;

/// Findings that are NOT_AVAILABLE, by reason.
#[derive(Debug, Default)]
pub(crate) struct Unknowns {
    groups: BTreeMap<Reason, Group>,
    /// Findings that were looked at.
    pub seen: u64,
    /// All there are.
    pub total: u64,
}

/// A code, and a text that says more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reason {
    pub code: String,
    pub text: String,
}

/// What one reason stands in the way of.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub findings: u64,
    pub controls: BTreeSet<String>,
    pub accounts: BTreeSet<String>,
}

impl Unknowns {
    /// Of so many findings.
    pub(super) fn of(total: u64) -> Self {
        Self {
            total,
            ..Self::default()
        }
    }

    /// Counts an ASFF document.
    pub(super) fn add(&mut self, finding: &Json) {
        self.seen += 1;
        let compliance = &finding["Compliance"];
        let reason = self.known(reason(compliance));
        let group = self.groups.entry(reason).or_default();
        group.findings += 1;
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        group
            .controls
            .insert(text(&compliance["SecurityControlId"]));
        group.accounts.insert(text(&finding["AwsAccountId"]));
    }

    /// The same reason without its text, when there are too many.
    fn known(&self, reason: Reason) -> Reason {
        if self.groups.len() < GROUPS_MAX || self.groups.contains_key(&reason) {
            return reason;
        }
        Reason {
            text: "and more".to_owned(),
            ..reason
        }
    }

    /// The most frequent first.
    pub(super) fn ranked(&self) -> Vec<(&Reason, &Group)> {
        let mut groups: Vec<(&Reason, &Group)> = self.groups.iter().collect();
        groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.findings));
        groups
    }
}

fn reason(compliance: &Json) -> Reason {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let reason = &compliance["StatusReasons"][0];
    let code = text(&reason["ReasonCode"]);
    Reason {
        code: if code.is_empty() {
            "no reason given".to_owned()
        } else {
            code
        },
        text: text(&reason["Description"]),
    }
}

/// Why a listing does not tell how things stand at `now`; `None` if it does.
pub(super) fn gap(coverage: &wire::Coverage, now: Timestamp) -> Option<String> {
    let since = coverage
        .complete_at
        .as_ref()
        .map(|time| now.since(from_wire(time)));
    match since {
        _ if !coverage.trouble_code.is_empty() => Some(trouble(coverage)),
        None => Some("not read yet".to_owned()),
        Some(since) if since > STALE => Some(format!("not read for {} days", since / DAY)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_common::timestamp::to_wire;
    use serde_json::json;

    fn finding(control: &str, account: &str, code: &str, text: &str) -> Json {
        json!({
            "AwsAccountId": account,
            "Compliance": {
                "SecurityControlId": control,
                "StatusReasons": [{ "ReasonCode": code, "Description": text }],
            },
        })
    }

    #[test]
    fn reasons_are_ranked_by_what_they_stand_in_the_way_of() {
        let mut unknowns = Unknowns::default();
        unknowns.add(&finding("S3.8", "1", "NOT_COLLECTED", "nobody has read it"));
        for account in ["1", "2", "2"] {
            unknowns.add(&finding("IAM.6", account, "AccessDenied", "iam:GetUser"));
        }
        unknowns.add(&json!({}));
        let ranked: Vec<(&str, u64, usize)> = unknowns
            .ranked()
            .into_iter()
            .map(|(reason, group)| (reason.code.as_str(), group.findings, group.accounts.len()))
            .collect();
        assert_eq!(
            ranked,
            [
                ("AccessDenied", 3, 2),
                ("NOT_COLLECTED", 1, 1),
                ("no reason given", 1, 1)
            ]
        );
        assert_eq!(unknowns.seen, 5);
    }

    #[test]
    fn a_listing_has_a_gap_if_it_is_old_or_was_never_read() {
        let now = Timestamp::from_millis(100 * DAY);
        let read = |days: i64| wire::Coverage {
            complete_at: Some(to_wire(now.plus(-days * DAY))),
            ..wire::Coverage::default()
        };
        assert_eq!(gap(&read(1), now), None);
        assert_eq!(gap(&read(9), now).unwrap(), "not read for 9 days");
        assert_eq!(
            gap(&wire::Coverage::default(), now).unwrap(),
            "not read yet"
        );
        let denied = wire::Coverage {
            trouble_code: "AccessDenied".to_owned(),
            ..read(9)
        };
        assert_eq!(gap(&denied, now).unwrap(), "AccessDenied");
    }

    #[test]
    fn reasons_that_never_repeat_end_in_one() {
        let mut unknowns = Unknowns::default();
        for number in 0..2_000 {
            unknowns.add(&finding("S3.8", "1", "Odd", &format!("request {number}")));
        }
        assert_eq!(unknowns.ranked().len(), GROUPS_MAX + 1);
        assert_eq!(unknowns.ranked()[0].0.text, "and more");
    }
}
