//! The cases of a control: states, and what has to be said of them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;

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
