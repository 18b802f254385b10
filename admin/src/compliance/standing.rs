//! How controls stand, from the findings themselves: what operators suppress counts at once.

use std::collections::{BTreeMap, HashMap};

use muster_common::account::AccountId;
use muster_common::field::Field;
use muster_common::filter::{FieldFilter, Filter, Test};
use muster_controls::Severity;
use muster_store::Counts;

use super::choices::Choices;
use super::finding::COMPANY;
use super::history::Whose;
use super::score::{ControlStatus, Tally, Totals};
use super::{Compliance, Entry, Error, standards};

/// Groups of one count: 1,000 accounts with 500 controls in four states.
const GROUPS_MAX: usize = 2_000_000;

/// A score and what it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
    pub whose: Whose,
    pub totals: Totals,
    /// In the order of the standard's requirements.
    pub controls: Vec<Standing>,
}

/// How a control stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub control: String,
    pub title: String,
    pub severity: Severity,
    /// Numbers of the standard's requirements.
    pub requirements: Vec<String>,
    pub status: ControlStatus,
    pub tally: Tally,
}

type Tallies = HashMap<String, Tally>;

impl Compliance {
    /// How the controls of a standard stand, or all that belong to a standard that is on.
    ///
    /// # Errors
    /// [`Error::NoStandard`].
    pub async fn score(&self, whose: Whose) -> Result<Score, Error> {
        self.check_standard(&whose.standard)?;
        let choices = self.choices().await?;
        let tallies = self.tallies(whose.account).await?;
        let controls: Vec<Standing> = self
            .controls_of(&choices, &whose.standard)
            .into_iter()
            .map(|entry| self.standing(&choices, entry, &whose, &tallies))
            .collect();
        Ok(Score {
            totals: controls.iter().map(|standing| standing.status).collect(),
            whose,
            controls,
        })
    }

    /// The score of every account, the lowest first, those without one last.
    ///
    /// # Errors
    /// [`Error::NoStandard`].
    pub async fn account_scores(&self, standard: &str) -> Result<Vec<(AccountId, Totals)>, Error> {
        self.check_standard(standard)?;
        let choices = self.choices().await?;
        let by_account = self.tallies_by_account().await?;
        let mut scores: Vec<(AccountId, Totals)> = by_account
            .iter()
            .map(|(account, tallies)| {
                let whose = Whose {
                    standard: standard.to_owned(),
                    account: Some(*account),
                };
                (*account, self.totals(&choices, &whose, tallies))
            })
            .collect();
        scores.sort_by_key(|(account, totals)| {
            let percent = totals.percent();
            (percent.is_none(), percent, *account)
        });
        Ok(scores)
    }

    fn totals(&self, choices: &Choices, whose: &Whose, tallies: &Tallies) -> Totals {
        let entries = self.controls_of(choices, &whose.standard).into_iter();
        entries
            .map(|entry| self.status(choices, entry, whose, tallies))
            .collect()
    }

    /// The controls of a standard in its order; without one, those of all standards that are on.
    fn controls_of(&self, choices: &Choices, standard: &str) -> Vec<&Entry> {
        if !standard.is_empty() {
            return self.catalog.of_standard(standard);
        }
        let on = |entry: &&Entry| {
            let mut standards = entry.control().requirements.keys();
            standards.any(|id| choices.is_on(id))
        };
        let mut entries: Vec<&Entry> = self.catalog.entries().iter().filter(on).collect();
        entries.sort_by_cached_key(|entry| standards::rank(&entry.control().id));
        entries
    }

    fn standing(
        &self,
        choices: &Choices,
        entry: &Entry,
        whose: &Whose,
        tallies: &Tallies,
    ) -> Standing {
        let control = entry.control();
        Standing {
            control: control.id.clone(),
            title: control.title.clone(),
            severity: control.severity,
            requirements: entry.requirements(&whose.standard).to_vec(),
            status: self.status(choices, entry, whose, tallies),
            tally: tallies.get(&control.id).copied().unwrap_or_default(),
        }
    }

    fn status(
        &self,
        choices: &Choices,
        entry: &Entry,
        whose: &Whose,
        tallies: &Tallies,
    ) -> ControlStatus {
        let Whose { standard, account } = whose;
        let standards = choices.standards_of(&self.catalog, entry, *account);
        let on = match standard.as_str() {
            "" => !standards.is_empty(),
            id => standards.iter().any(|standard| standard.id == id),
        };
        if !on {
            return ControlStatus::Disabled;
        }
        let tally = tallies.get(&entry.control().id);
        tally.map_or(ControlStatus::NoData, Tally::status)
    }

    async fn tallies(&self, account: Option<AccountId>) -> Result<Tallies, Error> {
        let of_account = account
            .map(|account| Filter::field(Field::AwsAccountId, Test::Equals(account.to_string())));
        let filter = of_account
            .into_iter()
            .fold(counted(), |filter, account| filter.and(account));
        let by = vec![Field::ComplianceSecurityControlId, Field::ComplianceStatus];
        let counts = self.findings.count(filter, by, GROUPS_MAX).await?;
        let mut tallies = Tallies::new();
        for group in counts.groups {
            if let [control, status] = &group.values[..] {
                let tally = tallies.entry(control.clone()).or_default();
                tally.add(status, group.count);
            }
        }
        Ok(tallies)
    }

    /// Of every account that is known or has findings.
    async fn tallies_by_account(&self) -> Result<BTreeMap<AccountId, Tallies>, Error> {
        let by = vec![
            Field::AwsAccountId,
            Field::ComplianceSecurityControlId,
            Field::ComplianceStatus,
        ];
        let Counts { groups, .. } = self.findings.count(counted(), by, GROUPS_MAX).await?;
        let known = self.state.accounts().await?.into_iter();
        let mut accounts: BTreeMap<AccountId, Tallies> =
            known.map(|account| (account, Tallies::new())).collect();
        for group in groups {
            if let [account, control, status] = &group.values[..]
                && let Ok(account) = account.parse()
            {
                let tallies = accounts.entry(account).or_default();
                let tally = tallies.entry(control.clone()).or_default();
                tally.add(status, group.count);
            }
        }
        Ok(accounts)
    }
}

/// Every score there is: of the standards that are on and of all controls, of the organization and of each account.
pub(super) async fn all(compliance: &Compliance) -> Result<Vec<(Whose, Totals)>, Error> {
    let choices = compliance.choices().await?;
    let everybody = compliance.tallies(None).await?;
    let by_account = compliance.tallies_by_account().await?;
    let standards = compliance.catalog.standards().iter();
    let on = standards.filter(|standard| choices.is_on(&standard.id));
    let ids = on.map(|standard| standard.id.as_str()).chain([""]);
    let mut scores = Vec::new();
    for id in ids {
        let accounts = by_account
            .iter()
            .map(|(account, tallies)| (Some(*account), tallies));
        for (account, tallies) in accounts.chain([(None, &everybody)]) {
            let standard = id.to_owned();
            let whose = Whose { standard, account };
            let totals = compliance.totals(&choices, &whose, tallies);
            scores.push((whose, totals));
        }
    }
    Ok(scores)
}

/// The findings that count: those of controls that are neither archived nor suppressed.
fn counted() -> Filter {
    let equals = |field, text: &str| Filter::field(field, Test::Equals(text.to_owned()));
    let suppressed = Filter::Field(FieldFilter {
        field: Field::WorkflowStatus,
        any: Vec::new(),
        none: vec![Test::Equals("SUPPRESSED".to_owned())],
    });
    equals(Field::CompanyName, COMPANY)
        .and(equals(Field::RecordState, "ACTIVE"))
        .and(suppressed)
}
