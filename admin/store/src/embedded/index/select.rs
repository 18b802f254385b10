//! Selecting: a filter becomes operations on sets of slots.

use muster_common::filter::{Field, FieldFilter, Filter, Test};
use muster_common::timestamp::Timestamp;
use roaring::{MultiOps as _, RoaringBitmap};

use super::super::block::id_digest;
use super::column::{Column, select_times};
use super::{Index, is_indexed};

/// Slots that may match.
pub(in super::super) struct Selection {
    pub slots: RoaringBitmap,
    /// Whether all of them do. Otherwise their documents decide.
    pub exact: bool,
}

impl Index {
    /// The slots that a filter selects.
    pub(in super::super) fn select(&self, filter: &Filter, now: Timestamp) -> Selection {
        match filter {
            Filter::All(filters) => {
                let (slots, exact) = self.each(filters, now);
                if slots.is_empty() {
                    return self.everything();
                }
                Selection {
                    slots: slots.into_iter().intersection(),
                    exact,
                }
            }
            Filter::Any(filters) => {
                let (slots, exact) = self.each(filters, now);
                Selection {
                    slots: slots.into_iter().union(),
                    exact,
                }
            }
            Filter::Field(filter) => self.field(filter, now),
        }
    }

    fn everything(&self) -> Selection {
        Selection {
            slots: self.live.clone(),
            exact: true,
        }
    }

    fn each(&self, filters: &[Filter], now: Timestamp) -> (Vec<RoaringBitmap>, bool) {
        let mut exact = true;
        let slots = filters
            .iter()
            .map(|filter| {
                let selection = self.select(filter, now);
                exact &= selection.exact;
                selection.slots
            })
            .collect();
        (slots, exact)
    }

    fn field(&self, filter: &FieldFilter, now: Timestamp) -> Selection {
        let FieldFilter { field, any, none } = filter;
        if !is_indexed(*field) {
            return Selection {
                slots: self
                    .with_id(*field, any)
                    .unwrap_or_else(|| self.live.clone()),
                exact: false,
            };
        }
        let matching = |tests: &[Test]| match self.existing(*field) {
            Some(Column::Values(column)) => column.select(tests, now, &self.live),
            Some(Column::Times(times)) => select_times(times, tests, now, &self.live),
            None => RoaringBitmap::new(),
        };
        let mut slots = if any.is_empty() {
            self.live.clone()
        } else {
            matching(any)
        };
        if !none.is_empty() {
            slots -= matching(none);
        }
        Selection { slots, exact: true }
    }

    /// The slots whose ASFF id has the digest of one of the wanted ids.
    fn with_id(&self, field: Field, any: &[Test]) -> Option<RoaringBitmap> {
        let digests: Vec<u32> = any
            .iter()
            .map(|test| match test {
                Test::Equals(id) if field == Field::Id => Some(id_digest(id)),
                Test::Equals(_)
                | Test::Prefix(_)
                | Test::Contains(_)
                | Test::Word(_)
                | Test::Number(_)
                | Test::Date(_)
                | Test::Within { .. }
                | Test::Key { .. }
                | Test::Flag(_)
                | Test::Words(_) => None,
            })
            .collect::<Option<_>>()?;
        if digests.is_empty() {
            return None;
        }
        let hits = self
            .id_digests
            .iter()
            .enumerate()
            .filter(|(_, digest)| digests.contains(digest))
            .map(|(slot, _)| slot as u32);
        let slots = RoaringBitmap::from_sorted_iter(hits).expect("slots rise");
        Some(slots & &self.live)
    }
}
