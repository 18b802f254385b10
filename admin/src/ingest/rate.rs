//! Rates: one account that sends too much waits; the others do not.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use muster_common::account::AccountId;
use muster_common::timestamp::{SECOND, Timestamp};
use parking_lot::Mutex;

/// Findings per second and account: a bucket that holds two seconds' worth.
#[derive(Clone)]
pub struct Rate {
    per_second: u32,
    buckets: Arc<Mutex<HashMap<AccountId, Bucket>>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Bucket {
    /// Negative while somebody waits.
    tokens: f64,
    filled_at: Timestamp,
}

impl Rate {
    /// 0 is without limit.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        Self {
            per_second,
            buckets: Arc::default(),
        }
    }

    /// How many findings of an account may come within a span; at least one.
    pub(super) fn within(&self, span: Duration) -> usize {
        match self.per_second {
            0 => usize::MAX,
            rate => (f64::from(rate) * span.as_secs_f64()).max(1.0) as usize,
        }
    }

    /// Takes `count` from an account's bucket, also if they are not there yet. The answer is how long to wait for them.
    pub(super) fn take(&self, account: AccountId, count: usize, now: Timestamp) -> Duration {
        if self.per_second == 0 {
            return Duration::ZERO;
        }
        let mut buckets = self.buckets.lock();
        let bucket = buckets.entry(account).or_insert(Bucket {
            tokens: 2.0 * f64::from(self.per_second),
            filled_at: now,
        });
        let (taken, wait) = bucket.take(count, self.per_second, now);
        *bucket = taken;
        if !wait.is_zero() {
            metrics::counter!("muster_ingest_throttled_total").increment(1);
        }
        wait
    }
}

impl Bucket {
    /// The bucket after taking, and how long to wait. Pure.
    fn take(self, count: usize, per_second: u32, now: Timestamp) -> (Self, Duration) {
        let rate = f64::from(per_second);
        let elapsed = now.since(self.filled_at).max(0) as f64 / SECOND as f64;
        let tokens = (self.tokens + elapsed * rate).min(2.0 * rate) - count as f64;
        let wait = Duration::from_secs_f64((-tokens / rate).max(0.0));
        let taken = Self {
            tokens,
            filled_at: now,
        };
        (taken, wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_lets_bursts_through_and_holds_the_rate() {
        let start = Bucket {
            tokens: 200.0,
            filled_at: Timestamp::default(),
        };
        let (bucket, wait) = start.take(200, 100, Timestamp::default());
        assert_eq!(wait, Duration::ZERO);
        let (bucket, wait) = bucket.take(100, 100, Timestamp::default());
        assert_eq!(wait, Duration::from_secs(1));
        let (bucket, wait) = bucket.take(50, 100, Timestamp::from_seconds(2));
        assert_eq!(wait, Duration::ZERO);
        let (full, _) = bucket.take(0, 100, Timestamp::from_seconds(1_000));
        assert_eq!(full.tokens, 200.0);
    }
}
