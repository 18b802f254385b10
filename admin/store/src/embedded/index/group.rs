//! Grouping: ranked counts of the values of one or several fields over a set of slots.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hashbrown::HashMap;
use muster_common::field::Field;
use muster_common::finding::Value;

use super::Index;
use super::bits::{Bits, Mask, ones};
use super::codes::Slice;
use super::column::{Column, ValueColumn};
use crate::Group;

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
        slots: &Bits,
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
            Some([column]) => single(self, column, slots, limit),
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

fn single(index: &Index, column: &ValueColumn, slots: &Bits, limit: usize) -> (Vec<Group>, u64) {
    // Whichever is less is counted: what is in the groups, or what is not.
    let mut counts = if 2 * slots.len() > index.len() {
        let mut others = counted(column, &index.live.minus(slots));
        others.resize(column.counts.len(), 0);
        column
            .counts
            .iter()
            .zip(others)
            .map(|(all, others)| all - others)
            .collect()
    } else {
        counted(column, slots)
    };
    counts.resize(column.dictionary.len() as usize + 1, 0);
    for (set, members) in column.dictionary.sets() {
        let count = std::mem::take(&mut counts[set as usize]);
        if count > 0 {
            members
                .iter()
                .for_each(|member| counts[*member as usize] += count);
        }
    }
    let threshold = threshold(&counts, limit);
    let groups = counts.iter().filter(|count| **count > 0).count() as u64;
    let candidates = (0..)
        .zip(&counts)
        .filter(|(_, count)| **count >= threshold)
        .map(|(code, count)| Group {
            values: vec![shown(column.value(code))],
            count: u64::from(*count),
        });
    (largest(candidates, limit), groups)
}

/// By code: how many of the slots have it. The count of slots without a value is dropped.
fn counted(column: &ValueColumn, slots: &Bits) -> Vec<u32> {
    let mut counts = vec![0; column.dictionary.len() as usize + 1];
    for zone in 0..slots.zones() {
        let mask = slots.zone(zone);
        match column.codes.zone(zone) {
            Slice::Empty => {}
            Slice::U8(codes) => tally(mask, codes, &mut counts),
            Slice::U16(codes) => tally(mask, codes, &mut counts),
            Slice::U32(codes) => tally(mask, codes, &mut counts),
        }
    }
    counts[0] = 0;
    counts
}

fn tally<T: Copy + Into<u32>>(mask: &Mask, codes: &[T], counts: &mut [u32]) {
    for (word, codes) in mask.iter().zip(codes.chunks(64)) {
        if *word == u64::MAX {
            for code in codes {
                counts[Into::<u32>::into(*code) as usize] += 1;
            }
            continue;
        }
        for bit in ones(*word) {
            // Behind the last code all slots are without a value.
            if let Some(code) = codes.get(bit as usize) {
                counts[Into::<u32>::into(*code) as usize] += 1;
            }
        }
    }
}

/// The smallest count that can be among the `limit` largest; at least 1.
fn threshold(counts: &[u32], limit: usize) -> u32 {
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

fn several(columns: &[&ValueColumn], slots: &Bits, limit: usize) -> (Vec<Group>, u64) {
    let mut by_sets: HashMap<Vec<u32>, u64> = HashMap::new();
    let mut sets = vec![0; columns.len()];
    for slot in slots.iter() {
        for (set, column) in sets.iter_mut().zip(columns) {
            *set = column.codes.get(slot);
        }
        if !sets.contains(&0) {
            *by_sets.entry_ref(sets.as_slice()).or_default() += 1;
        }
    }
    let mut by_values: HashMap<Vec<u32>, u64> = HashMap::new();
    let mut members = vec![Vec::new(); columns.len()];
    for (sets, count) in by_sets {
        for ((set, column), members) in sets.iter().zip(columns).zip(&mut members) {
            column.dictionary.members(*set, members);
        }
        let members: Vec<&[u32]> = members.iter().map(Vec::as_slice).collect();
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
