//! The metadata of a control: `control.toml`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::resource::ACCOUNT;

/// Longest title, in characters.
const TITLE_MAX: usize = 100;
/// Types that one control judges.
const TYPES_MAX: usize = 16;

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// Such as `S3.8`.
    pub id: String,
    /// What is true when it passes.
    pub title: String,
    pub description: String,
    pub remediation: String,
    pub severity: Severity,
    /// What is judged: one type, or several that are judged alike.
    #[serde(alias = "resource_type", deserialize_with = "one_or_more")]
    pub resource_types: Vec<String>,
    /// Which of the account's states is judged; of the account only.
    pub scope: Option<Scope>,
    /// Parts of the judged resource without which there is no verdict.
    #[serde(default)]
    pub needs: Needs,
    /// Other types that the rule looks at, in all Regions.
    #[serde(default)]
    pub reads: Vec<String>,
    /// Other types that the rule looks at, in the Region of the judged resource and among what has no Region.
    #[serde(default)]
    pub reads_here: Vec<String>,
    pub trigger: Trigger,
    /// By standard: the numbers of its requirements.
    #[serde(default)]
    pub requirements: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub parameters: BTreeMap<String, Parameter>,
}

/// Parts that have to be known.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a list of parts, or one for each resource type"
)]
pub enum Needs {
    OfAll(Vec<String>),
    ByType(BTreeMap<String, Vec<String>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Once for the account.
    Global,
    /// In each Region.
    Regional,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// A change of a resource.
    Change,
    /// Time, as verdicts depend on it.
    Periodic,
}

/// What may be set otherwise.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    #[serde(rename = "type")]
    pub kind: ParameterKind,
    pub default: toml::Value,
    pub min: Option<i64>,
    pub max: Option<i64>,
    pub description: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParameterKind {
    Integer,
    String,
    List,
}

impl Control {
    /// What is wrong with it, if something is.
    pub(crate) fn fault(&self) -> Option<String> {
        let types = &self.resource_types;
        let of_account = types.iter().any(|kind| kind == ACCOUNT);
        let parameter = self.parameters.iter().find_map(|(name, parameter)| {
            Some(format!("parameter {name}: {}", parameter.fault()?))
        });
        if !is_id(&self.id) {
            Some(format!("{:?} is no id; one looks like S3.8", self.id))
        } else if self.title.is_empty() || self.title.chars().count() > TITLE_MAX {
            Some(format!("the title has to have 1 to {TITLE_MAX} characters"))
        } else if let Some(fault) = fault_of_types(types) {
            Some(fault)
        } else if of_account != self.scope.is_some() {
            Some(format!(
                "`scope` goes with the resource type {ACCOUNT}, and only with it"
            ))
        } else if let Some(kind) = self
            .reads_here
            .iter()
            .find(|kind| self.reads.contains(kind))
        {
            Some(format!(
                "{kind} is in `reads` and in `reads_here`; it is read in all Regions or in one"
            ))
        } else if let Some(fault) = self.needs.fault(types) {
            Some(fault)
        } else if types.iter().all(|kind| self.needs.of(kind).is_empty())
            && self.read_types().next().is_none()
        {
            Some("neither `needs` nor `reads` names anything to look at".to_owned())
        } else {
            parameter
        }
    }

    /// The types that the rule looks at beside what it judges.
    pub fn read_types(&self) -> impl Iterator<Item = &str> {
        let types = self.reads.iter().chain(&self.reads_here);
        types.map(String::as_str)
    }

    /// Every type that its verdicts depend on.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        let judged = self.resource_types.iter().map(String::as_str);
        judged.chain(self.read_types())
    }

    /// Every parameter with its default.
    #[must_use]
    pub fn defaults(&self) -> BTreeMap<String, serde_json::Value> {
        let parameters = self.parameters.iter();
        parameters
            .filter_map(|(name, parameter)| {
                let value = serde_json::to_value(&parameter.default).ok()?;
                Some((name.clone(), value))
            })
            .collect()
    }
}

impl Default for Needs {
    fn default() -> Self {
        Self::OfAll(Vec::new())
    }
}

impl Needs {
    /// What is needed of a resource of a type.
    pub(crate) fn of(&self, kind: &str) -> &[String] {
        match self {
            Self::OfAll(parts) => parts,
            Self::ByType(by_type) => by_type.get(kind).map_or(&[], Vec::as_slice),
        }
    }

    fn fault(&self, types: &[String]) -> Option<String> {
        let Self::ByType(by_type) = self else {
            return None;
        };
        let other = by_type.keys().find(|kind| !types.contains(kind));
        let missing = types.iter().find(|kind| !by_type.contains_key(*kind));
        match (other, missing) {
            (Some(kind), _) => Some(format!("`needs` names {kind}, which is not judged")),
            (None, Some(kind)) => Some(format!("`needs` says nothing of {kind}")),
            (None, None) => None,
        }
    }
}

impl Parameter {
    fn fault(&self) -> Option<String> {
        let value = serde_json::to_value(&self.default).ok()?;
        self.refuses(&value)
            .map(|reason| format!("the default {reason}"))
    }

    /// Why a value is no good, if it is not.
    #[must_use]
    pub fn refuses(&self, value: &serde_json::Value) -> Option<String> {
        let (least, most) = (self.min.unwrap_or(i64::MIN), self.max.unwrap_or(i64::MAX));
        match self.kind {
            ParameterKind::Integer => match value.as_i64() {
                None => Some("is no whole number".to_owned()),
                Some(number) if number < least || number > most => {
                    Some(format!("is not from {least} to {most}"))
                }
                Some(_) => None,
            },
            ParameterKind::String if !value.is_string() => Some("is no text".to_owned()),
            ParameterKind::List
                if !value
                    .as_array()
                    .is_some_and(|items| items.iter().all(serde_json::Value::is_string)) =>
            {
                Some("is no list of texts".to_owned())
            }
            ParameterKind::String | ParameterKind::List => None,
        }
    }
}

/// Reads a type, or a list of them.
fn one_or_more<'a, D: Deserializer<'a>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a resource type or a list of them")]
    enum Types {
        One(String),
        More(Vec<String>),
    }
    Types::deserialize(deserializer).map(|types| match types {
        Types::One(kind) => vec![kind],
        Types::More(kinds) => kinds,
    })
}

fn fault_of_types(types: &[String]) -> Option<String> {
    let twice = (1..)
        .zip(types)
        .find(|(next, kind)| types[*next..].contains(kind));
    if types.is_empty() || types.len() > TYPES_MAX {
        Some(format!(
            "`resource_types` has to name 1 to {TYPES_MAX} types"
        ))
    } else if let Some((_, kind)) = twice {
        Some(format!("`resource_types` names {kind} twice"))
    } else if types.len() > 1 && types.iter().any(|kind| kind == ACCOUNT) {
        Some(format!(
            "{ACCOUNT} is judged alone; make a second control for the other types"
        ))
    } else {
        None
    }
}

/// Letters and digits, a dot, a number.
fn is_id(text: &str) -> bool {
    let Some((service, number)) = text.rsplit_once('.') else {
        return false;
    };
    let of =
        |text: &str, is: fn(&u8) -> bool| !text.is_empty() && text.bytes().all(|byte| is(&byte));
    text.len() <= 64 && of(service, u8::is_ascii_alphanumeric) && of(number, u8::is_ascii_digit)
}
