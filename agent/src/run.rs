//! The running agent: every part built, every task started, everything drained at the end. It holds no logic.

use std::path::Path;

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
use crate::spool::{Spool, adopt};
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
    let queue = Queue::new(spool(&config, &identity)?);
    let dead_letters = DeadLetters::open(&config.state_dir)
        .with_context(|| format!("cannot use {}", config.state_dir.display()))?;
    let board = Board::default();
    let progress = Progress::open(&config.state_dir);
    let (identities, _) = watch::channel(identity.clone());
    let (links, _) = watch::channel(Link::Connecting);
    let subject = Subject {
        queue: queue.clone(),
        dead_letters: dead_letters.clone(),
        board: board.clone(),
        identity: identities.subscribe(),
        link: links.subscribe(),
        clock: clock.clone(),
    };
    let mut tasks = JoinSet::new();
    if let Some(address) = config.metrics.listen {
        let served = metrics::bind(address).await;
        let served =
            served.with_context(|| format!("metrics.listen: cannot listen on {address}"))?;
        tasks.spawn(metrics::serve(served, subject.clone(), stop.clone()));
    }
    tasks.spawn(subject.keep(config.state_dir.clone(), stop.clone()));
    let intake = Intake {
        account: identity.account,
        queue: queue.clone(),
        dead_letters: dead_letters.clone(),
        progress: progress.clone(),
        board: board.clone(),
        clock: clock.clone(),
    };
    let uplink = Uplink {
        queue,
        dead_letters,
        board: board.clone(),
        progress,
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
        board,
        clock,
        identity: identities,
    };
    let collecting = Collecting {
        sources: Sources::new(&config, cloud, identity.account, home),
        intake,
    };
    tasks.spawn(uplink.run());
    tasks.spawn(keeper.run(stop.clone()));
    tasks.spawn(collectors::run(collecting, stop.clone()));
    tracing::info!(
        account = %identity.account, agent = %identity.agent, state = %config.state_dir.display(), "collecting"
    );
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

/// The spool of an agent, with what earlier agents in the same state folder have left behind.
fn spool(config: &Config, identity: &Identity) -> anyhow::Result<Spool> {
    let spools = spools(&config.state_dir);
    let mut spool = Spool::open(
        &spools.join(identity.agent.to_string()),
        config.spool.max_mib << 20,
    )?;
    let taken = adopt(&mut spool, &spools)?;
    if taken > 0 {
        tracing::info!(
            findings = taken,
            "took over the spool of an earlier enrollment"
        );
    }
    Ok(spool)
}

/// Where spools are, each in a folder named by its agent.
#[must_use]
pub fn spools(state_dir: &Path) -> std::path::PathBuf {
    state_dir.join("spool")
}
