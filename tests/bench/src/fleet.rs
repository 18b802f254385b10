//! `fleet`: what one more agent costs the server, and how long many take to come back after a restart.
//!
//! Every agent is enrolled as a real one, has its own certificate, connection and uplink, and keeps the manners of a real
//! one: it pings, reports every minute, and comes back after a pause that is spread and doubles. One process plays all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::stream::{StreamExt as _, TryStreamExt as _};
use muster_common::account::AccountId;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::admin::{Engine, Operator, Server};
use crate::cloud::Cloud;
use crate::machine;
use crate::report::{Budget, Report};
use crate::uplink::Identity;

const LEVELS: [usize; 3] = [100, 1_000, 10_000];
/// From this many on it is measured how they come back.
const RESTARTED_MIN: usize = 1_000;
/// Enrollments at a time.
const AT_ONCE: usize = 32;
const SETTLE: Duration = Duration::from_secs(5);
/// A report of each agent, and some pings, fall into this time.
const IDLE: Duration = Duration::from_secs(60);
const REPORT_EVERY: Duration = Duration::from_secs(60);
/// As the agent's: the first span of a pause, which doubles, and the longest.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_LONGEST: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) async fn run(report: &mut Report) -> anyhow::Result<()> {
    machine::raise_file_limit()?;
    let what = format!(
        "What {LEVELS:?} connected agents without work cost the server, and how they come back after a restart."
    );
    report.section("fleet", &what);
    let cloud = Cloud::start().await?;
    let folder = tempfile::tempdir()?;
    let mut server = Server::start(folder.path(), &cloud.endpoint, Engine::Embedded).await?;
    let mut fleet = Fleet::default();
    let alone = machine::resident(server.id()).context("the server runs")?;
    for level in LEVELS {
        report.say(&format!("fleet: {level} agents"));
        let started = Instant::now();
        let before = fleet.agents.len();
        fleet.grow(level, &server.operator).await?;
        let rate = (level - before) as f64 / started.elapsed().as_secs_f64();
        report.figure(&name(level, "joined"), rate, "agents/s", Budget::None);
        measure(report, level, &server, alone).await?;
        if level >= RESTARTED_MIN {
            server.stop().await?;
            let started = Instant::now();
            server = Server::start(folder.path(), &cloud.endpoint, Engine::Embedded).await?;
            fleet.connected(level).await?;
            let back = started.elapsed().as_secs_f64();
            report.figure(&name(level, "back"), back, "s", Budget::None);
            let busy = machine::busy(server.id()).as_secs_f64();
            let each = 1e3 * busy / level as f64;
            report.figure(&name(level, "back_busy"), each, "ms/agent", Budget::None);
        }
    }
    drop(fleet);
    server.stop().await
}

fn name(level: usize, what: &str) -> String {
    format!("fleet.{level}.{what}")
}

async fn measure(
    report: &mut Report,
    level: usize,
    server: &Server,
    alone: u64,
) -> anyhow::Result<()> {
    tokio::time::sleep(SETTLE).await;
    let resident = machine::resident(server.id()).context("the server runs")?;
    report.figure(
        &name(level, "resident"),
        resident as f64 / 1e6,
        "MB",
        Budget::None,
    );
    let each = resident.saturating_sub(alone) as f64 / level as f64 / 1e3;
    report.figure(&name(level, "memory"), each, "KB/agent", Budget::None);
    let (busy, started) = (machine::busy(server.id()), Instant::now());
    tokio::time::sleep(IDLE).await;
    let busy = machine::busy(server.id())
        .saturating_sub(busy)
        .as_secs_f64();
    let percent = 100.0 * busy / started.elapsed().as_secs_f64();
    report.figure(&name(level, "busy"), percent, "% of a core", Budget::None);
    Ok(())
}

/// Agents that stay connected as long as it lives.
#[derive(Default)]
struct Fleet {
    agents: JoinSet<()>,
    up: Arc<Count>,
}

/// How many agents are connected.
struct Count(watch::Sender<usize>);

impl Default for Count {
    fn default() -> Self {
        Self(watch::channel(0).0)
    }
}

impl Fleet {
    /// Enrolls agents until there are so many, and waits until they are connected.
    async fn grow(&mut self, level: usize, operator: &Operator) -> anyhow::Result<()> {
        let accounts: Vec<AccountId> = (self.agents.len()..level)
            .map(|number| format!("{:012}", 410_000_000_000 + 7 * number as u64).parse())
            .collect::<Result<_, _>>()?;
        let invitations = operator.invite_all(&accounts).await?;
        let mut enrolling = futures::stream::iter(&invitations)
            .map(Identity::enroll)
            .buffer_unordered(AT_ONCE);
        while let Some(identity) = enrolling.try_next().await? {
            let number = self.agents.len();
            self.agents
                .spawn(live(identity, number, Arc::clone(&self.up)));
        }
        self.connected(level).await
    }

    async fn connected(&self, level: usize) -> anyhow::Result<()> {
        let mut up = self.up.0.subscribe();
        let all = tokio::time::timeout(PATIENCE, up.wait_for(|up| *up == level)).await;
        let now = *self.up.0.borrow();
        all.with_context(|| format!("{now} of {level} agents are connected"))??;
        Ok(())
    }
}

/// An agent without findings.
async fn live(identity: Identity, number: usize, up: Arc<Count>) {
    let mut failures = 0;
    loop {
        if let Ok(mut uplink) = identity.connect().await {
            failures = 0;
            up.0.send_modify(|up| *up += 1);
            // Not all report in the same second.
            let first = REPORT_EVERY.mul_f64(share(number, 0));
            let mut next = tokio::time::Instant::now() + first;
            loop {
                tokio::select! {
                    () = uplink.ended() => break,
                    () = tokio::time::sleep_until(next) => {
                        if uplink.report().await.is_err() {
                            break;
                        }
                        next += REPORT_EVERY;
                    }
                }
            }
            up.0.send_modify(|up| *up -= 1);
        }
        let span = PAUSE_FIRST.saturating_mul(1 << failures).min(PAUSE_LONGEST);
        tokio::time::sleep(span.mul_f64(0.1 + 0.9 * share(number, failures))).await;
        failures = (failures + 1).min(8);
    }
}

/// A number from 0 to 1 that differs between agents and tries.
fn share(number: usize, failures: u32) -> f64 {
    (crate::document::scatter((number as u64) << 8 | u64::from(failures)) & 0xffff) as f64
        / 65_536.0
}
