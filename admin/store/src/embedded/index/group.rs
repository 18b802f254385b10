//! Grouping: ranked counts of the values of one or several fields over a set of slots.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hashbrown::HashMap;
use muster_common::field::Field;
use muster_common::finding::Value;

use super::Index;
use super::bits::{Bits, Mask, ones};
use super::codes::Slice;
use super::column::{Column, ValueColumn};
use super::planes::{equal, possible};
use super::ranking::Ranking;
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
        let groups = self.0.into_iter().map(|(values, count)| (count, values));
        let groups = largest(groups, limit)
            .map(|(count, values)| Group { values, count })
            .collect();
        (groups, count)
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
            Some([column]) => {
                let ranking = Ranking::from(counted(self, column, slots));
                (rank(column, &ranking, limit), ranking.groups())
            }
            Some(columns) => several(columns, slots, limit),
        }
    }
}

/// The largest groups, ranked by count, then by value.
fn largest<V: Ord>(
    groups: impl Iterator<Item = (u64, V)>,
    limit: usize,
) -> impl Iterator<Item = (u64, V)> {
    let mut heap: BinaryHeap<(Reverse<u64>, V)> = BinaryHeap::new();
    for (count, value) in groups {
        let group = (Reverse(count), value);
        if heap.len() < limit {
            heap.push(group);
        } else if let Some(mut last) = heap.peek_mut()
            && group < *last
        {
            *last = group;
        }
    }
    let ranked = heap.into_sorted_vec().into_iter();
    ranked.map(|(Reverse(count), value)| (count, value))
}

/// The text of a value, as group results show it.
pub(in super::super) fn shown(value: Value<'_>) -> Cow<'_, str> {
    match value {
        Value::Text(text) => Cow::Borrowed(text),
        Value::Number(number) => Cow::Owned(number.to_string()),
        Value::Flag(flag) => Cow::Owned(flag.to_string()),
        Value::Pair(key, text) => Cow::Owned(format!("{key}={text}")),
        Value::Date(time) => Cow::Owned(time.to_string()),
    }
}

/// The largest groups of a field.
pub(super) fn rank(column: &ValueColumn, ranking: &Ranking, limit: usize) -> Vec<Group> {
    // Values are compared where they lie; only those that stay are copied.
    let candidates = ranking
        .top(limit)
        .map(|(code, count)| (u64::from(count), shown(column.value(code))));
    largest(candidates, limit)
        .map(|(count, value)| Group {
            values: vec![value.into_owned()],
            count,
        })
        .collect()
}

/// By the code of a value: how many of the slots have it.
pub(super) fn counted(index: &Index, column: &ValueColumn, slots: &Bits) -> Vec<u32> {
    // Whichever is less is counted: what is in the groups, or what is not.
    let mut counts = if 2 * slots.len() > index.len() {
        let mut counts = by_code(column, &index.live.minus(slots));
        counts.resize(column.counts.len(), 0);
        for (count, all) in counts.iter_mut().zip(&column.counts) {
            *count = all - *count;
        }
        counts
    } else {
        by_code(column, slots)
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
    counts
}

/// By code: how many of the slots have it. The count of slots without a value is dropped.
fn by_code(column: &ValueColumn, slots: &Bits) -> Vec<u32> {
    let mut counts = vec![0; column.dictionary.len() as usize + 1];
    for zone in 0..slots.zones() {
        let mask = slots.zone(zone);
        match column.codes.zone(zone) {
            Slice::Empty => {}
            Slice::Planes(planes) => {
                for (code, count) in possible(planes).zip(counts.iter_mut().skip(1)) {
                    let slots = equal(planes, code);
                    let both = slots.iter().zip(mask).map(|(slots, mask)| slots & mask);
                    *count += both.map(u64::count_ones).sum::<u32>();
                }
            }
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
    let groups = by_values.into_iter().map(|(values, count)| {
        let values = values.iter().zip(columns);
        let values: Vec<Cow<'_, str>> = values
            .map(|(value, column)| shown(column.value(*value)))
            .collect();
        (count, values)
    });
    let ranked = largest(groups, limit)
        .map(|(count, values)| Group {
            values: values.into_iter().map(Cow::into_owned).collect(),
            count,
        })
        .collect();
    (ranked, counted)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_come_first_and_equal_ones_by_value() {
        let groups = [(3, "c"), (9, "z"), (3, "a"), (3, "b"), (1, "d"), (9, "y")];
        let ranked = |limit| largest(groups.into_iter(), limit).collect::<Vec<_>>();
        assert_eq!(ranked(4), [(9, "y"), (9, "z"), (3, "a"), (3, "b")]);
        assert!(ranked(0).is_empty());
        assert_eq!(ranked(usize::MAX).len(), 6);
    }
}
