//! `ingest`: eight agents send to the real server as fast as it takes findings, and then to others.
//!
//! The agents enroll as real ones do; only STS is a stand-in. Each has one uplink on its own connection and keeps to the
//! server's terms. After a warm-up the clock runs until the last finding is acknowledged, and then the server is asked
//! whether what it shows is what was sent. The same findings go to the same server without a store, and into PostgreSQL.

mod postgres;

use std::time::Instant;

use anyhow::Context as _;
use muster_common::account::AccountId;
use muster_common::clock::Clock;
use muster_common::timestamp::Timestamp;
use muster_proto::v1 as wire;

use crate::admin::{Engine, Operator, Server};
use crate::cloud::Cloud;
use crate::document::{Catalog, Documents};
use crate::machine;
use crate::report::{Budget, Report, quantile};
use crate::uplink::{Identity, Looks, Sender};

pub(crate) const AGENTS: u64 = 8;
/// Findings that are sent before the clock starts, as a share of all.
const WARM_UP: f64 = 0.1;
/// Findings that are looked for after their acknowledgement, as a share of all, and how many at a time.
const LOOKED_FOR: f64 = 0.05;
const LOOK_BATCH: u32 = 25;
/// Findings for PostgreSQL and for the server without a store, as a share of all.
const OTHERS: f64 = 0.3;
const POSTGRES: f64 = 0.15;
/// The budgets.
const PER_SECOND_MIN: f64 = 80_000.0;
const POSTGRES_MIN: f64 = 8.0;
const NULL_MIN: f64 = 0.6;
const DISK_BYTES_MAX: f64 = 250.0;
const INDEX_BYTES_MAX: f64 = 400.0;

pub(crate) async fn run(report: &mut Report, findings: u64) -> anyhow::Result<()> {
    let cloud = Cloud::start().await?;
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path(), &cloud.endpoint, Engine::Embedded).await?;
    let result = measure(report, findings, &server).await;
    server.stop().await?;
    let rate = result?;
    drop(folder);

    let null = against_nothing(report, (findings as f64 * OTHERS) as u64, &cloud).await?;
    let budget = Budget::AtLeast(NULL_MIN);
    report.figure("ingest.vs_null_store", rate / null, "x", budget);
    let rows = (findings as f64 * POSTGRES) as u64;
    let postgres = postgres::rate(report, rows).await?;
    report.figure("ingest.postgres", postgres, "findings/s", Budget::None);
    let budget = Budget::AtLeast(POSTGRES_MIN);
    report.figure("ingest.vs_postgres", rate / postgres, "x", budget);
    Ok(())
}

/// The agents' documents, the same for the same numbers.
pub(crate) fn documents(each: u64, now: Timestamp) -> Vec<(AccountId, Documents<'static>)> {
    let catalog = Catalog::shared();
    (0..AGENTS)
        .map(|number| {
            let account: AccountId = format!("{:012}", 210_000_000_007 + 11_111_111_111 * number)
                .parse()
                .expect("twelve digits");
            (account, Documents::new(catalog, account, each, now))
        })
        .collect()
}

/// Enrolls the agents and connects them.
pub(crate) async fn enroll(operator: &Operator, each: u64) -> anyhow::Result<Vec<Sender>> {
    let mut senders = Vec::new();
    for (account, documents) in documents(each, Clock::system().now()) {
        let identity = Identity::enroll(&operator.invite(account).await?).await?;
        senders.push(Sender::new(identity, documents).await?);
    }
    Ok(senders)
}

async fn measure(report: &mut Report, findings: u64, server: &Server) -> anyhow::Result<f64> {
    let fresh = store(&server.operator.status().await?)?.index_bytes;
    let each = findings.div_ceil(AGENTS);
    let before = (each as f64 * WARM_UP) as u64;
    let looked_for = (each as f64 * LOOKED_FOR) as u64;
    let what = format!(
        "{} findings of {AGENTS} agents over mutual TLS to the disk, after {} to warm up; the same server without a store; PostgreSQL.",
        AGENTS * each,
        AGENTS * before,
    );
    report.section("ingest", &what);
    let senders = enroll(&server.operator, before + each + looked_for).await?;
    let senders = send(senders, before).await?;
    let processes = [server.id(), std::process::id()];
    let busy = processes.map(machine::busy);
    let started = Instant::now();
    let senders = send(senders, each).await?;
    let elapsed = started.elapsed();
    let measured = AGENTS * each;
    let rate = measured as f64 / elapsed.as_secs_f64();
    report.figure(
        "ingest.rate",
        rate,
        "findings/s",
        Budget::AtLeast(PER_SECOND_MIN),
    );
    for (at, name) in ["ingest.server_busy", "ingest.agents_busy"]
        .into_iter()
        .enumerate()
    {
        let busy = machine::busy(processes[at]).saturating_sub(busy[at]);
        let each = 1e6 * busy.as_secs_f64() / measured as f64;
        report.figure(name, each, "us/finding", Budget::None);
    }
    tell_agents(report, &senders);
    report.figure("ingest.index_fresh", fresh as f64 / 1e6, "MB", Budget::None);
    tell_server(report, server, AGENTS * (before + each)).await?;
    look(report, senders, looked_for, &server.operator).await?;
    visible(server, AGENTS * (before + each + looked_for)).await?;
    Ok(rate)
}

fn tell_agents(report: &mut Report, senders: &[Sender]) {
    let mut waits: Vec<f64> = senders.iter().flat_map(Sender::waits).copied().collect();
    let [p50, p99] = [0.5, 0.99].map(|share| quantile(&mut waits, share));
    report.figure("ingest.acknowledged_p50", p50, "ms", Budget::None);
    report.figure("ingest.acknowledged_p99", p99, "ms", Budget::None);
    let bytes: u64 = senders.iter().map(Sender::bytes).sum();
    let sent: u64 = senders.iter().map(Sender::sent).sum();
    report.figure(
        "ingest.document",
        bytes as f64 / sent as f64,
        "B",
        Budget::None,
    );
}

/// Disk and memory after so many findings.
pub(crate) async fn tell_server(
    report: &mut Report,
    server: &Server,
    sent: u64,
) -> anyhow::Result<()> {
    let store = store(&visible(server, sent).await?)?;
    let per_finding = |bytes: u64| bytes as f64 / sent as f64;
    let disk = per_finding(machine::disk_bytes(&server.store())?);
    report.figure(
        "ingest.disk",
        disk,
        "B/finding",
        Budget::AtMost(DISK_BYTES_MAX),
    );
    let index = per_finding(store.index_bytes);
    report.figure("ingest.index", index, "B/finding", Budget::None);
    let resident = machine::resident(server.id()).context("the server runs")?;
    report.figure(
        "ingest.resident",
        per_finding(resident),
        "B/finding",
        Budget::AtMost(INDEX_BYTES_MAX),
    );
    Ok(())
}

fn store(status: &wire::StatusReport) -> anyhow::Result<wire::StoreStatus> {
    status.store.clone().context("the status has a store")
}

/// Lets every agent send so many findings, all at once.
pub(crate) async fn send(senders: Vec<Sender>, count: u64) -> anyhow::Result<Vec<Sender>> {
    let sending: Vec<_> = senders
        .into_iter()
        .map(|sender| tokio::spawn(sender.send(count)))
        .collect();
    let mut senders = Vec::new();
    for sender in sending {
        senders.push(sender.await??);
    }
    Ok(senders)
}

/// What is acknowledged must be visible: every agent asks after each acknowledgement, all at once.
async fn look(
    report: &mut Report,
    senders: Vec<Sender>,
    count: u64,
    operator: &Operator,
) -> anyhow::Result<()> {
    let sending: Vec<_> = senders
        .into_iter()
        .map(|sender| tokio::spawn(sender.send_and_look(count, LOOK_BATCH, operator.clone())))
        .collect();
    let mut all = Looks::default();
    for sender in sending {
        let Looks { made, unseen } = sender.await??;
        all.made += made;
        all.unseen += unseen;
    }
    report.figure("ingest.looks", all.made as f64, "queries", Budget::None);
    let budget = Budget::AtMost(0.0);
    report.figure("ingest.unseen", all.unseen as f64, "queries", budget);
    Ok(())
}

/// And in the end nothing less and nothing more.
pub(crate) async fn visible(server: &Server, sent: u64) -> anyhow::Result<wire::StatusReport> {
    let status = server.operator.status().await?;
    let ledger = status.ledger.clone().context("the status has a ledger")?;
    let counted = server.operator.count(None).await?;
    let seen = [ledger.sent, ledger.created, ledger.visible, counted];
    anyhow::ensure!(
        seen == [sent; 4],
        "{sent} findings were acknowledged, but sent, created, visible and counted are {seen:?}"
    );
    Ok(status)
}

/// The rate of a server that keeps nothing.
async fn against_nothing(report: &mut Report, findings: u64, cloud: &Cloud) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path(), &cloud.endpoint, Engine::Null).await?;
    let each = findings.div_ceil(AGENTS);
    let before = (each as f64 * WARM_UP) as u64;
    let senders = enroll(&server.operator, before + each).await?;
    let senders = send(senders, before).await?;
    let busy = machine::busy(server.id());
    let started = Instant::now();
    send(senders, each).await?;
    let measured = (AGENTS * each) as f64;
    let rate = measured / started.elapsed().as_secs_f64();
    report.figure("ingest.null_store", rate, "findings/s", Budget::None);
    let busy = machine::busy(server.id()).saturating_sub(busy);
    let each = 1e6 * busy.as_secs_f64() / measured;
    report.figure("ingest.null_busy", each, "us/finding", Budget::None);
    server.stop().await?;
    Ok(rate)
}
