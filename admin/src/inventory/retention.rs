//! Retention: states that later ones replaced, and resources that are long gone, go.

use std::sync::Arc;

use muster_common::field::Field;
use muster_common::filter::{DateTest, Filter, Test};
use muster_common::timestamp::{DAY, Timestamp};
use muster_store::{Batch, Change, Item, Outcome, Query};

use super::{Error, Inventory};

/// Resources that one step removes.
const STEP: usize = 1_000;

/// Removes what is too old.
#[derive(Clone)]
pub struct Retention {
    pub inventory: Inventory,
    /// How long what was is kept; `None` is for ever.
    pub history_days: Option<u32>,
    /// In whose name: the admin's SPIFFE id.
    pub actor: Arc<str>,
}

impl Retention {
    /// Removes everything that is too old now. The answer is the number of resources that went.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn run(&self, now: Timestamp) -> Result<u64, Error> {
        let Some(days) = self.history_days else {
            return Ok(0);
        };
        let keep_since = now.plus(-i64::from(days) * DAY);
        let mut removed = 0;
        loop {
            let gone = self.step(keep_since, now).await?;
            removed += gone;
            if gone < STEP as u64 {
                break;
            }
        }
        self.inventory.ledger().tidy(keep_since).await?;
        Ok(removed)
    }

    async fn step(&self, keep_since: Timestamp, now: Timestamp) -> Result<u64, Error> {
        let gone = Filter::field(Field::RecordState, Test::Equals("ARCHIVED".to_owned()));
        let old = Test::Date(DateTest::Between {
            start: None,
            end: Some(keep_since),
        });
        let engine = &self.inventory.engine;
        let query = Query {
            filter: gone.and(Filter::field(Field::UpdatedAt, old)),
            sort: Vec::new(),
            after: None,
            limit: STEP,
            now,
        };
        let page = engine.query(query).await?;
        let items = page.records.iter().map(|record| {
            Item::Change(Box::new(Change::Expire {
                key: record.key,
                unless_after: keep_since,
            }))
        });
        let items: Vec<Item> = items.collect();
        if items.is_empty() {
            return Ok(0);
        }
        let batch = Batch {
            actor: Arc::clone(&self.actor),
            now,
            spool: None,
            items,
        };
        let outcomes = engine.record(batch).await?;
        let expired = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Outcome::Expired(_)));
        Ok(expired.count() as u64)
    }
}
