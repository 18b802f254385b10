//! The naive store: documents in a map, every question answered by looking at all of them.

use std::collections::BTreeMap;

use muster_common::field::FieldSet;
use muster_common::filter::{Filter, Subject};
use muster_common::finding::{
    self, FindingKey, Import as Decision, Known, Overlay, Patch, Row, Value,
};
use muster_common::timestamp::Timestamp;

use crate::{CountQuery, Import, Outcome, Query};

#[derive(Default)]
pub(super) struct Model {
    findings: BTreeMap<FindingKey, Finding>,
}

struct Finding {
    document: Vec<u8>,
    overlay: Overlay,
}

impl Finding {
    /// What readers see, as a row of every field.
    fn seen(&self) -> (Row, Vec<u8>) {
        let document = finding::render(&self.document, &self.overlay, Timestamp::default())
            .expect("a stored document");
        let row = finding::fields(&document, FieldSet::ALL).expect("a rendered document");
        (row, document)
    }
}

impl Model {
    pub(super) fn import(&mut self, import: &Import) -> Outcome {
        let Import { reading, document } = import;
        let key = reading.key;
        let seen = self.findings.get(&key).map(|finding| finding.seen().0);
        let known = seen.as_ref().map(|row| {
            let text = |field| row.text(field);
            Known {
                updated_at: row
                    .date(muster_common::field::Field::UpdatedAt)
                    .unwrap_or_default(),
                record_state: text(muster_common::field::Field::RecordState).unwrap_or("ACTIVE"),
                compliance_status: text(muster_common::field::Field::ComplianceStatus),
                workflow_status: text(muster_common::field::Field::WorkflowStatus).unwrap_or("NEW"),
            }
        });
        let Decision::Store { workflow } = finding::import(known, reading) else {
            return Outcome::Unchanged(key);
        };
        let created = known.is_none();
        let mut overlay = match self.findings.remove(&key) {
            Some(finding) => finding.overlay,
            None => reading.initial.clone(),
        };
        workflow
            .into_iter()
            .for_each(|status| overlay.set_workflow(status));
        let document = document.to_vec();
        self.findings.insert(key, Finding { document, overlay });
        if created {
            Outcome::Created(key)
        } else {
            Outcome::Updated(key)
        }
    }

    pub(super) fn update(&mut self, key: FindingKey, patch: &Patch, now: Timestamp) -> Outcome {
        match self.findings.get_mut(&key) {
            Some(finding) => {
                let before = finding.overlay.clone();
                finding.overlay.apply(patch, now);
                if finding.overlay == before {
                    Outcome::Unchanged(key)
                } else {
                    Outcome::Updated(key)
                }
            }
            None => Outcome::NotFound(key),
        }
    }

    pub(super) fn expire(&mut self, key: FindingKey, unless_after: Timestamp) -> Outcome {
        let updated_at = self.findings.get(&key).map(|finding| {
            finding
                .seen()
                .0
                .date(muster_common::field::Field::UpdatedAt)
                .unwrap_or_default()
        });
        match updated_at {
            None => Outcome::NotFound(key),
            Some(updated_at) if updated_at > unless_after => Outcome::Unchanged(key),
            Some(_) => {
                self.findings.remove(&key);
                Outcome::Expired(key)
            }
        }
    }

    pub(super) fn keys(&self) -> Vec<FindingKey> {
        self.findings.keys().copied().collect()
    }

    fn matching(&self, filter: &Filter, now: Timestamp) -> impl Iterator<Item = (FindingKey, Row)> {
        self.findings.iter().filter_map(move |(key, finding)| {
            let (row, document) = finding.seen();
            let subject = Subject {
                row: &row,
                document: &document,
            };
            filter.matches(subject, now).then_some((*key, row))
        })
    }

    /// The keys of all matching findings, in the order of the query.
    pub(super) fn query(&self, query: &Query) -> Vec<FindingKey> {
        let newest = [crate::Sort {
            field: muster_common::field::Field::UpdatedAt,
            descending: true,
        }];
        let sort = if query.sort.is_empty() {
            &newest[..]
        } else {
            &query.sort
        };
        let mut found: Vec<_> = self
            .matching(&query.filter, query.now)
            .map(|(key, row)| {
                let values: Vec<Option<Sortable>> = sort
                    .iter()
                    .map(|sort| row.values(sort.field).map(Sortable::from).min())
                    .collect();
                (values, key)
            })
            .collect();
        found.sort_by(|(left, left_key), (right, right_key)| {
            let compared = sort
                .iter()
                .zip(left.iter().zip(right))
                .map(|(sort, pair)| match pair {
                    (None, None) => std::cmp::Ordering::Equal,
                    (None, Some(_)) => std::cmp::Ordering::Greater,
                    (Some(_), None) => std::cmp::Ordering::Less,
                    (Some(left), Some(right)) if sort.descending => right.cmp(left),
                    (Some(left), Some(right)) => left.cmp(right),
                });
            compared
                .fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
                .then(left_key.cmp(right_key))
        });
        found.into_iter().map(|(_, key)| key).collect()
    }

    /// The number of matching findings, and every group with its count, ranked.
    pub(super) fn count(&self, query: &CountQuery) -> (u64, Vec<(Vec<String>, u64)>) {
        let mut total = 0;
        let mut groups: BTreeMap<Vec<String>, u64> = BTreeMap::new();
        for (_, row) in self.matching(&query.filter, query.now) {
            total += 1;
            let mut ways = vec![Vec::new()];
            for field in &query.group_by {
                let values: std::collections::BTreeSet<String> =
                    row.values(*field).map(shown).collect();
                ways = ways
                    .into_iter()
                    .flat_map(|way: Vec<String>| {
                        values
                            .iter()
                            .map(move |value| [way.clone(), vec![value.clone()]].concat())
                    })
                    .collect();
            }
            if !query.group_by.is_empty() {
                ways.into_iter()
                    .for_each(|way| *groups.entry(way).or_default() += 1);
            }
        }
        let mut ranked: Vec<_> = groups.into_iter().collect();
        ranked.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(&right.0)));
        (total, ranked)
    }
}

fn shown(value: Value<'_>) -> String {
    match value {
        Value::Text(text) => text.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Pair(key, text) => format!("{key}={text}"),
        Value::Date(time) => time.to_string(),
    }
}

/// A value that can be compared with others of its field.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Sortable {
    Text(String),
    /// Halves are enough for the suite's numbers.
    Number(i64),
    Date(Timestamp),
}

impl From<Value<'_>> for Sortable {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Number(number) => Self::Number((number * 2.0) as i64),
            Value::Date(time) => Self::Date(time),
            Value::Text(_) | Value::Pair(..) | Value::Flag(_) => Self::Text(shown(value)),
        }
    }
}
