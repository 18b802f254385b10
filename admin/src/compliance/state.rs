//! What is known of accounts, as the rules are told it: the inventory behind a seam.

use bytes::Bytes;
use futures::future::BoxFuture;
use muster_common::account::AccountId;
use muster_common::timestamp::Timestamp;
use tokio::sync::watch;

use super::Error;
use crate::inventory::{self, Inventory, Trouble};

/// A resource and its state.
#[derive(Clone, Debug)]
pub struct Held {
    pub account: AccountId,
    /// Such as `AWS::S3::Bucket`.
    pub kind: String,
    /// A [`Resource`](muster_controls::Resource) in JSON.
    pub document: Bytes,
    /// When this state was first seen.
    pub observed_at: Timestamp,
    pub gone: bool,
}

/// What was read of a type in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    pub account: AccountId,
    pub kind: String,
    /// A Region, or [`GLOBAL`].
    pub place: String,
    /// The last listing that came to its end.
    pub complete_at: Option<Timestamp>,
    pub count: u64,
    pub tried_at: Timestamp,
    /// Why the last try gave nothing.
    pub trouble: Option<Trouble>,
}

/// Of which account which types changed, and the position that was reached.
pub type Changes = (Vec<(AccountId, String)>, u64);

/// What is known of accounts.
pub trait State: Send + Sync {
    fn accounts(&self) -> BoxFuture<'_, Result<Vec<AccountId>, Error>>;

    /// The present resources of these types; as of a time, those that were present then.
    fn resources(
        &self,
        account: AccountId,
        kinds: Vec<String>,
        as_of: Option<Timestamp>,
    ) -> BoxFuture<'_, Result<Vec<Held>, Error>>;

    fn coverage(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<Coverage>, Error>>;

    /// What changed after a position, resources or coverage.
    fn changes(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Changes, Error>>;

    /// The last position, and a way to wait for the next.
    fn head(&self) -> watch::Receiver<u64>;
}

impl State for Inventory {
    fn accounts(&self) -> BoxFuture<'_, Result<Vec<AccountId>, Error>> {
        Box::pin(async { Ok(Self::accounts(self).await?) })
    }

    fn resources(
        &self,
        account: AccountId,
        kinds: Vec<String>,
        as_of: Option<Timestamp>,
    ) -> BoxFuture<'_, Result<Vec<Held>, Error>> {
        Box::pin(async move {
            let resources = self.of_account(account, kinds, as_of).await?;
            Ok(resources.into_iter().map(Held::from).collect())
        })
    }

    fn coverage(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<Coverage>, Error>> {
        Box::pin(async move {
            let coverage = Self::coverage(self, account).await?;
            Ok(coverage.into_iter().map(Coverage::from).collect())
        })
    }

    fn changes(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Changes, Error>> {
        Box::pin(std::future::ready(Ok(Self::changes(self, after, limit))))
    }

    fn head(&self) -> watch::Receiver<u64> {
        Self::head(self)
    }
}

impl From<inventory::Held> for Held {
    fn from(held: inventory::Held) -> Self {
        let inventory::Held {
            account,
            kind,
            document,
            observed_at,
            gone,
            key: _,
            region: _,
            id: _,
        } = held;
        Self {
            account,
            kind,
            document,
            observed_at,
            gone,
        }
    }
}

impl From<inventory::Coverage> for Coverage {
    fn from(coverage: inventory::Coverage) -> Self {
        let inventory::Coverage {
            account,
            place,
            kind,
            listing,
        } = coverage;
        let inventory::Listing {
            epoch: _,
            complete_at,
            count,
            tried_at,
            trouble,
        } = listing;
        Self {
            account,
            kind,
            place,
            complete_at,
            count,
            tried_at,
            trouble,
        }
    }
}
