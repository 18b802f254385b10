//! The one source of chance in a run. One thread, one run at a time.

use std::cell::Cell;
use std::time::Duration;

thread_local! {
    static STATE: Cell<u64> = const { Cell::new(0) };
}

pub(crate) fn seed(seed: u64) {
    STATE.set(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for _ in 0..4 {
        next();
    }
}

/// Source: SplitMix64.
fn next() -> u64 {
    let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(state);
    let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// A number below `count`; 0 if that is 0.
pub(crate) fn below(count: u64) -> u64 {
    if count == 0 { 0 } else { next() % count }
}

pub(crate) fn between(low: u64, high: u64) -> u64 {
    low + below(high - low + 1)
}

pub(crate) fn percent(chance: u64) -> bool {
    below(100) < chance
}

pub(crate) fn share() -> f64 {
    below(1 << 20) as f64 / f64::from(1 << 20)
}

pub(crate) fn millis(low: u64, high: u64) -> Duration {
    Duration::from_millis(between(low, high))
}

pub(crate) fn pick<T>(list: &[T]) -> Option<&T> {
    list.get(usize::try_from(below(list.len() as u64)).unwrap_or_default())
}
