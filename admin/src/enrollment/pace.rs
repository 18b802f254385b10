//! How often one agent may renew: each time costs a certificate, a durable step, and at times a question to STS.

use std::collections::HashMap;
use std::sync::Arc;

use muster_common::identity::AgentId;
use muster_common::timestamp::{MINUTE, Timestamp};
use parking_lot::Mutex;

/// Renewals that may follow each other at once: answers get lost, and an agent tries again after seconds.
const AT_ONCE: u32 = 10;
/// After that, one in so long. Certificates live for an hour at least, and are renewed at half of it.
const EVERY: i64 = 2 * MINUTE;
/// Agents that are remembered before those with nothing to remember are dropped.
const AGENTS_MAX: usize = 10_000;

#[derive(Clone, Default)]
pub(super) struct Pace(Arc<Mutex<HashMap<AgentId, Pulse>>>);

/// A bucket in time: when it will be full again.
#[derive(Clone, Copy)]
struct Pulse(Timestamp);

impl Pace {
    /// Counts a renewal, unless there are too many.
    pub(super) fn admits(&self, agent: AgentId, now: Timestamp) -> bool {
        let mut agents = self.0.lock();
        if agents.len() >= AGENTS_MAX {
            agents.retain(|_, pulse| pulse.left(now) > 0);
        }
        let pulse = agents.entry(agent).or_insert(Pulse(now));
        let left = pulse.left(now);
        let admits = left <= i64::from(AT_ONCE - 1) * EVERY;
        *pulse = Pulse(now.plus(if admits { left + EVERY } else { left }));
        admits
    }
}

impl Pulse {
    /// Until it is full. Never more than a whole one, also by a clock that was set back.
    fn left(self, now: Timestamp) -> i64 {
        self.0.since(now).clamp(0, i64::from(AT_ONCE) * EVERY)
    }
}

#[cfg(test)]
mod tests {
    use muster_common::timestamp::HOUR;

    use super::*;

    #[test]
    fn ten_at_once_and_then_one_every_two_minutes() {
        let pace = Pace::default();
        let (agent, other) = (AgentId::random(), AgentId::random());
        let at = Timestamp::from_millis;
        let admitted =
            |from: i64, count: usize| (0..count).filter(|_| pace.admits(agent, at(from))).count();
        assert_eq!(admitted(HOUR, 100), 10);
        assert!(pace.admits(other, at(HOUR)));
        assert_eq!(admitted(HOUR + 2 * MINUTE - 1, 10), 0);
        assert_eq!(admitted(HOUR + 2 * MINUTE, 10), 1);
        assert_eq!(admitted(3 * HOUR, 100), 10);
        // A clock that was set back locks nobody out for longer than a full bucket takes.
        assert_eq!(admitted(0, 10), 0);
        assert_eq!(admitted(2 * MINUTE, 10), 1);
    }
}
