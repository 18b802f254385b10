//! What is judged, made ready once for all the controls that look at it.

use std::collections::{BTreeMap, BTreeSet};

use regorus::Value;
use serde_json::Value as Json;

use crate::control::Control;
use crate::resource::{GLOBAL, Part, Resource, Unavailable};

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
    /// The account as it is seen from a Region.
    accounts: BTreeMap<String, Value>,
    /// As it is seen from where nothing is that the rule reads.
    elsewhere: Value,
    parameters: Value,
    now: Value,
}

impl Subject {
    #[must_use]
    pub fn new(resource: Resource) -> Self {
        let mut unread = BTreeMap::new();
        for name in resource.state.keys() {
            if let Part::Unavailable(told) = resource.part(name) {
                unread.insert(name.clone(), told);
            }
        }
        let Resource {
            kind,
            id,
            region,
            state,
        } = resource;
        let parts = state.keys().cloned().collect();
        let state: BTreeMap<Value, Value> = state
            .into_iter()
            .map(|(name, part)| (Value::from(name), Value::from(part)))
            .collect();
        let value = object([
            ("type", Value::from(kind.as_str())),
            ("id", Value::from(id.as_str())),
            ("region", Value::from(region.as_str())),
            ("state", Value::from(state)),
        ]);
        Self {
            kind,
            id,
            region,
            parts,
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
    /// The surroundings in an account. `of` gives its resources of a type; only what the control reads is asked for.
    #[must_use]
    pub fn new<'a>(
        control: &Control,
        account: &str,
        of: impl Fn(&str) -> &'a [Subject],
        parameters: &BTreeMap<String, Json>,
        now: &str,
    ) -> Self {
        let everywhere: BTreeMap<Value, Value> = control
            .reads
            .iter()
            .map(|kind| (Value::from(kind.as_str()), list(of(kind).iter())))
            .collect();
        let seen_from = |region: &str| {
            let mut by_type = everywhere.clone();
            for kind in &control.reads_here {
                let here = of(kind).iter();
                let here =
                    here.filter(|subject| [region, GLOBAL].contains(&subject.region.as_str()));
                by_type.insert(Value::from(kind.as_str()), list(here));
            }
            object([
                ("id", Value::from(account)),
                ("resources", Value::from(by_type)),
            ])
        };
        let here = control.reads_here.iter().flat_map(|kind| of(kind));
        let regions: BTreeSet<&str> = here.map(|subject| subject.region.as_str()).collect();
        let regions = regions.into_iter();
        Self {
            accounts: regions
                .map(|region| (region.to_owned(), seen_from(region)))
                .collect(),
            elsewhere: seen_from(GLOBAL),
            parameters: serde_json::to_value(parameters).map_or(Value::Undefined, Value::from),
            now: Value::from(now),
        }
    }

    pub(crate) fn input(&self, subject: &Subject) -> Value {
        let account = self.accounts.get(&subject.region);
        object([
            ("resource", subject.value.clone()),
            ("account", account.unwrap_or(&self.elsewhere).clone()),
            ("parameters", self.parameters.clone()),
            ("now", self.now.clone()),
        ])
    }
}

fn list<'a>(subjects: impl Iterator<Item = &'a Subject>) -> Value {
    let values: Vec<Value> = subjects.map(|subject| subject.value.clone()).collect();
    Value::from(values)
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let fields = fields.map(|(name, value)| (Value::from(name), value));
    Value::from(BTreeMap::from(fields))
}
