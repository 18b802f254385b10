//! Grouping: ranked counts of the values of one or several fields over a set of slots.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hashbrown::HashMap;
use muster_common::filter::Field;
use muster_common::finding::Value;
use roaring::RoaringBitmap;

use super::Index;
use super::codes::{CHUNK, Chunk};
use super::column::{Column, ValueColumn};
use crate::Group;

/// Slots are taken from a bitmap in runs of this many.
const RUN: usize = 1_024;

/// Counts by group, before they are ranked.
#[derive(Default)]
pub(in super::super) struct Tally(HashMap<Vec<String>, u64>);

impl Tally {
    /// Counts a finding once under each of its groups.
    pub(in super::super) fn add(&mut self, groups: impl IntoIterator<Item = Vec<String>>) {
        for group in groups {
            *self.0.entry(group).or_default() += 1;
        }
    }

    /// The largest groups and the number of all.
    pub(in super::super) fn rank(self, limit: usize) -> (Vec<Group>, u64) {
        let count = self.0.len() as u64;
        let groups = self
            .0
            .into_iter()
            .map(|(values, count)| Group { values, count });
        (largest(groups, limit), count)
    }
}

impl Index {
    /// The ranked groups of some slots and the number of all groups.
    pub(in super::super) fn group(
        &self,
        slots: &RoaringBitmap,
        fields: &[Field],
        limit: usize,
    ) -> (Vec<Group>, u64) {
        let columns: Option<Vec<&ValueColumn>> = fields
            .iter()
            .map(|field| match self.existing(*field) {
                Some(Column::Values(column)) => Some(column.as_ref()),
                Some(Column::Times(_)) | None => None,
            })
            .collect();
        match columns.as_deref() {
            // A field without any value has no groups.
            None | Some([]) => (Vec::new(), 0),
            Some([column]) => single(column, slots, limit),
            Some(columns) => several(columns, slots, limit),
        }
    }
}

/// The largest groups, ranked by count, then by value.
fn largest(groups: impl Iterator<Item = Group>, limit: usize) -> Vec<Group> {
    let mut heap = BinaryHeap::new();
    for Group { values, count } in groups {
        heap.push((Reverse(count), values));
        if heap.len() > limit {
            heap.pop();
        }
    }
    heap.into_sorted_vec()
        .into_iter()
        .map(|(Reverse(count), values)| Group { values, count })
        .collect()
}

/// The text of a value, as group results show it.
pub(in super::super) fn shown(value: Value<'_>) -> String {
    match value {
        Value::Text(text) => text.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Pair(key, text) => format!("{key}={text}"),
        Value::Date(time) => time.to_string(),
    }
}

fn single(column: &ValueColumn, slots: &RoaringBitmap, limit: usize) -> (Vec<Group>, u64) {
    let mut by_set = vec![0_u32; column.sets.len() as usize + 1];
    let mut run = [0; RUN];
    let mut rest = slots.iter();
    loop {
        let taken = rest.next_many(&mut run);
        if taken.is_empty() {
            break;
        }
        for slots in taken.chunk_by(|left, right| left >> 16 == right >> 16) {
            let number = slots[0] as usize / CHUNK;
            match column.codes.chunk(number) {
                Chunk::Empty => {}
                Chunk::U8(codes) => tally(slots, codes, &mut by_set),
                Chunk::U16(codes) => tally(slots, codes, &mut by_set),
                Chunk::U32(codes) => tally(slots, codes, &mut by_set),
            }
        }
    }
    let mut by_value = vec![0_u64; column.values.len() as usize + 1];
    for set in (1..=column.sets.len()).filter(|set| by_set[*set as usize] > 0) {
        for value in column.sets.members(set) {
            by_value[*value as usize] += u64::from(by_set[set as usize]);
        }
    }
    let threshold = threshold(&by_value, limit);
    let counted = by_value.iter().filter(|count| **count > 0).count() as u64;
    let candidates = by_value
        .iter()
        .enumerate()
        .filter(|(_, count)| **count >= threshold)
        .map(|(code, count)| Group {
            values: vec![shown(column.value(code as u32))],
            count: *count,
        });
    (largest(candidates, limit), counted)
}

fn tally<T: Copy + Into<u32>>(slots: &[u32], codes: &[T], by_set: &mut [u32]) {
    for slot in slots {
        let set: u32 = codes[*slot as usize % CHUNK].into();
        by_set[set as usize] += 1;
    }
}

/// The smallest count that can be among the `limit` largest; at least 1.
fn threshold(counts: &[u64], limit: usize) -> u64 {
    let mut heap = BinaryHeap::new();
    for count in counts.iter().copied().filter(|count| *count > 0) {
        if heap.len() < limit {
            heap.push(Reverse(count));
        } else if heap.peek().is_some_and(|smallest| count > smallest.0) {
            heap.pop();
            heap.push(Reverse(count));
        }
    }
    match heap.peek() {
        Some(Reverse(smallest)) if heap.len() == limit => *smallest,
        Some(_) | None => 1,
    }
}

fn several(columns: &[&ValueColumn], slots: &RoaringBitmap, limit: usize) -> (Vec<Group>, u64) {
    let mut by_sets: HashMap<Vec<u32>, u64> = HashMap::new();
    let mut sets = vec![0; columns.len()];
    for slot in slots {
        for (set, column) in sets.iter_mut().zip(columns) {
            *set = column.codes.get(slot);
        }
        if !sets.contains(&0) {
            *by_sets.entry_ref(sets.as_slice()).or_default() += 1;
        }
    }
    let mut by_values: HashMap<Vec<u32>, u64> = HashMap::new();
    for (sets, count) in by_sets {
        let members: Vec<&[u32]> = sets
            .iter()
            .zip(columns)
            .map(|(set, column)| column.sets.members(*set))
            .collect();
        for values in product(&members) {
            *by_values.entry(values).or_default() += count;
        }
    }
    let counted = by_values.len() as u64;
    let groups = by_values.into_iter().map(|(values, count)| Group {
        values: values
            .iter()
            .zip(columns)
            .map(|(value, column)| shown(column.value(*value)))
            .collect(),
        count,
    });
    (largest(groups, limit), counted)
}

/// Every way to take one member of each.
pub(in super::super) fn product<T: Clone>(members: &[&[T]]) -> Vec<Vec<T>> {
    members.iter().fold(vec![Vec::new()], |ways, members| {
        ways.iter()
            .flat_map(|way| {
                members.iter().map(move |member| {
                    let mut longer = way.clone();
                    longer.push(member.clone());
                    longer
                })
            })
            .collect()
    })
}
