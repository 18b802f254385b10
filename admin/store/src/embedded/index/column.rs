//! Columns: the values of one field over all slots.

use muster_common::field::{Field, FieldSet, Kind};
use muster_common::filter::Test;
use muster_common::finding::{self, Value};
use muster_common::timestamp::Timestamp;

use super::codes::{Codes, Times};
use super::dictionary::{Dictionary, make_room};
use crate::embedded::rows;

/// The times that a finding has at most one of.
const SINGLE_TIMES: FieldSet = FieldSet::NONE
    .with(Field::FirstObservedAt)
    .with(Field::LastObservedAt)
    .with(Field::CreatedAt)
    .with(Field::UpdatedAt)
    .with(Field::NoteUpdatedAt)
    .with(Field::ProcessLaunchedAt)
    .with(Field::ProcessTerminatedAt);

/// One field.
pub(super) enum Column {
    Values(Box<ValueColumn>),
    Times(Times),
}

/// Values as dictionary codes.
pub(super) struct ValueColumn {
    field: Field,
    /// Values as rows encode them, and sets of them.
    pub dictionary: Dictionary,
    /// The set of each slot.
    pub codes: Codes,
    /// By code: how many slots have it.
    pub counts: Vec<u32>,
}

/// Entries of a block that are folded in together.
pub(super) struct Run<'a> {
    /// The number of the first one in its block.
    pub first: usize,
    /// One for each.
    pub slots: &'a [u32],
    /// All slots are new and follow each other.
    pub fresh: bool,
}

/// Buffers for folding a column in.
#[derive(Default)]
pub(super) struct Scratch {
    /// By set of the block: its code here, and how many entries of a fresh run have it.
    codes: Vec<u32>,
    counts: Vec<u32>,
    times: Vec<Option<i64>>,
    members: Vec<u32>,
    /// By entry of a fresh run.
    appended: Vec<u32>,
}

impl Column {
    pub(super) fn new(field: Field) -> Self {
        if SINGLE_TIMES.has(field) {
            return Self::Times(Times::default());
        }
        Self::Values(Box::new(ValueColumn {
            field,
            dictionary: Dictionary::default(),
            codes: Codes::default(),
            counts: vec![0],
        }))
    }

    /// Sets the slots of a run to what their block says of them.
    pub(super) fn fold(&mut self, block: &rows::Column, run: &Run<'_>, scratch: &mut Scratch) {
        match self {
            Self::Times(times) => {
                let found = &mut scratch.times;
                found.clear();
                found.push(None);
                found.extend(block.sets().map(|set| first_time(block.field(), set)));
                for (code, slot) in block.codes()[run.first..].iter().zip(run.slots) {
                    times.set(*slot, found[usize::from(*code)]);
                }
            }
            Self::Values(column) => column.fold(block, run, scratch),
        }
    }

    pub(super) fn clear(&mut self, slot: u32) {
        match self {
            Self::Values(column) => column.set(slot, 0),
            Self::Times(times) => times.set(slot, None),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Values(column) => column.bytes(),
            Self::Times(times) => times.bytes(),
        }
    }
}

impl ValueColumn {
    fn fold(&mut self, block: &rows::Column, run: &Run<'_>, scratch: &mut Scratch) {
        let Scratch {
            codes,
            counts,
            members,
            appended,
            ..
        } = scratch;
        codes.clear();
        codes.push(0);
        codes.extend(block.sets().map(|set| self.intern(set, members)));
        self.make_room();
        let sets = &block.codes()[run.first..run.first + run.slots.len()];
        if !run.fresh {
            for (set, slot) in sets.iter().zip(run.slots) {
                self.set(*slot, codes[usize::from(*set)]);
            }
            return;
        }
        counts.clear();
        counts.resize(codes.len(), 0);
        appended.clear();
        for set in sets {
            counts[usize::from(*set)] += 1;
            appended.push(codes[usize::from(*set)]);
        }
        self.codes.append(run.slots[0], appended);
        for (code, count) in codes.iter().zip(counts).skip(1) {
            self.counts[*code as usize] += *count;
        }
    }

    /// The code of a set of values that stand behind each other as rows encode them. `members` is a buffer.
    fn intern(&mut self, set: &[u8], members: &mut Vec<u32>) -> u32 {
        members.clear();
        for value in finding::value_spans(self.field, set) {
            members.push(self.dictionary.intern(value));
        }
        members.sort_unstable();
        members.dedup();
        self.dictionary.intern_set(members)
    }

    /// Has a count for every code.
    fn make_room(&mut self) {
        let codes = self.dictionary.len() as usize + 1;
        if self.counts.len() < codes {
            let more = codes - self.counts.len();
            make_room(&mut self.counts, more);
            self.counts.resize(codes, 0);
        }
    }

    /// Puts a slot into a set; 0 takes it out of its set.
    fn set(&mut self, slot: u32, set: u32) {
        let old = self.codes.get(slot);
        if old == set {
            return;
        }
        self.codes.set(slot, set);
        if old != 0 {
            self.counts[old as usize] -= 1;
        }
        if set != 0 {
            self.counts[set as usize] += 1;
        }
    }

    /// The value of a code.
    pub(super) fn value(&self, code: u32) -> Value<'_> {
        finding::values(self.field, self.dictionary.value(code))
            .next()
            .expect("the dictionary holds whole values")
    }

    /// The text of a code; `None` for another kind of value and for a set.
    pub(super) fn text(&self, code: u32) -> Option<&str> {
        match finding::values(self.field, self.dictionary.value(code)).next()? {
            Value::Text(text) => Some(text),
            Value::Number(_) | Value::Date(_) | Value::Pair(..) | Value::Flag(_) => None,
        }
    }

    /// By code: whether one of its values satisfies one of the tests. Codes that no slot has may be left out.
    pub(super) fn matching(&self, tests: &[Test], now: Timestamp) -> Vec<bool> {
        let mut matching = vec![false; self.dictionary.len() as usize + 1];
        match self.known(tests) {
            Some(codes) => codes
                .into_iter()
                .for_each(|code| matching[code as usize] = true),
            None => {
                for (code, _) in self.dictionary.values() {
                    let value = self.value(code);
                    matching[code as usize] = tests.iter().any(|test| test.holds(value, now));
                }
            }
        }
        for (code, members) in self.dictionary.sets() {
            matching[code as usize] = members.iter().any(|member| matching[*member as usize]);
        }
        matching
    }

    /// The codes of the values that tests name in full; `None` if one of the tests does not.
    fn known(&self, tests: &[Test]) -> Option<Vec<u32>> {
        if !matches!(self.field.kind(), Kind::Text | Kind::Address) {
            return None;
        }
        let mut codes = Vec::new();
        for test in tests {
            let Test::Equals(text) = test else {
                return None;
            };
            let mut value = Vec::new();
            finding::encode(Value::Text(text), &mut value);
            codes.extend(self.dictionary.find(&value));
        }
        Some(codes)
    }

    fn bytes(&self) -> usize {
        self.dictionary.bytes() + self.codes.bytes() + 4 * self.counts.capacity()
    }
}

fn first_time(field: Field, set: &[u8]) -> Option<i64> {
    finding::values(field, set).find_map(|value| match value {
        Value::Date(time) => Some(time.as_millis()),
        Value::Text(_) | Value::Number(_) | Value::Pair(..) | Value::Flag(_) => None,
    })
}
