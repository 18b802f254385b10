//! The running agent: every part built, every task started, everything drained at the end. It holds no logic.

use std::path::PathBuf;

use anyhow::Context as _;
use muster_common::clock::Clock;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::board::Board;
use crate::cloud::Cloud;
use crate::collectors::{self, Collecting, Intake, Progress, Sources};
use crate::config::Config;
use crate::dead_letters::DeadLetters;
use crate::identity::{self, Identity, Keeper, State};
use crate::metrics;
use crate::queue::Queue;
use crate::snapshot::Subject;
use crate::spool::{Spool, adopt, spools};
use crate::uplink::{Link, Uplink};

/// Runs the agent until `stop`.
///
/// # Errors
/// What keeps it from starting, and what to do about it.
pub async fn run(config: Config, clock: Clock, stop: CancellationToken) -> anyhow::Result<()> {
    let state = State::open(&config.state_dir)?;
    let identity = state.identity()?;
    let cloud = Cloud::connect(config.home_region.as_ref(), &clock).await;
    let home = cloud.home().ok_or(identity::Error::NoRegion)?;
    let intake = intake(&config, &identity, &clock).await?;
    let account = identity.account;
    tracing::info!(%account, agent = %identity.agent, state = %config.state_dir.display(), "collecting");

    let (identities, _) = watch::channel(identity);
    let (links, _) = watch::channel(Link::Connecting);
    let subject = Subject {
        queue: intake.queue.clone(),
        dead_letters: intake.dead_letters.clone(),
        board: intake.board.clone(),
        identity: identities.subscribe(),
        link: links.subscribe(),
        clock: clock.clone(),
    };
    let uplink = Uplink {
        queue: intake.queue.clone(),
        dead_letters: intake.dead_letters.clone(),
        board: intake.board.clone(),
        progress: intake.progress.clone(),
        identity: identities.subscribe(),
        link: links,
        home: home.to_string(),
        clock: clock.clone(),
        stop: stop.clone(),
    };
    let keeper = Keeper {
        state,
        cloud: cloud.clone(),
        home: home.clone(),
        board: intake.board.clone(),
        clock,
        identity: identities,
    };
    let collecting = Collecting {
        sources: Sources::new(&config, cloud, account, home),
        intake,
    };

    let mut tasks = JoinSet::new();
    if let Some(address) = config.metrics.listen {
        let bound = metrics::bind(address).await;
        let bound = bound.with_context(|| format!("metrics.listen: cannot listen on {address}"))?;
        tasks.spawn(metrics::serve(bound, subject.clone(), stop.clone()));
    }
    tasks.spawn(subject.keep(config.state_dir.clone(), stop.clone()));
    tasks.spawn(uplink.run());
    tasks.spawn(keeper.run(stop.clone()));
    tasks.spawn(collectors::run(collecting, stop.clone()));
    drained(tasks, &stop).await
}

/// Waits until every part has ended, which none should before `stop`.
async fn drained(mut tasks: JoinSet<()>, stop: &CancellationToken) -> anyhow::Result<()> {
    while let Some(ended) = tasks.join_next().await {
        ended.context("a part of the agent ended by itself")?;
        anyhow::ensure!(
            stop.is_cancelled(),
            "a part of the agent ended by itself; the log tells why"
        );
    }
    tracing::info!("stopped; what was not acknowledged waits in the spool");
    Ok(())
}

/// Where the collectors put what they find. An agent that was enrolled anew collects everything again: what an earlier one
/// was acknowledged is not known to this admin, if it is another one or was restored from a backup.
async fn intake(config: &Config, identity: &Identity, clock: &Clock) -> anyhow::Result<Intake> {
    let folder = &config.state_dir;
    let progress = Progress::open(folder);
    if !spool_folder(config, identity).exists() {
        let forgotten = progress.forget().await;
        forgotten.with_context(|| format!("cannot use {}", folder.display()))?;
    }
    let dead_letters = DeadLetters::open(folder);
    Ok(Intake {
        account: identity.account,
        queue: Queue::new(spool(config, identity)?),
        dead_letters: dead_letters.with_context(|| format!("cannot use {}", folder.display()))?,
        progress,
        board: Board::default(),
        clock: clock.clone(),
    })
}

fn spool_folder(config: &Config, identity: &Identity) -> PathBuf {
    spools(&config.state_dir).join(identity.agent.to_string())
}

/// The spool of an agent, with what earlier agents in the same state folder have left behind.
fn spool(config: &Config, identity: &Identity) -> anyhow::Result<Spool> {
    let spools = spools(&config.state_dir);
    let mut spool = Spool::open(&spool_folder(config, identity), config.spool.max_mib << 20)?;
    let taken = adopt(&mut spool, &spools)?;
    if taken > 0 {
        tracing::info!(
            findings = taken,
            "took over the spool of an earlier enrollment"
        );
    }
    Ok(spool)
}
