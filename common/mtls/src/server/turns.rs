//! Whose turn it is to shake hands. Addresses take turns, so that one that opens connections without end, or says
//! nothing on them, keeps nobody else out; and one alone gets everything, as a fleet behind one address does when it
//! comes back. Pure: sockets and tasks are the caller's.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Connections that wait for their handshake. Beyond, the newest one of the address that has most of them goes.
const WAITING_MAX: usize = 4_096;
/// Who connects has given up by then.
const WAIT: Duration = Duration::from_secs(10);
/// A handshake that takes longer ends when others wait for its place.
const PATIENCE: Duration = Duration::from_secs(2);

/// Sockets `S` that wait, and handshakes under way, which the caller names by `K`.
pub(super) struct Turns<S, K> {
    /// Handshakes at a time.
    max: usize,
    waiting: HashMap<IpAddr, VecDeque<(S, Instant)>>,
    waiters: usize,
    /// The addresses that wait; whoever had its turn goes to the end.
    order: VecDeque<IpAddr>,
    /// The oldest first.
    busy: VecDeque<Busy<K>>,
    /// How many of them each address has.
    counts: HashMap<IpAddr, usize>,
}

struct Busy<K> {
    key: K,
    host: IpAddr,
    since: Instant,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<K> {
    /// There is room: let somebody of this address begin.
    Begin(IpAddr),
    /// Somebody waits who has more right to a place: end this one.
    End(K),
    /// Nothing, until something happens or a time comes.
    Wait(Option<Instant>),
}

impl<S, K: Copy + PartialEq> Turns<S, K> {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            waiting: HashMap::new(),
            waiters: 0,
            order: VecDeque::new(),
            busy: VecDeque::new(),
            counts: HashMap::new(),
        }
    }

    /// Puts a socket into its address's line. The answer is the one that has to go instead, if there are too many.
    pub(super) fn come(&mut self, host: IpAddr, socket: S, now: Instant) -> Option<S> {
        let mut gone = None;
        if self.waiters >= WAITING_MAX {
            let longest = self.waiting.iter().max_by_key(|(_, line)| line.len());
            let longest = longest.map(|(longest, _)| *longest);
            match longest {
                Some(longest) if longest != host => gone = self.turn_away(longest),
                Some(_) | None => return Some(socket),
            }
        }
        let line = self.waiting.entry(host).or_default();
        if line.is_empty() {
            self.order.push_back(host);
        }
        line.push_back((socket, now));
        self.waiters += 1;
        gone
    }

    pub(super) fn next(&mut self, now: Instant) -> Step<K> {
        self.forget_late(now);
        let Some(host) = self.fewest() else {
            return Step::Wait(None);
        };
        if self.busy.len() < self.max {
            return Step::Begin(host);
        }
        let Some(oldest) = self.busy.front() else {
            return Step::Wait(None);
        };
        if now >= oldest.since + PATIENCE {
            return Step::End(oldest.key);
        }
        let most = self.counts.values().copied().max().unwrap_or(0);
        if self.count(host) + 1 < most {
            let greedy = self.busy.iter().find(|busy| self.count(busy.host) == most);
            if let Some(greedy) = greedy {
                return Step::End(greedy.key);
            }
        }
        Step::Wait(Some(oldest.since + PATIENCE))
    }

    /// The next socket of an address that may begin.
    pub(super) fn take(&mut self, host: IpAddr) -> Option<S> {
        let line = self.waiting.get_mut(&host)?;
        let (socket, _) = line.pop_front()?;
        self.waiters -= 1;
        let over = line.is_empty();
        self.order.retain(|waiting| *waiting != host);
        if over {
            self.waiting.remove(&host);
        } else {
            self.order.push_back(host);
        }
        Some(socket)
    }

    pub(super) fn begun(&mut self, host: IpAddr, key: K, now: Instant) {
        *self.counts.entry(host).or_default() += 1;
        self.busy.push_back(Busy {
            key,
            host,
            since: now,
        });
    }

    /// A handshake has ended, however. Also one that was ended already.
    pub(super) fn ended(&mut self, key: K) {
        let Some(at) = self.busy.iter().position(|busy| busy.key == key) else {
            return;
        };
        let Some(Busy { host, .. }) = self.busy.remove(at) else {
            return;
        };
        if let Some(count) = self.counts.get_mut(&host) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&host);
            }
        }
    }

    /// Of the addresses that wait, the one with the fewest handshakes under way.
    fn fewest(&self) -> Option<IpAddr> {
        self.order
            .iter()
            .copied()
            .min_by_key(|host| self.count(*host))
    }

    fn count(&self, host: IpAddr) -> usize {
        self.counts.get(&host).copied().unwrap_or(0)
    }

    fn turn_away(&mut self, host: IpAddr) -> Option<S> {
        let line = self.waiting.get_mut(&host)?;
        let (socket, _) = line.pop_back()?;
        self.waiters -= 1;
        if line.is_empty() {
            self.waiting.remove(&host);
            self.order.retain(|waiting| *waiting != host);
        }
        Some(socket)
    }

    fn forget_late(&mut self, now: Instant) {
        while let Some(host) = self.order.iter().copied().find(|host| {
            let first = self.waiting.get(host).and_then(VecDeque::front);
            first.is_some_and(|(_, since)| now >= *since + WAIT)
        }) {
            self.take(host);
        }
    }
}

/// What counts as one peer: whoever has one address of an IPv6 network of 64 bits has them all.
#[must_use]
pub fn host(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    /// Lets begin whoever may, as the accept loop does, and names handshakes by their sockets.
    fn run(turns: &mut Turns<u32, u32>, now: Instant) -> (Vec<u32>, Vec<u32>) {
        let (mut begun, mut ended) = (Vec::new(), Vec::new());
        loop {
            match turns.next(now) {
                Step::Begin(host) => {
                    let socket = turns.take(host).unwrap();
                    turns.begun(host, socket, now);
                    begun.push(socket);
                }
                Step::End(key) => {
                    turns.ended(key);
                    ended.push(key);
                }
                Step::Wait(_) => return (begun, ended),
            }
        }
    }

    #[test]
    fn one_address_alone_gets_every_place_and_the_rest_waits() {
        let (mut turns, now) = (Turns::new(4), Instant::now());
        for socket in 0..10 {
            assert_eq!(turns.come(A, socket, now), None);
        }
        assert_eq!(run(&mut turns, now), (vec![0, 1, 2, 3], vec![]));
        turns.ended(1);
        assert_eq!(run(&mut turns, now), (vec![4], vec![]));
    }

    #[test]
    fn who_holds_every_place_gives_way_to_others_until_all_have_as_much() {
        let (mut turns, now) = (Turns::new(4), Instant::now());
        for socket in 0..100 {
            turns.come(A, socket, now);
        }
        run(&mut turns, now);
        for socket in 100..110 {
            turns.come(B, socket, now);
        }
        assert_eq!(run(&mut turns, now), (vec![100, 101], vec![0, 1]));
        // And neither takes from the other any more.
        turns.ended(2);
        assert_eq!(run(&mut turns, now), (vec![4], vec![]));
    }

    #[test]
    fn who_says_nothing_loses_its_place_when_others_wait_also_of_its_own_address() {
        let (mut turns, now) = (Turns::new(2), Instant::now());
        for socket in 0..3 {
            turns.come(A, socket, now);
        }
        run(&mut turns, now);
        assert_eq!(turns.next(now), Step::Wait(Some(now + PATIENCE)));
        assert_eq!(run(&mut turns, now + PATIENCE), (vec![2], vec![0]));
        // Nobody waits: nobody has to go.
        assert_eq!(turns.next(now + 2 * PATIENCE), Step::Wait(None));
    }

    #[test]
    fn the_line_is_bounded_and_its_longest_part_pays() {
        let (mut turns, now) = (Turns::<u32, u32>::new(0), Instant::now());
        for socket in 0..4_096 {
            assert_eq!(turns.come(A, socket, now), None);
        }
        assert_eq!(turns.come(A, 5_000, now), Some(5_000));
        assert_eq!(turns.come(B, 6_000, now), Some(4_095));
        assert_eq!(turns.waiters, WAITING_MAX);
        // Who has waited too long is gone anyway.
        turns.next(now + WAIT);
        assert_eq!((turns.waiters, turns.order.len()), (0, 0));
    }

    #[test]
    fn a_network_of_64_bits_is_one_peer_and_an_address_has_one_spelling() {
        let of = |text: &str| host(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
