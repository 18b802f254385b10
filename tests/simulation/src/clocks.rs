//! The wall clocks of the machines. They go as the run's time goes, each with an error of its own.

use std::cell::RefCell;

use muster_common::clock::Clock;
use muster_common::timestamp::Timestamp;
use tokio::time::Instant;

/// When every run starts.
pub(crate) const START: Timestamp = Timestamp::from_seconds(1_790_000_000);

thread_local! {
    static CLOCKS: RefCell<Option<Clocks>> = const { RefCell::new(None) };
}

struct Clocks {
    started: Instant,
    /// With the milliseconds that each is ahead.
    clocks: Vec<(Clock, i64)>,
}

pub(crate) fn start() {
    CLOCKS.set(Some(Clocks {
        started: Instant::now(),
        clocks: Vec::new(),
    }));
}

/// Keeps a clock; the answer is its number.
pub(crate) fn keep(clock: Clock) -> usize {
    let number = CLOCKS.with_borrow_mut(|clocks| {
        let clocks = clocks.as_mut().expect("the run has started");
        clocks.clocks.push((clock, 0));
        clocks.clocks.len() - 1
    });
    set();
    number
}

/// Puts a clock forward.
pub(crate) fn advance(number: usize, millis: i64) {
    CLOCKS.with_borrow_mut(|clocks| {
        let clocks = clocks.as_mut().expect("the run has started");
        clocks.clocks[number].1 += millis;
    });
    set();
}

/// Puts every clock to where the furthest is.
pub(crate) fn align() {
    CLOCKS.with_borrow_mut(|clocks| {
        let clocks = clocks.as_mut().expect("the run has started");
        let furthest = clocks.clocks.iter().map(|(_, ahead)| *ahead).max();
        for (_, ahead) in &mut clocks.clocks {
            *ahead = furthest.unwrap_or_default();
        }
    });
    set();
}

/// Milliseconds since the run started.
pub(crate) fn elapsed() -> u64 {
    CLOCKS.with_borrow(|clocks| {
        clocks.as_ref().map_or(0, |clocks| {
            u64::try_from(clocks.started.elapsed().as_millis()).unwrap_or(u64::MAX)
        })
    })
}

/// Brings every clock to the present.
pub(crate) fn set() {
    let elapsed = i64::try_from(elapsed()).unwrap_or(i64::MAX);
    CLOCKS.with_borrow(|clocks| {
        for (clock, ahead) in clocks.iter().flat_map(|clocks| &clocks.clocks) {
            let now = START.plus(elapsed + ahead);
            clock.advance(now.since(clock.now()));
        }
    });
}
