//! What is known of accounts, as the rules are told it: the inventory behind a seam.

use futures::future::BoxFuture;
use muster_common::account::AccountId;
use muster_common::timestamp::Timestamp;
use tokio::sync::watch;

use super::Error;
use crate::inventory::{Coverage, Held, Inventory};

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

    /// How each type was listed in each place; of what an agent says that it reads and has not listed yet, too.
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
        Box::pin(async move { Ok(self.of_account(account, kinds, as_of).await?) })
    }

    fn coverage(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<Coverage>, Error>> {
        Box::pin(async move { Ok(self.expected(account).await?) })
    }

    fn changes(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Changes, Error>> {
        Box::pin(std::future::ready(Ok(Self::changes(self, after, limit))))
    }

    fn head(&self) -> watch::Receiver<u64> {
        Self::head(self)
    }
}
