//! Who keeps failing waits; the invitations that they guess at do not.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use muster_common::timestamp::{MINUTE, Timestamp};
use parking_lot::Mutex;

/// Failures within a minute that are forgiven.
const FORGIVEN: u32 = 10;
/// Peers that are remembered.
const PEERS_MAX: usize = 10_000;

#[derive(Clone, Default)]
pub(super) struct Throttle(Arc<Mutex<HashMap<IpAddr, Failures>>>);

#[derive(Clone, Copy)]
struct Failures {
    since: Timestamp,
    count: u32,
}

impl Throttle {
    pub(super) fn admits(&self, peer: IpAddr, now: Timestamp) -> bool {
        self.0
            .lock()
            .get(&peer)
            .is_none_or(|failures| failures.count < FORGIVEN || now.since(failures.since) >= MINUTE)
    }

    pub(super) fn failed(&self, peer: IpAddr, now: Timestamp) {
        let mut peers = self.0.lock();
        if peers.len() >= PEERS_MAX {
            peers.retain(|_, failures| now.since(failures.since) < MINUTE);
        }
        if peers.len() >= PEERS_MAX {
            return;
        }
        let failures = peers.entry(peer).or_insert(Failures {
            since: now,
            count: 0,
        });
        if now.since(failures.since) >= MINUTE {
            *failures = Failures {
                since: now,
                count: 0,
            };
        }
        failures.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// I04: the guesser is locked out, for a minute.
    #[test]
    fn who_fails_ten_times_waits_a_minute() {
        let throttle = Throttle::default();
        let (guesser, other) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let at = Timestamp::from_millis;
        for _ in 0..FORGIVEN {
            assert!(throttle.admits(guesser, at(0)));
            throttle.failed(guesser, at(0));
        }
        assert!(!throttle.admits(guesser, at(MINUTE - 1)));
        assert!(throttle.admits(other, at(1)));
        assert!(throttle.admits(guesser, at(MINUTE)));
        throttle.failed(guesser, at(MINUTE));
        assert!(throttle.admits(guesser, at(MINUTE)));
    }
}
