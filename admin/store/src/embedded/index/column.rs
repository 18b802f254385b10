//! Columns: the values of one field over all slots.

use muster_common::filter::{Field, Kind, Test};
use muster_common::finding::Value;
use muster_common::timestamp::Timestamp;
use roaring::RoaringBitmap;

use super::codes::{CHUNK, Chunk, Codes, NO_TIME, Times};
use super::dictionary::{Dictionary, Sets};

/// Bitmaps are kept for fields with up to this many distinct sets of values.
const POSTINGS_MAX: u32 = 4_096;

/// One field.
pub(super) enum Column {
    Values(Box<ValueColumn>),
    Times(Times),
}

/// Values as dictionary codes: text, numbers (their bits), pairs (`key\0value`), flags.
pub(super) struct ValueColumn {
    kind: Kind,
    pub values: Dictionary,
    pub sets: Sets,
    /// The set of each slot.
    pub codes: Codes,
    /// The slots of each set, while there are few sets.
    postings: Option<Vec<RoaringBitmap>>,
}

impl Column {
    pub(super) fn new(field: Field) -> Self {
        match field.kind() {
            Kind::Date => Self::Times(Times::default()),
            kind @ (Kind::Text
            | Kind::Number
            | Kind::Address
            | Kind::Map
            | Kind::Keyword
            | Kind::Flag) => Self::Values(Box::new(ValueColumn {
                kind,
                values: Dictionary::default(),
                sets: Sets::default(),
                codes: Codes::default(),
                postings: Some(Vec::new()),
            })),
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
    /// The code of a value. `scratch` is a buffer to build keys in.
    pub(super) fn intern(&mut self, value: Value<'_>, scratch: &mut Vec<u8>) -> u32 {
        match value {
            Value::Text(text) => self.values.intern(text.as_bytes()),
            Value::Number(number) => self.values.intern(&number.to_le_bytes()),
            Value::Flag(flag) => self.values.intern(&[u8::from(flag)]),
            Value::Pair(key, text) => {
                scratch.clear();
                scratch.extend_from_slice(key.as_bytes());
                scratch.push(0);
                scratch.extend_from_slice(text.as_bytes());
                self.values.intern(scratch)
            }
            Value::Date(time) => self.values.intern(&time.as_millis().to_le_bytes()),
        }
    }

    /// The value of a code.
    pub(super) fn value(&self, code: u32) -> Value<'_> {
        let bytes = self.values.text(code);
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        match self.kind {
            Kind::Text | Kind::Address | Kind::Keyword => Value::Text(text(bytes)),
            Kind::Number => Value::Number(f64::from_le_bytes(bytes.try_into().unwrap_or_default())),
            Kind::Flag => Value::Flag(bytes == [1]),
            Kind::Map => {
                let end = bytes
                    .iter()
                    .position(|byte| *byte == 0)
                    .unwrap_or(bytes.len());
                Value::Pair(
                    text(&bytes[..end]),
                    text(bytes.get(end + 1..).unwrap_or_default()),
                )
            }
            Kind::Date => Value::Date(Timestamp::from_millis(i64::from_le_bytes(
                bytes.try_into().unwrap_or_default(),
            ))),
        }
    }

    /// Puts a slot into a set; 0 takes it out of its set.
    pub(super) fn set(&mut self, slot: u32, set: u32) {
        let old = self.codes.get(slot);
        if old == set {
            return;
        }
        self.codes.set(slot, set);
        if self.sets.len() > POSTINGS_MAX {
            self.postings = None;
        }
        let Some(postings) = &mut self.postings else {
            return;
        };
        if old != 0 {
            postings[old as usize - 1].remove(slot);
        }
        if set != 0 {
            if postings.len() < set as usize {
                postings.resize_with(set as usize, RoaringBitmap::new);
            }
            postings[set as usize - 1].insert(slot);
        }
    }

    /// The slots with a value that satisfies one of the tests.
    pub(super) fn select(
        &self,
        tests: &[Test],
        now: Timestamp,
        live: &RoaringBitmap,
    ) -> RoaringBitmap {
        let sets = self.matching_sets(tests, now);
        if sets.iter().all(|matches| !matches) {
            return RoaringBitmap::new();
        }
        match &self.postings {
            Some(postings) => union(
                postings
                    .iter()
                    .zip(&sets)
                    .filter(|(_, matches)| **matches)
                    .map(|(slots, _)| slots),
            ),
            None => self.scan(&sets, live),
        }
    }

    /// Per set (by code less 1): whether one of its values satisfies one of the tests.
    fn matching_sets(&self, tests: &[Test], now: Timestamp) -> Vec<bool> {
        let mut values = vec![false; self.values.len() as usize + 1];
        for (code, _) in self.values.iter() {
            let value = self.value(code);
            values[code as usize] = tests.iter().any(|test| test.holds(value, now));
        }
        (1..=self.sets.len())
            .map(|set| {
                self.sets
                    .members(set)
                    .iter()
                    .any(|value| values[*value as usize])
            })
            .collect()
    }

    fn scan(&self, sets: &[bool], live: &RoaringBitmap) -> RoaringBitmap {
        let mut wanted = vec![false];
        wanted.extend_from_slice(sets);
        let chunks = live.max().map_or(0, |last| last as usize / CHUNK + 1);
        let mut found = Vec::new();
        for number in 0..chunks {
            let base = (number * CHUNK) as u32;
            match self.codes.chunk(number) {
                Chunk::Empty => {}
                Chunk::U8(codes) => matching(codes, base, &wanted, &mut found),
                Chunk::U16(codes) => matching(codes, base, &wanted, &mut found),
                Chunk::U32(codes) => matching(codes, base, &wanted, &mut found),
            }
        }
        RoaringBitmap::from_sorted_iter(found).expect("slots rise")
    }

    fn bytes(&self) -> usize {
        let postings: usize = self
            .postings
            .iter()
            .flatten()
            .map(|slots| size_of::<RoaringBitmap>() + slots.serialized_size())
            .sum();
        self.values.bytes() + self.sets.bytes() + self.codes.bytes() + postings
    }
}

fn matching<T: Copy + Into<u32>>(codes: &[T], base: u32, wanted: &[bool], found: &mut Vec<u32>) {
    let hits = codes
        .iter()
        .enumerate()
        .filter(|(_, code)| wanted[Into::<u32>::into(**code) as usize]);
    found.extend(hits.map(|(at, _)| base + at as u32));
}

/// The slots of any of the bitmaps.
pub(super) fn union<'a>(bitmaps: impl Iterator<Item = &'a RoaringBitmap>) -> RoaringBitmap {
    use roaring::MultiOps as _;
    bitmaps.union()
}

/// The slots whose time satisfies one of the tests.
pub(super) fn select_times(
    times: &Times,
    tests: &[Test],
    now: Timestamp,
    live: &RoaringBitmap,
) -> RoaringBitmap {
    let chunks = live.max().map_or(0, |last| last as usize / CHUNK + 1);
    let mut found = Vec::new();
    for number in 0..chunks {
        let Some(chunk) = times.chunk(number) else {
            continue;
        };
        let base = (number * CHUNK) as u32;
        for (at, time) in chunk.iter().enumerate() {
            let value = Value::Date(Timestamp::from_millis(*time));
            if *time != NO_TIME && tests.iter().any(|test| test.holds(value, now)) {
                found.push(base + at as u32);
            }
        }
    }
    RoaringBitmap::from_sorted_iter(found).expect("slots rise")
}
