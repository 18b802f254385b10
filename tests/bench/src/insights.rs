//! `insights`: the managed insights, a page of the newest, and opening the store, all over the same findings; and the
//! same insights by DuckDB.
//!
//! An insight is asked in ever new words, as if nobody had asked it, which is what DuckDB is compared with; and again in the
//! same words, after findings have changed. In process, through the rooms that the API calls, over the embedded engine. The store is filled through its face. The
//! clock stands still, so that both are asked about the same days, and they must answer the same.

mod duckdb;
pub(crate) mod questions;
pub(crate) mod workload;

use std::time::Instant;

use muster_common::clock::Clock;

use crate::report::{Budget, Report, quantile};
use questions::{Answered, Questions, tell_pages};
use workload::{Workload, fill, open};

/// Resources that the findings must be about, of a million findings.
const RESOURCES_MIN: f64 = 0.2;
/// The budgets.
const INSIGHT_MS_MAX: f64 = 2.0;
const DUCKDB_MAX: f64 = 0.05;
const PAGE_MS_MAX: f64 = 2.0;
const REOPEN_SECONDS_MAX: f64 = 3.0;

pub(crate) async fn run(report: &mut Report, findings: u64) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("store");
    let what = format!(
        "The managed insights over {findings} findings, pages of the 100 newest, opening the store; the insights in DuckDB."
    );
    report.section("insights", &what);
    let now = Clock::system().now();
    let (store, _) = open(&path)?;
    let started = Instant::now();
    fill(&store, Workload::new(findings, now)?, now).await?;
    let filled = findings as f64 / started.elapsed().as_secs_f64();
    report.figure("insights.filled", filled, "findings/s", Budget::None);
    drop(store);

    let (store, reopened) = open(&path)?;
    report.figure("reopen", reopened, "s", Budget::AtMost(REOPEN_SECONDS_MAX));
    let questions = Questions::new(store, Clock::standing_at(now));
    let total = questions.total().await?;
    anyhow::ensure!(total == findings, "{total} of {findings} are visible");
    let answered = questions.insights().await?;
    tell_insights(report, &answered);
    let resources = questions.resources().await? as f64;
    let least = Budget::AtLeast(RESOURCES_MIN * findings as f64);
    report.figure("insight.resources", resources, "resources", least);
    let budget = Budget::AtMost(PAGE_MS_MAX);
    tell_pages(report, "page", questions.pages().await?, budget);
    drop(questions);

    report.say("duckdb: the same findings and insights");
    let theirs = duckdb::ask(Workload::new(findings, now)?, &answered, now).await?;
    tell_ratios(report, &answered, &theirs);
    Ok(())
}

fn tell_insights(report: &mut Report, answered: &[Answered]) {
    let budget = Budget::AtMost(INSIGHT_MS_MAX);
    for Answered { insight, first, .. } in answered {
        report.figure(&format!("insight.{}", insight.id), *first, "ms", budget);
    }
    tell_all(report, "insight", answered, budget);
}

/// The median insight and the worst one, as if never asked and asked again. Answers with both medians.
pub(crate) fn tell_all(
    report: &mut Report,
    name: &str,
    answered: &[Answered],
    budget: Budget,
) -> [f64; 2] {
    let mut tell = |name: String, mut times: Vec<f64>| {
        let median = quantile(&mut times, 0.5);
        report.figure(&format!("{name}_median"), median, "ms", budget);
        let worst = quantile(&mut times, 1.0);
        report.figure(&format!("{name}_worst"), worst, "ms", budget);
        median
    };
    let first = answered.iter().map(|answered| answered.first).collect();
    let again = answered.iter().map(|answered| answered.again).collect();
    [
        tell(format!("{name}.first"), first),
        tell(format!("{name}.again"), again),
    ]
}

/// Ours to theirs, insight by insight.
fn tell_ratios(report: &mut Report, answered: &[Answered], theirs: &[f64]) {
    let median = quantile(&mut theirs.to_vec(), 0.5);
    report.figure("insight.duckdb_median", median, "ms", Budget::None);
    let budget = Budget::AtMost(DUCKDB_MAX);
    let mut tell = |name: &str, ours: fn(&Answered) -> f64| {
        let ours = answered.iter().map(ours);
        let mut ratios: Vec<f64> = ours.zip(theirs).map(|(a, b)| a / b).collect();
        let median = quantile(&mut ratios, 0.5);
        report.figure(&format!("insight.{name}_vs_duckdb"), median, "x", budget);
        let worst = quantile(&mut ratios, 1.0);
        let name = format!("insight.{name}_vs_duckdb_worst");
        report.figure(&name, worst, "x", Budget::None);
    };
    tell("first", |answered| answered.first);
    tell("again", |answered| answered.again);
}
