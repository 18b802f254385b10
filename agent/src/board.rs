//! The board: how each collector fares, for the uplink to report and for `muster-agent status` to show.

use std::collections::BTreeMap;

use muster_common::account::Region;
use muster_common::health::{CollectorHealth, CollectorState};
use muster_common::timestamp::Timestamp;
use tokio::sync::watch;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Board(watch::Sender<Entries>);

type Entries = BTreeMap<(&'static str, String), CollectorHealth>;

impl Default for Board {
    fn default() -> Self {
        Self(watch::Sender::new(Entries::new()))
    }
}

impl Board {
    /// Follows the changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Entries> {
        self.0.subscribe()
    }

    #[must_use]
    pub fn entries(&self) -> Vec<CollectorHealth> {
        self.0.borrow().values().cloned().collect()
    }

    /// Notes a state and what to say about it.
    pub fn set(
        &self,
        collector: &'static str,
        region: Option<&Region>,
        state: CollectorState,
        message: &str,
    ) {
        self.change(collector, region, |health| {
            health.state = state;
            message.clone_into(&mut health.message);
        });
    }

    /// Notes a run that went well.
    pub fn succeed(&self, collector: &'static str, region: Option<&Region>, now: Timestamp) {
        self.change(collector, region, |health| {
            health.state = CollectorState::Ok;
            health.message.clear();
            health.last_success = Some(now);
        });
    }

    /// Counts findings that were collected.
    pub fn count(&self, collector: &'static str, region: Option<&Region>, findings: u64) {
        self.change(collector, region, |health| health.findings += findings);
    }

    /// Takes an entry off.
    pub fn remove(&self, collector: &'static str, region: Option<&Region>) {
        self.0
            .send_if_modified(|entries| entries.remove(&key(collector, region)).is_some());
    }

    /// Takes the entries of a Region off.
    pub fn remove_region(&self, region: &Region) {
        self.0.send_if_modified(|entries| {
            let before = entries.len();
            entries.retain(|(_, of), _| of != region.as_str());
            entries.len() != before
        });
    }

    fn change(
        &self,
        collector: &'static str,
        region: Option<&Region>,
        change: impl FnOnce(&mut CollectorHealth),
    ) {
        let key = key(collector, region);
        self.0.send_if_modified(|entries| {
            let entry = entries
                .entry(key)
                .or_insert_with_key(|(collector, region)| CollectorHealth {
                    collector: (*collector).to_owned(),
                    region: region.clone(),
                    state: CollectorState::Pending,
                    message: String::new(),
                    last_success: None,
                    findings: 0,
                });
            let before = (entry.state, entry.message.clone(), entry.findings);
            change(entry);
            before != (entry.state, entry.message.clone(), entry.findings)
        });
    }
}

fn key(collector: &'static str, region: Option<&Region>) -> (&'static str, String) {
    (
        collector,
        region.map(ToString::to_string).unwrap_or_default(),
    )
}
