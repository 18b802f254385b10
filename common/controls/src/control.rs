//! The metadata of a control: `control.toml`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::resource::ACCOUNT;

/// Longest title, in characters.
const TITLE_MAX: usize = 100;

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
    /// What is judged.
    pub resource_type: String,
    /// Which of the account's states is judged; of the account only.
    pub scope: Option<Scope>,
    /// Parts of the judged resource without which there is no verdict.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Other types that the rule looks at.
    #[serde(default)]
    pub reads: Vec<String>,
    pub trigger: Trigger,
    /// By standard: the numbers of its requirements.
    #[serde(default)]
    pub requirements: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub parameters: BTreeMap<String, Parameter>,
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
        let of_account = self.resource_type == ACCOUNT;
        let parameter = self.parameters.iter().find_map(|(name, parameter)| {
            Some(format!("parameter {name}: {}", parameter.fault()?))
        });
        if !is_id(&self.id) {
            Some(format!("{:?} is no id; one looks like S3.8", self.id))
        } else if self.title.is_empty() || self.title.chars().count() > TITLE_MAX {
            Some(format!("the title has to have 1 to {TITLE_MAX} characters"))
        } else if of_account != self.scope.is_some() {
            Some(format!(
                "`scope` goes with the resource type {ACCOUNT}, and only with it"
            ))
        } else if self.needs.is_empty() && self.reads.is_empty() {
            Some("neither `needs` nor `reads` names anything to look at".to_owned())
        } else {
            parameter
        }
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

/// Letters and digits, a dot, a number.
fn is_id(text: &str) -> bool {
    let Some((service, number)) = text.rsplit_once('.') else {
        return false;
    };
    let of =
        |text: &str, is: fn(&u8) -> bool| !text.is_empty() && text.bytes().all(|byte| is(&byte));
    text.len() <= 64 && of(service, u8::is_ascii_alphanumeric) && of(number, u8::is_ascii_digit)
}
