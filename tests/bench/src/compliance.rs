//! `compliance`: a hundred accounts tell two thousand resources each, and all are judged.
//!
//! The agents enroll as real ones do and tell whole epochs over mutual TLS. The clock runs from the first portion until the
//! server has judged everything and its control findings are on the disk; then the server starts anew and judges everything
//! again, which changes nothing.

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
/// The budget of a full evaluation.
const SECONDS_MAX: f64 = 20.0;

pub(crate) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let each: usize = TYPES.iter().map(|(_, _, count)| count).sum();
    let what = format!(
        "{ACCOUNTS} accounts with {each} resources each: told for the first time and judged, and judged again after a restart."
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
    server.stop().await?;

    let started = Instant::now();
    let server = Server::start(folder.path(), &cloud.endpoint, Engine::Embedded).await?;
    judged(&server).await?;
    let again = started.elapsed().as_secs_f64();
    report.figure("compliance.again", again, "s", Budget::AtMost(SECONDS_MAX));
    memory(report, "compliance.again_peak", &server)?;
    let after = server.operator.count(None).await?;
    anyhow::ensure!(after == findings, "{findings} findings became {after}");
    server.stop().await
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
    let waiting = async {
        loop {
            let metrics = server.metrics().await?;
            let value = |name: &str| {
                let line = metrics
                    .lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
                line.and_then(|value| value.parse::<f64>().ok())
            };
            let known = value("muster_inventory_position");
            if known.is_some() && known == value("muster_compliance_position") {
                return anyhow::Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let judged = tokio::time::timeout(PATIENCE, waiting).await;
    judged.context("not everything was judged in time")?
}

fn memory(report: &mut Report, name: &str, server: &Server) -> anyhow::Result<()> {
    let peak = machine::peak(server.id()).context("the server runs")?;
    report.figure(name, peak as f64 / 1e6, "MB", Budget::None);
    Ok(())
}
