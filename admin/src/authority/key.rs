//! The life of a root key.

use muster_common::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use super::Root;

/// Where a root key stands. An operator moves it, by 'muster-admin authority'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// Trusted, signs nothing yet: waits until everyone has learned of it (two certificate lives).
    Prepared,
    /// Trusted, and the one key of its root that signs.
    Active,
    /// Trusted, signs nothing more: waits until the last leaf that it signed has expired.
    Retiring,
    /// Final: trusted no more.
    Retired,
}

impl KeyState {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
        }
    }
}

/// A step in the life of a root's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A new key, prepared.
    Prepare,
    /// The prepared key becomes active, the active one retiring.
    Activate,
    /// The retiring key becomes retired.
    Retire,
}

/// A root key as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootKey {
    pub root: Root,
    pub number: u32,
    pub state: KeyState,
    pub created_at: Timestamp,
    /// When it came into its state.
    #[serde(default)]
    pub since: Timestamp,
    pub not_after: Timestamp,
}

impl RootKey {
    /// When a step may be taken on this key, which waits in its state until everyone has followed: to trust it, or to be
    /// certified by the next one. The lives are those of certificates, in milliseconds.
    pub(super) fn ready_at(&self, lives: Lives) -> Timestamp {
        let wait = match (self.state, self.root) {
            // Clients learn of the servers' root when they renew.
            (KeyState::Prepared, Root::Servers) => lives.agents.max(lives.operators),
            (KeyState::Retiring, Root::Agents) => lives.agents,
            (KeyState::Retiring, Root::Operators) => lives.operators,
            (KeyState::Retiring, Root::Servers) => lives.servers,
            // The server trusts a prepared key from its start on.
            (KeyState::Prepared, Root::Agents | Root::Operators)
            | (KeyState::Active | KeyState::Retired, _) => 0,
        };
        self.since.plus(wait)
    }
}

/// How long certificates hold, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lives {
    pub agents: i64,
    pub operators: i64,
    pub servers: i64,
}

/// What a step does to the keys of one root: the numbers of the keys that move, and to which state. `None` if no key is
/// in the state that the step starts from. Pure.
#[must_use]
pub fn transitions(keys: &[RootKey], step: Step) -> Option<Vec<(u32, KeyState)>> {
    let in_state = |state| {
        keys.iter()
            .filter(move |key| key.state == state)
            .map(|key| key.number)
    };
    match step {
        Step::Prepare => Some(Vec::new()),
        Step::Activate => {
            let next = in_state(KeyState::Prepared).min()?;
            let retiring = in_state(KeyState::Active).map(|number| (number, KeyState::Retiring));
            Some(retiring.chain([(next, KeyState::Active)]).collect())
        }
        Step::Retire => {
            let oldest = in_state(KeyState::Retiring).min()?;
            Some(vec![(oldest, KeyState::Retired)])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32, state: KeyState) -> RootKey {
        RootKey {
            root: Root::Agents,
            number,
            state,
            created_at: Timestamp::default(),
            since: Timestamp::default(),
            not_after: Timestamp::default(),
        }
    }

    #[test]
    fn a_key_waits_until_everyone_has_followed() {
        let lives = Lives {
            agents: 1,
            operators: 30,
            servers: 7,
        };
        let waits = |root, state| {
            let key = RootKey {
                root,
                ..key(1, state)
            };
            key.ready_at(lives).as_millis()
        };
        assert_eq!(waits(Root::Servers, KeyState::Prepared), 30);
        assert_eq!(waits(Root::Agents, KeyState::Prepared), 0);
        assert_eq!(waits(Root::Agents, KeyState::Retiring), 1);
        assert_eq!(waits(Root::Operators, KeyState::Retiring), 30);
        assert_eq!(waits(Root::Servers, KeyState::Retiring), 7);
    }

    #[test]
    fn a_root_has_one_active_key_at_every_step() {
        use KeyState::{Active, Prepared, Retired, Retiring};
        let keys = [
            key(1, Retiring),
            key(2, Active),
            key(3, Prepared),
            key(4, Prepared),
        ];
        assert_eq!(
            transitions(&keys, Step::Activate),
            Some(vec![(2, Retiring), (3, Active)])
        );
        assert_eq!(transitions(&keys, Step::Retire), Some(vec![(1, Retired)]));
        assert_eq!(transitions(&keys[1..2], Step::Activate), None);
        assert_eq!(transitions(&keys[1..2], Step::Retire), None);
    }
}
