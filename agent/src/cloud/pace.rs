//! How many calls of a service in a Region are under way at the same time: as many as AWS takes.
//!
//! It starts with a few. Each round of answers allows one more, up to the service's limit; an answer that asks to slow down
//! halves them, and as many more answers as they were then do not halve them again. When to ask again is the SDK's affair,
//! and the survey's.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Calls under way at first.
const AT_FIRST: usize = 4;

/// Lets calls begin. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    turns: Arc<Semaphore>,
    width: Arc<Mutex<Width>>,
}

/// A call that may be under way until it is dropped.
pub(super) struct Turn {
    pace: Pace,
    permit: Option<OwnedSemaphorePermit>,
}

/// How many there may be. Pure.
#[derive(Debug, PartialEq, Eq)]
struct Width {
    now: usize,
    max: usize,
    /// Answers in a row that did not ask to slow down.
    calm: usize,
    /// Answers that are still to come to calls from before the last halving.
    old: usize,
    /// Turns to be taken back as calls end.
    owed: usize,
}

impl Pace {
    /// At most so many.
    pub(super) fn new(max: usize) -> Self {
        let width = Width::new(max);
        Self {
            turns: Arc::new(Semaphore::new(width.now)),
            width: Arc::new(Mutex::new(width)),
        }
    }

    /// Waits until a call may begin, in order.
    pub(super) async fn turn(&self) -> Turn {
        // It is never closed.
        let permit = Arc::clone(&self.turns).acquire_owned().await.ok();
        Turn {
            pace: self.clone(),
            permit,
        }
    }

    /// An answer that was none, for there are too many calls.
    pub(super) fn slower(&self) {
        self.width.lock().slower();
    }

    /// Any other answer.
    pub(super) fn answered(&self) {
        let more = self.width.lock().answered();
        self.turns.add_permits(more);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take()
            && self.pace.width.lock().takes_back()
        {
            permit.forget();
        }
    }
}

impl Width {
    fn new(max: usize) -> Self {
        Self {
            now: AT_FIRST.min(max),
            max,
            calm: 0,
            old: 0,
            owed: 0,
        }
    }

    fn slower(&mut self) {
        self.calm = 0;
        if self.old > 0 {
            self.old -= 1;
            return;
        }
        let half = (self.now / 2).max(1);
        self.old = self.now - 1;
        self.owed += self.now - half;
        self.now = half;
    }

    /// How many turns there are more.
    fn answered(&mut self) -> usize {
        self.old = self.old.saturating_sub(1);
        self.calm += 1;
        if self.calm < self.now || self.now == self.max {
            return 0;
        }
        self.calm = 0;
        self.now += 1;
        // One that was to be taken back stays.
        match self.owed.checked_sub(1) {
            Some(owed) => {
                self.owed = owed;
                0
            }
            None => 1,
        }
    }

    /// Whether a turn that ends is taken back.
    fn takes_back(&mut self) -> bool {
        let owed = self.owed.checked_sub(1);
        self.owed = owed.unwrap_or_default();
        owed.is_some()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    /// Turns that may begin now.
    fn free(pace: &Pace) -> Vec<Turn> {
        std::iter::from_fn(|| pace.turn().now_or_never()).collect()
    }

    fn answers(pace: &Pace, count: usize) {
        (0..count).for_each(|_| pace.answered());
    }

    #[test]
    fn each_round_of_answers_allows_one_more_up_to_the_limit() {
        let pace = Pace::new(6);
        assert_eq!(free(&pace).len(), 4);
        answers(&pace, 3);
        assert_eq!(free(&pace).len(), 4);
        answers(&pace, 1);
        assert_eq!(free(&pace).len(), 5);
        answers(&pace, 100);
        assert_eq!(free(&pace).len(), 6);
        assert_eq!(free(&Pace::new(2)).len(), 2, "a limit below the start");
    }

    #[test]
    fn asked_to_slow_down_it_halves_once_for_a_round() {
        let pace = Pace::new(16);
        answers(&pace, 1_000);
        let under_way = free(&pace);
        assert_eq!(under_way.len(), 16);
        for _ in 0..16 {
            pace.slower();
        }
        drop(under_way);
        assert_eq!(free(&pace).len(), 8);
        pace.slower();
        assert_eq!(free(&pace).len(), 8, "the turns are taken back as they end");
        assert_eq!(free(&pace).len(), 4);
        for _ in 0..1_000 {
            pace.slower();
        }
        drop(free(&pace));
        assert_eq!(free(&pace).len(), 1, "one may always ask");
        answers(&pace, 1_000);
        assert_eq!(free(&pace).len(), 16, "and grows again");
    }

    #[test]
    fn turns_that_were_to_be_taken_back_and_are_allowed_again_stay() {
        let pace = Pace::new(8);
        answers(&pace, 1_000);
        let under_way = free(&pace);
        pace.slower();
        answers(&pace, 1_000);
        assert!(pace.turn().now_or_never().is_none(), "eight are under way");
        drop(under_way);
        assert_eq!(free(&pace).len(), 8);
    }
}
