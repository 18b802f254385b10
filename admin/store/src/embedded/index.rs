//! The index: a fold of the log, in memory. It answers which findings match, in which order, and how many.
//!
//! In: the rows of the log's blocks, in order. Always: the same log gives the same answers. It holds no documents; what
//! it cannot decide from rows it says so, and the engine looks at documents.

mod bits;
mod codes;
mod column;
mod dictionary;
mod group;
mod planes;
mod ranking;
mod select;
mod sort;
mod standing;

use hashbrown::HashTable;
use muster_common::account::AccountId;
use muster_common::field::Field;
use muster_common::finding::{FindingKey, INDEXED, Known};
use muster_common::timestamp::Timestamp;

use super::rows::{RowEntry, Rows};
use crate::FeedEvent;
use bits::Bits;
use column::{Column, Run};
use dictionary::make_room;
use standing::Standing;

pub(super) use group::{Tally, product, shown};

#[derive(Default)]
pub(super) struct Index {
    /// By slot.
    keys: Vec<FindingKey>,
    sequences: Vec<u64>,
    id_digests: Vec<u32>,
    /// Slots by key.
    table: HashTable<u32>,
    live: Bits,
    with_overlay: Bits,
    /// Slots that expired findings left.
    free: Vec<u32>,
    /// By field code; made at the first value.
    columns: Vec<Option<Column>>,
    /// The last sequence that is folded in.
    sequence: u64,
    scratch: column::Scratch,
    standing: Standing,
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

    pub(super) const fn len(&self) -> u64 {
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
            has_overlay: self.with_overlay.has(slot),
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

    /// Folds in a block. Blocks come in the order of the log.
    pub(super) fn apply(&mut self, rows: &Rows) {
        let removes = |entry: &RowEntry| entry.event == FeedEvent::Expired;
        let mut first = 0;
        for run in rows
            .entries()
            .chunk_by(|left, right| removes(left) == removes(right))
        {
            if removes(&run[0]) {
                run.iter().for_each(|entry| self.remove(&entry.key));
            } else {
                self.fold(rows, first, run);
            }
            first += run.len();
        }
        let last = rows.entries().last().map_or(0, |entry| entry.sequence);
        self.sequence = self.sequence.max(last);
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.own_bytes() + self.standing.bytes()
    }

    /// Bytes of memory without the standing counts.
    fn own_bytes(&self) -> usize {
        let columns: usize = self.columns.iter().flatten().map(Column::bytes).sum();
        let slots = 16 * self.keys.capacity()
            + 8 * self.sequences.capacity()
            + 4 * self.id_digests.capacity();
        columns
            + slots
            + self.table.allocation_size()
            + self.live.bytes()
            + self.with_overlay.bytes()
    }

    fn slot(&self, key: &FindingKey) -> Option<u32> {
        self.table
            .find(hash(key), |slot| self.keys[*slot as usize] == *key)
            .copied()
    }

    fn insert(&mut self, key: FindingKey) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            make_room(&mut self.keys, 1);
            make_room(&mut self.sequences, 1);
            make_room(&mut self.id_digests, 1);
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

    fn remove(&mut self, key: &FindingKey) {
        let found = self
            .table
            .find_entry(hash(key), |slot| self.keys[*slot as usize] == *key);
        let Ok(entry) = found else {
            return;
        };
        let (slot, _) = entry.remove();
        self.standing.leave(&self.columns, &[slot]);
        self.columns
            .iter_mut()
            .flatten()
            .for_each(|column| column.clear(slot));
        self.live.remove(slot);
        self.with_overlay.remove(slot);
        self.free.push(slot);
    }

    /// Sets slots and columns to what a block says of some entries, none of them a removal.
    fn fold(&mut self, rows: &Rows, first: usize, entries: &[RowEntry]) {
        let mut replaced = Vec::new();
        let end = self.keys.len();
        let slots: Vec<u32> = entries
            .iter()
            .map(|entry| {
                let known = self.slot(&entry.key);
                replaced.extend(known);
                let slot = known.unwrap_or_else(|| self.insert(entry.key));
                self.sequences[slot as usize] = entry.sequence;
                self.id_digests[slot as usize] = entry.id_digest;
                if entry.has_overlay {
                    self.with_overlay.insert(slot);
                } else {
                    self.with_overlay.remove(slot);
                }
                slot
            })
            .collect();
        self.standing.leave(&self.columns, &replaced);
        self.standing.note(&slots, self.live.len());
        let run = Run {
            first,
            slots: &slots,
            fresh: replaced.is_empty() && slots[0] as usize == end,
        };
        let mut named = 0_u128;
        for block in rows.columns() {
            let code = usize::from(block.field().code());
            named |= 1 << code;
            if self.columns.len() <= code {
                self.columns.resize_with(code + 1, || None);
            }
            self.columns[code]
                .get_or_insert_with(|| Column::new(block.field()))
                .fold(block, &run, &mut self.scratch);
        }
        // What a version does not have any more goes; what the block names, it has said.
        for (code, column) in self.columns.iter_mut().enumerate() {
            if let Some(column) = column.as_mut().filter(|_| named >> code & 1 == 0) {
                replaced.iter().for_each(|slot| column.clear(*slot));
            }
        }
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

    /// The text of a slot in a field of which a finding has at most one.
    fn text(&self, slot: u32, field: Field) -> Option<&str> {
        let Column::Values(column) = self.existing(field)? else {
            return None;
        };
        match column.codes.get(slot) {
            0 => None,
            code => column.text(code),
        }
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
