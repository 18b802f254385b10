//! The rows of a block, column by column: every value once, and a small number per finding that tells which one it has.
//! Where nearly all findings have their own, they stand as they come.
//!
//! Most values of a block stand in many of its findings, so a block folds into the index, and compresses, for what is
//! new in it and not for all that is said in it.

use hashbrown::{DefaultHashBuilder, HashTable};
use muster_common::field::Field;
use muster_common::finding::{FindingKey, Row, are_values, values};
use std::hash::BuildHasher as _;

use super::codec::{Reader, Writer};
use super::distinct::Distinct;
use super::entry::{BLOCK_FINDINGS, Entry, event, event_code};
use crate::FeedEvent;

/// The rows of a block.
#[derive(Default)]
pub(super) struct Rows {
    entries: Vec<RowEntry>,
    /// By field code.
    columns: Vec<Column>,
}

/// What stands in a row beside values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowEntry {
    pub sequence: u64,
    /// The sequence of the version before; 0 if none is kept.
    pub previous: u64,
    pub key: FindingKey,
    pub event: FeedEvent,
    pub has_overlay: bool,
    pub id_digest: u32,
}

/// The values of one field.
pub(super) struct Column {
    field: Field,
    sets: Sets,
    /// By entry: its set; 0 for none. Empty if no entry has one.
    codes: Vec<u16>,
}

/// What entries have of one field, each once unless nearly all differ: a value, or several behind each other, as rows
/// encode them.
#[derive(Default)]
struct Sets {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

/// Makes columns from rows. Keeps its tables from block to block.
pub(super) struct Gatherer {
    /// By field code: the sets of the column.
    tables: Vec<HashTable<u16>>,
    /// By field code.
    distinct: Vec<Distinct>,
    hasher: DefaultHashBuilder,
    /// Several values behind each other.
    set: Vec<u8>,
    /// Of the block that is gathered.
    entries: usize,
}

impl Gatherer {
    pub(super) fn new() -> Self {
        let mut tables = Vec::new();
        tables.resize_with(Field::ALL.len(), HashTable::new);
        Self {
            tables,
            distinct: vec![Distinct::default(); Field::ALL.len()],
            hasher: DefaultHashBuilder::default(),
            set: Vec::new(),
            entries: 0,
        }
    }

    pub(super) fn gather(&mut self, entries: &[Entry]) -> Rows {
        let mut columns = columns();
        self.entries = entries.len();
        for (at, entry) in entries.iter().enumerate() {
            self.take(&mut columns, at, &entry.row);
        }
        self.tables.iter_mut().for_each(HashTable::clear);
        for (column, distinct) in columns.iter().zip(&mut self.distinct) {
            distinct.tell(column.sets.ends.len(), entries.len());
        }
        Rows {
            entries: entries.iter().map(RowEntry::from).collect(),
            columns,
        }
    }

    fn take(&mut self, columns: &mut [Column], at: usize, row: &Row) {
        let several = row.several();
        for (field, span) in row.spans() {
            if !several.has(field) {
                self.put(&mut columns[usize::from(field.code())], at, span);
            }
        }
        for field in several.iter() {
            let mut set = std::mem::take(&mut self.set);
            set.clear();
            row.spans_of(field)
                .for_each(|span| set.extend_from_slice(span));
            self.put(&mut columns[usize::from(field.code())], at, &set);
            self.set = set;
        }
    }

    fn put(&mut self, column: &mut Column, at: usize, set: &[u8]) {
        if column.codes.is_empty() {
            column.reserve(self.entries, set.len());
        }
        let sets = &mut column.sets;
        let before = at.checked_sub(1).map_or(0, |before| column.codes[before]);
        column.codes[at] = if self.distinct[usize::from(column.field.code())].holds() {
            sets.push(set)
        } else if before != 0 && sets.get(before) == set {
            before
        } else {
            let table = &mut self.tables[usize::from(column.field.code())];
            let hash = self.hasher.hash_one(set);
            let found = table.find(hash, |code| sets.get(*code) == set).copied();
            found.unwrap_or_else(|| {
                let code = sets.push(set);
                table.insert_unique(hash, code, |code| self.hasher.hash_one(sets.get(*code)));
                code
            })
        };
    }
}

impl Rows {
    pub(super) fn entries(&self) -> &[RowEntry] {
        &self.entries
    }

    /// The columns that have values, in the order of their fields.
    pub(super) fn columns(&self) -> impl Iterator<Item = &Column> {
        self.columns
            .iter()
            .filter(|column| !column.codes.is_empty())
    }

    /// The row of one entry, in the order of fields.
    pub(super) fn row(&self, at: usize) -> Row {
        let mut row = Row::default();
        for column in self.columns() {
            let field = column.field;
            let set = column.set_of(at).unwrap_or_default();
            values(field, set).for_each(|value| row.push(field, value));
        }
        row
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Writer::with_capacity(512 * self.entries.len());
        bytes.number(self.entries.len() as u64);
        let mut last = 0;
        for entry in &self.entries {
            bytes.number(entry.sequence.wrapping_sub(last));
            last = entry.sequence;
        }
        self.entries
            .iter()
            .for_each(|entry| bytes.number(entry.previous));
        for entry in &self.entries {
            bytes.byte(event_code(entry.event) | u8::from(entry.has_overlay) << 7);
        }
        for entry in &self.entries {
            bytes.raw(&entry.id_digest.to_le_bytes());
            bytes.raw(entry.key.as_bytes());
        }
        for column in self.columns() {
            bytes.byte(column.field.code());
            column.encode(&mut bytes);
        }
        bytes.bytes
    }

    /// Reads what [`Rows::encode`] wrote; `None` if it is something else.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let count = Some(reader.number()?).filter(|count| *count <= BLOCK_FINDINGS as u64)?;
        let mut last = 0_u64;
        let sequences = (0..count)
            .map(|_| {
                last = last.checked_add(reader.number()?)?;
                Some(last)
            })
            .collect::<Option<Vec<_>>>()?;
        let previous = (0..count)
            .map(|_| reader.number())
            .collect::<Option<Vec<_>>>()?;
        let flags = (0..count)
            .map(|_| reader.byte())
            .collect::<Option<Vec<_>>>()?;
        let entries = sequences
            .into_iter()
            .zip(previous)
            .zip(flags)
            .map(|((sequence, previous), flags)| {
                Some(RowEntry {
                    sequence,
                    previous,
                    event: event(flags & 0x7f)?,
                    has_overlay: flags >> 7 != 0,
                    id_digest: u32::from_le_bytes(*reader.array()?),
                    key: FindingKey::from_bytes(*reader.array()?),
                })
            })
            .collect::<Option<Vec<_>>>()?;
        let mut columns = columns();
        while let Some(code) = reader.byte() {
            Field::from_code(code)?;
            columns[usize::from(code)].decode(entries.len(), &mut reader)?;
        }
        Some(Self { entries, columns })
    }
}

fn columns() -> Vec<Column> {
    Field::ALL.iter().copied().map(Column::new).collect()
}

impl From<&Entry> for RowEntry {
    fn from(entry: &Entry) -> Self {
        Self {
            sequence: entry.sequence,
            previous: entry.previous,
            key: entry.key,
            event: entry.event,
            has_overlay: !entry.overlay.is_empty(),
            id_digest: entry.id_digest,
        }
    }
}

impl Column {
    fn new(field: Field) -> Self {
        Self {
            field,
            sets: Sets::default(),
            codes: Vec::new(),
        }
    }

    /// Makes room for the values of so many entries, of which one is so long.
    fn reserve(&mut self, entries: usize, bytes: usize) {
        self.codes.resize(entries, 0);
        self.sets.ends.reserve(entries);
        self.sets.bytes.reserve(entries * bytes);
    }

    pub(super) const fn field(&self) -> Field {
        self.field
    }

    /// Every set, by its number less 1.
    pub(super) fn sets(&self) -> impl Iterator<Item = &[u8]> {
        (1..=self.sets.ends.len()).map(|code| self.sets.get(code as u16))
    }

    /// By entry: its set; 0 for none.
    pub(super) fn codes(&self) -> &[u16] {
        &self.codes
    }

    fn set_of(&self, at: usize) -> Option<&[u8]> {
        match self.codes[at] {
            0 => None,
            code => Some(self.sets.get(code)),
        }
    }

    fn encode(&self, bytes: &mut Writer) {
        bytes.number(self.sets.ends.len() as u64);
        let mut start = 0;
        for end in &self.sets.ends {
            bytes.number(u64::from(end - start));
            start = *end;
        }
        bytes.raw(&self.sets.bytes);
        if self.sets.ends.len() == self.codes.len() {
            // Each entry has its own, in their order.
        } else if self.sets.ends.len() < 256 {
            self.codes.iter().for_each(|code| bytes.byte(*code as u8));
        } else {
            self.codes
                .iter()
                .for_each(|code| bytes.raw(&code.to_le_bytes()));
        }
    }

    fn decode(&mut self, entries: usize, reader: &mut Reader<'_>) -> Option<()> {
        let count = usize::try_from(reader.number()?).ok()?;
        let stands_twice = !self.sets.ends.is_empty() || !self.codes.is_empty();
        if count > entries || stands_twice {
            return None;
        }
        let mut end = 0_u32;
        for _ in 0..count {
            end = end.checked_add(u32::try_from(reader.number()?).ok()?)?;
            self.sets.ends.push(end);
        }
        self.sets.bytes = reader.take(end as usize)?.to_vec();
        if !self.sets().all(|set| are_values(self.field, set)) {
            return None;
        }
        for entry in 0..entries {
            let code = if count == entries {
                entry as u16 + 1
            } else if count < 256 {
                reader.byte()?.into()
            } else {
                u16::from_le_bytes(*reader.array()?)
            };
            self.codes.push(code);
        }
        self.codes
            .iter()
            .all(|code| usize::from(*code) <= count)
            .then_some(())
    }
}

impl Sets {
    fn get(&self, code: u16) -> &[u8] {
        let index = usize::from(code) - 1;
        let start = index
            .checked_sub(1)
            .map_or(0, |before| self.ends[before] as usize);
        &self.bytes[start..self.ends[index] as usize]
    }

    fn push(&mut self, set: &[u8]) -> u16 {
        self.bytes.extend_from_slice(set);
        self.ends.push(self.bytes.len() as u32);
        self.ends.len() as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_that_stands_twice_is_damage() {
        let one_entry = [&[1, 1, 0, 0][..], &[0; 20]].concat();
        let title = [Field::Title.code(), 1, 2, 1, b'a'];
        let nothing = [Field::Title.code(), 0, 0];
        assert!(Rows::decode(&[&one_entry[..], &title].concat()).is_some());
        for second in [&title[..], &nothing] {
            assert!(Rows::decode(&[&one_entry[..], &title, second].concat()).is_none());
        }
    }
}
