//! Findings: the only writer of findings, and the one place where they are asked for.
//!
//! In: admitted documents, operators' patches. Out: outcomes, pages, counts, history, changes as they happen. Always:
//! an outcome is given after the durable step that made it visible; what operators own is never overwritten by a
//! provider. Survives: everything (`muster-store`). Not here: who asked and what they may (`api`, `ingest`).

mod history;
mod retention;

use std::sync::Arc;

use muster_common::clock::Clock;
use muster_common::field::{Field, FieldSet};
use muster_common::filter::{Filter, Subject};
use muster_common::finding::{self, FindingKey, INDEXED, InvalidPatch, Patch};
use muster_common::timestamp::Timestamp;
use muster_store::{
    Batch, Change, CountQuery, Counts, FeedEntry, FeedEvent, Findings as Engine, Item, Ledger,
    Outcome, Position, Query, Record, Sort, Walk, Walked,
};
use tokio::sync::watch;

use crate::error::{Kind, Kinded};
pub use history::HistoryEntry;
pub use retention::{Limits, Retention, sweep};

/// Criteria of one sort.
const SORTS_MAX: usize = 5;
/// Fields of one grouping.
const GROUPS_MAX: usize = 3;

/// Records and asks. Cheap to clone.
#[derive(Clone)]
pub struct Findings {
    engine: Arc<dyn Engine>,
    ledger: Arc<dyn Ledger>,
    clock: Clock,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no finding {key}")]
    NotFound { key: String },
    #[error("{digits} is short for several findings; give more digits")]
    Ambiguous { digits: String },
    #[error(
        "`{name}` is no finding name: findings/ and 32 hexadecimal digits, or at least the first 6"
    )]
    Name { name: String },
    #[error(
        "findings cannot be sorted by {field}; use a field such as UpdatedAt, SeverityNormalized or Title"
    )]
    NotSortable { field: Field },
    #[error(
        "findings cannot be grouped by {field}; use a field such as ResourceId, AwsAccountId or SeverityLabel"
    )]
    NotGroupable { field: Field },
    #[error("{what}: {count} were given, at most {max} are allowed")]
    TooMany {
        what: &'static str,
        count: usize,
        max: usize,
    },
    #[error(transparent)]
    Patch(#[from] InvalidPatch),
    #[error(transparent)]
    Store(#[from] muster_store::Error),
}

impl Kinded for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. } => Kind::NotFound,
            Self::Ambiguous { .. } => Kind::Conflict,
            Self::Name { .. }
            | Self::NotSortable { .. }
            | Self::NotGroupable { .. }
            | Self::TooMany { .. }
            | Self::Patch(_) => Kind::Invalid,
            Self::Store(error) => error.kind(),
        }
    }
}

/// A finding as readers see it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub key: FindingKey,
    pub sequence: u64,
    pub recorded_at: Timestamp,
    /// ASFF in JSON.
    pub document: Vec<u8>,
}

/// A page of findings, and where the next one starts.
#[derive(Clone, Debug, Default)]
pub struct SeenPage {
    pub findings: Vec<Seen>,
    pub next: Option<Position>,
}

/// One change that a watcher is told of.
#[derive(Clone, Debug)]
pub struct Told {
    pub sequence: u64,
    pub event: FeedEvent,
    pub key: FindingKey,
    /// Unset for an expired finding.
    pub finding: Option<Seen>,
}

impl Findings {
    #[must_use]
    pub fn new(engine: Arc<dyn Engine>, ledger: Arc<dyn Ledger>, clock: Clock) -> Self {
        Self {
            engine,
            ledger,
            clock,
        }
    }

    /// Records a batch in one durable step.
    ///
    /// # Errors
    /// [`Error::Store`]; nothing of the batch is acknowledged then.
    pub async fn record(&self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        let started = std::time::Instant::now();
        let outcomes = self.engine.record(batch).await?;
        metrics::histogram!("muster_record_seconds").record(started.elapsed());
        for effect in ["created", "updated", "unchanged"] {
            let count = outcomes
                .iter()
                .filter(|outcome| effect_of(outcome) == Some(effect))
                .count();
            if count > 0 {
                metrics::counter!("muster_findings_recorded_total", "effect" => effect)
                    .increment(count as u64);
            }
        }
        Ok(outcomes)
    }

    /// Sets what operators own, on each of the findings.
    ///
    /// # Errors
    /// [`Error::Patch`] for values that the format refuses.
    pub async fn update(
        &self,
        keys: Vec<FindingKey>,
        patch: &Patch,
        actor: &str,
    ) -> Result<Vec<Outcome>, Error> {
        patch.check()?;
        let items = keys
            .into_iter()
            .map(|key| {
                Item::Change(Box::new(Change::Update {
                    key,
                    patch: patch.clone(),
                }))
            })
            .collect();
        self.record(Batch {
            actor: Arc::from(actor),
            now: self.clock.now(),
            spool: None,
            items,
        })
        .await
    }

    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get(&self, key: FindingKey) -> Result<Seen, Error> {
        let record = self.engine.fetch(vec![key]).await?.pop().flatten();
        see(record.ok_or_else(|| Error::NotFound {
            key: key.to_string(),
        })?)
    }

    /// The finding that a name means: `findings/` and its digits, or the first ones of them.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::NotFound`], [`Error::Ambiguous`].
    pub async fn resolve(&self, name: &str) -> Result<FindingKey, Error> {
        let digits = name
            .strip_prefix("findings/")
            .unwrap_or(name)
            .to_lowercase();
        if let Ok(key) = digits.parse() {
            return Ok(key);
        }
        if !(6..32).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            return Err(Error::Name {
                name: name.chars().take(64).collect(),
            });
        }
        match self.engine.starting_with(digits.clone(), 2).await?[..] {
            [key] => Ok(key),
            [] => Err(Error::NotFound { key: digits }),
            _ => Err(Error::Ambiguous { digits }),
        }
    }

    /// One page of the findings that a filter selects.
    ///
    /// # Errors
    /// [`Error::NotSortable`], [`Error::TooMany`].
    pub async fn list(
        &self,
        filter: Filter,
        sort: Vec<Sort>,
        after: Option<Position>,
        limit: usize,
    ) -> Result<SeenPage, Error> {
        limited("sort criteria", sort.len(), SORTS_MAX)?;
        if let Some(sort) = sort.iter().find(|sort| !INDEXED.has(sort.field)) {
            return Err(Error::NotSortable { field: sort.field });
        }
        let query = Query {
            filter,
            sort,
            after,
            limit,
            now: self.clock.now(),
        };
        let page = self.engine.query(query).await?;
        Ok(SeenPage {
            findings: page
                .records
                .into_iter()
                .map(see)
                .collect::<Result<_, _>>()?,
            next: page.next,
        })
    }

    /// The next findings that a filter selects, as their providers wrote them, in the order in which they were last
    /// recorded: the cheap way to look at all of many.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn walk(
        &self,
        filter: Filter,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Walked, Error> {
        let walk = Walk {
            filter,
            after,
            limit,
            now: self.clock.now(),
        };
        Ok(self.engine.walk(walk).await?)
    }

    /// Ranked counts of the findings that a filter selects.
    ///
    /// # Errors
    /// [`Error::NotGroupable`], [`Error::TooMany`].
    pub async fn count(
        &self,
        filter: Filter,
        group_by: Vec<Field>,
        limit: usize,
    ) -> Result<Counts, Error> {
        groupable(&group_by)?;
        let query = CountQuery {
            filter,
            group_by,
            limit,
            now: self.clock.now(),
        };
        Ok(self.engine.count(query).await?)
    }

    /// The last sequence, and a way to wait for the next.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<u64> {
        self.engine.head()
    }

    /// The matching changes among the next ones after a sequence, and the sequence to go on from.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn changes(
        &self,
        filter: &Filter,
        after: u64,
        limit: usize,
    ) -> Result<(Vec<Told>, u64), Error> {
        let entries = self.engine.feed(after, limit).await?;
        let last = entries.last().map_or(after, |entry| entry.sequence);
        let told = entries
            .into_iter()
            .filter_map(|entry| self.tell(entry, filter))
            .collect();
        Ok((told, last))
    }

    fn tell(&self, entry: FeedEntry, filter: &Filter) -> Option<Told> {
        let FeedEntry {
            key,
            sequence,
            event,
            record,
            ..
        } = entry;
        let unreadable = |error: &dyn std::fmt::Display| {
            tracing::error!(finding = %key.name(), %error, "a change cannot be shown");
        };
        let finding = record
            .map(see)
            .transpose()
            .inspect_err(|error| unreadable(error));
        let finding = finding.ok()?;
        if let Some(finding) = &finding {
            let row = finding::fields(&finding.document, filter.fields());
            let row = row.inspect_err(|error| unreadable(error)).ok()?;
            let subject = Subject {
                row: &row,
                document: &finding.document,
            };
            if !filter.matches(subject, self.clock.now()) {
                return None;
            }
        }
        Some(Told {
            sequence,
            event,
            key,
            finding,
        })
    }

    /// Finds findings by ASFF id and product ARN, as the Security Hub API names them. Several accounts may have one.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn find(&self, id: &str, product_arn: &str) -> Result<Vec<FindingKey>, Error> {
        use muster_common::filter::Test;
        let equals = |field, value: &str| Filter::field(field, Test::Equals(value.to_owned()));
        let filter = equals(Field::Id, id).and(equals(Field::ProductArn, product_arn));
        let page = self.list(filter, Vec::new(), None, 100).await?;
        Ok(page
            .findings
            .into_iter()
            .map(|finding| finding.key)
            .collect())
    }

    /// What the store tells of itself.
    #[must_use]
    pub fn ledger(&self) -> &dyn Ledger {
        self.ledger.as_ref()
    }
}

/// An import's or update's effect, as the metrics name it.
const fn effect_of(outcome: &Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Created(_) => Some("created"),
        Outcome::Updated(_) => Some("updated"),
        Outcome::Unchanged(_) => Some("unchanged"),
        Outcome::Expired(_) | Outcome::NotFound(_) | Outcome::Refused => None,
    }
}

/// # Errors
/// [`Error::NotGroupable`], [`Error::TooMany`].
pub fn groupable(fields: &[Field]) -> Result<(), Error> {
    limited("grouping fields", fields.len(), GROUPS_MAX)?;
    match fields.iter().find(|field| !field.groups()) {
        Some(field) => Err(Error::NotGroupable { field: *field }),
        None => Ok(()),
    }
}

fn limited(what: &'static str, count: usize, max: usize) -> Result<(), Error> {
    if count > max {
        return Err(Error::TooMany { what, count, max });
    }
    Ok(())
}

fn render(record: &Record) -> Result<Vec<u8>, Error> {
    finding::render(&record.document, &record.overlay, record.recorded_at)
        .map_err(|_| damaged(record.key))
}

fn see(record: Record) -> Result<Seen, Error> {
    Ok(Seen {
        document: render(&record)?,
        key: record.key,
        sequence: record.sequence,
        recorded_at: record.recorded_at,
    })
}

fn damaged(key: FindingKey) -> Error {
    muster_store::Error::Damaged { what: key.name() }.into()
}

/// The fields that a filter may name but that no index holds.
#[must_use]
pub fn unindexed(filter: &Filter) -> bool {
    filter.fields().minus(INDEXED) != FieldSet::NONE
}
