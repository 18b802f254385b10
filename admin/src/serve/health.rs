//! How both stores fare, as one.

use std::sync::Arc;

use futures::FutureExt as _;
use muster_common::account::AccountId;
use muster_common::identity::AgentId;
use muster_common::timestamp::Timestamp;
use muster_store::{Answer, Ledger, LedgerEntry, Status};
use uuid::Uuid;

use super::Stores;

/// The ledger of findings; what is told of the disk is of the inventory, too.
pub(super) struct Joined {
    findings: Arc<dyn Ledger>,
    inventory: Arc<dyn Ledger>,
}

impl Joined {
    pub(super) fn of(stores: &Stores) -> Self {
        Self {
            findings: Arc::clone(&stores.findings.ledger),
            inventory: Arc::clone(&stores.inventory.ledger),
        }
    }
}

impl Ledger for Joined {
    fn acknowledged(&self, agent: AgentId, spool: Uuid) -> Answer<'_, u64> {
        self.findings.acknowledged(agent, spool)
    }

    fn entries(&self) -> Answer<'_, Vec<(AccountId, LedgerEntry)>> {
        self.findings.entries()
    }

    fn status(&self) -> Answer<'_, Status> {
        async {
            let findings = self.findings.status().await?;
            let inventory = self.inventory.status().await?;
            Ok(joined(findings, inventory))
        }
        .boxed()
    }

    fn tidy(&self, keep_since: Timestamp) -> Answer<'_, u64> {
        self.findings.tidy(keep_since)
    }
}

fn joined(findings: Status, inventory: Status) -> Status {
    let of_inventory = |what: String| format!("inventory: {what}");
    let Status {
        bytes,
        index_bytes,
        damaged,
        failing,
        ..
    } = inventory;
    Status {
        bytes: findings.bytes + bytes,
        index_bytes: findings.index_bytes + index_bytes,
        damaged: findings
            .damaged
            .into_iter()
            .chain(damaged.into_iter().map(of_inventory))
            .collect(),
        failing: findings.failing.or_else(|| failing.map(of_inventory)),
        ..findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_of_the_inventory_is_told_as_such() {
        let of = |what: &str, bytes| Status {
            findings: 5,
            bytes,
            damaged: vec![what.to_owned()],
            ..Status::default()
        };
        let inventory = Status {
            failing: Some("the disk is full".to_owned()),
            ..of("segment 7", 30)
        };
        let joined = joined(of("segment 1", 10), inventory);
        assert_eq!((joined.findings, joined.bytes), (5, 40));
        assert_eq!(joined.damaged, ["segment 1", "inventory: segment 7"]);
        let failing = joined.failing.as_deref();
        assert_eq!(failing, Some("inventory: the disk is full"));
    }
}
