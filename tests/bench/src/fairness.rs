//! `fairness`: how long a good agent waits for its acknowledgements while another account does what it can to be in the
//! way, beside how long it waits alone.
//!
//! The good one sends a small batch now and then, over one uplink. The bad one has eight agents, and the server its settings
//! as they come. Everything runs on the same cores, the flood's generator too, so that a part of each wait is the machine's.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use muster_common::account::AccountId;
use muster_common::clock::Clock;
use muster_proto::v1 as wire;
use muster_proto::v1::uplink_request::Message as Ask;
use muster_proto::v1::uplink_response::Message as Answer;
use tokio::task::JoinSet;

use crate::admin::{Engine, Operator, Server};
use crate::cloud::Cloud;
use crate::document::{Catalog, Documents};
use crate::report::{Budget, Report, ms, quantile};
use crate::uplink::{Identity, Uplink, ask, next};

const FLOODERS: usize = 8;
/// How long each flood lasts; the first part of it is not measured.
const SPAN: Duration = Duration::from_secs(6);
const WARM_UP: Duration = Duration::from_secs(1);
/// The good agent's batches.
const BATCH: usize = 20;
const EVERY: Duration = Duration::from_millis(20);
/// Connections of a storm that are made at a time.
const STORM: usize = 32;
/// What a batch may wait at most, ninety-nine times of a hundred, whoever floods: shorter than anybody notices.
const P99_MAX: f64 = 250.0;

/// What the bad account does.
#[derive(Clone, Copy, Debug)]
enum Flood {
    /// The largest batches, one after the other.
    Batches,
    /// Batches of one finding, as many as go.
    Crumbs,
    /// Batches of what is no finding.
    Invalid,
    /// Batches whose acknowledgements nobody reads, on ever new uplinks.
    Unread,
    /// Connections that say hello and are given up.
    Storm,
}

const FLOODS: [(&str, Flood); 5] = [
    ("batches", Flood::Batches),
    ("crumbs", Flood::Crumbs),
    ("invalid", Flood::Invalid),
    ("unread", Flood::Unread),
    ("storm", Flood::Storm),
];

pub(crate) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let cloud = Cloud::start().await?;
    let server = Server::start(folder.path(), &cloud.endpoint, Engine::Embedded).await?;
    let result = measure(report, &server.operator).await;
    server.stop().await?;
    result
}

async fn measure(report: &mut Report, operator: &Operator) -> anyhow::Result<()> {
    report.say(&format!(
        "fairness: one agent beside {FLOODERS} of another account, {} s for each flood",
        SPAN.as_secs()
    ));
    let account: AccountId = "210000000007".parse()?;
    let identity = Identity::enroll(&operator.invite(account).await?).await?;
    let mut good = Good::new(&identity, account).await?;
    let bad: AccountId = "321111111118".parse()?;
    let mut flooders = Vec::new();
    for _ in 0..FLOODERS {
        flooders.push(Identity::enroll(&operator.invite(bad).await?).await?);
    }
    let mut waits = good.send(SPAN).await?;
    let alone = tell(report, "alone", &mut waits, Budget::None);
    for (name, flood) in FLOODS {
        let before = taken(operator).await?;
        let mut flooding = JoinSet::new();
        for identity in &flooders {
            let now = Clock::system().now();
            let documents = Documents::new(Catalog::shared(), bad, 4_000_000, now);
            flooding.spawn(flood.run(identity.with_new_spool(), documents));
        }
        let measured = good.send(SPAN).await;
        let ended = flooding.try_join_next();
        flooding.shutdown().await;
        let mut waits = measured.with_context(|| format!("while {flood:?}"))?;
        if let Some(Ok(Err(error))) = ended {
            anyhow::bail!("the flood {flood:?} ended by itself: {error:#}");
        }
        let p99 = tell(report, name, &mut waits, Budget::AtMost(P99_MAX));
        let over = format!("fairness.{name}_over_alone");
        report.figure(&over, p99 / alone, "times", Budget::None);
        let stored = taken(operator).await?.saturating_sub(before);
        let rate = stored as f64 / SPAN.as_secs_f64();
        let name = format!("fairness.{name}_rate");
        report.figure(&name, rate, "findings/s", Budget::None);
    }
    Ok(())
}

/// Findings that the server has taken, by its ledger.
async fn taken(operator: &Operator) -> anyhow::Result<u64> {
    let ledger = operator.status().await?.ledger;
    Ok(ledger.context("the status has a ledger")?.sent)
}

/// Prints what the good agent waited. The answer is its p99.
fn tell(report: &mut Report, name: &str, waits: &mut [f64], budget: Budget) -> f64 {
    let p50 = quantile(waits, 0.5);
    let p99 = quantile(waits, 0.99);
    report.figure(&format!("fairness.{name}_p50"), p50, "ms", Budget::None);
    report.figure(&format!("fairness.{name}_p99"), p99, "ms", budget);
    p99
}

/// The good agent.
struct Good {
    uplink: Uplink,
    documents: Documents<'static>,
    sent: u64,
}

impl Good {
    async fn new(identity: &Identity, account: AccountId) -> anyhow::Result<Self> {
        let now = Clock::system().now();
        Ok(Self {
            uplink: identity.connect().await?,
            documents: Documents::new(Catalog::shared(), account, 1_000_000, now),
            sent: 0,
        })
    }

    /// Sends a batch now and then. The answer is how long each waited, in milliseconds.
    async fn send(&mut self, span: Duration) -> anyhow::Result<Vec<f64>> {
        let started = Instant::now();
        let mut waits = Vec::new();
        while started.elapsed() < span {
            let findings = self.documents.batch(BATCH, 1 << 20);
            let first_sequence = self.sent + 1;
            self.sent += findings.len() as u64;
            let since = Instant::now();
            let batch = wire::Batch {
                first_sequence,
                findings,
            };
            self.uplink.asks.send(ask(Ask::Batch(batch))).await?;
            let answer = next(&mut self.uplink.answers).await?;
            let Answer::Acknowledgement(acknowledged) = answer else {
                anyhow::bail!("expected an acknowledgement");
            };
            anyhow::ensure!(
                acknowledged.through_sequence == self.sent && acknowledged.refused.is_empty(),
                "the good agent's batch was not taken: {acknowledged:?}"
            );
            if started.elapsed() > WARM_UP {
                waits.push(ms(since.elapsed()));
            }
            tokio::time::sleep(EVERY.saturating_sub(since.elapsed())).await;
        }
        Ok(waits)
    }
}

impl Flood {
    async fn run(
        self,
        identity: Identity,
        mut documents: Documents<'static>,
    ) -> anyhow::Result<()> {
        match self {
            Self::Batches => send(&identity, || documents.batch(500, 1 << 20)).await,
            Self::Crumbs => send(&identity, || documents.batch(1, 1 << 20)).await,
            Self::Invalid => {
                let nothing = vec![Bytes::from_static(b"{\"Id\":\"none\"}"); 500];
                send(&identity, || nothing.clone()).await
            }
            Self::Unread => loop {
                unread(&identity, &mut documents).await?;
            },
            Self::Storm => {
                let mut connecting = JoinSet::new();
                loop {
                    while connecting.len() < STORM / FLOODERS {
                        let identity = identity.clone();
                        connecting.spawn(async move { identity.connect().await.is_ok() });
                    }
                    connecting.join_next().await;
                }
            }
        }
    }
}

/// Sends without end, four batches ahead of what is acknowledged.
async fn send(identity: &Identity, mut batch: impl FnMut() -> Vec<Bytes>) -> anyhow::Result<()> {
    let Uplink {
        asks, mut answers, ..
    } = identity.connect().await?;
    let (mut sent, mut in_flight) = (0, 0);
    loop {
        if in_flight == 4 {
            next(&mut answers).await?;
            in_flight -= 1;
        }
        let findings = batch();
        let first_sequence = sent + 1;
        sent += findings.len() as u64;
        in_flight += 1;
        asks.send(ask(Ask::Batch(wire::Batch {
            first_sequence,
            findings,
        })))
        .await?;
    }
}

/// Sends over an uplink whose answers are not read until nothing more is taken, and leaves it.
async fn unread(identity: &Identity, documents: &mut Documents<'static>) -> anyhow::Result<()> {
    let Uplink {
        asks,
        answers: _answers,
        ..
    } = identity.with_new_spool().connect().await?;
    let mut sent = 0;
    for _ in 0..64 {
        let findings = documents.batch(500, 1 << 20);
        let first_sequence = sent + 1;
        sent += findings.len() as u64;
        let batch = Ask::Batch(wire::Batch {
            first_sequence,
            findings,
        });
        let taken = asks.send_timeout(ask(batch), Duration::from_millis(200));
        if taken.await.is_err() {
            break;
        }
    }
    Ok(())
}
