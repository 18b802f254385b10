//! The end: the store against everything that must be in it, when all is mended and drained.

use std::collections::{BTreeMap, BTreeSet};

use muster_common::account::AccountId;
use muster_store::{Embedded, Findings as _, Ledger as _, LedgerEntry};

use super::{Model, Place, stamp_of};
use crate::source::Document;

/// What each source says.
pub(crate) type Expected = BTreeMap<AccountId, Vec<Document>>;

/// What the model knows of an account's spools.
struct Sent {
    places: BTreeSet<Place>,
    /// Where something stands that must be refused.
    bad: Vec<(Place, u64)>,
    /// An agent that was restored caught up with the numbers that it had given out before, and used them for something
    /// else. Nobody can tell that, so the ledger counts those places once, and if the server was restored, too, what it
    /// names as missing is not all collected again.
    overlap: bool,
    restored: bool,
    missing_max: u64,
}

impl Model {
    pub(crate) async fn compare(&self, store: &Embedded, expected: &Expected) {
        let Ok(entries) = store.entries().await else {
            return self.fail("the ledger does not answer");
        };
        let entries: BTreeMap<AccountId, LedgerEntry> = entries.into_iter().collect();
        let mut all = 0;
        for (account, documents) in expected {
            let entry = entries.get(account).copied().unwrap_or_default();
            let sent = self.sent(*account);
            let good = documents.iter().filter(|document| !document.is_bad());
            let good: Vec<&Document> = good.collect();
            let Some(absent) = self.compare_findings(store, &good, &entry, &sent).await else {
                return;
            };
            let visible = good.len() as u64 - absent;
            all += visible;
            self.compare_ledger(store, *account, entry, &sent, visible)
                .await;
        }
        let status = store.status().await.unwrap_or_default();
        if status.findings != all {
            let found = status.findings;
            self.fail(format!(
                "the store has {found} findings, and {all} are right"
            ));
        }
    }

    fn sent(&self, account: AccountId) -> Sent {
        let state = self.lock();
        let delivered = state.kept.delivered.iter();
        let own = delivered.filter(|(((of, ..), _), _)| *of == account);
        let (mut places, mut bad) = (BTreeSet::new(), Vec::new());
        for ((place, sequence), bytes) in own {
            places.insert(*place);
            if state.documents[bytes].is_bad() {
                bad.push((*place, *sequence));
            }
        }
        Sent {
            places,
            bad,
            overlap: state.kept.overlaps.contains(&account),
            restored: state.restored,
            missing_max: state.missing_max,
        }
    }

    /// Every finding in its newest version, byte by byte. The answer is how many are not there and need not be.
    async fn compare_findings(
        &self,
        store: &Embedded,
        good: &[&Document],
        entry: &LedgerEntry,
        sent: &Sent,
    ) -> Option<u64> {
        let keys = good.iter().filter_map(|document| document.key).collect();
        let Ok(records) = store.fetch(keys).await else {
            self.fail("the store does not answer");
            return None;
        };
        let mut lost = Vec::new();
        let mut absent = 0;
        for (document, record) in good.iter().zip(records) {
            let found = record.map(|record| record.document);
            absent += u64::from(found.is_none());
            if found.as_ref() != Some(&document.bytes) {
                let found = found.and_then(|found| stamp_of(&found));
                lost.push(format!(
                    "version {} should be visible and {found:?} is",
                    document.stamp
                ));
            }
        }
        if sent.overlap && lost.len() as u64 <= entry.missing {
            return Some(absent);
        }
        for lost in &lost {
            self.fail(lost);
        }
        Some(absent)
    }

    async fn compare_ledger(
        &self,
        store: &Embedded,
        account: AccountId,
        entry: LedgerEntry,
        sent: &Sent,
        visible: u64,
    ) {
        let (mut taken, mut refused) = (0, 0);
        for place in &sent.places {
            let (_, agent, spool) = *place;
            let through = store.acknowledged(agent, spool).await.unwrap_or_default();
            taken += through;
            let bad = sent.bad.iter();
            let bad = bad.filter(|(of, sequence)| of == place && *sequence <= through);
            refused += bad.count() as u64;
        }
        let wrong = |what: &str| self.fail(format!("{account}: {what}: {entry:?}"));
        if entry.sent() != taken {
            wrong(&format!("{taken} places of spools were taken"));
        }
        if entry.visible != visible {
            wrong(&format!("{visible} findings should be visible"));
        }
        if !sent.overlap && entry.created != visible || entry.created > visible {
            wrong("each finding is created once");
        }
        if !sent.overlap && !sent.restored && entry.refused != refused {
            wrong(&format!("{refused} should be refused"));
        }
        if entry.missing > sent.missing_max {
            wrong(&format!("at most {} can be missing", sent.missing_max));
        }
    }
}
