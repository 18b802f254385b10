//! The whole server: every room built from left to right, every task started, everything drained at the end. It holds no
//! logic.

mod health;
mod identity;
mod rooms;
mod tasks;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use muster_common::clock::Clock;
use muster_mtls::{Audience, Connections, Limits, Listener};
use muster_store::{Embedded, Findings, Ledger, Tables};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;
use tower::Layer as _;

use crate::api::{self, Doorman};
use crate::authority::{self, Authority, Root};
use crate::config::Config;
use crate::telemetry::Telemetry;
pub use identity::HOURS as SERVER_CERTIFICATE_HOURS;
use identity::ServerIdentity;
use rooms::Rooms;

/// Connections of one agent: its uplink, what a cut network left of the one before, a renewal, a doctor.
const CONNECTIONS_PER_AGENT: usize = 8;
/// Connections of one operator: commands that run side by side.
const CONNECTIONS_PER_OPERATOR: usize = 100;
/// Bytes that may come on a connection ahead of what is read.
const AHEAD: u32 = 4 << 20;
/// The same of a stranger, whose messages are small.
const AHEAD_OF_STRANGERS: u32 = 128 << 10;
/// Calls that a peer may begin and take back before they were looked at.
const TAKEN_BACK_MAX: usize = 20;
/// Calls that break the protocol, over the life of a connection. Unset, there is no limit.
const BROKEN_MAX: usize = 100;
/// All headers of a call, unpacked.
const HEADER_BYTES_MAX: u32 = 16 << 10;

/// Where a running server listens; written to `addresses.json` in the data folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    pub enrollment: SocketAddr,
    pub agents: SocketAddr,
    pub operators: SocketAddr,
    pub metrics: SocketAddr,
    pub pid: u32,
}

/// A server that runs.
pub struct Running {
    pub addresses: Addresses,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    drain: Duration,
    addresses_file: std::path::PathBuf,
}

/// What the rooms keep things in.
#[derive(Clone)]
pub struct Stores {
    pub findings: Store,
    /// Resources, which are kept as findings are.
    pub inventory: Store,
}

/// One engine, in its three parts.
#[derive(Clone)]
pub struct Store {
    pub findings: Arc<dyn Findings>,
    pub ledger: Arc<dyn Ledger>,
    pub tables: Arc<dyn Tables>,
}

impl Stores {
    /// The embedded engine.
    ///
    /// # Errors
    /// The data folder cannot be opened.
    pub fn embedded(config: &Config) -> Result<Self, muster_store::Error> {
        Ok(Self {
            findings: Store::embedded(config, "store")?,
            inventory: Store::embedded(config, "inventory")?,
        })
    }
}

impl Store {
    /// The embedded engine, which is all three, in a folder of the data folder.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn embedded(config: &Config, folder: &str) -> Result<Self, muster_store::Error> {
        let store = Arc::new(Embedded::open(&muster_store::Config {
            path: config.data_dir.join(folder),
            cache_bytes: config.store.cache_mib << 20,
        })?);
        Ok(Self {
            findings: store.clone(),
            ledger: store.clone(),
            tables: store,
        })
    }
}

/// Builds and starts everything.
///
/// # Errors
/// What keeps it from starting, and what to do about it.
pub async fn serve(config: &Config, clock: Clock) -> anyhow::Result<Running> {
    serve_from(config, clock, Stores::embedded).await
}

/// Builds and starts everything on a store.
///
/// # Errors
/// As [`serve`].
pub async fn serve_from(
    config: &Config,
    clock: Clock,
    open: impl FnOnce(&Config) -> Result<Stores, muster_store::Error>,
) -> anyhow::Result<Running> {
    config.check().map_err(anyhow::Error::msg)?;
    check_authorization()?;
    let authority = Authority::open(&authority::folder(&config.data_dir), clock.clone())?;
    let rooms = Rooms::build(config, &authority, open(config)?, &clock).await?;
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();

    let identity = ServerIdentity::new(&authority, config, clock.clone())?;
    let listeners = Listeners::bind(config, &authority, &identity, &rooms.connections).await?;
    let addresses = listeners.addresses()?;
    let public =
        |set: &Option<String>, bound: SocketAddr| set.clone().unwrap_or_else(|| bound.to_string());
    let for_strangers = rooms.for_strangers(public(&config.public.agents, addresses.agents));
    let for_operators = rooms.for_operators(
        &identity,
        &stop,
        public(&config.public.enrollment, addresses.enrollment),
    );
    let limits = &config.limits;
    for (listener, routes, http2) in [
        (
            listeners.enrollment,
            api::enrollment_routes(for_strangers),
            http2(&limits.for_strangers(), AHEAD_OF_STRANGERS),
        ),
        (
            listeners.agents,
            api::agent_routes(rooms.for_agents(limits.patience, &stop)),
            http2(&limits.for_agents(), AHEAD),
        ),
        (
            listeners.operators,
            api::operator_routes(for_operators),
            http2(limits, AHEAD),
        ),
    ] {
        tasks.spawn(run(listener, routes, rooms.doorman(), http2, stop.clone()));
    }
    tasks.spawn(
        listeners
            .telemetry
            .serve(rooms.sources(&identity), stop.clone()),
    );
    tasks.spawn(tasks::keep_certified(identity, stop.clone()));
    let tidy = tasks::Tidy {
        retention: rooms.retention(config, &authority),
        inventory: rooms.inventory_retention(config, &authority),
        audit: rooms.audit.clone(),
        audit_days: config.audit.keep_days.days(),
        every: Duration::from_secs(60 * u64::from(config.findings.tidy_minutes)),
        clock,
    };
    tasks.spawn(tidy.keep(stop.clone()));
    tasks.spawn(rooms.compliance.clone().follow(stop.clone()));

    let addresses_file = config.data_dir.join("addresses.json");
    write_addresses(&addresses_file, &addresses)?;
    tracing::info!(
        enrollment = %addresses.enrollment, agents = %addresses.agents, operators = %addresses.operators,
        metrics = %addresses.metrics, data = %config.data_dir.display(), "serving"
    );
    Ok(Running {
        addresses,
        stop,
        tasks,
        drain: Duration::from_secs(limits.drain_seconds.into()),
        addresses_file,
    })
}

/// Every method has a row in the authorization table.
fn check_authorization() -> anyhow::Result<()> {
    let unlisted = api::unlisted_methods();
    anyhow::ensure!(
        unlisted.is_empty(),
        "methods without a row in the authorization table: {unlisted:?}"
    );
    Ok(())
}

impl Running {
    /// Stops taking calls, lets those under way finish for a while, and closes the store.
    pub async fn stop(mut self) {
        tracing::info!("stopping; waiting for calls under way");
        self.stop.cancel();
        let drained = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(self.drain, drained).await.is_err() {
            tracing::warn!("some calls did not end in time; nothing of them was acknowledged");
            self.tasks.shutdown().await;
        }
        let _ = std::fs::remove_file(&self.addresses_file);
        tracing::info!("stopped");
    }

    /// Ends when a part of the server has ended by itself, which none should.
    pub async fn failed(&mut self) {
        self.tasks.join_next().await;
    }
}

/// Every socket of the server.
struct Listeners {
    enrollment: Listener,
    agents: Listener,
    operators: Listener,
    telemetry: Telemetry,
}

impl Listeners {
    async fn bind(
        config: &Config,
        authority: &Authority,
        identity: &ServerIdentity,
        connections: &Connections,
    ) -> anyhow::Result<Self> {
        let bind =
            async |key: &str, address: SocketAddr, audience: Audience, roots: Vec<Vec<u8>>| {
                let (limits, each) = match audience {
                    Audience::Anyone => (config.limits.for_strangers(), usize::MAX),
                    Audience::Agents => (config.limits.for_agents(), CONNECTIONS_PER_AGENT),
                    Audience::Operators => (config.limits.clone(), CONNECTIONS_PER_OPERATOR),
                };
                let limits = Limits {
                    connections: limits.connections,
                    connections_each: each,
                    answer_timeout: limits.patience.answer,
                    ..Limits::default()
                };
                let bound = Listener::bind(
                    address,
                    audience,
                    &authority.domain(),
                    &identity.credential(),
                    &roots,
                )
                .await;
                let bound =
                    bound.with_context(|| format!("listen.{key}: cannot listen on {address}"))?;
                anyhow::Ok(bound.limits(limits).listed_in(connections))
            };
        let listen = &config.listen;
        Ok(Self {
            enrollment: bind(
                "enrollment",
                listen.enrollment,
                Audience::Anyone,
                Vec::new(),
            )
            .await?,
            agents: bind(
                "agents",
                listen.agents,
                Audience::Agents,
                authority.trusted(Root::Agents),
            )
            .await?,
            operators: bind(
                "operators",
                listen.operators,
                Audience::Operators,
                authority.trusted(Root::Operators),
            )
            .await?,
            telemetry: Telemetry::bind(listen.metrics)
                .await
                .with_context(|| format!("listen.metrics: cannot listen on {}", listen.metrics))?,
        })
    }

    fn addresses(&self) -> anyhow::Result<Addresses> {
        Ok(Addresses {
            enrollment: self.enrollment.address()?,
            agents: self.agents.address()?,
            operators: self.operators.address()?,
            metrics: self.telemetry.address()?,
            pid: std::process::id(),
        })
    }
}

/// How a listener speaks HTTP/2. What a peer may make the server keep is limited here, per connection; what else is
/// limited stands where it is used. Of frames that cost nothing to send (empty ones, settings, pings, continuations) h2
/// has its own limits, which the tests try.
fn http2(limits: &crate::config::Limits, ahead: u32) -> Server {
    Server::builder()
        .max_concurrent_streams(limits.streams)
        .max_connection_age(Duration::from_secs(
            60 * u64::from(limits.connection_minutes),
        ))
        .max_connection_age_grace(Duration::from_secs(30))
        .http2_keepalive_interval(Some(limits.patience.keep_alive))
        .http2_keepalive_timeout(Some(limits.patience.keep_alive_timeout))
        .http2_max_header_list_size(HEADER_BYTES_MAX)
        .http2_max_pending_accept_reset_streams(Some(TAKEN_BACK_MAX))
        .http2_max_local_error_reset_streams(Some(BROKEN_MAX))
        .initial_stream_window_size(ahead)
        .initial_connection_window_size(ahead)
}

/// Serves one listener until `stop`, and then until its calls have ended.
async fn run(
    listener: Listener,
    routes: Routes,
    doorman: Doorman,
    http2: Server,
    stop: CancellationToken,
) {
    let incoming = listener.incoming(stop.clone());
    let guarded = doorman.layer(routes.prepare());
    let served = http2
        .serve_with_incoming_shutdown(guarded, incoming, stop.cancelled_owned())
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "a listener ended");
    }
}

fn write_addresses(path: &Path, addresses: &Addresses) -> anyhow::Result<()> {
    let draft = path.with_extension("draft");
    let text = serde_json::to_string_pretty(addresses)?;
    std::fs::write(&draft, text)
        .and_then(|()| std::fs::rename(&draft, path))
        .with_context(|| format!("cannot write {}", path.display()))
}
