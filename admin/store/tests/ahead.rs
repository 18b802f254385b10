//! A step that is decided while the disk takes the one before, by hand and on a disk that can refuse.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use futures::{Future, poll};
use muster_common::finding::Patch;
use muster_common::identity::AgentId;
use muster_common::sample::World;
use muster_common::timestamp::MINUTE;
use muster_disk::simulated::{Contents, Disk, Trouble, set_latency};
use muster_store::conformance::{NOW, import};
use muster_store::{
    Batch, Change, Config, Embedded, Error, Findings as _, Hand, Item, Ledger as _, Outcome,
    SpoolRange,
};
use uuid::Uuid;

const WORLD: World = World {
    accounts: 1,
    resources: 30,
    now: NOW,
};

struct Store {
    store: Embedded,
    hand: Hand,
    disk: Disk,
}

fn open() -> Store {
    set_latency(Some(|| Duration::ZERO));
    let disk = Disk::start(Contents::default());
    let config = Config {
        path: disk.path().join("store"),
        cache_bytes: 1 << 20,
    };
    let (store, hand) = Embedded::open_by_hand(&config).unwrap();
    Store { store, hand, disk }
}

/// A version of each of three findings.
fn versions(version: i64) -> Batch {
    let changes = (0..3).map(|number| import(WORLD.version(number, version)));
    batch(changes.collect())
}

fn batch(changes: Vec<Change>) -> Batch {
    let items = changes.into_iter();
    Batch {
        actor: Arc::from("spiffe://test/agent"),
        now: NOW.plus(MINUTE),
        spool: None,
        items: items.map(|change| Item::Change(Box::new(change))).collect(),
    }
}

/// Has both wait in line so that the second is decided upon the first, which the disk has not taken yet.
macro_rules! one_upon_the_other {
    ($hand:expr, $first:ident, $second:ident) => {
        assert!(poll!($first.as_mut()).is_pending());
        $hand.step();
        assert!(poll!($second.as_mut()).is_pending());
    };
}

async fn finished<T>(hand: &mut Hand, answer: impl Future<Output = T>) -> T {
    let mut answer = std::pin::pin!(answer);
    loop {
        tokio::select! {
            biased;
            answer = &mut answer => return answer,
            _ = hand.asked() => hand.step(),
        }
    }
}

#[tokio::test]
async fn what_is_on_its_way_to_the_disk_counts_as_there() {
    let Store {
        store, mut hand, ..
    } = open();
    let mut first = store.record(versions(1));
    let mut second = store.record(versions(2));
    one_upon_the_other!(hand, first, second);
    let first = finished(&mut hand, first).await.unwrap();
    assert!(matches!(first[..], [Outcome::Created(_), ..]), "{first:?}");
    let second = finished(&mut hand, second).await.unwrap();
    assert!(
        matches!(second[..], [Outcome::Updated(_), ..]),
        "{second:?}"
    );
    assert_eq!(store.status().await.unwrap().findings, 3);

    let Outcome::Updated(key) = second[0] else {
        unreachable!()
    };
    let update = |text: &str| {
        let patch = Patch {
            note: Some((text.to_owned(), "ana".to_owned())),
            ..Patch::default()
        };
        batch(vec![Change::Update { key, patch }])
    };
    let mut first = store.record(update("one"));
    let mut second = store.record(versions(3));
    one_upon_the_other!(hand, first, second);
    finished(&mut hand, first).await.unwrap();
    finished(&mut hand, second).await.unwrap();
    let record = store.fetch(vec![key]).await.unwrap().remove(0).unwrap();
    assert!(!record.overlay.is_empty(), "the note is lost");
    assert_eq!(record.sequence, 8);
    let kept = store.versions(key, None, 10).await.unwrap();
    assert_eq!(kept.len(), 4);
}

#[tokio::test]
async fn what_is_sent_again_before_the_disk_has_it_counts_once() {
    let Store {
        store, mut hand, ..
    } = open();
    let range = SpoolRange {
        account: "100000000000".parse().unwrap(),
        agent: AgentId::random(),
        spool: Uuid::nil(),
        first: 1,
    };
    let sent = || Batch {
        spool: Some(range),
        ..versions(1)
    };
    let mut first = store.record(sent());
    let mut second = store.record(sent());
    one_upon_the_other!(hand, first, second);
    finished(&mut hand, first).await.unwrap();
    finished(&mut hand, second).await.unwrap();
    let ledger = store.entries().await.unwrap();
    let counted: Vec<_> = ledger
        .iter()
        .map(|(_, entry)| (entry.created, entry.unchanged, entry.missing))
        .collect();
    assert_eq!(counted, [(3, 0, 0)]);
}

#[tokio::test]
async fn what_was_decided_upon_a_refused_step_is_refused_too() {
    let Store {
        store,
        mut hand,
        disk,
    } = open();
    finished(&mut hand, store.record(versions(1)))
        .await
        .unwrap();
    let mut second = store.record(versions(2));
    let mut third = store.record(versions(3));
    one_upon_the_other!(hand, second, third);
    disk.set_trouble(Trouble::Full);
    hand.step();
    for refused in [second.await, third.await] {
        assert!(matches!(refused, Err(Error::Disk { .. })), "{refused:?}");
    }
    assert!(store.status().await.unwrap().failing.is_some());
    disk.set_trouble(Trouble::None);
    let outcomes = finished(&mut hand, store.record(versions(3)))
        .await
        .unwrap();
    let Outcome::Updated(key) = outcomes[0] else {
        panic!("{outcomes:?}")
    };
    let record = store.fetch(vec![key]).await.unwrap().remove(0).unwrap();
    assert_eq!(record.sequence, 4, "numbers go on behind what counts");
    let status = store.status().await.unwrap();
    assert_eq!((status.sequence, status.failing), (6, None));
}
