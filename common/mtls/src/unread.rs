//! Answers that were given and not taken: a peer that reads nothing holds them in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

/// What lies unread on one connection.
#[derive(Clone, Default, Debug)]
pub(crate) struct Unread(Arc<Mutex<Lying>>);

#[derive(Default, Debug)]
struct Lying {
    next: u64,
    /// By number, and so the oldest first.
    since: BTreeMap<u64, Instant>,
}

/// A part of an answer that was given. Dropped, it is taken.
#[derive(Debug)]
pub struct Given {
    number: u64,
    unread: Unread,
}

impl Unread {
    pub(crate) fn given(&self) -> Given {
        let mut lying = self.0.lock();
        lying.next += 1;
        let number = lying.next;
        lying.since.insert(number, Instant::now());
        Given {
            number,
            unread: self.clone(),
        }
    }

    /// Since when the oldest one lies.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.0.lock().since.values().next().copied()
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        self.unread.0.lock().since.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_does_not_lie() {
        let unread = Unread::default();
        let (first, second) = (unread.given(), unread.given());
        let oldest = unread.oldest();
        drop(second);
        assert_eq!(unread.oldest(), oldest);
        drop(first);
        assert_eq!(unread.oldest(), None);
    }
}
