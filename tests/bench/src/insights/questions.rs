//! The managed insights and pages of the newest, asked of the rooms that the API calls.

use std::sync::Arc;
use std::time::Instant;

use muster_admin::findings::Findings;
use muster_admin::insights::{Insight, Insights};
use muster_admin::records::Records;
use muster_common::clock::Clock;
use muster_common::field::Field;
use muster_common::filter::{Filter, Test};
use muster_common::finding::Patch;
use muster_store::{Counts, Embedded, Findings as Engine, Ledger, Tables};

use crate::report::{Budget, Report, ms, quantile};

const RUNS: usize = 41;
/// Findings that change before an insight is asked again.
pub(super) const CHANGED: usize = 200;
/// Groups of an insight, as the managed ones are shown.
pub(super) const GROUPS: usize = 100;
const PAGE: usize = 100;
const PAGE_RUNS: usize = 5;

/// The rooms over a store.
pub(crate) struct Questions {
    engine: Arc<dyn Engine>,
    findings: Findings,
    insights: Insights,
}

/// What an insight said, and how long that took.
pub(crate) struct Answered {
    pub insight: Insight,
    /// The median of some runs as if it had never been asked, in milliseconds.
    pub first: f64,
    /// The median of some runs with [`CHANGED`] changes before each, in milliseconds.
    pub again: f64,
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
        let findings = Findings::new(Arc::clone(&engine), ledger, clock.clone());
        Self {
            engine,
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

    /// Every managed insight: as if it had never been asked, and asked again after findings have changed.
    pub(crate) async fn insights(&self) -> anyhow::Result<Vec<Answered>> {
        let mut answered = Vec::new();
        for insight in self.insights.managed() {
            let mut first = Vec::with_capacity(RUNS);
            let mut other = insight.clone();
            for _ in 0..RUNS {
                // Means the same, and nobody has asked it.
                other.filter = Filter::All(vec![other.filter]);
                first.push(self.asked(&other).await?.0);
            }
            let mut again = Vec::with_capacity(RUNS);
            let (_, mut counts) = self.asked(insight).await?;
            for run in 0..RUNS {
                self.change(run).await?;
                let took;
                (took, counts) = self.asked(insight).await?;
                again.push(took);
            }
            answered.push(Answered {
                insight: insight.clone(),
                first: quantile(&mut first, 0.5),
                again: quantile(&mut again, 0.5),
                counts,
            });
        }
        Ok(answered)
    }

    /// How long an answer took, in milliseconds, and the answer.
    async fn asked(&self, insight: &Insight) -> anyhow::Result<(f64, Counts)> {
        let started = Instant::now();
        let counts = self.insights.results(insight, GROUPS).await?;
        Ok((ms(started.elapsed()), counts))
    }

    /// Writes a note on some findings, which no insight asks for, so that each is to be looked at again.
    async fn change(&self, run: usize) -> anyhow::Result<()> {
        let digits = format!("{:02x}", run % 256);
        let keys = self.engine.starting_with(digits, CHANGED).await?;
        anyhow::ensure!(keys.len() == CHANGED, "too few findings to change");
        let patch = Patch {
            note: Some((format!("run {run}"), "bench".to_owned())),
            ..Patch::default()
        };
        self.findings.update(keys, &patch, "bench").await?;
        Ok(())
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
