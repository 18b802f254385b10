//! Trying a control on its cases.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::cases::Case;
use crate::control::Control;
use crate::folder::Definition;
use crate::resource::Account;
use crate::verdict::{Status, Verdict};

const ACCOUNT_ID: &str = "111122223333";
const NOW: &str = "2026-11-01T00:00:00Z";

/// A case that came out otherwise.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{case}: expected {}{}, got {}{}", .expected.name(), with(.reason.as_deref()), .got.status.name(), with(.got.reason.as_deref()))]
pub struct Mismatch {
    pub case: String,
    pub expected: Status,
    pub reason: Option<String>,
    pub got: Verdict,
}

fn with(reason: Option<&str>) -> String {
    reason.map_or_else(String::new, |reason| format!(" ({reason})"))
}

impl Definition {
    /// Runs the cases. What comes out otherwise is the answer.
    #[must_use]
    pub fn test(&mut self) -> Vec<Mismatch> {
        let cases = self.cases.clone();
        let mismatches = cases.into_iter().filter_map(|case| self.run(case));
        mismatches.collect()
    }

    fn run(&mut self, case: Case) -> Option<Mismatch> {
        let kind = case.kind(&self.control);
        let Case {
            name,
            resource,
            account,
            parameters,
            now,
            expect,
            reason,
        } = case;
        let resource = resource.fill(&kind, 0);
        let resources = account.into_iter().map(|(kind, sketches)| {
            let filled = (1..).zip(sketches);
            let filled = filled.map(|(number, sketch)| sketch.fill(&kind, number));
            let filled = filled.collect();
            (kind, filled)
        });
        let account = Account {
            id: ACCOUNT_ID.to_owned(),
            resources: resources.collect(),
        };
        let parameters = with_defaults(&self.control, parameters);
        let now = now.as_deref().unwrap_or(NOW);
        let mut judge = self.judge(&account, &parameters, now);
        let got = judge(&resource);
        let as_expected = got.status == expect && (reason.is_none() || got.reason == reason);
        drop(judge);
        (!as_expected).then_some(Mismatch {
            case: name,
            expected: expect,
            reason,
            got,
        })
    }
}

fn with_defaults(control: &Control, set: BTreeMap<String, Json>) -> BTreeMap<String, Json> {
    let mut parameters = control.defaults();
    parameters.extend(set);
    parameters
}
