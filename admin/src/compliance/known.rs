//! The control findings of an account that are stored, in short: enough to tell what would change.

use std::collections::HashMap;

use muster_common::account::AccountId;
use muster_common::field::Field;
use muster_common::filter::{Filter, Test};
use muster_common::finding::FindingKey;
use muster_common::timestamp::Timestamp;
use muster_store::Sort;
use serde::Deserialize;

use super::Error;
use super::catalog::Catalog;
use super::finding::{COMPANY, DIGEST};
use crate::findings::{Findings, Seen};

/// Findings that one page reads.
const PAGE: usize = 1_000;
/// The control of findings whose control there is no more.
const NOBODY: u16 = u16::MAX;

/// Findings of one account, by key.
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<FindingKey, Kept>);

/// What is kept in memory of a finding: there may be a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Of its verdict.
    pub digest: u64,
    /// The place of its control in the catalog.
    pub control: u16,
    pub archived: bool,
}

/// What is read of a stored finding.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stored {
    created_at: String,
    updated_at: String,
    record_state: String,
    #[serde(default)]
    product_fields: HashMap<String, String>,
    compliance: Compliance,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Compliance {
    security_control_id: String,
}

impl Known {
    /// Reads what is stored. Findings that Security Hub itself made, and that an agent sent, are not among them.
    pub(super) async fn read(
        findings: &Findings,
        catalog: &Catalog,
        account: AccountId,
    ) -> Result<Self, Error> {
        let equals = |field, text: &str| Filter::field(field, Test::Equals(text.to_owned()));
        let ours = Test::Prefix("security-control/".to_owned());
        let filter = equals(Field::AwsAccountId, account.as_str())
            .and(equals(Field::CompanyName, COMPANY))
            .and(Filter::field(Field::GeneratorId, ours));
        // The order in which they were written, or nearly: then each block of the store is read once and not for each finding.
        let sort = [Field::ComplianceSecurityControlId, Field::ResourceId].map(|field| Sort {
            field,
            descending: false,
        });
        let (mut known, mut after) = (Self::default(), None);
        loop {
            let page = findings
                .list(filter.clone(), sort.to_vec(), after, PAGE)
                .await?;
            for seen in &page.findings {
                if let Some(kept) = kept(seen, catalog) {
                    known.0.insert(seen.key, kept);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(known);
            }
        }
    }

    pub(super) fn get(&self, key: FindingKey) -> Option<Kept> {
        self.0.get(&key).copied()
    }

    pub(super) fn put(&mut self, key: FindingKey, kept: Kept) {
        self.0.insert(key, kept);
    }

    pub(super) fn forget(&mut self, key: FindingKey) {
        self.0.remove(&key);
    }

    /// The active findings of some controls.
    pub(super) fn active_of(&self, of: impl Fn(u16) -> bool) -> Vec<FindingKey> {
        let active = self
            .0
            .iter()
            .filter(|(_, kept)| !kept.archived && of(kept.control));
        active.map(|(key, _)| *key).collect()
    }
}

fn kept(seen: &Seen, catalog: &Catalog) -> Option<Kept> {
    let stored: Stored = serde_json::from_slice(&seen.document).ok()?;
    let digest = stored.product_fields.get(DIGEST)?;
    let control = catalog.place(&stored.compliance.security_control_id);
    Some(Kept {
        created_at: stored.created_at.parse().ok()?,
        updated_at: stored.updated_at.parse().ok()?,
        digest: u64::from_str_radix(digest, 16).ok()?,
        control: control.unwrap_or(NOBODY),
        archived: stored.record_state == "ARCHIVED",
    })
}
