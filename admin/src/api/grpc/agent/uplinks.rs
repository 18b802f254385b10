//! The open uplinks of every agent: few, and a new one rather than an old one, which a cut network may have left behind.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use muster_common::identity::AgentId;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// Of one agent: its own, one that is not known to be dead yet, a doctor's.
const UPLINKS_MAX: usize = 4;

#[derive(Clone)]
pub struct Uplinks {
    open: Arc<Mutex<HashMap<AgentId, VecDeque<CancellationToken>>>>,
    max: usize,
}

impl Default for Uplinks {
    fn default() -> Self {
        Self {
            open: Arc::default(),
            max: UPLINKS_MAX,
        }
    }
}

/// The place of an open uplink. Dropped, it is free.
pub(super) struct Place {
    agent: AgentId,
    uplinks: Uplinks,
    /// Cancelled when a later uplink takes it.
    pub taken: CancellationToken,
}

impl Uplinks {
    /// Streams of which an agent has one: a later one takes the place of the one before.
    #[must_use]
    pub fn of_one() -> Self {
        Self {
            max: 1,
            ..Self::default()
        }
    }

    /// Opens an uplink; the oldest one of too many is ended.
    pub(super) fn open(&self, agent: AgentId) -> Place {
        let taken = CancellationToken::new();
        let mut all = self.open.lock();
        let open = all.entry(agent).or_default();
        open.push_back(taken.clone());
        if open.len() > self.max
            && let Some(oldest) = open.pop_front()
        {
            oldest.cancel();
        }
        Place {
            agent,
            uplinks: self.clone(),
            taken,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Tokens are alike only to their clones, and those are cancelled with them.
        self.taken.cancel();
        let mut all = self.uplinks.open.lock();
        if let Some(open) = all.get_mut(&self.agent) {
            open.retain(|token| !token.is_cancelled());
            if open.is_empty() {
                all.remove(&self.agent);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_uplink_ends_the_first() {
        let uplinks = Uplinks::default();
        let (agent, other) = (AgentId::random(), AgentId::random());
        let _bystander = uplinks.open(other);
        let mut places: Vec<Place> = (0..5).map(|_| uplinks.open(agent)).collect();
        let taken: Vec<bool> = places
            .iter()
            .map(|place| place.taken.is_cancelled())
            .collect();
        assert_eq!(taken, [true, false, false, false, false]);
        // A place that was left is free.
        places.remove(2);
        let place = uplinks.open(agent);
        assert!(!places[1].taken.is_cancelled());
        drop((places, place));
        assert_eq!(uplinks.open.lock().len(), 1);
    }

    #[test]
    fn of_one_the_last_counts() {
        let uplinks = Uplinks::of_one();
        let agent = AgentId::random();
        let (first, second) = (uplinks.open(agent), uplinks.open(agent));
        assert!(first.taken.is_cancelled() && !second.taken.is_cancelled());
    }
}
