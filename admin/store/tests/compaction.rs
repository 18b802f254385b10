//! Compaction over many small segments: what goes, what stays, and what a crash in the middle leaves.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;

use muster_common::drill::{Limit, lower};
use muster_common::filter::Filter;
use muster_common::finding::{self, FindingKey};
use muster_common::sample::World;
use muster_common::timestamp::{DAY, MINUTE, Timestamp};
use muster_store::conformance::{NOW, import};
use muster_store::{
    Batch, Bound, Change, Commit, Config, Embedded, Findings as _, Hand, Item, Ledger as _, Op,
    Query, Table, Tables as _,
};

const WORLD: World = World {
    accounts: 3,
    resources: 30,
    now: NOW,
};
const FINDINGS: u64 = 60;
const VERSIONS: i64 = 20;

/// Small segments, on the thread of the test.
struct Store {
    store: Embedded,
    hand: Hand,
}

impl Store {
    fn open(path: &Path) -> Self {
        lower(Limit::SegmentBytes, Some(8 << 10));
        let (store, hand) = Embedded::open_by_hand(&Config {
            path: path.to_owned(),
            cache_bytes: 1 << 20,
        })
        .unwrap();
        Self { store, hand }
    }

    async fn record(&mut self, now: Timestamp, changes: Vec<Change>) {
        let items = changes
            .into_iter()
            .map(|change| Item::Change(Box::new(change)))
            .collect();
        let batch = Batch {
            actor: Arc::from("spiffe://test/admin"),
            now,
            spool: None,
            items,
        };
        let mut recorded = pin!(self.store.record(batch));
        loop {
            tokio::select! {
                biased;
                recorded = &mut recorded => break drop(recorded.unwrap()),
                _ = self.hand.asked() => self.hand.step(),
            }
        }
    }

    async fn put(&mut self, value: &str) {
        let commit = Commit {
            expected: Vec::new(),
            ops: vec![Op::Put {
                table: Table::Members,
                key: b"member".to_vec(),
                value: value.into(),
            }],
        };
        let mut put = pin!(self.store.commit(commit));
        loop {
            tokio::select! {
                biased;
                put = &mut put => break put.unwrap(),
                _ = self.hand.asked() => self.hand.step(),
            }
        }
    }

    /// Versions of the same findings, a minute apart, and a table write beside each.
    async fn fill(&mut self, versions: std::ops::Range<i64>) {
        for version in versions {
            let changes = (0..FINDINGS)
                .map(|number| import(WORLD.version(number, version)))
                .collect();
            self.record(NOW.plus(version * MINUTE), changes).await;
            self.put(&version.to_string()).await;
        }
    }

    async fn tidy(&self, keep_since: Timestamp) -> u64 {
        self.store.tidy(keep_since).await.unwrap()
    }

    /// Everything that a reader can see.
    async fn contents(&self) -> Contents {
        let query = Query {
            filter: Filter::default(),
            sort: Vec::new(),
            after: None,
            limit: 1_000,
            now: NOW,
        };
        let page = self.store.query(query).await.unwrap();
        let latest = page
            .records
            .into_iter()
            .map(|record| (record.key, record.document.to_vec()))
            .collect();
        let bound = Bound::Start;
        let members = self.store.scan(Table::Members, bound, 10).await.unwrap();
        assert_eq!(self.store.status().await.unwrap().damaged, [""; 0]);
        Contents {
            latest,
            members: members.into_iter().map(|(_, value)| value).collect(),
            ledger: format!("{:?}", self.store.entries().await.unwrap()),
        }
    }

    async fn versions(&self, number: u64) -> usize {
        self.store
            .versions(key(number), None, 100)
            .await
            .unwrap()
            .len()
    }
}

#[derive(Debug, PartialEq)]
struct Contents {
    latest: BTreeMap<FindingKey, Vec<u8>>,
    members: Vec<Vec<u8>>,
    ledger: String,
}

fn key(number: u64) -> FindingKey {
    finding::read(WORLD.finding(number).as_bytes()).unwrap().key
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut segments: Vec<PathBuf> = std::fs::read_dir(folder.join("log"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    segments.sort();
    segments
}

fn later() -> Timestamp {
    NOW.plus(DAY)
}

#[tokio::test]
async fn what_nobody_needs_goes_and_its_files_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path());
    store.fill(0..VERSIONS).await;
    let (before, files) = (store.contents().await, segments(folder.path()).len());
    assert!(files > 10, "{files} files");
    let bytes = store.store.status().await.unwrap().bytes;
    let freed = store.tidy(later()).await;
    while store.tidy(later()).await > 0 {}
    assert_eq!(store.contents().await, before);
    assert_eq!(store.versions(7).await, 1);
    let left = store.store.status().await.unwrap().bytes;
    assert!(freed > bytes / 2 && left < bytes / 4, "{left} of {bytes}");
    assert!(segments(folder.path()).len() <= 4);

    drop(store);
    let store = Store::open(folder.path());
    assert_eq!(store.contents().await, before);
    drop(store);
    // The log alone says as much as log and tables.
    std::fs::remove_dir_all(folder.path().join("tables")).unwrap();
    assert_eq!(Store::open(folder.path()).contents().await, before);
}

#[tokio::test]
async fn what_is_young_stays_until_it_is_old() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path());
    store.fill(0..VERSIONS).await;
    let bytes = store.store.status().await.unwrap().bytes;
    assert_eq!(store.tidy(NOW).await, 0);
    assert_eq!(store.versions(7).await, VERSIONS as usize);
    assert_eq!(store.store.status().await.unwrap().bytes, bytes);
    store.tidy(NOW.plus(VERSIONS / 2 * MINUTE)).await;
    let some = store.versions(7).await;
    assert!((10..15).contains(&some), "{some} versions");
    store.tidy(later()).await;
    assert!(store.versions(7).await < 5);
}

#[tokio::test]
async fn what_was_removed_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path());
    store.fill(0..3).await;
    let expire = (0..FINDINGS / 2).map(|number| Change::Expire {
        key: key(number),
        unless_after: later(),
    });
    store.record(NOW.plus(3 * MINUTE), expire.collect()).await;
    store.fill(4..5).await;
    let expire = (0..FINDINGS / 2).map(|number| Change::Expire {
        key: key(number),
        unless_after: later(),
    });
    store.record(NOW.plus(5 * MINUTE), expire.collect()).await;
    for version in 6..VERSIONS {
        let rest = (FINDINGS / 2..FINDINGS).map(|number| import(WORLD.version(number, version)));
        store
            .record(NOW.plus(version * MINUTE), rest.collect())
            .await;
        // At each moment: some of it is gone, some is not yet.
        store.tidy(NOW.plus(version / 2 * MINUTE)).await;
        let before = store.contents().await;
        assert_eq!(before.latest.len() as u64, FINDINGS / 2);
        drop(store);
        store = Store::open(folder.path());
        assert_eq!(store.contents().await, before);
    }
}

#[tokio::test]
async fn a_removal_stays_as_long_as_what_it_removes() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path());
    let versions = |numbers: std::ops::Range<u64>, version| {
        numbers.map(move |number| import(WORLD.version(number, version)))
    };
    // Too little goes from the first segment for it to be rewritten, nearly everything from the second.
    store.record(NOW, versions(0..60, 0).collect()).await;
    let expire = (0..10).map(|number| Change::Expire {
        key: key(number),
        unless_after: later(),
    });
    let now = NOW.plus(MINUTE);
    store
        .record(now, expire.chain(versions(100..200, 0)).collect())
        .await;
    store.record(now, versions(100..200, 1).collect()).await;
    store.record(now, versions(300..301, 0).collect()).await;
    let before = store.contents().await;
    assert_eq!(before.latest.len(), 50 + 100 + 1);
    assert!(store.tidy(later()).await > 0);
    assert_eq!(store.versions(150).await, 1);
    drop(store);
    assert_eq!(Store::open(folder.path()).contents().await, before);
}

#[tokio::test]
async fn what_a_crash_left_of_files_that_were_put_together_goes() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path());
    store.fill(0..VERSIONS).await;
    let old: Vec<(PathBuf, Vec<u8>)> = segments(folder.path())
        .into_iter()
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    while store.tidy(later()).await > 0 {}
    let before = store.contents().await;
    let left = segments(folder.path());
    drop(store);
    for (path, bytes) in &old {
        if !left.contains(path) {
            std::fs::write(path, bytes).unwrap();
        }
    }
    assert!(segments(folder.path()).len() > left.len());
    let mut store = Store::open(folder.path());
    assert_eq!(store.contents().await, before);
    assert_eq!(segments(folder.path()), left);
    assert_eq!(store.versions(7).await, 1);
    store.fill(VERSIONS..VERSIONS + 1).await;
    assert_eq!(store.versions(7).await, 2);
}

#[tokio::test]
async fn a_segment_with_damage_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path());
    store.fill(0..VERSIONS).await;
    drop(store);
    let damaged = segments(folder.path())[3].clone();
    let mut bytes = std::fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&damaged, &bytes).unwrap();
    let store = Store::open(folder.path());
    for _ in 0..3 {
        store.tidy(later()).await;
    }
    assert_eq!(std::fs::read(&damaged).unwrap(), bytes);
    assert!(segments(folder.path()).len() < 10);
    assert_eq!(
        store.store.status().await.unwrap().findings,
        FINDINGS,
        "the latest versions are elsewhere"
    );
}
