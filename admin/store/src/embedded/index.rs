//! The index: a fold of the log, in memory. It answers which findings match, in which order, and how many.
//!
//! In: the entries of the log, in order. Always: the same log gives the same answers. It holds no documents; what it
//! cannot decide from rows it says so, and the engine looks at documents.

mod codes;
mod column;
mod dictionary;
mod group;
mod select;
mod sort;

use hashbrown::HashTable;
use muster_common::account::AccountId;
use muster_common::filter::Field;
use muster_common::finding::{FindingKey, INDEXED, Known, entries};
use muster_common::timestamp::Timestamp;
use roaring::RoaringBitmap;

use super::block::RowEntry;
use crate::FeedEvent;
use column::Column;

pub(super) use group::{Tally, product, shown};
pub(super) use select::Selection;

#[derive(Default)]
pub(super) struct Index {
    /// By slot.
    keys: Vec<FindingKey>,
    sequences: Vec<u64>,
    id_digests: Vec<u32>,
    /// Slots by key.
    table: HashTable<u32>,
    live: RoaringBitmap,
    with_overlay: RoaringBitmap,
    /// Slots that expired findings left.
    free: Vec<u32>,
    /// By field code; made at the first value.
    columns: Vec<Option<Column>>,
    /// The last sequence that is folded in.
    sequence: u64,
    scratch: Scratch,
}

#[derive(Default)]
struct Scratch {
    /// Field codes and value codes of the entry being folded.
    values: Vec<(u8, u32)>,
    members: Vec<u32>,
    key: Vec<u8>,
}

/// What is known of a finding before a change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Present<'a> {
    pub sequence: u64,
    pub has_overlay: bool,
    pub known: Known<'a>,
}

impl Index {
    pub(super) const fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(super) fn len(&self) -> u64 {
        self.live.len()
    }

    /// The latest sequence of a finding.
    pub(super) fn latest(&self, key: &FindingKey) -> Option<u64> {
        self.slot(key).map(|slot| self.sequences[slot as usize])
    }

    pub(super) fn present(&self, key: &FindingKey) -> Option<Present<'_>> {
        let slot = self.slot(key)?;
        Some(Present {
            sequence: self.sequences[slot as usize],
            has_overlay: self.with_overlay.contains(slot),
            known: Known {
                updated_at: self.time(slot, Field::UpdatedAt).unwrap_or_default(),
                record_state: self.text(slot, Field::RecordState).unwrap_or("ACTIVE"),
                compliance_status: self.text(slot, Field::ComplianceStatus),
                workflow_status: self.text(slot, Field::WorkflowStatus).unwrap_or("NEW"),
            },
        })
    }

    /// Up to `limit` keys whose hexadecimal digits start with these.
    pub(super) fn starting_with(&self, digits: &str, limit: usize) -> Vec<FindingKey> {
        let bytes: Vec<u8> = (0..digits.len() / 2)
            .filter_map(|pair| u8::from_str_radix(digits.get(2 * pair..2 * pair + 2)?, 16).ok())
            .collect();
        self.live
            .iter()
            .map(|slot| self.keys[slot as usize])
            .filter(|key| key.as_bytes().starts_with(&bytes) && key.to_string().starts_with(digits))
            .take(limit)
            .collect()
    }

    /// The account of a finding.
    pub(super) fn account(&self, key: &FindingKey) -> Option<AccountId> {
        let slot = self.slot(key)?;
        self.text(slot, Field::AwsAccountId)?.parse().ok()
    }

    /// The key and the latest sequence of a slot.
    pub(super) fn at(&self, slot: u32) -> (FindingKey, u64) {
        (self.keys[slot as usize], self.sequences[slot as usize])
    }

    /// Folds in one entry. Entries come in the order of the log.
    pub(super) fn apply(&mut self, entry: &RowEntry<'_>) {
        self.sequence = self.sequence.max(entry.sequence);
        let known = self.slot(&entry.key);
        match (entry.event, known) {
            (FeedEvent::Expired, None) => {}
            (FeedEvent::Expired, Some(slot)) => self.remove(slot),
            (FeedEvent::Created | FeedEvent::Imported | FeedEvent::Updated, known) => {
                let slot = known.unwrap_or_else(|| self.insert(entry.key));
                self.sequences[slot as usize] = entry.sequence;
                self.id_digests[slot as usize] = entry.id_digest;
                if entry.has_overlay {
                    self.with_overlay.insert(slot);
                } else {
                    self.with_overlay.remove(slot);
                }
                self.fold(slot, entry.row, known.is_some());
            }
        }
    }

    /// Bytes of memory, roughly.
    pub(super) fn bytes(&self) -> usize {
        let columns: usize = self.columns.iter().flatten().map(Column::bytes).sum();
        let slots = 16 * self.keys.capacity()
            + 8 * self.sequences.capacity()
            + 4 * self.id_digests.capacity();
        columns
            + slots
            + 5 * self.table.capacity()
            + self.live.serialized_size()
            + self.with_overlay.serialized_size()
    }

    fn slot(&self, key: &FindingKey) -> Option<u32> {
        self.table
            .find(hash(key), |slot| self.keys[*slot as usize] == *key)
            .copied()
    }

    fn insert(&mut self, key: FindingKey) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.keys.push(key);
            self.sequences.push(0);
            self.id_digests.push(0);
            u32::try_from(self.keys.len() - 1).expect("slots are 32 bits wide")
        });
        self.keys[slot as usize] = key;
        let keys = &self.keys;
        self.table
            .insert_unique(hash(&key), slot, |slot| hash(&keys[*slot as usize]));
        self.live.insert(slot);
        slot
    }

    fn remove(&mut self, slot: u32) {
        let key = self.keys[slot as usize];
        if let Ok(entry) = self.table.find_entry(hash(&key), |other| *other == slot) {
            entry.remove();
        }
        self.columns
            .iter_mut()
            .flatten()
            .for_each(|column| column.clear(slot));
        self.live.remove(slot);
        self.with_overlay.remove(slot);
        self.free.push(slot);
    }

    /// Sets the columns of a slot to a row. `replace` clears the fields that the row does not have.
    fn fold(&mut self, slot: u32, row: &[u8], replace: bool) {
        let mut values = std::mem::take(&mut self.scratch.values);
        values.clear();
        for (field, value) in entries(row) {
            let code = field.code();
            match self.column(field) {
                (Column::Times(times), _) => {
                    if let muster_common::finding::Value::Date(time) = value {
                        times.set(slot, Some(time.as_millis()));
                        values.push((code, 0));
                    }
                }
                (Column::Values(column), key) => values.push((code, column.intern(value, key))),
            }
        }
        values.sort_unstable();
        values.dedup();
        let mut named = 0_u128;
        let mut members = std::mem::take(&mut self.scratch.members);
        for group in values.chunk_by(|left, right| left.0 == right.0) {
            let code = group[0].0;
            named |= 1 << code;
            if let Some(Some(Column::Values(column))) = self.columns.get_mut(usize::from(code)) {
                members.clear();
                members.extend(group.iter().map(|(_, value)| *value));
                let set = column.sets.intern(&members);
                column.set(slot, set);
            }
        }
        if replace {
            for (code, column) in self.columns.iter_mut().enumerate() {
                if let Some(column) = column.as_mut().filter(|_| named >> code & 1 == 0) {
                    column.clear(slot);
                }
            }
        }
        self.scratch.values = values;
        self.scratch.members = members;
    }

    fn column(&mut self, field: Field) -> (&mut Column, &mut Vec<u8>) {
        let at = usize::from(field.code());
        if self.columns.len() <= at {
            self.columns.resize_with(at + 1, || None);
        }
        let column = self.columns[at].get_or_insert_with(|| Column::new(field));
        (column, &mut self.scratch.key)
    }

    fn existing(&self, field: Field) -> Option<&Column> {
        self.columns.get(usize::from(field.code()))?.as_ref()
    }

    fn time(&self, slot: u32, field: Field) -> Option<Timestamp> {
        match self.existing(field)? {
            Column::Times(times) => times.get(slot).map(Timestamp::from_millis),
            Column::Values(_) => None,
        }
    }

    fn text(&self, slot: u32, field: Field) -> Option<&str> {
        let Column::Values(column) = self.existing(field)? else {
            return None;
        };
        let set = column.codes.get(slot);
        if set == 0 {
            return None;
        }
        let first = *column.sets.members(set).first()?;
        std::str::from_utf8(column.values.text(first)).ok()
    }
}

/// Whether rows hold the field.
pub(super) const fn is_indexed(field: Field) -> bool {
    INDEXED.has(field)
}

/// Keys are digests, so any eight bytes of one are a hash.
fn hash(key: &FindingKey) -> u64 {
    let bytes = key.as_bytes();
    u64::from_le_bytes([
        bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7],
    ])
}
