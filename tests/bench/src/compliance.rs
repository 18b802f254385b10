//! `compliance`: a hundred accounts tell two thousand resources each, and all are judged.
//!
//! The agents enroll as real ones do and tell whole epochs over mutual TLS. The clock runs from the first portion until the
//! server has judged everything and its control findings are on the disk. Then a control is switched off in one account, which
//! has all accounts judged again by all controls; and the server starts anew and judges everything again, which changes nothing.

mod estate;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use muster_common::account::AccountId;
use muster_proto::v1 as wire;

use crate::admin::{Engine, Server};
use crate::cloud::Cloud;
use crate::machine;
use crate::report::{Budget, Report};
use crate::uplink::{Identity, Observation};
use estate::{Estate, TYPES};

const ACCOUNTS: usize = 100;
/// Agents that tell at the same time.
const AT_ONCE: usize = 8;
/// Resources of a portion.
const PORTION: usize = 250;
const LOOK_EVERY: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(600);
/// What is switched off in the first account: two resources have findings of it there.
const OFF: &str = "EFS.1";
const ROUNDS: &str = "muster_compliance_rounds_total";
/// The budget of a full evaluation.
const SECONDS_MAX: f64 = 20.0;

pub(crate) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let each: usize = TYPES.iter().map(|(_, _, count)| count).sum();
    let what = format!(
        "{ACCOUNTS} accounts with {each} resources each: told for the first time and judged; judged again because of a choice, and after a restart."
    );
    report.section("compliance", &what);
    let cloud = Cloud::start().await?;
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path(), &cloud.endpoint, Engine::Embedded).await?;
    let identities = enroll(&server).await?;
    let estate = Estate::read()?;

    let started = Instant::now();
    let telling = stream::iter(&identities).map(Ok::<_, anyhow::Error>);
    telling
        .try_for_each_concurrent(AT_ONCE, |(account, identity)| {
            tell(&estate, *account, identity)
        })
        .await?;
    let told = started.elapsed().as_secs_f64();
    let resources = (ACCOUNTS * each) as f64;
    report.figure(
        "compliance.told",
        resources / told,
        "resources/s",
        Budget::None,
    );
    judged(&server).await?;
    let first = started.elapsed().as_secs_f64();
    report.figure("compliance.first", first, "s", Budget::None);
    let findings = server.operator.count(None).await?;
    anyhow::ensure!(findings > 0, "nothing was judged");
    report.figure(
        "compliance.findings",
        findings as f64,
        "findings",
        Budget::None,
    );
    memory(report, "compliance.first_peak", &server)?;
    again(report, &server, identities[0].0).await?;
    server.stop().await?;

    let started = Instant::now();
    let server = Server::start(folder.path(), &cloud.endpoint, Engine::Embedded).await?;
    judged(&server).await?;
    let restarted = started.elapsed().as_secs_f64();
    let budget = Budget::AtMost(SECONDS_MAX);
    report.figure("compliance.restarted", restarted, "s", budget);
    memory(report, "compliance.restarted_peak", &server)?;
    let after = server.operator.count(None).await?;
    anyhow::ensure!(after == findings, "{findings} findings became {after}");
    server.stop().await
}

/// Everybody is judged again by a server that has just done so.
async fn again(report: &mut Report, server: &Server, account: AccountId) -> anyhow::Result<()> {
    let rounds = value(server, ROUNDS).await?.unwrap_or(0.0);
    let started = Instant::now();
    server.operator.switch_off(OFF, account).await?;
    until(server, |server| async move {
        let done = value(server, ROUNDS).await?;
        Ok(done.is_some_and(|done| done > rounds))
    })
    .await?;
    let again = started.elapsed().as_secs_f64();
    report.figure("compliance.again", again, "s", Budget::AtMost(SECONDS_MAX));
    memory(report, "compliance.again_peak", server)
}

async fn enroll(server: &Server) -> anyhow::Result<Vec<(AccountId, Identity)>> {
    let accounts: Vec<AccountId> = (0..ACCOUNTS)
        .map(|number| format!("{:012}", 510_000_000_000 + 7 * number as u64).parse())
        .collect::<Result<_, _>>()?;
    let invitations = server.operator.invite_all(&accounts).await?;
    let mut identities = Vec::new();
    for (account, invitation) in accounts.into_iter().zip(&invitations) {
        identities.push((account, Identity::enroll(invitation).await?));
    }
    Ok(identities)
}

/// A whole epoch of every type.
async fn tell(estate: &Estate, account: AccountId, identity: &Identity) -> anyhow::Result<()> {
    let mut observation = Observation::open(identity).await?;
    for (kind, place, count) in TYPES {
        let documents = estate.documents(account, kind, place, *count);
        let portions: Vec<_> = documents.chunks(PORTION).collect();
        for (number, changed) in portions.iter().enumerate() {
            let last = number + 1 == portions.len();
            let complete = wire::EpochComplete {
                count: *count as u64,
            };
            observation
                .tell(wire::ObserveRequest {
                    resource_type: (*kind).to_owned(),
                    region: (*place).to_owned(),
                    epoch: Some(wire_epoch()),
                    base_epoch: None,
                    changed: changed.to_vec(),
                    gone: Vec::new(),
                    end: last.then_some(wire::observe_request::End::Complete(complete)),
                    number: number as u32,
                    reads: None,
                })
                .await?;
        }
    }
    Ok(())
}

fn wire_epoch() -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: 1,
        nanos: 0,
    }
}

/// Waits until everything that the inventory has is judged.
async fn judged(server: &Server) -> anyhow::Result<()> {
    until(server, |server| async move {
        let known = value(server, "muster_inventory_position").await?;
        let judged = value(server, "muster_compliance_position").await?;
        Ok(known.is_some() && known == judged)
    })
    .await
}

async fn until<'a, F: Future<Output = anyhow::Result<bool>>>(
    server: &'a Server,
    holds: impl Fn(&'a Server) -> F,
) -> anyhow::Result<()> {
    let waiting = async {
        while !holds(server).await? {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.context("not everything was judged in time")?
}

/// What the server measures under a name.
async fn value(server: &Server, name: &str) -> anyhow::Result<Option<f64>> {
    let metrics = server.metrics().await?;
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(line.and_then(|value| value.parse().ok()))
}

fn memory(report: &mut Report, name: &str, server: &Server) -> anyhow::Result<()> {
    let peak = machine::peak(server.id()).context("the server runs")?;
    report.figure(name, peak as f64 / 1e6, "MB", Budget::None);
    Ok(())
}
