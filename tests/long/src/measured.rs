//! What the load measured since the last sample, and what should never have happened.

use std::time::Duration;

use parking_lot::Mutex;

/// What takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// From a batch's first sending to its acknowledgement.
    Acknowledged,
    Query,
    Insight,
    Update,
}

/// How many kinds there are.
pub(crate) const KINDS: usize = 4;

#[derive(Default)]
pub(crate) struct Measured(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// Milliseconds.
    took: [Vec<f64>; KINDS],
    failed: u64,
    wrong: Vec<String>,
}

/// Milliseconds; not a number if there was nothing to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantiles {
    pub p50: f64,
    pub p99: f64,
}

impl Measured {
    pub(crate) fn took(&self, kind: Kind, span: Duration) {
        self.0.lock().took[kind as usize].push(1e3 * span.as_secs_f64());
    }

    /// A call or a connection failed, as during a restart.
    pub(crate) fn failed(&self) {
        self.0.lock().failed += 1;
    }

    /// Something happened that the product promises never happens.
    pub(crate) fn wrong(&self, what: String) {
        crate::say(&format!("wrong: {what}"));
        self.0.lock().wrong.push(what);
    }

    /// What was measured since the last time, and how many calls failed in all.
    pub(crate) fn take(&self) -> ([Quantiles; KINDS], u64) {
        let mut inner = self.0.lock();
        let took = inner.took.each_mut().map(|took| quantiles(took));
        for took in &mut inner.took {
            took.clear();
        }
        (took, inner.failed)
    }

    pub(crate) fn all_wrong(&self) -> Vec<String> {
        self.0.lock().wrong.clone()
    }
}

fn quantiles(took: &mut [f64]) -> Quantiles {
    took.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| {
        let at = (took.len() as f64 * share) as usize;
        let last = took.len().saturating_sub(1);
        took.get(at.min(last)).copied().unwrap_or(f64::NAN)
    };
    Quantiles {
        p50: at(0.5),
        p99: at(0.99),
    }
}
