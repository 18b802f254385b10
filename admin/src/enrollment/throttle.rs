//! Who keeps failing waits; the invitations that they guess at do not.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use muster_common::timestamp::{MINUTE, Timestamp};
use muster_mtls::host;
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
            .get(&host(peer))
            .is_none_or(|failures| failures.count < FORGIVEN || failures.are_over(now))
    }

    pub(super) fn failed(&self, peer: IpAddr, now: Timestamp) {
        let mut peers = self.0.lock();
        if peers.len() >= PEERS_MAX {
            peers.retain(|_, failures| !failures.are_over(now));
        }
        if peers.len() >= PEERS_MAX {
            return;
        }
        let failures = peers.entry(host(peer)).or_insert(Failures {
            since: now,
            count: 0,
        });
        if failures.are_over(now) {
            *failures = Failures {
                since: now,
                count: 0,
            };
        }
        failures.count += 1;
    }
}

impl Failures {
    /// A minute later; also by a clock that was set back.
    fn are_over(&self, now: Timestamp) -> bool {
        !(0..MINUTE).contains(&now.since(self.since))
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

    /// E26: an IPv6 network is one peer, and an address has one spelling.
    #[test]
    fn other_addresses_of_the_same_host_give_no_more_tries() {
        let throttle = Throttle::default();
        let now = Timestamp::default();
        for number in 0..FORGIVEN {
            let peer = format!("2001:db8::{number:x}").parse().unwrap();
            throttle.failed(peer, now);
            throttle.failed(IpAddr::from([192, 0, 2, 1]), now);
        }
        let admits = |peer: &str| throttle.admits(peer.parse().unwrap(), now);
        assert!(!admits("2001:db8::ffff"));
        assert!(admits("2001:db8:0:1::1"));
        assert!(!admits("::ffff:192.0.2.1"));
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let throttle = Throttle::default();
        let peer = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..FORGIVEN {
            throttle.failed(peer, Timestamp::from_millis(MINUTE));
        }
        assert!(!throttle.admits(peer, Timestamp::from_millis(MINUTE)));
        assert!(throttle.admits(peer, Timestamp::from_millis(MINUTE - 1)));
    }
}
