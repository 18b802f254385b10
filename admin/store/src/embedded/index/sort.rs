//! Sorting: the first findings of those that match, in an order, from a position on.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use muster_common::field::Field;
use muster_common::finding::{FindingKey, Value};
use muster_common::timestamp::Timestamp;

use super::Index;
use super::bits::{Mask, ZONE, ones};
use super::codes::Times;
use super::column::{Column, ValueColumn};
use super::select::Matches;
use crate::{Position, Sort, SortValue};

/// An order over slots: by each criterion, then by key.
pub(in super::super) struct Order<'a> {
    index: &'a Index,
    criteria: Vec<Criterion<'a>>,
}

struct Criterion<'a> {
    descending: bool,
    source: Source<'a>,
}

/// Where ranks come from.
enum Source<'a> {
    Times(&'a Times),
    Values {
        column: &'a ValueColumn,
        /// By set: twice the place of its smallest value among all values.
        ranks: Vec<i64>,
        /// Value codes by their order.
        sorted: Vec<u32>,
    },
    /// No finding has a value.
    Nothing,
}

/// The rank of a finding without a value: last, in either direction.
const LAST: i64 = i64::MAX;

impl Index {
    /// Newest `UpdatedAt` first if there are no criteria.
    pub(in super::super) fn order(&self, sort: &[Sort]) -> Order<'_> {
        let newest = [Sort {
            field: Field::UpdatedAt,
            descending: true,
        }];
        let sort = if sort.is_empty() { &newest } else { sort };
        let criteria = sort
            .iter()
            .map(|sort| Criterion {
                descending: sort.descending,
                source: match self.existing(sort.field) {
                    Some(Column::Times(times)) => Source::Times(times),
                    Some(Column::Values(column)) => ranked(column),
                    None => Source::Nothing,
                },
            })
            .collect();
        Order {
            index: self,
            criteria,
        }
    }
}

fn compare(left: Value<'_>, right: Value<'_>) -> Ordering {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        (Value::Pair(left, text), Value::Pair(right, other)) => (left, text).cmp(&(right, other)),
        (Value::Number(left), Value::Number(right)) => left.total_cmp(&right),
        (Value::Flag(left), Value::Flag(right)) => left.cmp(&right),
        (Value::Date(left), Value::Date(right)) => left.cmp(&right),
        (
            Value::Text(_) | Value::Pair(..) | Value::Number(_) | Value::Flag(_) | Value::Date(_),
            _,
        ) => Ordering::Equal,
    }
}

fn ranked(column: &ValueColumn) -> Source<'_> {
    let mut sorted: Vec<u32> = column.dictionary.values().map(|(code, _)| code).collect();
    sorted.sort_unstable_by(|left, right| compare(column.value(*left), column.value(*right)));
    let mut ranks = vec![LAST; column.dictionary.len() as usize + 1];
    for (place, code) in (0_i64..).zip(&sorted) {
        ranks[*code as usize] = 2 * place;
    }
    for (set, members) in column.dictionary.sets() {
        let smallest = members.iter().map(|value| ranks[*value as usize]).min();
        ranks[set as usize] = smallest.unwrap_or(LAST);
    }
    Source::Values {
        column,
        ranks,
        sorted,
    }
}

impl Criterion<'_> {
    fn rank(&self, slot: u32) -> i64 {
        let rank = match &self.source {
            Source::Times(times) => times.get(slot).unwrap_or(LAST),
            Source::Values { column, ranks, .. } => ranks[column.codes.get(slot) as usize],
            Source::Nothing => LAST,
        };
        self.directed(rank)
    }

    /// No slot of a zone has a lower rank.
    fn least(&self, zone: usize) -> i64 {
        match &self.source {
            Source::Times(times) => match times.span(zone) {
                (earliest, latest) if earliest > latest => LAST,
                (_, latest) if self.descending => -latest,
                (earliest, _) => earliest,
            },
            Source::Values { .. } => i64::MIN,
            Source::Nothing => LAST,
        }
    }

    fn directed(&self, rank: i64) -> i64 {
        match rank {
            LAST => LAST,
            rank if self.descending => -rank,
            rank => rank,
        }
    }

    /// The rank of a value that may not be in the column any more.
    fn rank_of(&self, value: &SortValue) -> i64 {
        let rank = match (&self.source, value) {
            (_, SortValue::Absent) => LAST,
            (Source::Times(_), SortValue::Date(time)) => *time,
            (Source::Values { column, sorted, .. }, SortValue::Text(text)) => {
                place(column, sorted, Value::Text(text))
            }
            (Source::Values { column, sorted, .. }, SortValue::Number(number)) => {
                place(column, sorted, Value::Number(*number))
            }
            (Source::Values { column, sorted, .. }, SortValue::Date(time)) => {
                place(column, sorted, Value::Date(Timestamp::from_millis(*time)))
            }
            (
                Source::Times(_) | Source::Nothing,
                SortValue::Text(_) | SortValue::Number(_) | SortValue::Date(_),
            ) => LAST,
        };
        self.directed(rank)
    }

    fn value(&self, slot: u32) -> SortValue {
        match &self.source {
            Source::Times(times) => times.get(slot).map_or(SortValue::Absent, SortValue::Date),
            Source::Nothing => SortValue::Absent,
            Source::Values {
                column,
                ranks,
                sorted,
            } => match ranks[column.codes.get(slot) as usize] {
                LAST => SortValue::Absent,
                rank => match column.value(sorted[rank as usize / 2]) {
                    Value::Number(number) => SortValue::Number(number),
                    Value::Date(time) => SortValue::Date(time.as_millis()),
                    value @ (Value::Text(_) | Value::Pair(..) | Value::Flag(_)) => {
                        SortValue::Text(super::group::shown(value).into_owned())
                    }
                },
            },
        }
    }
}

/// Twice the place of a value, or the odd number between its neighbors.
fn place(column: &ValueColumn, sorted: &[u32], value: Value<'_>) -> i64 {
    match sorted.binary_search_by(|code| compare(column.value(*code), value)) {
        Ok(place) => 2 * place as i64,
        Err(place) => 2 * place as i64 - 1,
    }
}

/// A slot with its ranks; the heap keeps the smallest.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    ranks: Vec<i64>,
    key: FindingKey,
    slot: u32,
}

fn slots_of(zone: usize, mask: &Mask) -> impl Iterator<Item = u32> {
    let start = (zone * ZONE) as u32;
    (start..)
        .step_by(64)
        .zip(mask)
        .flat_map(|(base, word)| ones(*word).map(move |bit| base + bit))
}

impl Order<'_> {
    /// Up to `limit` slots in order, only those after a position.
    pub(in super::super) fn first(
        &self,
        matches: &Matches<'_>,
        after: Option<&Position>,
        limit: usize,
    ) -> Vec<u32> {
        let after = after.map(|position| {
            let ranks: Vec<i64> = self
                .criteria
                .iter()
                .zip(&position.values)
                .map(|(criterion, value)| criterion.rank_of(value))
                .collect();
            (ranks, position.key)
        });
        let mut heap = BinaryHeap::new();
        // Zones that may hold the first ones come first, so that most others need no look.
        let mut zones: Vec<(i64, usize)> = (0..matches.zones())
            .map(|zone| (self.criteria[0].least(zone), zone))
            .collect();
        zones.sort_unstable();
        for (least, zone) in zones {
            let worst = heap.peek().map(|worst: &Candidate| worst.ranks[0]);
            if heap.len() == limit && worst.is_none_or(|worst| least > worst) {
                break;
            }
            for slot in slots_of(zone, &matches.zone(zone)) {
                let first = self.criteria[0].rank(slot);
                let hopeless = heap.len() == limit
                    && heap
                        .peek()
                        .is_none_or(|worst: &Candidate| first > worst.ranks[0]);
                let passed = after.as_ref().is_some_and(|(ranks, _)| first < ranks[0]);
                if hopeless || passed {
                    continue;
                }
                let candidate = self.candidate(slot);
                let passed = after
                    .as_ref()
                    .is_some_and(|(ranks, key)| (&candidate.ranks, &candidate.key) <= (ranks, key));
                if !passed {
                    heap.push(candidate);
                    if heap.len() > limit {
                        heap.pop();
                    }
                }
            }
        }
        heap.into_sorted_vec()
            .into_iter()
            .map(|candidate| candidate.slot)
            .collect()
    }

    /// Where a slot stands.
    pub(in super::super) fn position(&self, slot: u32) -> Position {
        Position {
            values: self
                .criteria
                .iter()
                .map(|criterion| criterion.value(slot))
                .collect(),
            key: self.index.keys[slot as usize],
        }
    }

    fn candidate(&self, slot: u32) -> Candidate {
        Candidate {
            ranks: self
                .criteria
                .iter()
                .map(|criterion| criterion.rank(slot))
                .collect(),
            key: self.index.keys[slot as usize],
            slot,
        }
    }
}
