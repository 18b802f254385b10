//! `insights`: the managed insights, a page of the newest, and opening the store, all over the same findings.
//!
//! In process, through the rooms that the API calls, over the embedded engine. The store is filled through its face.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use muster_admin::findings::Findings;
use muster_admin::insights::{Insight, Insights};
use muster_admin::records::Records;
use muster_common::account::AccountId;
use muster_common::clock::Clock;
use muster_common::field::Field;
use muster_common::filter::{Filter, Test};
use muster_common::finding;
use muster_store::{
    Batch, Change, Config, Embedded, Findings as Engine, Import, Item, Ledger, Tables,
};

use crate::document::{Catalog, Documents};
use crate::report::{Budget, Report, quantile};

const ACCOUNTS: u64 = 50;
/// Resources that the findings must be about, of a million findings.
const RESOURCES_MIN: f64 = 0.2;
const BATCH: usize = 500;
const BATCH_BYTES: usize = 2 << 20;
/// Batches that are recorded at a time.
const AT_ONCE: usize = 8;
const RUNS: usize = 41;
const GROUPS: usize = 100;
const PAGE: usize = 100;
/// As the server sets it.
const CACHE_BYTES: usize = 32 << 20;
/// The budgets.
const INSIGHT_MS_MAX: f64 = 2.0;
const PAGE_MS_MAX: f64 = 2.0;
const REOPEN_SECONDS_MAX: f64 = 3.0;

pub(crate) async fn run(report: &mut Report, findings: u64) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let config = Config {
        path: folder.path().join("store"),
        cache_bytes: CACHE_BYTES,
    };
    report.say(&format!(
        "insights: filling a store with {findings} findings"
    ));
    let started = Instant::now();
    let store = Arc::new(Embedded::open(&config)?);
    fill(&store, findings).await?;
    let filled = findings as f64 / started.elapsed().as_secs_f64();
    report.figure("insights.filled", filled, "findings/s", Budget::None);
    drop(store);

    let started = Instant::now();
    let store = Arc::new(Embedded::open(&config)?);
    let reopened = started.elapsed().as_secs_f64();
    report.figure("reopen", reopened, "s", Budget::AtMost(REOPEN_SECONDS_MAX));
    let clock = Clock::system();
    let engine: Arc<dyn Engine> = store.clone();
    let ledger: Arc<dyn Ledger> = store.clone();
    let tables: Arc<dyn Tables> = store;
    let rooms = Findings::new(engine, ledger, clock.clone());
    let insights = Insights::new(Records::new(tables), rooms.clone(), clock);
    let all = rooms.count(Filter::default(), Vec::new(), 0).await?;
    anyhow::ensure!(
        all.total == findings,
        "{} of {findings} are visible",
        all.total
    );
    measure_insights(report, &insights, findings).await?;
    measure_pages(report, &rooms, &insights).await
}

/// Records invented findings, several batches at a time, as the uplinks of several agents do.
async fn fill(store: &Arc<Embedded>, findings: u64) -> anyhow::Result<()> {
    let catalog: &'static Catalog = Box::leak(Box::new(Catalog::new()));
    let now = Clock::system().now();
    let each = findings.div_ceil(ACCOUNTS);
    let mut accounts = Vec::new();
    for number in 0..ACCOUNTS {
        let account: AccountId = format!("{:012}", 310_000_000_007 + 7_777_777 * number).parse()?;
        accounts.push(Documents::new(catalog, account, each, now));
    }
    let (mut left, mut recording) = (findings, tokio::task::JoinSet::new());
    for turn in (0..accounts.len()).cycle() {
        let rounds = left.div_ceil(ACCOUNTS - turn as u64);
        let count = rounds.min(BATCH as u64).min(left) as usize;
        if left == 0 {
            break;
        }
        let documents = accounts[turn].batch(count, BATCH_BYTES);
        left -= documents.len() as u64;
        if recording.len() == AT_ONCE {
            recording.join_next().await.context("one of them")???;
        }
        let store = Arc::clone(store);
        recording.spawn(async move {
            let items = documents
                .into_iter()
                .map(|document| {
                    let reading = finding::read(&document)?;
                    Ok(Item::Change(Box::new(Change::Import(Import {
                        reading,
                        document,
                    }))))
                })
                .collect::<Result<Vec<_>, finding::InvalidFinding>>()?;
            let batch = Batch {
                actor: Arc::from("spiffe://muster.example/bench"),
                now,
                spool: None,
                items,
            };
            store.record(batch).await?;
            anyhow::Ok(())
        });
    }
    while let Some(recorded) = recording.join_next().await {
        recorded??;
    }
    Ok(())
}

async fn measure_insights(
    report: &mut Report,
    insights: &Insights,
    findings: u64,
) -> anyhow::Result<()> {
    let mut all = Vec::new();
    let mut resources = 0;
    for insight in insights.managed() {
        let (p50, groups) = timed(insights, insight).await?;
        resources = resources.max(groups);
        all.push(p50);
        let name = format!("insight.{}", insight.id);
        report.figure(&name, p50, "ms", Budget::AtMost(INSIGHT_MS_MAX));
    }
    let worst = quantile(&mut all, 1.0);
    let median = quantile(&mut all, 0.5);
    report.figure("insight.worst", worst, "ms", Budget::AtMost(INSIGHT_MS_MAX));
    report.figure(
        "insight.median",
        median,
        "ms",
        Budget::AtMost(INSIGHT_MS_MAX),
    );
    let least = RESOURCES_MIN * findings as f64;
    report.figure(
        "insight.resources",
        resources as f64,
        "resources",
        Budget::AtLeast(least),
    );
    Ok(())
}

/// The median of some runs in milliseconds, and the number of groups.
async fn timed(insights: &Insights, insight: &Insight) -> anyhow::Result<(f64, u64)> {
    let mut times = Vec::with_capacity(RUNS);
    let mut groups = 0;
    for _ in 0..RUNS {
        let started = Instant::now();
        let counts = insights.results(insight, GROUPS).await?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
        groups = counts.group_count;
    }
    Ok((quantile(&mut times, 0.5), groups))
}

/// Pages of the newest, each of other findings than the one before: an account's severe ones, and those of the managed
/// insights that have a page full of them.
async fn measure_pages(
    report: &mut Report,
    rooms: &Findings,
    insights: &Insights,
) -> anyhow::Result<()> {
    let equals = |field, value: &str| Filter::field(field, Test::Equals(value.to_owned()));
    let mut filters: Vec<Filter> = insights
        .managed()
        .iter()
        .map(|insight| insight.filter.clone())
        .collect();
    for severity in ["CRITICAL", "HIGH", "MEDIUM"] {
        let severe = equals(Field::SeverityLabel, severity);
        filters.push(severe.clone().and(equals(Field::RecordState, "ACTIVE")));
        filters.push(severe.and(equals(Field::ResourceType, "AwsEc2Instance")));
    }
    let (mut times, mut first) = (Vec::new(), Vec::new());
    for run in 0..5 {
        for filter in &filters {
            let started = Instant::now();
            let page = rooms.list(filter.clone(), Vec::new(), None, PAGE).await?;
            let time = started.elapsed().as_secs_f64() * 1e3;
            if page.findings.len() < PAGE {
                continue;
            }
            if run == 0 {
                first.push(time);
            } else {
                times.push(time);
            }
        }
    }
    report.figure("page.filters", first.len() as f64, "filters", Budget::None);
    report.figure(
        "page",
        quantile(&mut times, 0.5),
        "ms",
        Budget::AtMost(PAGE_MS_MAX),
    );
    report.figure("page.p90", quantile(&mut times, 0.9), "ms", Budget::None);
    report.figure("page.first", quantile(&mut first, 0.5), "ms", Budget::None);
    Ok(())
}
