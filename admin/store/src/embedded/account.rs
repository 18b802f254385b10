//! Accounting: what came in per account, and how far each spool is durable. Written with every durable step.

use std::collections::{BTreeMap, HashMap};

use muster_common::account::AccountId;
use muster_common::identity::AgentId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{LedgerEntry, Outcome, SpoolRange};

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
    pub spools: HashMap<(AgentId, Uuid), u64>,
}

impl Books {
    pub(super) fn apply(&mut self, head: &CommitHead) {
        for (account, entry) in &head.ledger {
            self.ledger.entry(*account).or_default().add(entry);
        }
        for (agent, spool, through) in &head.spools {
            let known = self.spools.entry((*agent, *spool)).or_default();
            *known = (*known).max(*through);
        }
    }

    /// The last durable sequence of a spool.
    pub(super) fn acknowledged(&self, agent: AgentId, spool: Uuid) -> u64 {
        self.spools.get(&(agent, spool)).copied().unwrap_or(0)
    }
}

/// What one durable step will add to the books.
#[derive(Clone, Default)]
pub(super) struct Page {
    pub ledger: BTreeMap<AccountId, LedgerEntry>,
    spools: HashMap<(AgentId, Uuid), u64>,
}

impl Page {
    /// Where counting goes on in a spool: items up to here were counted before. Items that the spool skips are
    /// missing: an earlier state of this store had acknowledged them.
    pub(super) fn open_range(&mut self, books: &Books, range: &SpoolRange, items: usize) -> u64 {
        let spool = (range.agent, range.spool);
        let known = self
            .spools
            .get(&spool)
            .copied()
            .unwrap_or_else(|| books.acknowledged(range.agent, range.spool));
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
            Outcome::Refused | Outcome::TooLarge(_) | Outcome::NotFound(_) => entry.refused += 1,
            Outcome::Expired(_) => entry.expired += 1,
        }
    }

    pub(super) fn close(self, number: u64, sequence: u64) -> CommitHead {
        CommitHead {
            number,
            sequence,
            ledger: self.ledger,
            spools: self
                .spools
                .into_iter()
                .map(|((agent, spool), through)| (agent, spool, through))
                .collect(),
        }
    }
}
