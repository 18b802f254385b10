//! The cases of a control: states, and what has to be said of them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::control::Control;
use crate::resource::Resource;
use crate::verdict::Status;

const REGION: &str = "eu-west-1";

/// A state and what is expected.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    pub(crate) resource: Sketch,
    #[serde(default)]
    pub(crate) account: BTreeMap<String, Vec<Sketch>>,
    #[serde(default)]
    pub(crate) parameters: BTreeMap<String, Json>,
    pub(crate) now: Option<String>,
    pub expect: Status,
    pub(crate) reason: Option<String>,
}

/// A resource of which a case says only what matters.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sketch {
    #[serde(rename = "type")]
    kind: Option<String>,
    id: Option<String>,
    region: Option<String>,
    #[serde(default)]
    state: BTreeMap<String, Json>,
}

impl Case {
    /// The type that it judges; one that does not say is of the first type of its control.
    pub(crate) fn kind(&self, control: &Control) -> String {
        let kind = self.resource.kind.as_ref();
        kind.or(control.resource_types.first())
            .cloned()
            .unwrap_or_default()
    }
}

/// What the cases of a control leave out, or say of what it does not judge.
pub(crate) fn fault(cases: &[Case], control: &Control) -> Option<String> {
    let told = |status| cases.iter().any(|case| case.expect == status);
    for status in [Status::Passed, Status::Failed, Status::NotAvailable] {
        if !told(status) {
            return Some(format!("no case expects {}", status.name()));
        }
    }
    let judged = |kind: &String| cases.iter().any(|case| case.kind(control) == *kind);
    let types = &control.resource_types;
    if let Some(kind) = types.iter().find(|kind| !judged(kind)) {
        return Some(format!("no case is about {kind}"));
    }
    cases.iter().find_map(|case| {
        let kind = case.kind(control);
        (!types.contains(&kind))
            .then(|| format!("{}: the control does not judge {kind}", case.name))
    })
}

impl Sketch {
    pub(crate) fn fill(self, kind: &str, number: usize) -> Resource {
        Resource {
            kind: self.kind.unwrap_or_else(|| kind.to_owned()),
            id: self.id.unwrap_or_else(|| format!("{kind}/{number}")),
            region: self.region.unwrap_or_else(|| REGION.to_owned()),
            state: self.state,
        }
    }
}
