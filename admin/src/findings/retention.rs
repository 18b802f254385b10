//! Retention: findings go after a time without an update, superseded versions after a time in the history.

use std::sync::Arc;

use muster_common::field::Field;
use muster_common::filter::{DateTest, Filter, Test};
use muster_common::timestamp::{DAY, Timestamp};
use muster_store::{Batch, Change, Item, Outcome};

use super::{Error, Findings};

/// Findings that one step removes.
const STEP: usize = 1_000;

/// How long things are kept, in days; `None` is for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Findings without an update.
    pub active_days: Option<u32>,
    /// Archived findings without an update.
    pub archived_days: Option<u32>,
    /// Versions that a later one replaced.
    pub history_days: Option<u32>,
}

/// Removes what is too old.
#[derive(Clone)]
pub struct Retention {
    pub findings: Findings,
    pub limits: Limits,
    /// In whose name: the admin's SPIFFE id.
    pub actor: Arc<str>,
}

impl Retention {
    /// Removes everything that is too old now. The answer is the number of findings that went.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn run(&self, now: Timestamp) -> Result<u64, Error> {
        let mut removed = 0;
        for (filter, unless_after) in sweep(self.limits, now) {
            loop {
                let page = self
                    .findings
                    .list(filter.clone(), Vec::new(), None, STEP)
                    .await?;
                let items: Vec<Item> = page
                    .findings
                    .iter()
                    .map(|finding| {
                        Item::Change(Box::new(Change::Expire {
                            key: finding.key,
                            unless_after,
                        }))
                    })
                    .collect();
                let last = items.len() < STEP;
                let batch = Batch {
                    actor: Arc::clone(&self.actor),
                    now,
                    spool: None,
                    items,
                };
                let outcomes = self.findings.record(batch).await?;
                let gone = outcomes
                    .iter()
                    .filter(|outcome| matches!(outcome, Outcome::Expired(_)));
                let gone = gone.count() as u64;
                removed += gone;
                // What was updated in the meantime stays; it would be found again and again.
                if last || gone == 0 {
                    break;
                }
            }
        }
        if let Some(days) = self.limits.history_days {
            let keep_since = now.plus(-i64::from(days) * DAY);
            self.findings.ledger().tidy(keep_since).await?;
        }
        Ok(removed)
    }
}

/// Which findings are too old, each with the time of an update that would have saved them. Pure.
#[must_use]
pub fn sweep(limits: Limits, now: Timestamp) -> Vec<(Filter, Timestamp)> {
    let older = |days: u32, state: &str| {
        let end = now.plus(-i64::from(days) * DAY);
        let old = Test::Date(DateTest::Between {
            start: None,
            end: Some(end),
        });
        let filter = Filter::field(Field::UpdatedAt, old).and(Filter::field(
            Field::RecordState,
            Test::Equals(state.to_owned()),
        ));
        (filter, end)
    };
    [
        limits.active_days.map(|days| older(days, "ACTIVE")),
        limits.archived_days.map(|days| older(days, "ARCHIVED")),
    ]
    .into_iter()
    .flatten()
    .collect()
}
