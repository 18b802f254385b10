//! How far this machine's clock is from AWS's, by the dates of AWS's answers.

use std::sync::Arc;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use muster_common::clock::Clock;
use muster_common::timestamp::Timestamp;
use parking_lot::Mutex;

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct Skew {
    clock: Clock,
    millis: Arc<Mutex<Option<i64>>>,
}

impl Skew {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            millis: Arc::default(),
        }
    }

    /// Takes the `date` header of an answer.
    pub(super) fn note(&self, date: Option<&str>) {
        let told = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        if let Some(told) = told {
            let told = Timestamp::from_seconds(told.secs());
            *self.millis.lock() = Some(told.since(self.clock.now()));
        }
    }

    pub(super) fn last(&self) -> Option<i64> {
        *self.millis.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_date_counts() {
        let clock = Clock::standing_at("2026-11-01T08:00:10Z".parse().unwrap());
        let skew = Skew::new(clock);
        assert_eq!(skew.last(), None);
        skew.note(Some("Sun, 01 Nov 2026 08:05:10 GMT"));
        skew.note(Some("nonsense"));
        skew.note(None);
        assert_eq!(skew.last(), Some(300_000));
    }
}
