//! The findings that questions are asked about, and a store that is full of them.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use bytes::Bytes;
use muster_common::account::AccountId;
use muster_common::finding;
use muster_common::timestamp::Timestamp;
use muster_store::{Batch, Change, Config, Embedded, Findings as _, Import, Item};

use crate::document::{Catalog, Documents};

const ACCOUNTS: u64 = 50;
const BATCH: usize = 500;
const BATCH_BYTES: usize = 2 << 20;
/// Batches that are recorded at a time.
const AT_ONCE: usize = 8;
/// As the server sets it.
const CACHE_BYTES: usize = 32 << 20;

/// Findings of many accounts, the same for the same number and time.
pub(super) struct Workload {
    accounts: Vec<Documents<'static>>,
    left: u64,
    turn: usize,
}

impl Workload {
    pub(super) fn new(findings: u64, now: Timestamp) -> anyhow::Result<Self> {
        let each = findings.div_ceil(ACCOUNTS);
        let mut accounts = Vec::new();
        for number in 0..ACCOUNTS {
            let account: AccountId =
                format!("{:012}", 310_000_000_007 + 7_777_777 * number).parse()?;
            accounts.push(Documents::new(Catalog::shared(), account, each, now));
        }
        Ok(Self {
            accounts,
            left: findings,
            turn: 0,
        })
    }
}

impl Iterator for Workload {
    type Item = Vec<Bytes>;

    fn next(&mut self) -> Option<Vec<Bytes>> {
        if self.left == 0 {
            return None;
        }
        let turn = self.turn % self.accounts.len();
        let rounds = self.left.div_ceil(ACCOUNTS - turn as u64);
        let count = rounds.min(BATCH as u64).min(self.left) as usize;
        let documents = self.accounts[turn].batch(count, BATCH_BYTES);
        self.left -= documents.len() as u64;
        self.turn += 1;
        Some(documents)
    }
}

/// Opens a store as the server does. The answer is how long that took, in seconds.
pub(crate) fn open(folder: &Path) -> anyhow::Result<(Arc<Embedded>, f64)> {
    let config = Config {
        path: folder.to_owned(),
        cache_bytes: CACHE_BYTES,
    };
    let started = Instant::now();
    let store = Arc::new(Embedded::open(&config)?);
    Ok((store, started.elapsed().as_secs_f64()))
}

/// Records findings, several batches at a time, as the uplinks of several agents do.
pub(super) async fn fill(
    store: &Arc<Embedded>,
    findings: Workload,
    now: Timestamp,
) -> anyhow::Result<()> {
    let mut recording = tokio::task::JoinSet::new();
    for documents in findings {
        if recording.len() == AT_ONCE {
            recording.join_next().await.context("one of them")???;
        }
        let store = Arc::clone(store);
        recording.spawn(async move {
            let items = documents
                .into_iter()
                .map(|document| {
                    let reading = finding::read(&document)?;
                    Ok(Item::Change(Box::new(Change::Import(Import {
                        reading,
                        document,
                    }))))
                })
                .collect::<Result<Vec<_>, finding::InvalidFinding>>()?;
            let batch = Batch {
                actor: Arc::from("spiffe://muster.example/bench"),
                now,
                spool: None,
                items,
            };
            store.record(batch).await?;
            anyhow::Ok(())
        });
    }
    while let Some(recorded) = recording.join_next().await {
        recorded??;
    }
    Ok(())
}
