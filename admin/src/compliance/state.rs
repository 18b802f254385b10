//! What is known of accounts, as the rules are told it: the inventory behind a seam.

use bytes::Bytes;
use futures::future::BoxFuture;
use muster_common::account::AccountId;
use muster_common::timestamp::Timestamp;
use tokio::sync::watch;

use super::Error;

/// The place of what has no Region.
pub const GLOBAL: &str = "aws-global";

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

/// What AWS answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Such as `AccessDenied`.
    pub code: String,
    /// Such as `ec2:DescribeVolumes`.
    pub call: String,
    pub message: String,
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

/// A state in which nobody is known: an admin without an inventory.
#[derive(Clone, Debug)]
pub struct Nothing(watch::Sender<u64>);

impl Default for Nothing {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl State for Nothing {
    fn accounts(&self) -> BoxFuture<'_, Result<Vec<AccountId>, Error>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn resources(
        &self,
        _: AccountId,
        _: Vec<String>,
        _: Option<Timestamp>,
    ) -> BoxFuture<'_, Result<Vec<Held>, Error>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn coverage(&self, _: AccountId) -> BoxFuture<'_, Result<Vec<Coverage>, Error>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn changes(&self, after: u64, _: usize) -> BoxFuture<'_, Result<Changes, Error>> {
        Box::pin(async move { Ok((Vec::new(), after)) })
    }

    fn head(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}
