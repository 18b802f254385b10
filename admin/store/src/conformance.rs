//! The suite that every engine must pass: what it records, answers and remembers is held against a naive store that
//! scans documents.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod model;
mod random;

use std::sync::Arc;

use bytes::Bytes;
use muster_common::account::AccountId;
use muster_common::finding::{self, Patch, SeverityPatch};
use muster_common::identity::AgentId;
use muster_common::sample::World;
use muster_common::timestamp::{DAY, MINUTE, Timestamp};
use uuid::Uuid;

use crate::{
    Batch, Bound, Change, Commit, Error, Expected, Findings, Import, Item, Ledger, LedgerEntry, Op,
    Outcome, Query, SpoolRange, Table, Tables,
};
pub use random::agrees_with_a_naive_store;

/// An engine under test.
pub trait Engine: Findings + Tables + Ledger {}

impl<T: Findings + Tables + Ledger> Engine for T {}

/// The time that the suite starts at.
pub const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

const WORLD: World = World {
    accounts: 3,
    resources: 30,
    now: NOW,
};

/// A provider's document as an import.
///
/// # Panics
/// The text is no finding.
#[must_use]
pub fn import(text: String) -> Change {
    let document = Bytes::from(text);
    let reading = finding::read(&document).expect("a sample is a finding");
    Change::Import(Import { reading, document })
}

fn batch(items: Vec<Change>) -> Batch {
    Batch {
        actor: Arc::from("spiffe://test/operator/ana"),
        now: NOW,
        spool: None,
        items: items
            .into_iter()
            .map(|change| Item::Change(Box::new(change)))
            .collect(),
    }
}

/// Whoever looks while steps are taken sees each of them whole.
///
/// # Panics
/// The engine breaks the rule.
pub async fn the_books_agree_with_the_findings_at_every_moment(engine: Arc<dyn Engine>) {
    let writer = Arc::clone(&engine);
    let mut writing = tokio::spawn(async move {
        for round in 0..40 {
            let numbers = round * 600..(round + 1) * 600;
            let imports = numbers.map(|number| import(WORLD.finding(number)));
            writer.record(batch(imports.collect())).await.unwrap();
        }
    });
    while !writing.is_finished() {
        for (account, entry) in engine.entries().await.unwrap() {
            assert_eq!(entry.created, entry.visible, "{account}");
        }
    }
    (&mut writing).await.unwrap();
}

fn everything(limit: usize) -> Query {
    Query {
        filter: muster_common::filter::Filter::default(),
        sort: Vec::new(),
        after: None,
        limit,
        now: NOW,
    }
}

/// Importing the same version again, or an older one, changes nothing; a newer one replaces it and keeps what operators
/// set.
///
/// # Panics
/// The engine does otherwise.
pub async fn imports_are_idempotent(engine: &dyn Engine) {
    let key = finding::read(WORLD.finding(1).as_bytes())
        .expect("a sample")
        .key;
    let record = |items| engine.record(batch(items));
    let first = record(vec![
        import(WORLD.version(1, 1)),
        import(WORLD.version(1, 1)),
    ])
    .await;
    assert_eq!(
        first.unwrap(),
        [Outcome::Created(key), Outcome::Unchanged(key)]
    );
    let patch = Patch {
        severity: Some(SeverityPatch {
            label: Some("LOW".into()),
            ..SeverityPatch::default()
        }),
        workflow_status: Some("SUPPRESSED".into()),
        ..Patch::default()
    };
    let outcomes = record(vec![
        Change::Update { key, patch },
        import(WORLD.version(1, 0)),
        import(WORLD.version(1, 2)),
        import(WORLD.version(1, 2)),
    ])
    .await;
    assert_eq!(
        outcomes.unwrap(),
        [
            Outcome::Updated(key),
            Outcome::Unchanged(key),
            Outcome::Updated(key),
            Outcome::Unchanged(key)
        ]
    );
    let stored = engine.fetch(vec![key]).await.unwrap().remove(0).unwrap();
    assert_eq!(stored.document, WORLD.version(1, 2).as_bytes());
    assert_eq!(
        stored.overlay.get("Workflow").unwrap()["Status"],
        "SUPPRESSED"
    );
    let versions = engine.versions(key, None, 10).await.unwrap();
    assert_eq!(versions.len(), 3);
    assert!(versions[1].has_previous && !versions[2].has_previous);
    let older = engine
        .versions(key, Some(versions[0].record.sequence), 1)
        .await
        .unwrap();
    assert_eq!(older[0].record.sequence, versions[1].record.sequence);
    let unknown = finding::FindingKey::from_bytes([9; 16]);
    assert!(engine.fetch(vec![unknown]).await.unwrap()[0].is_none());
    assert_eq!(
        record(vec![Change::Update {
            key: unknown,
            patch: Patch::default()
        }])
        .await
        .unwrap(),
        [Outcome::NotFound(unknown)]
    );
}

/// What retention removes is gone, unless it was updated; and it may come back as a new finding.
///
/// # Panics
/// The engine does otherwise.
pub async fn expiry_removes_what_is_old(engine: &dyn Engine) {
    let reading = finding::read(WORLD.finding(2).as_bytes()).expect("a sample");
    let key = reading.key;
    engine
        .record(batch(vec![import(WORLD.finding(2))]))
        .await
        .unwrap();
    let expire = |unless_after| engine.record(batch(vec![Change::Expire { key, unless_after }]));
    assert_eq!(
        expire(reading.updated_at.plus(-1)).await.unwrap(),
        [Outcome::Unchanged(key)]
    );
    assert_eq!(
        expire(reading.updated_at).await.unwrap(),
        [Outcome::Expired(key)]
    );
    assert_eq!(
        expire(reading.updated_at).await.unwrap(),
        [Outcome::NotFound(key)]
    );
    assert!(engine.fetch(vec![key]).await.unwrap()[0].is_none());
    assert!(
        engine
            .query(everything(10))
            .await
            .unwrap()
            .records
            .is_empty()
    );
    let again = engine
        .record(batch(vec![import(WORLD.finding(2))]))
        .await
        .unwrap();
    assert_eq!(again, [Outcome::Created(key)]);
    let feed = engine.feed(0, 10).await.unwrap();
    let events: Vec<_> = feed.iter().map(|entry| entry.event).collect();
    assert_eq!(
        events,
        [
            crate::FeedEvent::Created,
            crate::FeedEvent::Expired,
            crate::FeedEvent::Created
        ]
    );
    assert!(feed[1].record.is_none());
    assert_eq!(*engine.head().borrow(), feed[2].sequence);
}

/// A batch that an agent sends again counts once; what its spool skips counts as missing.
///
/// # Panics
/// The engine does otherwise.
pub async fn spools_count_once(engine: &dyn Engine) {
    let account: AccountId = WORLD.account(0).parse().expect("an account");
    let agent = AgentId::random();
    let spool = Uuid::from_u128(7);
    let send = |first: u64, numbers: std::ops::Range<u64>| {
        let mut items: Vec<Item> = numbers
            .map(|number| Item::Change(Box::new(import(WORLD.finding(number * 3)))))
            .collect();
        items.push(Item::Refused(account));
        engine.record(Batch {
            spool: Some(SpoolRange {
                account,
                agent,
                spool,
                first,
            }),
            items,
            ..batch(Vec::new())
        })
    };
    let ledger = async || {
        let entries = engine.entries().await.unwrap();
        entries
            .into_iter()
            .find(|(other, _)| *other == account)
            .unwrap()
            .1
    };
    send(1, 0..4).await.unwrap();
    assert_eq!(engine.acknowledged(agent, spool).await.unwrap(), 5);
    let once = LedgerEntry {
        created: 4,
        refused: 1,
        visible: 4,
        ..LedgerEntry::default()
    };
    assert_eq!(ledger().await, once);
    send(1, 0..4).await.unwrap();
    assert_eq!(ledger().await, once);
    // The second batch overlaps with what is known.
    send(3, 2..6).await.unwrap();
    assert_eq!(engine.acknowledged(agent, spool).await.unwrap(), 7);
    let more = LedgerEntry {
        created: 5,
        refused: 2,
        visible: 6,
        ..once
    };
    // Finding 4 of the spool's first five places took the place of the refused one: it is stored and not counted twice.
    assert_eq!(ledger().await, more);
    send(11, 6..7).await.unwrap();
    let gap = LedgerEntry {
        created: 6,
        refused: 3,
        missing: 3,
        visible: 7,
        ..more
    };
    assert_eq!(ledger().await, gap);
    assert_eq!(
        engine
            .acknowledged(agent, Uuid::from_u128(8))
            .await
            .unwrap(),
        0
    );
}

/// A commit is made if all it expects holds, else nothing of it.
///
/// # Panics
/// The engine does otherwise.
pub async fn commits_are_all_or_nothing(engine: &dyn Engine) {
    let put = |key: &str, value: &str| Op::Put {
        table: Table::Members,
        key: key.into(),
        value: value.into(),
    };
    let expect = |key: &str, value: Option<&str>| Expected {
        table: Table::Members,
        key: key.into(),
        value: value.map(Into::into),
    };
    let commit = |expected, ops| engine.commit(Commit { expected, ops });
    commit(
        vec![expect("a", None)],
        vec![put("a", "1"), put("b", "1"), put("c", "1")],
    )
    .await
    .unwrap();
    let refused = commit(
        vec![expect("a", Some("1")), expect("b", None)],
        vec![put("a", "2")],
    )
    .await;
    assert!(matches!(
        refused,
        Err(Error::Conflict {
            table: Table::Members
        })
    ));
    commit(
        vec![expect("a", Some("1"))],
        vec![
            put("a", "2"),
            Op::Delete {
                table: Table::Members,
                key: "b".into(),
            },
        ],
    )
    .await
    .unwrap();
    assert_eq!(
        engine.get(Table::Members, "a".into()).await.unwrap(),
        Some("2".into())
    );
    assert_eq!(engine.get(Table::Agents, "a".into()).await.unwrap(), None);
    let keys = async |bound, limit| {
        let entries = engine.scan(Table::Members, bound, limit).await.unwrap();
        entries
            .into_iter()
            .map(|(key, _)| String::from_utf8(key).unwrap())
            .collect::<String>()
    };
    assert_eq!(keys(Bound::Start, 10).await, "ac");
    assert_eq!(keys(Bound::Start, 1).await, "a");
    assert_eq!(keys(Bound::After("a".into()), 10).await, "c");
    assert_eq!(keys(Bound::Before("c".into()), 10).await, "a");
    assert_eq!(keys(Bound::End, 10).await, "ca");
}

/// What is appended is numbered from 1 without gaps.
///
/// # Panics
/// The engine does otherwise.
pub async fn appended_entries_are_numbered(engine: &dyn Engine) {
    let append = |value: &str| Op::Append {
        table: Table::Audit,
        value: value.into(),
    };
    for round in 0..3_u64 {
        let commit = Commit {
            expected: Vec::new(),
            ops: vec![append("x"), append("y")],
        };
        engine.commit(commit).await.unwrap();
        let last = engine
            .scan(Table::Audit, Bound::End, 1)
            .await
            .unwrap()
            .remove(0);
        assert_eq!(
            last,
            ((round * 2 + 2).to_be_bytes().to_vec(), b"y".to_vec())
        );
    }
}

/// Of many commits that expect the same, one is made.
///
/// # Panics
/// The engine does otherwise.
pub async fn one_of_many_rivals_wins(engine: Arc<dyn Engine>) {
    for round in 0..50_u32 {
        let rivals = (0..16_u32).map(|rival| {
            let engine = Arc::clone(&engine);
            tokio::spawn(async move {
                let key = round.to_be_bytes().to_vec();
                let commit = Commit {
                    expected: vec![Expected {
                        table: Table::Invitations,
                        key: key.clone(),
                        value: None,
                    }],
                    ops: vec![Op::Put {
                        table: Table::Invitations,
                        key,
                        value: rival.to_be_bytes().into(),
                    }],
                };
                engine.commit(commit).await.is_ok()
            })
        });
        let mut won = 0;
        for rival in rivals.collect::<Vec<_>>() {
            won += u32::from(rival.await.unwrap());
        }
        assert_eq!(won, 1);
    }
}

/// Versions that are no longer needed go, the latest stay, and what is left answers as before.
///
/// # Panics
/// The engine does otherwise.
pub async fn tidying_keeps_the_latest(engine: &dyn Engine) {
    for version in 0..20 {
        let items = (0..100)
            .map(|number| import(WORLD.version(number, version)))
            .collect();
        engine
            .record(Batch {
                now: NOW.plus(version * MINUTE),
                ..batch(items)
            })
            .await
            .unwrap();
    }
    let before = engine.query(everything(1_000)).await.unwrap();
    engine.tidy(NOW.plus(DAY)).await.unwrap();
    let after = engine.query(everything(1_000)).await.unwrap();
    assert_eq!(after.records.len(), 100);
    for (left, right) in before.records.iter().zip(&after.records) {
        assert_eq!(
            (left.key, left.sequence, &left.document),
            (right.key, right.sequence, &right.document)
        );
        let versions = engine.versions(left.key, None, 100).await.unwrap();
        assert_eq!(versions[0].record.sequence, left.sequence);
    }
}
