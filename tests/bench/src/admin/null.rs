//! A server without a store: the rooms and the wire of `muster-admin` over an engine that keeps no findings.
//!
//! It runs in the benchmark's own binary, so that no setting of the product can switch it on. Every document is still
//! received, read and checked, and every answer is given; only what comes after the seam of the store is left out.

use std::sync::Arc;

use futures::FutureExt as _;
use muster_admin::config::{Config, PREFIX};
use muster_admin::serve::{Store, Stores, serve_from};
use muster_common::clock::Clock;
use muster_common::finding::FindingKey;
use muster_store::{
    Answer, Batch, Change, CountQuery, Counts, FeedEntry, Findings, Item, Outcome, Page, Query,
    Record, Version, Walk, Walked,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Forgets what it is given; everything else is asked of a real engine that stays empty.
struct Null(Arc<dyn Findings>);

/// Serves by the settings in the environment until it is asked to end.
pub(crate) async fn serve() -> anyhow::Result<()> {
    let config: Config = muster_settings::load(None, PREFIX)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let running = serve_from(&config, Clock::system(), |config| {
        let stores = Stores::embedded(config)?;
        Ok(Stores {
            findings: Store {
                findings: Arc::new(Null(stores.findings.findings.clone())),
                ..stores.findings
            },
            ..stores
        })
    })
    .await?;
    terminate.recv().await;
    running.stop().await;
    Ok(())
}

fn forgotten(item: &Item) -> Outcome {
    let Item::Change(change) = item else {
        return Outcome::Refused;
    };
    match change.as_ref() {
        Change::Import(import) => Outcome::Created(import.reading.key),
        Change::Update { key, .. } | Change::Expire { key, .. } => Outcome::NotFound(*key),
    }
}

impl Findings for Null {
    fn record(&self, batch: Batch) -> Answer<'_, Vec<Outcome>> {
        let outcomes = batch.items.iter().map(forgotten).collect();
        futures::future::ready(Ok(outcomes)).boxed()
    }

    fn fetch(&self, keys: Vec<FindingKey>) -> Answer<'_, Vec<Option<Record>>> {
        self.0.fetch(keys)
    }

    fn starting_with(&self, digits: String, limit: usize) -> Answer<'_, Vec<FindingKey>> {
        self.0.starting_with(digits, limit)
    }

    fn versions(
        &self,
        key: FindingKey,
        before: Option<u64>,
        limit: usize,
    ) -> Answer<'_, Vec<Version>> {
        self.0.versions(key, before, limit)
    }

    fn query(&self, query: Query) -> Answer<'_, Page> {
        self.0.query(query)
    }

    fn walk(&self, walk: Walk) -> Answer<'_, Walked> {
        self.0.walk(walk)
    }

    fn count(&self, query: CountQuery) -> Answer<'_, Counts> {
        self.0.count(query)
    }

    fn feed(&self, after: u64, limit: usize) -> Answer<'_, Vec<FeedEntry>> {
        self.0.feed(after, limit)
    }

    fn head(&self) -> watch::Receiver<u64> {
        self.0.head()
    }
}
