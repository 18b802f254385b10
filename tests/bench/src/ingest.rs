//! `ingest`: eight agents send to the real server as fast as it takes findings.
//!
//! The agents enroll as real ones do; only STS is a stand-in. Each has one uplink on its own connection and keeps to the
//! server's terms. After a warm-up the clock runs until the last finding is acknowledged, and then the server is asked
//! whether what it shows is what was sent.

mod agent;
mod server;
mod sts;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use muster_common::account::AccountId;
use muster_common::clock::Clock;
use muster_proto::v1 as wire;

use crate::document::{Catalog, Documents};
use crate::machine;
use crate::report::{Budget, Report, quantile};
use agent::Agent;
use server::Server;
use sts::Sts;

const AGENTS: u64 = 8;
/// Findings that are sent before the clock starts, as a share of all.
const WARM_UP: f64 = 0.1;
/// The budgets.
const PER_SECOND_MIN: f64 = 80_000.0;
const DISK_BYTES_MAX: f64 = 250.0;
const INDEX_BYTES_MAX: f64 = 400.0;

pub(crate) async fn run(report: &mut Report, findings: u64) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let sts = Sts::start().await?;
    let server = Server::start(folder.path(), &sts.endpoint).await?;
    let result = measure(report, findings, &server).await;
    server.stop().await?;
    result
}

async fn measure(report: &mut Report, findings: u64, server: &Server) -> anyhow::Result<()> {
    let catalog: &'static Catalog = Box::leak(Box::new(Catalog::new()));
    let fresh = store(&server.status().await?)?.index_bytes;
    let each = findings.div_ceil(AGENTS);
    let before = (each as f64 * WARM_UP) as u64;
    report.say(&format!(
        "ingest: {AGENTS} agents, {} findings to warm up, {} to measure",
        AGENTS * before,
        AGENTS * each
    ));
    let mut agents = Vec::new();
    for number in 0..AGENTS {
        let account: AccountId =
            format!("{:012}", 210_000_000_007 + 11_111_111_111 * number).parse()?;
        let invitation = server.invite(account).await?;
        let now = Clock::system().now();
        let documents = Documents::new(catalog, account, before + each, now);
        agents.push(Agent::enroll(&invitation, documents).await?);
    }
    let agents = send(agents, before).await?;
    let processes = [server.id(), std::process::id()];
    let busy = processes.map(machine::busy);
    let started = Instant::now();
    let agents = send(agents, each).await?;
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
    tell_agents(report, &agents);
    report.figure("ingest.index_fresh", fresh as f64 / 1e6, "MB", Budget::None);
    tell_server(report, server, AGENTS * (before + each)).await
}

fn tell_agents(report: &mut Report, agents: &[Agent]) {
    let mut waits: Vec<f64> = agents.iter().flat_map(Agent::waits).copied().collect();
    let [p50, p99] = [0.5, 0.99].map(|share| quantile(&mut waits, share));
    report.figure("ingest.acknowledged_p50", p50, "ms", Budget::None);
    report.figure("ingest.acknowledged_p99", p99, "ms", Budget::None);
    let bytes: u64 = agents.iter().map(Agent::bytes).sum();
    let sent: u64 = agents.iter().map(Agent::sent).sum();
    report.figure(
        "ingest.document",
        bytes as f64 / sent as f64,
        "B",
        Budget::None,
    );
}

async fn tell_server(report: &mut Report, server: &Server, sent: u64) -> anyhow::Result<()> {
    let store = store(&visible(server, sent).await?)?;
    let per_finding = |bytes: u64| bytes as f64 / sent as f64;
    let disk = per_finding(machine::disk_bytes(&server.data().join("store"))?);
    report.figure(
        "ingest.disk",
        disk,
        "B/finding",
        Budget::AtMost(DISK_BYTES_MAX),
    );
    let index = per_finding(store.index_bytes);
    report.figure(
        "ingest.index",
        index,
        "B/finding",
        Budget::AtMost(INDEX_BYTES_MAX),
    );
    let resident = machine::resident(server.id()).context("the server runs")?;
    report.figure("ingest.resident", resident as f64 / 1e6, "MB", Budget::None);
    Ok(())
}

fn store(status: &wire::StatusReport) -> anyhow::Result<wire::StoreStatus> {
    status.store.clone().context("the status has a store")
}

/// Lets every agent send so many findings, all at once.
async fn send(agents: Vec<Agent>, count: u64) -> anyhow::Result<Vec<Agent>> {
    let sending: Vec<_> = agents
        .into_iter()
        .map(|agent| tokio::spawn(agent.send(count)))
        .collect();
    let mut agents = Vec::new();
    for agent in sending {
        agents.push(agent.await??);
    }
    Ok(agents)
}

/// What is acknowledged must be visible, at once and all of it.
async fn visible(server: &Server, sent: u64) -> anyhow::Result<wire::StatusReport> {
    let status = server.status().await?;
    let ledger = status.ledger.clone().context("the status has a ledger")?;
    let counted = server.count().await?;
    let seen = [ledger.sent, ledger.created, ledger.visible, counted];
    anyhow::ensure!(
        seen == [sent; 4],
        "{sent} findings were acknowledged, but sent, created, visible and counted are {seen:?}"
    );
    Ok(status)
}

/// Milliseconds.
fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}
