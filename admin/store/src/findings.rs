//! The seam for findings: what an engine records and answers, in the terms of the domain.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use muster_common::account::AccountId;
use muster_common::field::Field;
use muster_common::filter::Filter;
use muster_common::finding::{FindingKey, Overlay, Patch, Reading};
use muster_common::identity::AgentId;
use muster_common::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use uuid::Uuid;

use crate::Error;

/// What an engine gives back once it can.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// Findings, their feed and their history.
pub trait Findings: Send + Sync {
    /// Reads what is known, merges and writes in one durable step. Answers per item, in order.
    fn record(&self, batch: Batch) -> Answer<'_, Vec<Outcome>>;

    /// The present state of findings; `None` where there is none.
    fn fetch(&self, keys: Vec<FindingKey>) -> Answer<'_, Vec<Option<Record>>>;

    /// Up to `limit` keys whose hexadecimal digits start with these.
    fn starting_with(&self, digits: String, limit: usize) -> Answer<'_, Vec<FindingKey>>;

    /// Up to `limit` kept versions of a finding, newest first, from before a sequence on.
    fn versions(
        &self,
        key: FindingKey,
        before: Option<u64>,
        limit: usize,
    ) -> Answer<'_, Vec<Version>>;

    /// One page of the findings that a filter selects.
    fn query(&self, query: Query) -> Answer<'_, Page>;

    /// The next findings that a filter selects, in the order in which they were last recorded: the cheap way to see all
    /// of many. One that changes meanwhile comes once more, at the end.
    fn walk(&self, walk: Walk) -> Answer<'_, Walked>;

    /// Ranked counts of the findings that a filter selects.
    fn count(&self, query: CountQuery) -> Answer<'_, Counts>;

    /// Up to `limit` changes after a sequence. What compaction dropped is not told again.
    fn feed(&self, after: u64, limit: usize) -> Answer<'_, Vec<FeedEntry>>;

    /// The last sequence, and a way to wait for the next.
    fn head(&self) -> watch::Receiver<u64>;
}

/// What an engine can tell of its own contents.
pub trait Ledger: Send + Sync {
    /// The last sequence of a spool that is durable.
    fn acknowledged(&self, agent: AgentId, spool: Uuid) -> Answer<'_, u64>;

    /// Counts per account since the store was made.
    fn entries(&self) -> Answer<'_, Vec<(AccountId, LedgerEntry)>>;

    fn status(&self) -> Answer<'_, Status>;

    /// Gives back the space of versions that were recorded before `keep_since` and are not the latest. The answer is
    /// the number of bytes that became free.
    fn tidy(&self, keep_since: Timestamp) -> Answer<'_, u64>;
}

/// Changes of one actor that are acknowledged together.
#[derive(Clone, Debug)]
pub struct Batch {
    /// A SPIFFE id.
    pub actor: Arc<str>,
    pub now: Timestamp,
    /// Where in an agent's spool the items stand, one after the other.
    pub spool: Option<SpoolRange>,
    pub items: Vec<Item>,
}

/// The place of a batch in an agent's spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolRange {
    pub account: AccountId,
    pub agent: AgentId,
    pub spool: Uuid,
    /// The sequence of the first item; from 1.
    pub first: u64,
}

#[derive(Clone, Debug)]
pub enum Item {
    Change(Box<Change>),
    /// Refused before it came here; counts in the ledger.
    Refused(AccountId),
}

#[derive(Clone, Debug)]
pub enum Change {
    Import(Import),
    /// An operator's update.
    Update {
        key: FindingKey,
        patch: Patch,
    },
    /// Removal by retention, unless the finding was updated after `unless_after`.
    Expire {
        key: FindingKey,
        unless_after: Timestamp,
    },
}

/// A provider's document.
#[derive(Clone, Debug)]
pub struct Import {
    pub reading: Reading,
    pub document: Bytes,
}

/// What became of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Created(FindingKey),
    Updated(FindingKey),
    /// What is stored is as new or newer.
    Unchanged(FindingKey),
    Expired(FindingKey),
    /// There is no such finding.
    NotFound(FindingKey),
    Refused,
}

/// A finding as it stands.
#[derive(Clone, Debug)]
pub struct Record {
    pub key: FindingKey,
    pub sequence: u64,
    pub recorded_at: Timestamp,
    /// The provider's document, as it came.
    pub document: Bytes,
    pub overlay: Overlay,
}

/// A finding as it stood after one change.
#[derive(Clone, Debug)]
pub struct Version {
    pub record: Record,
    pub actor: Arc<str>,
    pub event: FeedEvent,
    /// Whether an older version is kept.
    pub has_previous: bool,
}

/// One entry of the feed.
#[derive(Clone, Debug)]
pub struct FeedEntry {
    pub key: FindingKey,
    pub sequence: u64,
    pub event: FeedEvent,
    pub actor: Arc<str>,
    /// Unset for an expired finding.
    pub record: Option<Record>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedEvent {
    Created,
    /// By its provider.
    Imported,
    /// By an operator.
    Updated,
    Expired,
}

/// Which findings, in which order, how many.
#[derive(Clone, Debug)]
pub struct Query {
    pub filter: Filter,
    /// Then by key. Empty: newest `UpdatedAt` first.
    pub sort: Vec<Sort>,
    /// Only what stands after this.
    pub after: Option<Position>,
    pub limit: usize,
    pub now: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    pub field: Field,
    pub descending: bool,
}

/// The place of a finding in an order. Findings without a value stand last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    pub values: Vec<SortValue>,
    pub key: FindingKey,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SortValue {
    Text(String),
    Number(f64),
    Date(i64),
    Absent,
}

#[derive(Clone, Debug, Default)]
pub struct Page {
    pub records: Vec<Record>,
    /// Where to go on; `None` after the last.
    pub next: Option<Position>,
}

/// Which findings, and from where on.
#[derive(Clone, Debug)]
pub struct Walk {
    pub filter: Filter,
    /// Only what was recorded after this sequence.
    pub after: Option<u64>,
    pub limit: usize,
    pub now: Timestamp,
}

#[derive(Clone, Debug, Default)]
pub struct Walked {
    pub records: Vec<Record>,
    /// Where to go on; `None` after the last.
    pub next: Option<u64>,
}

#[derive(Clone, Debug)]
pub struct CountQuery {
    pub filter: Filter,
    pub group_by: Vec<Field>,
    /// The most groups to return.
    pub limit: usize,
    pub now: Timestamp,
}

/// Ranked counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Matching findings.
    pub total: u64,
    /// The largest groups first; equal counts by value.
    pub groups: Vec<Group>,
    /// All groups.
    pub group_count: u64,
    /// The feed position that is counted in.
    pub sequence: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    pub values: Vec<String>,
    pub count: u64,
}

/// Counts of one account. `sent` is the sum of the next five.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub refused: u64,
    /// Acknowledged by an earlier state of this store and not here.
    pub missing: u64,
    pub expired: u64,
    /// Findings that queries see; counted from the index, not from the changes.
    #[serde(default, skip_serializing)]
    pub visible: u64,
}

impl LedgerEntry {
    #[must_use]
    pub const fn sent(&self) -> u64 {
        let told = self.created + self.updated + self.unchanged + self.refused;
        told.saturating_add(self.missing)
    }

    /// Adds counts. How much is missing is what agents say, so the sum stops at the largest number.
    pub const fn add(&mut self, other: &Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.refused += other.refused;
        self.missing = self.missing.saturating_add(other.missing);
        self.expired += other.expired;
    }
}

/// How the store fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    pub engine: &'static str,
    pub findings: u64,
    pub sequence: u64,
    pub bytes: u64,
    pub index_bytes: u64,
    /// What could not be read, by name.
    pub damaged: Vec<String>,
    /// Why the last change could not be written; `None` once one could be again.
    pub failing: Option<String>,
}
