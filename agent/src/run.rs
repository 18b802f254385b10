//! The running agent: every part built, every task started, everything drained at the end. It holds no logic.

use std::sync::Arc;

use anyhow::Context as _;
use muster_common::clock::Clock;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cloud::Cloud;
use crate::collectors::{self, Collecting, Intake, Sources};
use crate::config::Config;
use crate::identity::{self, Keeper, State};
use crate::metrics;
use crate::snapshot::Subject;
use crate::state::{self, Surveying};
use crate::uplink::{Carriers, Link, MutualTls, Uplink};

/// Runs the agent until `stop`.
///
/// # Errors
/// What keeps it from starting, and what to do about it.
pub async fn run(config: Config, clock: Clock, stop: CancellationToken) -> anyhow::Result<()> {
    let state = State::open(&config.state_dir)?;
    let identity = state.identity()?;
    let cloud = Cloud::connect(config.home_region.as_ref(), &clock).await;
    let home = cloud.home().ok_or(identity::Error::NoRegion)?;
    let intake = Intake::open(
        &config.state_dir,
        (identity.account, identity.agent),
        config.spool.max_mib << 20,
        clock.clone(),
    )
    .await?;
    let account = identity.account;
    tracing::info!(%account, agent = %identity.agent, state = %config.state_dir.display(), "collecting");

    let (identities, _) = watch::channel(identity);
    let (links, _) = watch::channel(Link::Connecting);
    let carriers = Carriers::default();
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
        dial: Arc::new(MutualTls),
        carriers: carriers.clone(),
        home: home.to_string(),
        clock: clock.clone(),
        share: rand::random,
        stop: stop.clone(),
    };
    let keeper = Keeper {
        state,
        cloud: cloud.clone(),
        home: home.clone(),
        board: intake.board.clone(),
        clock: clock.clone(),
        identity: identities,
    };
    let sources = Sources::new(&config, cloud, account, home);
    let surveying = Surveying {
        sources: sources.clone(),
        settings: config.state.clone(),
        board: intake.board.clone(),
        clock,
        admin: Arc::new(carriers.teller()),
    };
    let collecting = Collecting { sources, intake };

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
    tasks.spawn(state::run(surveying, stop.clone()));
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
