//! Presence: which agents are connected and what they last told of themselves. In memory: agents tell it again.

use std::collections::HashMap;
use std::sync::Arc;

use muster_common::health::CollectorHealth;
use muster_common::identity::AgentId;
use muster_common::timestamp::Timestamp;
use parking_lot::RwLock;

/// What an agent told of itself.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub version: String,
    pub region: String,
    pub collectors: Vec<CollectorHealth>,
    pub spool_bytes: u64,
    pub last_sequence: u64,
    pub dead_letters: u64,
}

/// One agent as it was last seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub report: Report,
    pub last_contact: Option<Timestamp>,
    /// Open uplinks.
    pub uplinks: u32,
    /// The last sequence that it was told is durable.
    pub acknowledged: u64,
}

#[derive(Clone, Default)]
pub struct Presence(Arc<RwLock<HashMap<AgentId, Seen>>>);

impl Presence {
    #[must_use]
    pub fn seen(&self, agent: AgentId) -> Option<Seen> {
        self.0.read().get(&agent).cloned()
    }

    /// Every agent that was seen since the start.
    #[must_use]
    pub fn all(&self) -> Vec<(AgentId, Seen)> {
        self.0
            .read()
            .iter()
            .map(|(agent, seen)| (*agent, seen.clone()))
            .collect()
    }

    pub fn update(&self, agent: AgentId, now: Timestamp, change: impl FnOnce(&mut Seen)) {
        let mut all = self.0.write();
        let seen = all.entry(agent).or_default();
        seen.last_contact = Some(now);
        change(seen);
    }
}
