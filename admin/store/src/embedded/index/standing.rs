//! Standing counts: what a question was answered with is kept, and follows the findings that change.
//!
//! A question that can stand names one field to group by, is decided by the index alone, and does not depend on the time
//! at which it is asked. When a finding changes, it leaves every standing count at once, while its old values are known;
//! whether it comes back is decided when the question is asked again. So a change costs a bit per standing question, and
//! an answer what has changed since the last one, and its groups.

use muster_common::field::Field;
use muster_common::filter::Filter;
use muster_common::timestamp::Timestamp;
use parking_lot::Mutex;

use super::bits::{Bits, Mask, ZONE, ZONE_WORDS, is_empty};
use super::column::Column;
use super::group::{counted, rank};
use super::ranking::Ranking;
use super::{Index, column::ValueColumn};
use crate::Group;

/// Questions that stand, at most.
const QUESTIONS_MAX: usize = 64;
/// They take at most such a part of the memory of the index.
const MEMORY_SHARE: usize = 4;
/// A question that has not been asked while such a part of all findings changed is forgotten.
const CHANGED_SHARE: u64 = 16;
/// A question may miss so many changes in any case.
const CHANGED_MIN: u64 = 1 << 10;

/// How many findings there are, their ranked groups, and the number of all groups.
pub(in super::super) type Counted = (u64, Vec<Group>, u64);

/// The questions that stand, the one that was asked last at the end.
#[derive(Default)]
pub(super) struct Standing(Mutex<Questions>);

#[derive(Default)]
struct Questions {
    kept: Vec<Question>,
    /// Slots in the order of their changes, as far as a question has not seen them.
    changed: Vec<u32>,
    /// How many changes were before those.
    forgotten: u64,
}

struct Question {
    filter: Filter,
    field: Field,
    /// The slots that match.
    slots: Bits,
    /// By value.
    ranking: Ranking,
    /// How many changes it has seen.
    seen: u64,
}

impl Questions {
    const fn changes(&self) -> u64 {
        self.forgotten + self.changed.len() as u64
    }

    /// The question, if it stands. It must be put back.
    fn take(&mut self, filter: &Filter, field: Field) -> Option<(Question, Vec<u32>)> {
        let same = |question: &Question| question.field == field && question.filter == *filter;
        let at = self.kept.iter().position(same)?;
        let mut question = self.kept.remove(at);
        let from = (question.seen - self.forgotten) as usize;
        let mut changed = self.changed[from..].to_vec();
        question.seen = self.changes();
        changed.sort_unstable();
        changed.dedup();
        Some((question, changed))
    }

    fn put(&mut self, question: Question, bytes_max: usize) {
        let same = |kept: &Question| kept.field == question.field && kept.filter == question.filter;
        if question.bytes() > bytes_max || self.kept.iter().any(same) {
            return;
        }
        self.kept.push(question);
        while self.kept.len() > QUESTIONS_MAX || self.bytes() > bytes_max {
            self.kept.remove(0);
        }
    }

    /// Forgets the changes that every question has seen, and the questions that have missed too many.
    fn forget(&mut self, changes_max: u64) {
        let changes = self.changes();
        self.kept
            .retain(|question| changes - question.seen <= changes_max);
        let seen = self.kept.iter().map(|question| question.seen).min();
        let seen = seen.unwrap_or(changes);
        self.changed.drain(..(seen - self.forgotten) as usize);
        self.forgotten = seen;
        if self.changed.is_empty() {
            self.changed = Vec::new();
        }
    }

    fn bytes(&self) -> usize {
        4 * self.changed.capacity() + self.kept.iter().map(Question::bytes).sum::<usize>()
    }
}

impl Question {
    fn leave(&mut self, slot: u32, groups: &[u32]) {
        self.slots.remove(slot);
        groups.iter().for_each(|code| self.ranking.subtract(*code));
    }

    fn bytes(&self) -> usize {
        self.slots.bytes() + self.ranking.bytes()
    }
}

impl Standing {
    /// Takes slots out of the counts, before what they have changes.
    pub(super) fn leave(&mut self, columns: &[Option<Column>], slots: &[u32]) {
        let mut members = Vec::new();
        for question in &mut self.0.get_mut().kept {
            let column = values(columns, question.field);
            for slot in slots {
                if question.slots.has(*slot) {
                    groups_of(column, *slot, &mut members);
                    question.leave(*slot, &members);
                }
            }
        }
    }

    /// Notes slots that are to be looked at again, of so many findings.
    pub(super) fn note(&mut self, slots: &[u32], findings: u64) {
        let questions = self.0.get_mut();
        if questions.kept.is_empty() {
            return;
        }
        questions.changed.extend_from_slice(slots);
        let changes_max = CHANGED_MIN.max(findings / CHANGED_SHARE);
        if questions.changed.len() as u64 > changes_max {
            questions.forget(changes_max / 2);
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.lock().bytes()
    }
}

impl Index {
    /// Counts findings by the values of a field. The filter names fields that rows hold.
    pub(in super::super) fn count(
        &self,
        filter: &Filter,
        field: Field,
        limit: usize,
        now: Timestamp,
    ) -> Counted {
        let stands = filter.is_timeless();
        let known = stands.then(|| self.standing.0.lock().take(filter, field));
        let (question, bytes_max) = match known.flatten() {
            Some((mut question, changed)) => {
                self.follow(&mut question, &changed, now);
                (question, usize::MAX)
            }
            None => (
                self.ask(filter, field, now),
                self.own_bytes() / MEMORY_SHARE,
            ),
        };
        let column = values(&self.columns, field);
        let groups = column.map_or_else(Vec::new, |column| rank(column, &question.ranking, limit));
        let counted = (question.slots.len(), groups, question.ranking.groups());
        if stands {
            self.standing.0.lock().put(question, bytes_max);
        }
        counted
    }

    fn ask(&self, filter: &Filter, field: Field, now: Timestamp) -> Question {
        let slots = self.select(filter, now);
        let column = values(&self.columns, field);
        let counts = column.map(|column| counted(self, column, &slots));
        Question {
            filter: filter.clone(),
            field,
            slots,
            ranking: counts.unwrap_or_default().into(),
            seen: self.standing.0.lock().changes(),
        }
    }

    /// Looks at the slots that changed, each once and rising.
    fn follow(&self, question: &mut Question, changed: &[u32], now: Timestamp) {
        if changed.is_empty() {
            return;
        }
        let matches = self.matches(&question.filter, now);
        let column = values(&self.columns, question.field);
        let mut members = Vec::new();
        for slots in changed.chunk_by(|left, right| zone(*left) == zone(*right)) {
            let zone = zone(slots[0]);
            let mut mask: Mask = [0; ZONE_WORDS];
            for slot in slots.iter().filter(|slot| self.live.has(**slot)) {
                let at = *slot as usize % ZONE;
                mask[at / 64] |= 1 << (at % 64);
            }
            if is_empty(&mask) {
                continue;
            }
            matches.keep(zone, &mut mask);
            for slot in slots {
                let at = *slot as usize % ZONE;
                if mask[at / 64] >> (at % 64) & 1 == 0 {
                    continue;
                }
                question.slots.insert(*slot);
                groups_of(column, *slot, &mut members);
                members.iter().for_each(|code| question.ranking.add(*code));
            }
        }
    }
}

const fn zone(slot: u32) -> usize {
    slot as usize / ZONE
}

/// Puts the groups of a slot into `members`.
fn groups_of(column: Option<&ValueColumn>, slot: u32, members: &mut Vec<u32>) {
    members.clear();
    if let Some(column) = column {
        column.dictionary.members(column.codes.get(slot), members);
    }
}

fn values(columns: &[Option<Column>], field: Field) -> Option<&ValueColumn> {
    match columns.get(usize::from(field.code()))?.as_ref()? {
        Column::Values(column) => Some(column),
        Column::Times(_) => None,
    }
}
