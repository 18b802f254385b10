//! The managed insights and pages of the newest, asked of the rooms that the API calls.

use std::sync::Arc;
use std::time::Instant;

use muster_admin::findings::Findings;
use muster_admin::insights::{Insight, Insights};
use muster_admin::records::Records;
use muster_common::clock::Clock;
use muster_common::field::Field;
use muster_common::filter::{Filter, Test};
use muster_store::{Counts, Embedded, Findings as Engine, Ledger, Tables};

use crate::report::{Budget, Report, ms, quantile};

const RUNS: usize = 41;
/// Groups of an insight, as the managed ones are shown.
pub(super) const GROUPS: usize = 100;
const PAGE: usize = 100;
const PAGE_RUNS: usize = 5;

/// The rooms over a store.
pub(crate) struct Questions {
    findings: Findings,
    insights: Insights,
}

/// What an insight said, and how long that took.
pub(crate) struct Answered {
    pub insight: Insight,
    /// The median of some runs, in milliseconds.
    pub p50: f64,
    pub counts: Counts,
}

/// Milliseconds that pages took.
pub(crate) struct Pages {
    pub filters: usize,
    /// With cold caches.
    pub first: Vec<f64>,
    pub later: Vec<f64>,
}

impl Questions {
    pub(crate) fn new(store: Arc<Embedded>, clock: Clock) -> Self {
        let engine: Arc<dyn Engine> = store.clone();
        let ledger: Arc<dyn Ledger> = store.clone();
        let tables: Arc<dyn Tables> = store;
        let findings = Findings::new(engine, ledger, clock.clone());
        Self {
            insights: Insights::new(Records::new(tables), findings.clone(), clock),
            findings,
        }
    }

    /// All findings that a query sees.
    pub(crate) async fn total(&self) -> anyhow::Result<u64> {
        let all = self.findings.count(Filter::default(), Vec::new(), 0);
        Ok(all.await?.total)
    }

    /// All resources that they are about.
    pub(crate) async fn resources(&self) -> anyhow::Result<u64> {
        let by_resource = vec![Field::ResourceId];
        let all = self.findings.count(Filter::default(), by_resource, 0);
        Ok(all.await?.group_count)
    }

    /// Every managed insight.
    pub(crate) async fn insights(&self) -> anyhow::Result<Vec<Answered>> {
        let mut answered = Vec::new();
        for insight in self.insights.managed() {
            let mut times = Vec::with_capacity(RUNS);
            let mut counts = Counts::default();
            for _ in 0..RUNS {
                let started = Instant::now();
                counts = self.insights.results(insight, GROUPS).await?;
                times.push(ms(started.elapsed()));
            }
            answered.push(Answered {
                insight: insight.clone(),
                p50: quantile(&mut times, 0.5),
                counts,
            });
        }
        Ok(answered)
    }

    /// Pages of the newest, each of other findings than the one before: an account's severe ones, and those of the
    /// managed insights that have a page full of them.
    pub(crate) async fn pages(&self) -> anyhow::Result<Pages> {
        let equals = |field, value: &str| Filter::field(field, Test::Equals(value.to_owned()));
        let managed = self.insights.managed().iter();
        let mut filters: Vec<Filter> = managed.map(|insight| insight.filter.clone()).collect();
        for severity in ["CRITICAL", "HIGH", "MEDIUM"] {
            let severe = equals(Field::SeverityLabel, severity);
            filters.push(severe.clone().and(equals(Field::RecordState, "ACTIVE")));
            filters.push(severe.and(equals(Field::ResourceType, "AwsEc2Instance")));
        }
        let (mut later, mut first) = (Vec::new(), Vec::new());
        for run in 0..PAGE_RUNS {
            for filter in &filters {
                let started = Instant::now();
                let asked = self.findings.list(filter.clone(), Vec::new(), None, PAGE);
                let full = asked.await?.findings.len() == PAGE;
                let times = if run == 0 { &mut first } else { &mut later };
                times.extend(full.then(|| ms(started.elapsed())));
            }
        }
        Ok(Pages {
            filters: first.len(),
            first,
            later,
        })
    }
}

/// Prints how long pages took, against a budget.
pub(crate) fn tell_pages(report: &mut Report, name: &str, mut pages: Pages, budget: Budget) {
    let filters = pages.filters as f64;
    report.figure(&format!("{name}.filters"), filters, "filters", Budget::None);
    let p50 = quantile(&mut pages.later, 0.5);
    report.figure(name, p50, "ms", budget);
    let p90 = quantile(&mut pages.later, 0.9);
    report.figure(&format!("{name}.p90"), p90, "ms", Budget::None);
    let first = quantile(&mut pages.first, 0.5);
    report.figure(&format!("{name}.first"), first, "ms", Budget::None);
}
