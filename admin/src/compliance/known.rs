//! The control findings of accounts that are stored, in short: enough to tell what would change.
//!
//! The findings themselves are the truth. What is remembered of them is a copy that may go at any time, and goes when there is
//! too much of it: it is read again when its account is judged again.

use std::collections::HashMap;
use std::sync::Arc;

use muster_common::account::AccountId;
use muster_common::field::Field;
use muster_common::filter::{Filter, Test};
use muster_common::finding::FindingKey;
use muster_common::timestamp::Timestamp;
use muster_store::Record;
use parking_lot::Mutex;
use serde::Deserialize;

use super::Error;
use super::catalog::Catalog;
use super::evaluation::work;
use super::finding::{COMPANY, DIGEST};
use crate::findings::Findings;

/// Findings that one page reads.
const PAGE: usize = 2_000;
/// What is remembered of accounts that are not being judged, in bytes: about 200,000 findings.
const BYTES_MAX: usize = 16 << 20;
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

/// What is remembered of accounts; what was used last the longest.
pub(super) struct Shelves {
    bytes_max: usize,
    shelves: Mutex<HashMap<AccountId, Shelf>>,
}

#[derive(Default)]
struct Shelf {
    /// Whoever holds it judges the account.
    turn: Arc<tokio::sync::Mutex<()>>,
    known: Option<Known>,
    /// Counts what is put on any shelf; 0 before the account was judged.
    put: u64,
}

impl Default for Shelves {
    fn default() -> Self {
        Self::new(BYTES_MAX)
    }
}

impl Shelves {
    fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            shelves: Mutex::default(),
        }
    }

    /// Waits until nobody else judges the account.
    pub(super) async fn turn(&self, account: AccountId) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = Arc::clone(&self.shelves.lock().entry(account).or_default().turn);
        turn.lock_owned().await
    }

    pub(super) fn take(&self, account: AccountId) -> Option<Known> {
        self.shelves.lock().get_mut(&account)?.known.take()
    }

    /// Remembers what is known once an account was judged, and forgets others if it is too much.
    pub(super) fn put(&self, account: AccountId, known: Known) {
        let mut shelves = self.shelves.lock();
        let last = shelves.values().map(|shelf| shelf.put).max();
        let shelf = shelves.entry(account).or_default();
        shelf.known = Some(known);
        shelf.put = last.unwrap_or(0) + 1;
        let known = |shelf: &Shelf| shelf.known.as_ref().map_or(0, Known::bytes);
        let mut bytes: usize = shelves.values().map(known).sum();
        while bytes > self.bytes_max {
            let full = shelves.values_mut().filter(|shelf| shelf.known.is_some());
            let Some(oldest) = full.min_by_key(|shelf| shelf.put) else {
                return;
            };
            bytes -= known(oldest);
            oldest.known = None;
        }
    }

    /// Whether an account was judged since the start.
    pub(super) fn is_judged(&self, account: AccountId) -> bool {
        let shelves = self.shelves.lock();
        shelves.get(&account).is_some_and(|shelf| shelf.put > 0)
    }
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
        catalog: &Arc<Catalog>,
        account: AccountId,
    ) -> Result<Self, Error> {
        let equals = |field, text: &str| Filter::field(field, Test::Equals(text.to_owned()));
        let ours = Test::Prefix("security-control/".to_owned());
        let filter = equals(Field::AwsAccountId, account.as_str())
            .and(equals(Field::CompanyName, COMPANY))
            .and(Filter::field(Field::GeneratorId, ours));
        let (mut known, mut after) = (Self::default(), None);
        loop {
            let page = findings.walk(filter.clone(), after, PAGE).await?;
            let catalog = Arc::clone(catalog);
            known = work(move || known.with(&page.records, &catalog)).await?;
            after = page.next;
            if after.is_none() {
                return Ok(known);
            }
        }
    }

    fn with(mut self, records: &[Record], catalog: &Catalog) -> Self {
        let kept = records
            .iter()
            .filter_map(|record| Some((record.key, kept(&record.document, catalog)?)));
        self.0.extend(kept);
        self
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

    /// Bytes of memory: an entry and a byte for each place, of which seven of eight are used at most.
    fn bytes(&self) -> usize {
        (size_of::<(FindingKey, Kept)>() + 1) * self.0.capacity() * 8 / 7
    }
}

fn kept(document: &[u8], catalog: &Catalog) -> Option<Kept> {
    let stored: Stored = serde_json::from_slice(document).ok()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// An account with as many findings.
    fn known(count: u64) -> Known {
        let mut known = Known::default();
        for number in 0..count {
            let account = "111122223333".parse().expect("an account");
            let key = FindingKey::new(account, "eu-west-1", "product", &number.to_string());
            let kept = Kept {
                created_at: Timestamp::default(),
                updated_at: Timestamp::default(),
                digest: number,
                control: 0,
                archived: false,
            };
            known.put(key, kept);
        }
        known
    }

    fn account(number: u64) -> AccountId {
        format!("{number:012}").parse().expect("an account")
    }

    #[test]
    fn what_was_put_away_first_is_forgotten_first() {
        let shelves = Shelves::new(3 * known(100).bytes());
        for number in 1..=3 {
            shelves.put(account(number), known(100));
        }
        let first = shelves.take(account(1)).expect("there is room for three");
        shelves.put(account(1), first);
        shelves.put(account(4), known(100));
        let kept = [1, 2, 3, 4].map(|number| shelves.take(account(number)).is_some());
        assert_eq!(kept, [true, false, true, true]);
        assert!(shelves.is_judged(account(2)) && !shelves.is_judged(account(5)));
    }

    #[test]
    fn an_account_that_is_too_large_is_not_remembered() {
        let shelves = Shelves::new(known(100).bytes());
        shelves.put(account(1), known(10_000));
        assert!(shelves.take(account(1)).is_none() && shelves.is_judged(account(1)));
        shelves.put(account(1), known(100));
        assert!(shelves.take(account(1)).is_some());
    }

    #[test]
    fn a_finding_takes_less_than_a_hundred_bytes() {
        let each = known(5_000).bytes() / 5_000;
        assert!(each < 100, "{each} bytes");
    }
}
