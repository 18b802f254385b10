//! Doubt: what the store lost of the resources nobody can name, so nothing counts as listed until it is told anew.

use std::sync::Arc;

use muster_common::finding::FindingKey;
use muster_store::{Error as StoreError, Record, Table};

use super::{Coverage, Error, Inventory, Listing, listing_key};
use crate::records::{Draft, PAGE_MAX};

impl Inventory {
    /// Whether the store has lost something since the last look. Then no listing counts as complete any more, and agents are
    /// asked for everything.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(super) async fn doubts(&self) -> Result<bool, Error> {
        let mut known = Arc::clone(&self.damaged).lock_owned().await;
        let damaged = self.ledger.status().await?.damaged.len();
        if damaged == *known {
            return Ok(false);
        }
        tracing::error!(
            damaged,
            "the inventory has lost resources; everything has to be told anew"
        );
        let coverage = self.all_coverage().await?;
        for rows in coverage.chunks(PAGE_MAX) {
            let forgotten = rows.iter().fold(Draft::default(), |draft, row| {
                let Coverage {
                    account,
                    place,
                    kind,
                    listing,
                } = row;
                let listing = Listing {
                    epoch: None,
                    complete_at: None,
                    ..listing.clone()
                };
                draft.put(
                    Table::Listings,
                    listing_key(*account, place, kind),
                    &listing,
                )
            });
            self.records.commit(forgotten).await?;
        }
        for Coverage { account, kind, .. } in &coverage {
            self.changed.mark(*account, kind);
        }
        *known = damaged;
        Ok(true)
    }

    /// What is kept of some resources. One that is damaged is as one that is not kept: it is told as a whole and stored again.
    pub(super) async fn readable(&self, keys: Vec<FindingKey>) -> Result<Vec<Record>, Error> {
        match self.engine.fetch(keys.clone()).await {
            Ok(records) => return Ok(records.into_iter().flatten().collect()),
            Err(StoreError::Damaged { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let mut readable = Vec::new();
        for key in keys {
            match self.engine.fetch(vec![key]).await {
                Ok(records) => readable.extend(records.into_iter().flatten()),
                Err(StoreError::Damaged { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(readable)
    }
}
