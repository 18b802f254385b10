//! What happens to disks: crashes, torn ends, flipped bits, lost tables, other processes, other formats.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_common::finding::{self, FindingKey};
use muster_common::sample::World;
use muster_store::conformance::{NOW, import};
use muster_store::{
    Batch, Commit, Config, Embedded, Error, Findings as _, Item, Ledger as _, Op, Query, Table,
    Tables as _,
};

const WORLD: World = World {
    accounts: 3,
    resources: 30,
    now: NOW,
};

fn open(path: &Path) -> Result<Embedded, Error> {
    Embedded::open(&Config {
        path: path.to_owned(),
        cache_bytes: 1 << 20,
    })
}

fn key(number: u64) -> FindingKey {
    finding::read(WORLD.finding(number).as_bytes()).unwrap().key
}

async fn record(store: &Embedded, numbers: std::ops::Range<u64>) -> Result<(), Error> {
    let items = numbers
        .map(|number| Item::Change(Box::new(import(WORLD.finding(number)))))
        .collect();
    let batch = Batch {
        actor: Arc::from("spiffe://test/admin"),
        now: NOW,
        spool: None,
        items,
    };
    store.record(batch).await.map(|_| ())
}

async fn put(store: &Embedded, key: &str) {
    let op = Op::Put {
        table: Table::Members,
        key: key.into(),
        value: b"v".to_vec(),
    };
    let commit = Commit {
        expected: Vec::new(),
        ops: vec![op],
    };
    store.commit(commit).await.unwrap();
}

/// The numbers of the findings that queries see and that can be read.
async fn readable(store: &Embedded, of: u64) -> Vec<u64> {
    let query = Query {
        filter: muster_common::filter::Filter::default(),
        sort: Vec::new(),
        after: None,
        limit: 10_000,
        now: NOW,
    };
    let page = store.query(query).await.unwrap();
    (0..of)
        .filter(|number| page.records.iter().any(|record| record.key == key(*number)))
        .collect()
}

fn segment(folder: &Path) -> PathBuf {
    folder.join("log/00000001.log")
}

/// A store of ten durable steps of ten findings each, and the size of the log after each.
async fn ten_steps(folder: &Path) -> Vec<u64> {
    let store = open(folder).unwrap();
    let mut ends = Vec::new();
    for step in 0..10 {
        record(&store, step * 10..step * 10 + 10).await.unwrap();
        put(&store, &format!("member-{step}")).await;
        ends.push(std::fs::metadata(segment(folder)).unwrap().len());
    }
    ends
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.join("log")).unwrap();
    std::fs::copy(from.join("FORMAT"), to.join("FORMAT")).unwrap();
    std::fs::copy(segment(from), segment(to)).unwrap();
}

#[tokio::test]
async fn a_log_cut_anywhere_keeps_every_whole_step() {
    let folder = tempfile::tempdir().unwrap();
    let ends = ten_steps(folder.path()).await;
    let whole = std::fs::read(segment(folder.path())).unwrap();
    for cut in (0..whole.len()).step_by(whole.len() / 97) {
        let torn = tempfile::tempdir().unwrap();
        copy(folder.path(), torn.path());
        std::fs::write(segment(torn.path()), &whole[..cut]).unwrap();
        let store = open(torn.path()).unwrap();
        let steps = ends.iter().filter(|end| **end <= cut as u64).count() as u64;
        let found = readable(&store, 100).await;
        // Between the ends of two rounds, the findings may be durable before the table write that followed them.
        assert!(
            found == (0..steps * 10).collect::<Vec<_>>()
                || found == (0..steps * 10 + 10).collect::<Vec<_>>()
        );
        let last = format!("member-{}", steps.wrapping_sub(1));
        assert_eq!(
            store
                .get(Table::Members, last.into())
                .await
                .unwrap()
                .is_some(),
            steps > 0
        );
        record(&store, 100..101).await.unwrap();
        drop(store);
        let again = open(torn.path()).unwrap();
        assert!(readable(&again, 101).await.contains(&100));
    }
}

#[tokio::test]
async fn a_flipped_bit_is_named_and_takes_one_block_at_most() {
    let folder = tempfile::tempdir().unwrap();
    ten_steps(folder.path()).await;
    let whole = std::fs::read(segment(folder.path())).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 61) {
        let damaged = tempfile::tempdir().unwrap();
        copy(folder.path(), damaged.path());
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(segment(damaged.path()), bytes).unwrap();
        let store = open(damaged.path()).unwrap();
        let found = readable(&store, 100).await;
        let status = store.status().await.unwrap();
        assert!(found.len() >= 90, "{at}: {} left", found.len());
        assert!(!status.damaged.is_empty(), "{at}");
        record(&store, 100..101).await.unwrap();
    }
}

/// A disk may keep the end of a write that was not finished and lose its middle. What was not acknowledged must not look
/// as if it were there: the agent sends it again, and that must be stored.
#[tokio::test]
async fn a_last_step_with_a_hole_in_it_was_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    ten_steps(folder.path()).await;
    let store = open(folder.path()).unwrap();
    let before = std::fs::metadata(segment(folder.path())).unwrap().len() as usize;
    record(&store, 100..110).await.unwrap();
    drop(store);
    let whole = std::fs::read(segment(folder.path())).unwrap();
    for at in (before..whole.len()).step_by((whole.len() - before) / 23) {
        let torn = tempfile::tempdir().unwrap();
        copy(folder.path(), torn.path());
        let mut bytes = whole.clone();
        let end = bytes.len().min(at + 40);
        bytes[at..end].fill(0);
        std::fs::write(segment(torn.path()), bytes).unwrap();
        let store = open(torn.path()).unwrap();
        assert_eq!(readable(&store, 110).await, (0..100).collect::<Vec<_>>());
        assert!(!store.status().await.unwrap().damaged.is_empty(), "{at}");
        record(&store, 100..110).await.unwrap();
        assert_eq!(readable(&store, 110).await.len(), 110, "{at}");
    }
}

#[tokio::test]
async fn lost_tables_are_made_again_from_the_log() {
    let folder = tempfile::tempdir().unwrap();
    ten_steps(folder.path()).await;
    let tables = folder.path().join("tables");
    for damage in ["gone", "flipped"] {
        match damage {
            "gone" => std::fs::remove_dir_all(&tables).unwrap(),
            _ => {
                let mut bytes = std::fs::read(tables.join("db")).unwrap();
                bytes.iter_mut().step_by(3).for_each(|byte| *byte ^= 0xff);
                std::fs::write(tables.join("db"), bytes).unwrap();
            }
        }
        let store = open(folder.path()).unwrap();
        for step in 0..10 {
            let key = format!("member-{step}");
            assert!(
                store
                    .get(Table::Members, key.into())
                    .await
                    .unwrap()
                    .is_some(),
                "{damage} {step}"
            );
        }
    }
}

#[tokio::test]
async fn a_folder_of_another_format_or_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let message = open(folder.path()).err().unwrap().to_string();
    let pid = std::process::id();
    assert!(
        message.ends_with(&format!(
            "is in use by another process ({pid}); stop that one first"
        )),
        "{message}"
    );
    drop(store);
    std::fs::write(folder.path().join("FORMAT"), "99\n").unwrap();
    let message = open(folder.path()).err().unwrap().to_string();
    assert!(
        message.contains("holds data of format 99, and this version reads format 3"),
        "{message}"
    );
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_reopening() {
    let folder = tempfile::tempdir().unwrap();
    ten_steps(folder.path()).await;
    let store = open(folder.path()).unwrap();
    assert_eq!(readable(&store, 100).await.len(), 100);
    let (_, entry) = store.entries().await.unwrap().remove(0);
    assert_eq!((entry.created, entry.visible), (34, 34));
    assert_eq!(*store.head().borrow(), 100);
    assert!(store.status().await.unwrap().damaged.is_empty());
}
