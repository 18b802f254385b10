//! What operators chose: standards that are on, controls that are off somewhere, parameters. Pure but for [`Choices::read`].

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use muster_common::account::AccountId;
use muster_common::timestamp::Timestamp;
use muster_store::{Error, Table};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::catalog::{Catalog, Entry};
use super::standards::{self, Standard};
use crate::records::Records;

/// Everything that was chosen. What nobody touched is not in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choices {
    /// By id, whether it is on.
    pub(super) standards: BTreeMap<String, StandardChoice>,
    /// By id.
    pub(super) controls: BTreeMap<String, ControlChoice>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StandardChoice {
    pub enabled: bool,
}

/// What was chosen of a control.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ControlChoice {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disabled: Vec<Disabling>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Json>,
}

/// Where a control is off, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabling {
    pub place: Place,
    pub reason: String,
    pub actor: String,
    pub at: Timestamp,
}

/// Where a control can be off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    Everywhere,
    /// By its id.
    Standard(String),
    Account(AccountId),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Everywhere => f.write_str("everywhere"),
            Self::Standard(id) => write!(f, "in {id}"),
            Self::Account(account) => write!(f, "in account {account}"),
        }
    }
}

impl Choices {
    pub(super) async fn read(records: &Records) -> Result<Self, Error> {
        let standards = records.all(Table::Standards).await?;
        let controls = records.all(Table::Controls).await?;
        Ok(Self {
            standards: named(standards),
            controls: named(controls),
        })
    }

    /// What verdicts and findings take from it, in short. Another build may give another one.
    pub(super) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let choices = (&self.standards, &self.controls);
        serde_json::to_string(&choices)
            .unwrap_or_default()
            .hash(&mut hasher);
        hasher.finish()
    }

    #[must_use]
    pub fn is_on(&self, standard: &str) -> bool {
        match self.standards.get(standard) {
            Some(choice) => choice.enabled,
            None => standards::ON_AT_FIRST.contains(&standard),
        }
    }

    /// What was chosen of a control.
    #[must_use]
    pub fn of(&self, control: &str) -> Option<&ControlChoice> {
        self.controls.get(control)
    }

    /// Whether a control is off in a place, by a choice for just this place.
    #[must_use]
    pub fn is_off(&self, control: &str, place: &Place) -> bool {
        let choice = self.of(control);
        let mut disabled = choice.iter().flat_map(|choice| &choice.disabled);
        disabled.any(|disabling| disabling.place == *place)
    }

    /// The standards for whose sake a control runs, somewhere or in an account; none if it is off.
    #[must_use]
    pub fn standards_of<'a>(
        &self,
        catalog: &'a Catalog,
        entry: &Entry,
        account: Option<AccountId>,
    ) -> Vec<&'a Standard> {
        let control = entry.control().id.as_str();
        let off = self.is_off(control, &Place::Everywhere)
            || account.is_some_and(|account| self.is_off(control, &Place::Account(account)));
        if off {
            return Vec::new();
        }
        let on = catalog.standards().iter().filter(|standard| {
            let id = &standard.id;
            self.is_on(id)
                && !entry.requirements(id).is_empty()
                && !self.is_off(control, &Place::Standard(id.clone()))
        });
        on.collect()
    }

    /// The values of a control's parameters. What was chosen and is no good any more counts as not chosen.
    #[must_use]
    pub fn parameters(&self, entry: &Entry) -> BTreeMap<String, Json> {
        let control = entry.control();
        let mut values = control.defaults();
        let chosen = self.of(&control.id);
        for (name, value) in chosen.iter().flat_map(|choice| &choice.parameters) {
            let parameter = control.parameters.get(name);
            if parameter.is_some_and(|parameter| parameter.refuses(value).is_none()) {
                values.insert(name.clone(), value.clone());
            }
        }
        values
    }
}

fn named<T>(entries: Vec<(Vec<u8>, T)>) -> BTreeMap<String, T> {
    let entries = entries.into_iter();
    entries
        .map(|(key, value)| (String::from_utf8_lossy(&key).into_owned(), value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CIS: &str = "cis-aws-foundations-benchmark/v/3.0.0";
    const FSBP: &str = "aws-foundational-security-best-practices/v/1.0.0";

    fn ids(choices: &Choices, catalog: &Catalog, account: Option<AccountId>) -> Vec<String> {
        let entry = catalog.find("S3.8").unwrap();
        let standards = choices.standards_of(catalog, entry, account);
        standards
            .iter()
            .map(|standard| standard.id.clone())
            .collect()
    }

    fn off(place: Place) -> Choices {
        let disabling = Disabling {
            place,
            reason: "the web".to_owned(),
            actor: "ana".to_owned(),
            at: Timestamp::default(),
        };
        let choice = ControlChoice {
            disabled: vec![disabling],
            parameters: BTreeMap::new(),
        };
        Choices {
            controls: BTreeMap::from([("S3.8".to_owned(), choice)]),
            ..Choices::default()
        }
    }

    #[test]
    fn a_control_runs_for_the_standards_that_are_on_and_in_which_it_is_not_off() {
        let catalog = Catalog::open(None);
        let account: AccountId = "111122223333".parse().unwrap();
        let other: AccountId = "444455556666".parse().unwrap();
        let on = |choices: &Choices, account| ids(choices, &catalog, account);
        assert_eq!(on(&Choices::default(), Some(account)), [FSBP, CIS]);
        let no_cis = off(Place::Standard(CIS.to_owned()));
        assert_eq!(on(&no_cis, Some(account)), [FSBP]);
        assert_eq!(on(&off(Place::Everywhere), None), [""; 0]);
        let not_there = off(Place::Account(account));
        assert_eq!(on(&not_there, Some(account)), [""; 0]);
        assert_eq!(on(&not_there, Some(other)), [FSBP, CIS]);
        assert_eq!(on(&not_there, None), [FSBP, CIS]);
    }
}
