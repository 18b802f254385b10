//! Inventory: the resources of all accounts as collectors saw them, now and before.
//!
//! In: portions of epochs, each of one resource type in one place of an account. Out: present and past states, counts,
//! and what was read when and what could not be. Always: a state is durable and visible before its portion is answered;
//! a resource is gone only when a complete epoch, or one told against a known one, says so; what no agent of the account
//! reads any more is kept as such, and not waited for; a state that is what it was writes nothing; nobody tells of another
//! account. Survives: everything, in a store of its own, of the same engine as findings. Not here: what a state means
//! (`compliance`), who asked (`api`).

mod ask;
mod changed;
mod document;
mod doubt;
mod observer;
mod readers;
mod retention;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use muster_common::account::AccountId;
use muster_common::clock::Clock;
use muster_common::finding::FindingKey;
use muster_common::timestamp::{HOUR, Timestamp};
use muster_store::{Bound, Findings as Engine, Ledger, Table};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::error::{Kind, Kinded};
use crate::records::{PAGE_MAX, Records};
pub use ask::{Asked, By, Name};
use changed::Changed;
pub use observer::{
    Observer, PORTION_BYTES_MAX, PORTION_RESOURCES_MAX, Portion, PortionEnd, Refused, Taken,
};
pub use readers::Reads;
pub use retention::Retention;

/// A listing that is older tells nothing any more.
const STALE_AFTER: i64 = 48 * HOUR;
/// Where a type is listed that has no Region.
pub const GLOBAL: &str = "aws-global";
/// The type of the account itself.
const ACCOUNT: &str = "AWS::::Account";

/// Keeps resources and tells of them. Cheap to clone.
#[derive(Clone)]
pub struct Inventory {
    engine: Arc<dyn Engine>,
    ledger: Arc<dyn Ledger>,
    records: Records,
    changed: Arc<Changed>,
    turns: Turns,
    /// How much of the store's damage has been taken to heart.
    damaged: Arc<tokio::sync::Mutex<usize>>,
    clock: Clock,
}

/// Whose turn it is in each account; one entry for each account that was ever told of.
#[derive(Clone, Default)]
struct Turns(Arc<Mutex<HashMap<AccountId, Turn>>>);

type Turn = Arc<tokio::sync::Mutex<()>>;

impl Turns {
    fn of(&self, account: AccountId) -> Turn {
        Arc::clone(self.0.lock().entry(account).or_default())
    }
}

/// A resource as it is kept.
#[derive(Clone, Debug)]
pub struct Held {
    pub key: FindingKey,
    pub account: AccountId,
    /// Such as `AWS::S3::Bucket`.
    pub kind: String,
    /// Its own, which may differ from where it was listed.
    pub region: String,
    pub id: String,
    /// JSON: type, id, region, and state by part.
    pub document: Bytes,
    /// When this state was first seen.
    pub observed_at: Timestamp,
    pub presence: Presence,
}

/// Whether a resource is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Present,
    /// It was there and is not any more.
    Gone,
    /// It was there, and no agent of the account reads its type in its place any more.
    Unread,
}

impl Held {
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.presence == Presence::Present
    }
}

/// What is known of the listings of one type in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    pub account: AccountId,
    /// A Region, or [`GLOBAL`].
    pub place: String,
    pub kind: String,
    pub listing: Listing,
}

/// How listing went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// The agent's name for the last complete one.
    pub epoch: Option<Timestamp>,
    /// When that ended; the server's clock.
    pub complete_at: Option<Timestamp>,
    /// Resources that there were.
    pub count: u64,
    pub tried_at: Timestamp,
    /// Why the last try was not complete.
    pub trouble: Option<Trouble>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// AWS's, such as `AccessDenied`.
    pub code: String,
    /// Such as `s3:ListAllMyBuckets`.
    pub call: String,
    pub message: String,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no resource {name}; 'muster resource list' shows what there is")]
    NotFound { name: String },
    #[error(
        "{name} is in several accounts or places; give the name that 'muster resource list' shows"
    )]
    Ambiguous { name: String },
    #[error("{what}: {value:?} {reason}")]
    Invalid {
        what: &'static str,
        value: String,
        reason: &'static str,
    },
    #[error("{what}: {count} were given, at most {max} are allowed")]
    TooMany {
        what: &'static str,
        count: usize,
        max: usize,
    },
    #[error(transparent)]
    Store(#[from] muster_store::Error),
}

impl Listing {
    /// Whether the last complete one is too long ago, or there was none.
    #[must_use]
    pub fn is_lapsed(&self, now: Timestamp) -> bool {
        self.complete_at
            .is_none_or(|complete_at| now.since(complete_at) > STALE_AFTER)
    }
}

impl Kinded for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. } => Kind::NotFound,
            Self::Ambiguous { .. } => Kind::Conflict,
            Self::Invalid { .. } | Self::TooMany { .. } => Kind::Invalid,
            Self::Store(error) => error.kind(),
        }
    }
}

impl Inventory {
    /// Of what was kept before, nothing counts as changed.
    #[must_use]
    pub fn new(
        engine: Arc<dyn Engine>,
        ledger: Arc<dyn Ledger>,
        records: Records,
        clock: Clock,
    ) -> Self {
        Self {
            engine,
            ledger,
            records,
            changed: Arc::new(Changed::new(clock.now())),
            turns: Turns::default(),
            damaged: Arc::default(),
            clock,
        }
    }

    /// Opens what was kept. Everything counts as changed once, since nobody tells what was looked at before.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn open(
        engine: Arc<dyn Engine>,
        ledger: Arc<dyn Ledger>,
        records: Records,
        clock: Clock,
    ) -> Result<Self, Error> {
        let inventory = Self::new(engine, ledger, records, clock);
        inventory.doubts().await?;
        let coverage = inventory.all_coverage().await?;
        for listed in &coverage {
            inventory.changed.mark(listed.account, &listed.kind);
        }
        // An account that nothing is read of any more may have been judged before that.
        let is_listed = |account| coverage.iter().any(|listed| listed.account == account);
        for account in inventory.accounts().await? {
            if !is_listed(account) {
                inventory.changed.mark(account, ACCOUNT);
            }
        }
        Ok(inventory)
    }

    /// What an account's agent tells goes in here.
    #[must_use]
    pub fn observer(&self, account: AccountId, actor: Arc<str>) -> Observer {
        Observer::new(self.clone(), account, actor)
    }

    /// The accounts that anything was told of.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn accounts(&self) -> Result<Vec<AccountId>, Error> {
        let mut accounts = self.first_of_each::<Listing>(Table::Listings).await?;
        // Of which nothing is read any more, but was.
        for account in self.first_of_each::<Reads>(Table::Readers).await? {
            let asked = Asked {
                accounts: vec![account],
                gone: true,
                ..Asked::default()
            };
            if !accounts.contains(&account) && self.count(&asked, &[], 1).await?.total > 0 {
                accounts.push(account);
            }
        }
        accounts.sort_unstable();
        Ok(accounts)
    }

    /// The accounts that have entries in a table whose keys begin with them.
    async fn first_of_each<T: DeserializeOwned>(
        &self,
        table: Table,
    ) -> Result<Vec<AccountId>, Error> {
        let mut accounts: Vec<AccountId> = Vec::new();
        let mut bound = Bound::Start;
        loop {
            let next = self.records.scan::<T>(table, bound, 1);
            let Some((key, _)) = next.await?.into_iter().next() else {
                return Ok(accounts);
            };
            let Some(account) = account_of(&key) else {
                return Ok(accounts);
            };
            accounts.push(account);
            bound = Bound::After(format!("{account}/\u{7f}").into_bytes());
        }
    }

    /// How each type of an account was listed.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn coverage(&self, account: AccountId) -> Result<Vec<Coverage>, Error> {
        let mut coverage = Vec::new();
        let mut bound = Bound::After(format!("{account}/").into_bytes());
        loop {
            let (page, next) = self.coverage_page(bound, PAGE_MAX).await?;
            let of_account = page.into_iter().take_while(|row| row.account == account);
            let before = coverage.len();
            coverage.extend(of_account);
            match next {
                Some(next) if coverage.len() - before == PAGE_MAX => bound = Bound::After(next),
                Some(_) | None => return Ok(coverage),
            }
        }
    }

    /// A page of the listings of all accounts, and where the next one starts.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn coverage_page(
        &self,
        bound: Bound,
        limit: usize,
    ) -> Result<(Vec<Coverage>, Option<Vec<u8>>), Error> {
        let entries = self.records.scan(Table::Listings, bound, limit).await?;
        let next = (entries.len() == limit)
            .then(|| entries.last().map(|(key, _)| key.clone()))
            .flatten();
        let rows = entries
            .into_iter()
            .filter_map(|(key, listing)| coverage_of(&key, listing));
        Ok((rows.collect(), next))
    }

    async fn all_coverage(&self) -> Result<Vec<Coverage>, Error> {
        let mut all = Vec::new();
        let mut bound = Bound::Start;
        loop {
            let (page, next) = self.coverage_page(bound, PAGE_MAX).await?;
            all.extend(page);
            match next {
                Some(next) => bound = Bound::After(next),
                None => return Ok(all),
            }
        }
    }

    /// Which types of which accounts changed after a position, or how they are listed, and the position reached.
    #[must_use]
    pub fn changes(&self, after: u64, limit: usize) -> (Vec<(AccountId, String)>, u64) {
        self.changed.after(after, limit)
    }

    /// The last position, and a way to wait for the next. A later run of the server goes on behind it.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<u64> {
        self.changed.head()
    }

    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What the store tells of itself.
    #[must_use]
    pub fn ledger(&self) -> &dyn Ledger {
        self.ledger.as_ref()
    }
}

/// Where a listing stands in its table. Neither account nor place has a slash.
fn listing_key(account: AccountId, place: &str, kind: &str) -> Vec<u8> {
    format!("{account}/{place}/{kind}").into_bytes()
}

fn account_of(key: &[u8]) -> Option<AccountId> {
    std::str::from_utf8(key.get(..12)?).ok()?.parse().ok()
}

fn coverage_of(key: &[u8], listing: Listing) -> Option<Coverage> {
    let mut parts = std::str::from_utf8(key).ok()?.splitn(3, '/');
    Some(Coverage {
        account: parts.next()?.parse().ok()?,
        place: parts.next()?.to_owned(),
        kind: parts.next()?.to_owned(),
        listing,
    })
}

#[cfg(test)]
mod tests;
