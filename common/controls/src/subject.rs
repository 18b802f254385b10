//! What is judged, made ready once for all the controls that look at it.

use std::collections::{BTreeMap, BTreeSet};

use regorus::Value;
use serde_json::Value as Json;

use crate::resource::{Part, Resource, Unavailable};

/// A resource that any number of controls can judge. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Subject {
    pub kind: String,
    pub id: String,
    pub region: String,
    parts: BTreeSet<String>,
    unread: BTreeMap<String, Unavailable>,
    pub(crate) value: Value,
}

/// What a rule sees beside the resource that it judges. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Surroundings {
    account: Value,
    parameters: Value,
    now: Value,
}

impl Subject {
    #[must_use]
    pub fn new(resource: Resource) -> Self {
        let value = serde_json::to_value(&resource).map_or(Value::Undefined, Value::from);
        let mut unread = BTreeMap::new();
        for name in resource.state.keys() {
            if let Part::Unavailable(told) = resource.part(name) {
                unread.insert(name.clone(), told);
            }
        }
        Self {
            kind: resource.kind,
            id: resource.id,
            region: resource.region,
            parts: resource.state.into_keys().collect(),
            unread,
            value,
        }
    }

    /// Why a part is not known, if it is not: AWS's answer, or `None` inside if nobody has looked.
    pub(crate) fn unknown(&self, part: &str) -> Option<Option<&Unavailable>> {
        match self.unread.get(part) {
            Some(told) => Some(Some(told)),
            None if self.parts.contains(part) => None,
            None => Some(None),
        }
    }
}

impl Surroundings {
    /// The surroundings in an account: the resources that the control reads, by type.
    #[must_use]
    pub fn new<'a>(
        account: &str,
        resources: impl IntoIterator<Item = (&'a str, &'a [Subject])>,
        parameters: &BTreeMap<String, Json>,
        now: &str,
    ) -> Self {
        let by_type = resources.into_iter().map(|(kind, subjects)| {
            let values: Vec<Value> = subjects
                .iter()
                .map(|subject| subject.value.clone())
                .collect();
            (Value::from(kind), Value::from(values))
        });
        let account = object([
            ("id", Value::from(account)),
            (
                "resources",
                Value::from(by_type.collect::<BTreeMap<_, _>>()),
            ),
        ]);
        Self {
            account,
            parameters: serde_json::to_value(parameters).map_or(Value::Undefined, Value::from),
            now: Value::from(now),
        }
    }

    pub(crate) fn input(&self, subject: &Subject) -> Value {
        object([
            ("resource", subject.value.clone()),
            ("account", self.account.clone()),
            ("parameters", self.parameters.clone()),
            ("now", self.now.clone()),
        ])
    }
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let fields = fields.map(|(name, value)| (Value::from(name), value));
    Value::from(BTreeMap::from(fields))
}
