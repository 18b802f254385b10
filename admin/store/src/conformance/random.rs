//! Random changes and random questions, each held against the naive store.

use futures::future::join_all;
use muster_common::field::Field;
use muster_common::filter::{DateTest, FieldFilter, Filter, NumberTest, Test};
use muster_common::finding::{FindingKey, Patch, SeverityPatch};
use muster_common::timestamp::{DAY, HOUR, Timestamp};

use super::model::Model;
use super::{Engine, NOW, WORLD, batch, import};
use crate::{Batch, Change, CountQuery, Outcome, Query, Sort, Walk};

/// A small generator of numbers, so that a failing seed is all that must be known.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.roll(of.len())]
    }
}

/// Applies random changes and asks random questions. `reopen` gives the engine anew now and then.
///
/// # Panics
/// The engine and the naive store differ; the message names the seed.
pub async fn agrees_with_a_naive_store<E: Engine>(
    seed: u64,
    mut engine: E,
    reopen: impl Fn(E) -> E,
) {
    let mut dice = Dice(seed);
    let mut model = Model::default();
    // Asked again and again, while findings come, change and go.
    let repeated: Vec<CountQuery> = (0..8).map(|_| count_query(&mut dice, 1)).collect();
    for round in 0..16_i64 {
        let now = NOW.plus(round * HOUR);
        let changes: Vec<Change> = (0..=dice.roll(40))
            .map(|_| change(&mut dice, &model))
            .collect();
        let expected: Vec<Outcome> = changes
            .iter()
            .map(|change| match change {
                Change::Import(import) => model.import(import),
                Change::Update { key, patch } => model.update(*key, patch, now),
                Change::Expire { key, unless_after } => model.expire(*key, *unless_after),
            })
            .collect();
        let outcomes = record(&engine, changes, now).await;
        assert_eq!(outcomes, expected, "seed {seed}, round {round}");
        if dice.roll(4) == 0 {
            engine = reopen(engine);
        }
        for _ in 0..8 {
            ask(&mut dice, &engine, &model, seed).await;
        }
        for question in &repeated {
            if dice.roll(3) > 0 {
                ask_count(&engine, &model, seed, question).await;
            }
        }
    }
}

/// Each change in a batch of its own, all of them on their way at once.
async fn record<E: Engine>(engine: &E, changes: Vec<Change>, now: Timestamp) -> Vec<Outcome> {
    let recorded = changes.into_iter().map(|change| {
        engine.record(Batch {
            now,
            ..batch(vec![change])
        })
    });
    let outcomes = join_all(recorded).await.into_iter();
    outcomes.flat_map(Result::unwrap).collect()
}

fn change(dice: &mut Dice, model: &Model) -> Change {
    let keys = model.keys();
    match dice.roll(8) {
        0 if !keys.is_empty() => Change::Update {
            key: *dice.pick(&keys),
            patch: patch(dice),
        },
        1 if !keys.is_empty() => Change::Expire {
            key: *dice.pick(&keys),
            unless_after: NOW.plus(-(dice.roll(80) as i64) * DAY),
        },
        _ => import(WORLD.version(dice.roll(120) as u64, dice.roll(5) as i64)),
    }
}

fn patch(dice: &mut Dice) -> Patch {
    let workflow = ["NEW", "NOTIFIED", "RESOLVED", "SUPPRESSED"];
    Patch {
        workflow_status: Some((*dice.pick(&workflow)).to_owned()),
        severity: (dice.roll(2) == 0).then(|| SeverityPatch {
            normalized: Some(dice.roll(101) as i32),
            ..SeverityPatch::default()
        }),
        verification_state: (dice.roll(3) == 0)
            .then(|| (*dice.pick(&["TRUE_POSITIVE", "BENIGN_POSITIVE"])).to_owned()),
        note: (dice.roll(2) == 0).then(|| ("looked at it".to_owned(), "ana".to_owned())),
        user_defined_fields: (dice.roll(3) == 0)
            .then(|| [("owner".to_owned(), format!("team-{}", dice.roll(3)))].into()),
        ..Patch::default()
    }
}

fn filter(dice: &mut Dice, depth: usize) -> Filter {
    match dice.roll(if depth == 0 { 1 } else { 4 }) {
        1 => Filter::All((0..dice.roll(3)).map(|_| filter(dice, depth - 1)).collect()),
        2 => Filter::Any(
            (0..=dice.roll(2))
                .map(|_| filter(dice, depth - 1))
                .collect(),
        ),
        _ => Filter::Field(field_filter(dice)),
    }
}

fn field_filter(dice: &mut Dice) -> FieldFilter {
    let (field, tests) = if dice.roll(14) < 9 {
        text_tests(dice)
    } else {
        let (field, test) = other_test(dice);
        (field, vec![test])
    };
    let (mut any, mut none) = (tests, Vec::new());
    if dice.roll(3) == 0 && field != Field::Keyword {
        std::mem::swap(&mut any, &mut none);
    }
    FieldFilter { field, any, none }
}

fn text_tests(dice: &mut Dice) -> (Field, Vec<Test>) {
    let texts: [(Field, &[&str]); 9] = [
        (Field::SeverityLabel, &["HIGH", "LOW", "CRITICAL"]),
        (
            Field::ResourceType,
            &["AwsS3Bucket", "AwsEc2", "AwsIamUser"],
        ),
        (
            Field::Type,
            &["TTPs", "Software and Configuration Checks/", "Effects"],
        ),
        (Field::WorkflowStatus, &["NEW", "RESOLVED", "SUPPRESSED"]),
        (Field::ComplianceStatus, &["FAILED", "PASSED"]),
        (Field::Title, &["CVE-2025-1", "CVE-2025-4"]),
        // No row holds these: documents decide.
        (Field::Description, &["EC2", "openssl"]),
        (Field::NoteText, &["looked at it"]),
        (
            Field::Id,
            &[
                "arn:aws:guardduty",
                "arn:aws:inspector:us-east-1:100000000000:finding/0000000000000006",
            ],
        ),
    ];
    let (field, values) = *dice.pick(&texts);
    let tests = (0..=dice.roll(2))
        .map(|_| {
            let value = (*dice.pick(values)).to_owned();
            match dice.roll(4) {
                0 => Test::Equals(value),
                1 => Test::Contains(value),
                2 => Test::Word(value),
                _ => Test::Prefix(value),
            }
        })
        .collect();
    (field, tests)
}

fn other_test(dice: &mut Dice) -> (Field, Test) {
    match dice.roll(5) {
        0 => {
            let least = NumberTest {
                gte: Some(dice.roll(100) as f64),
                ..NumberTest::default()
            };
            (Field::SeverityNormalized, Test::Number(least))
        }
        1 => {
            let days = dice.roll(80) as u32;
            (Field::UpdatedAt, Test::Date(DateTest::Within { days }))
        }
        2 => {
            let team = Test::Key {
                key: "team".to_owned(),
                value: Box::new(Test::Equals(format!("team-{}", dice.roll(10)))),
            };
            let field = *dice.pick(&[Field::ResourceTags, Field::UserDefinedFields]);
            (field, team)
        }
        3 => {
            let near = Test::Within {
                network: "198.51.100.0".parse().expect("an address"),
                bits: 24 + dice.roll(8) as u8,
            };
            (Field::ResourceAwsEc2InstanceIpV4Addresses, near)
        }
        _ => {
            let word = (*dice.pick(&["runbook", "IAM", "absent"])).to_owned();
            (Field::Keyword, Test::Words(vec![word]))
        }
    }
}

async fn ask<E: Engine>(dice: &mut Dice, engine: &E, model: &Model, seed: u64) {
    let filter = filter(dice, 2);
    let sortable = [
        Field::UpdatedAt,
        Field::SeverityNormalized,
        Field::Title,
        Field::ResourceId,
        Field::ComplianceStatus,
    ];
    let sort: Vec<Sort> = (0..dice.roll(3))
        .map(|_| Sort {
            field: *dice.pick(&sortable),
            descending: dice.roll(2) == 0,
        })
        .collect();
    let mut query = Query {
        filter,
        sort,
        after: None,
        limit: 1 + dice.roll(20),
        now: NOW,
    };
    let expected = model.query(&query);
    let mut found = Vec::new();
    loop {
        let page = engine.query(query.clone()).await.unwrap();
        assert!(page.records.len() <= query.limit);
        found.extend(page.records.iter().map(|record| record.key));
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    assert_eq!(found, expected, "seed {seed}: {query:?}");
    walk(engine, &query, expected, seed).await;
    let question = CountQuery {
        filter: query.filter,
        ..count_query(dice, 0)
    };
    ask_count(engine, model, seed, &question).await;
}

/// All of them in the order of the log, each once.
async fn walk<E: Engine>(engine: &E, query: &Query, mut expected: Vec<FindingKey>, seed: u64) {
    let mut walk = Walk {
        filter: query.filter.clone(),
        after: None,
        limit: query.limit,
        now: query.now,
    };
    let mut found: Vec<(u64, FindingKey)> = Vec::new();
    loop {
        let page = engine.walk(walk.clone()).await.unwrap();
        assert!(page.records.len() <= walk.limit);
        found.extend(
            page.records
                .iter()
                .map(|record| (record.sequence, record.key)),
        );
        match page.next {
            Some(next) => walk.after = Some(next),
            None => break,
        }
    }
    assert!(found.is_sorted(), "seed {seed}: {walk:?}");
    let mut found: Vec<FindingKey> = found.into_iter().map(|(_, key)| key).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected, "seed {seed}: {walk:?}");
}

fn count_query(dice: &mut Dice, depth: usize) -> CountQuery {
    let groupable = [
        Field::ResourceId,
        Field::SeverityLabel,
        Field::AwsAccountId,
        Field::Type,
        Field::Description,
        // Nobody has one in the beginning.
        Field::VerificationState,
    ];
    CountQuery {
        filter: filter(dice, depth),
        group_by: (0..dice.roll(3)).map(|_| *dice.pick(&groupable)).collect(),
        limit: 1 + dice.roll(10),
        now: NOW,
    }
}

async fn ask_count<E: Engine>(engine: &E, model: &Model, seed: u64, query: &CountQuery) {
    let counts = engine.count(query.clone()).await.unwrap();
    let (total, groups) = model.count(query);
    assert_eq!(
        (counts.total, counts.group_count),
        (total, groups.len() as u64),
        "seed {seed}: {query:?}"
    );
    let ranked: Vec<_> = counts
        .groups
        .into_iter()
        .map(|group| (group.values, group.count))
        .collect();
    assert_eq!(
        ranked,
        groups[..groups.len().min(query.limit)],
        "seed {seed}: {query:?}"
    );
}
