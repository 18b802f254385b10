//! `agent`: the memory of the real agent when it has nothing to do and when it drains a full spool, and its size on disk.
//!
//! The agent has every collector switched on in 17 Regions, against a stand-in that has nothing to tell; what it drains
//! came through its drop folder while the server was away. Peaks are the kernel's (`VmHWM`), of a process that did only
//! that.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use muster_common::account::AccountId;
use muster_common::clock::Clock;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value as Json;
use tokio::process::{Child, Command};

use crate::admin::{Engine, Server, sibling};
use crate::cloud::{Cloud, access_key_id};
use crate::document::{Catalog, Documents};
use crate::machine;
use crate::report::{Budget, Report};

/// Findings that wait in the spool.
const SPOOLED: u64 = 100_000;
const FILE_FINDINGS: usize = 500;
const FILE_BYTES: usize = 4 << 20;
const SPOOL_MIB: &str = "512";
/// How long an agent without work is watched, and before that left to settle.
const SETTLE: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(180);
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The budgets.
const IDLE_MIB_MAX: f64 = 20.0;
const DRAINING: Budget = Budget::AtMost(40.0);
const BINARY_MB_MAX: f64 = 20.0;
const IDLE_CORE_PERCENT_MAX: f64 = 1.0;

pub(crate) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let what = format!(
        "The real agent, with every collector in 17 Regions: without work, and with {SPOOLED} findings in its spool."
    );
    report.section("agent", &what);
    let cloud = Cloud::start().await?;
    let folder = tempfile::tempdir()?;
    binary_size(report, folder.path()).await?;
    let server = Server::start(folder.path(), &cloud.endpoint, Engine::Embedded).await?;
    let account: AccountId = "210000000007".parse()?;
    let agent = Agent {
        state: folder.path().join("agent"),
        endpoint: cloud.endpoint.clone(),
        account,
        // There is no AWS to read it from.
        surveys: false,
    };
    let invitation = server.operator.invite(account).await?;
    agent.accept(&invitation.to_string()).await?;

    let running = agent.start()?;
    agent
        .until("it is connected", |told| told.link == "up")
        .await?;
    idle(report, running.id().context("it runs")?).await?;
    stop(running).await?;
    server.stop().await?;

    let running = agent.start()?;
    agent.drop_files()?;
    agent
        .until("the spool is full", |told| told.waiting == SPOOLED)
        .await?;
    peak(report, "agent.spooling_peak", &running, DRAINING)?;
    stop(running).await?;

    let server = Server::start(folder.path(), &cloud.endpoint, Engine::Embedded).await?;
    let started = Instant::now();
    let running = agent.start()?;
    while server.operator.count(None).await? < SPOOLED {
        anyhow::ensure!(started.elapsed() < PATIENCE, "the spool does not drain");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let drained = SPOOLED as f64 / started.elapsed().as_secs_f64();
    agent
        .until("nothing waits", |told| told.waiting == 0)
        .await?;
    report.figure("agent.drained", drained, "findings/s", Budget::None);
    peak(report, "agent.peak", &running, DRAINING)?;
    stop(running).await?;
    server.stop().await
}

/// One agent and where it lives.
pub(crate) struct Agent {
    pub state: PathBuf,
    pub endpoint: String,
    pub account: AccountId,
    /// Whether it reads the configuration.
    pub surveys: bool,
}

/// What an agent tells of itself.
struct Told {
    link: String,
    waiting: u64,
}

impl Agent {
    fn command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(sibling("muster-agent")?);
        command
            .env_clear()
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ACCESS_KEY_ID", access_key_id(self.account))
            .env("AWS_SECRET_ACCESS_KEY", "of the stand-in")
            .env("MUSTER_AGENT_STATE_DIR", &self.state)
            .env("MUSTER_AGENT_SPOOL__MAX_MIB", SPOOL_MIB)
            .env("MUSTER_AGENT_COLLECTORS__DROP_FOLDER__EVERY_SECONDS", "1")
            .env("MUSTER_AGENT_STATE__ENABLED", self.surveys.to_string())
            .args(arguments)
            .kill_on_drop(true);
        Ok(command)
    }

    pub(crate) async fn accept(&self, invitation: &str) -> anyhow::Result<()> {
        let accepted = self.command(&["accept", invitation])?.output().await?;
        anyhow::ensure!(
            accepted.status.success(),
            "muster-agent accept: {}",
            String::from_utf8_lossy(&accepted.stderr)
        );
        Ok(())
    }

    pub(crate) fn start(&self) -> anyhow::Result<Child> {
        let log = std::fs::File::create(self.state.with_extension("log"))?;
        Ok(self
            .command(&["run"])?
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?)
    }

    /// Waits until it tells something of itself.
    async fn until(&self, what: &str, holds: impl Fn(&Told) -> bool) -> anyhow::Result<()> {
        let started = Instant::now();
        while !self.told().await?.is_some_and(|told| holds(&told)) {
            anyhow::ensure!(
                started.elapsed() < PATIENCE,
                "{what}: not within {} s",
                PATIENCE.as_secs()
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    async fn told(&self) -> anyhow::Result<Option<Told>> {
        let status = self.command(&["status", "--json"])?.output().await?;
        let status: Json = serde_json::from_slice(&status.stdout)?;
        Ok(status.get("snapshot").and_then(|snapshot| {
            Some(Told {
                link: snapshot.get("link")?.as_str()?.to_owned(),
                waiting: snapshot.get("waiting")?.as_u64()?,
            })
        }))
    }

    /// Puts findings into its drop folder, a file of each some hundred.
    fn drop_files(&self) -> anyhow::Result<()> {
        let folder = self.state.join("drop");
        std::fs::create_dir_all(&folder)?;
        let now = Clock::system().now();
        let mut documents = Documents::new(Catalog::shared(), self.account, SPOOLED, now);
        let mut left = SPOOLED as usize;
        while left > 0 {
            let batch = documents.batch(FILE_FINDINGS.min(left), FILE_BYTES);
            left -= batch.len();
            let (draft, file) = (
                folder.join(format!("{left:06}.tmp")),
                folder.join(format!("{left:06}.json")),
            );
            let lines: Vec<&[u8]> = batch.iter().map(AsRef::as_ref).collect();
            std::fs::write(&draft, lines.join(&b'\n'))?;
            std::fs::rename(draft, file)?;
        }
        Ok(())
    }
}

async fn idle(report: &mut Report, process: u32) -> anyhow::Result<()> {
    tokio::time::sleep(SETTLE).await;
    let (busy, started) = (machine::busy(process), Instant::now());
    let mut resident = 0;
    while started.elapsed() < IDLE {
        resident = resident.max(machine::resident(process).context("the agent runs")?);
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let budget = Budget::AtMost(IDLE_MIB_MAX);
    report.figure("agent.idle", mib(resident), "MiB", budget);
    let busy = machine::busy(process).saturating_sub(busy).as_secs_f64();
    let percent = 100.0 * busy / started.elapsed().as_secs_f64();
    let budget = Budget::AtMost(IDLE_CORE_PERCENT_MAX);
    report.figure("agent.idle_busy", percent, "% of a core", budget);
    Ok(())
}

pub(crate) fn peak(
    report: &mut Report,
    name: &str,
    running: &Child,
    budget: Budget,
) -> anyhow::Result<()> {
    let process = running.id().context("the agent runs")?;
    let peak = machine::peak(process).context("the agent runs")?;
    report.figure(name, mib(peak), "MiB", budget);
    Ok(())
}

pub(crate) async fn stop(mut running: Child) -> anyhow::Result<()> {
    let process = running.id().context("the agent runs")?;
    kill(Pid::from_raw(process.try_into()?), Signal::SIGTERM)?;
    let ended = tokio::time::timeout(PATIENCE, running.wait()).await;
    let ended = ended.context("muster-agent does not stop")??;
    anyhow::ensure!(ended.success(), "muster-agent: {ended}");
    Ok(())
}

async fn binary_size(report: &mut Report, folder: &Path) -> anyhow::Result<()> {
    let stripped = folder.join("stripped");
    let strip = Command::new("strip")
        .arg("-o")
        .arg(&stripped)
        .arg(sibling("muster-agent")?)
        .status();
    anyhow::ensure!(strip.await?.success(), "strip fails");
    let bytes = std::fs::metadata(stripped)?.len() as f64;
    let budget = Budget::AtMost(BINARY_MB_MAX);
    report.figure("agent.binary", bytes / 1e6, "MB", budget);
    Ok(())
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
