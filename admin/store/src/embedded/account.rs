//! Accounting: what came in per account, and how far each spool is durable. Written with every durable step.

use std::collections::{BTreeMap, HashMap};

use muster_common::account::AccountId;
use muster_common::identity::AgentId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{LedgerEntry, Outcome, SpoolRange};

/// The spools of an agent that are remembered: a state folder has one, and a new folder a new one.
const SPOOLS_MAX: usize = 16;

/// The head of a commit frame.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CommitHead {
    /// Rises by one with every commit.
    pub number: u64,
    /// The last sequence that is durable with it.
    pub sequence: u64,
    /// What this step adds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ledger: BTreeMap<AccountId, LedgerEntry>,
    /// How far spools are durable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spools: Vec<(AgentId, Uuid, u64)>,
}

/// The sum of all steps.
#[derive(Clone, Debug, Default)]
pub(super) struct Books {
    pub ledger: BTreeMap<AccountId, LedgerEntry>,
    /// How far the spools of each agent are durable, the one that was last sent from at the end.
    spools: HashMap<AgentId, Vec<(Uuid, u64)>>,
}

impl Books {
    pub(super) fn apply(&mut self, head: &CommitHead) {
        for (account, entry) in &head.ledger {
            self.ledger.entry(*account).or_default().add(entry);
        }
        for (agent, spool, through) in &head.spools {
            let known = self.acknowledged(*agent, *spool);
            let spools = self.spools.entry(*agent).or_default();
            spools.retain(|(other, _)| other != spool);
            if spools.len() == SPOOLS_MAX {
                spools.remove(0);
            }
            spools.push((*spool, known.max(*through)));
        }
    }

    /// Everything in one step.
    pub(super) fn close(self, number: u64, sequence: u64) -> CommitHead {
        let spools = self.spools.into_iter().flat_map(|(agent, spools)| {
            let with_agent = move |(spool, through)| (agent, spool, through);
            spools.into_iter().map(with_agent)
        });
        CommitHead {
            number,
            sequence,
            ledger: self.ledger,
            spools: spools.collect(),
        }
    }

    /// The last durable sequence of a spool.
    pub(super) fn acknowledged(&self, agent: AgentId, spool: Uuid) -> u64 {
        let spools = self.spools.get(&agent).map_or(&[][..], Vec::as_slice);
        let known = spools.iter().find(|(other, _)| *other == spool);
        known.map_or(0, |(_, through)| *through)
    }
}

/// What one durable step will add to the books.
#[derive(Clone, Default)]
pub(super) struct Page {
    pub ledger: BTreeMap<AccountId, LedgerEntry>,
    spools: HashMap<(AgentId, Uuid), u64>,
}

impl Page {
    /// Where counting goes on in a spool: items up to here were counted before, in the books, in the step `ahead` of this
    /// one, or in this one. Items that the spool skips are missing: an earlier state of this store had acknowledged them.
    pub(super) fn open_range(
        &mut self,
        books: &Books,
        ahead: Option<&Self>,
        range: &SpoolRange,
        items: usize,
    ) -> u64 {
        let spool = (range.agent, range.spool);
        let here = self.spools.get(&spool);
        let known = here.or_else(|| ahead?.spools.get(&spool)).copied();
        let known = known.unwrap_or_else(|| books.acknowledged(range.agent, range.spool));
        let missing = range.first.saturating_sub(known + 1);
        if missing > 0 {
            let entry = self.ledger.entry(range.account).or_default();
            entry.missing = entry.missing.saturating_add(missing);
        }
        let last = range.first + items as u64 - u64::from(items > 0);
        self.spools
            .insert(spool, known.max(last).max(range.first - 1));
        known
    }

    pub(super) fn count(&mut self, account: AccountId, outcome: Outcome) {
        let entry = self.ledger.entry(account).or_default();
        match outcome {
            Outcome::Created(_) => entry.created += 1,
            Outcome::Updated(_) => entry.updated += 1,
            Outcome::Unchanged(_) => entry.unchanged += 1,
            Outcome::Refused | Outcome::NotFound(_) => entry.refused += 1,
            Outcome::Expired(_) => entry.expired += 1,
        }
    }

    pub(super) fn close(&self, number: u64, sequence: u64) -> CommitHead {
        let spools = self.spools.iter();
        CommitHead {
            number,
            sequence,
            ledger: self.ledger.clone(),
            spools: spools
                .map(|((agent, spool), through)| (*agent, *spool, *through))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(agent: AgentId, spool: u128, through: u64) -> CommitHead {
        CommitHead {
            spools: vec![(agent, Uuid::from_u128(spool), through)],
            ..CommitHead::default()
        }
    }

    #[test]
    fn an_agent_that_invents_spools_pushes_out_its_own_only() {
        let (agent, other) = (AgentId::random(), AgentId::random());
        let mut books = Books::default();
        books.apply(&sent(other, 0, 5));
        books.apply(&sent(agent, 0, 5));
        for spool in 1..1_000 {
            books.apply(&sent(agent, spool, 1));
            // This one is in use.
            books.apply(&sent(agent, 0, 5 + spool as u64));
        }
        assert_eq!(books.acknowledged(other, Uuid::from_u128(0)), 5);
        assert_eq!(books.acknowledged(agent, Uuid::from_u128(0)), 1_004);
        assert_eq!(books.acknowledged(agent, Uuid::from_u128(1)), 0);
        let close = books.clone().close(7, 9);
        assert_eq!(close.spools.len(), SPOOLS_MAX + 1);
        let mut again = Books::default();
        again.apply(&close);
        assert_eq!(again.spools, books.spools);
    }
}
